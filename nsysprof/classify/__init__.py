"""Kernel names to categories and facts, API names to classes; once per unique name."""
