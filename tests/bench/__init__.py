"""Benchmarks: grow a real trace, then time nsysprof against nsys's own reports."""
