"""Run a runner again and again over a grid of its options, keep what it measures, and sum it up."""
