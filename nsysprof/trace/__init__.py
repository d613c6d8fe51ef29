"""Open an nsys SQLite export read-only and load its columns."""

from nsysprof.trace.trace import Trace, open_trace

__all__ = ["Trace", "open_trace"]
