"""Open an nsys SQLite export read-only and load its columns."""
