"""Damaged and nonsensical traces through every command that reads one: `make fuzz`, or `python -m fuzz`."""
