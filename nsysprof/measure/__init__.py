"""Attributed columns to frozen results."""
