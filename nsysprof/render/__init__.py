"""Results to terminal tables, the HTML page, JSON and CSV."""
