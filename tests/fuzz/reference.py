"""What plain SQL and plain Python say of a trace: slow, and written without the product's code."""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

LATEST = 2**62
_UNNAMED = "(unnamed)"
_TABLES = {
    "CUPTI_ACTIVITY_KIND_KERNEL": "kernel",
    "CUPTI_ACTIVITY_KIND_MEMCPY": "memcpy",
    "CUPTI_ACTIVITY_KIND_MEMSET": "memset",
    "CUPTI_ACTIVITY_KIND_GRAPH_TRACE": "graph",
}


@dataclass
class Expected:
    """Sums over the rows that make sense."""

    kernels: Counter[str] = field(default_factory=Counter)
    """Time by name."""
    counts: Counter[str] = field(default_factory=Counter)
    """Kernels by name."""
    other: Counter[str] = field(default_factory=Counter)
    """Time of copies, memory sets and whole graphs."""
    calls: int = 0
    call_ns: int = 0
    windows: list[tuple[int, int]] = field(default_factory=list)
    """By device, ascending: from its first operation to its last, and how much of that it was busy."""
    overlong: bool = False
    """Whether the times add up to more than 64 bits hold, so that some rows must go."""


def expected(path: Path) -> Expected | None:
    """Return what the trace holds; None when SQLite cannot read it or it holds no integers."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            return _expected(connection)
    except (sqlite3.Error, UnicodeDecodeError, _NoIntegerError):
        return None


class _NoIntegerError(Exception):
    pass


def _rows(connection: sqlite3.Connection, table: str, *columns: str) -> list[tuple[int, ...]]:
    """Return integers, NULL as -1."""
    kind = connection.execute("SELECT type FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    if kind is None or kind[0] != "table":
        return []
    listed = ", ".join(f'"{table}"."{column}"' for column in columns)  # a bare "x" may be a text
    found = connection.execute(f'SELECT {listed} FROM "{table}" NOT INDEXED').fetchall()
    rows = [tuple(-1 if value is None else value for value in row) for row in found]
    if any(not isinstance(value, int) for row in rows for value in row):
        raise _NoIntegerError
    return rows


def _expected(connection: sqlite3.Connection) -> Expected:
    result = Expected()
    names: dict[int, str] = {}
    if connection.execute(
        "SELECT 1 FROM sqlite_master WHERE name = 'StringIds' AND type = 'table'"
    ).fetchone():
        names = {
            id_: str(value)
            for id_, value in connection.execute('SELECT "StringIds".id, value FROM StringIds NOT INDEXED')
            if isinstance(id_, int) and value is not None
        }
    by_device: dict[int, list[tuple[int, int]]] = {}
    for table, what in _TABLES.items():
        columns = ["start", "end", "deviceId", *(["demangledName"] if what == "kernel" else [])]
        for start, end, device, *name in _rows(connection, table, *columns):
            if not 0 <= start <= end <= LATEST:
                continue
            by_device.setdefault(device, []).append((start, end))
            if name:
                text = names.get(name[0], _UNNAMED)
                result.kernels[text] += end - start
                result.counts[text] += 1
            else:
                result.other[what] += end - start
    calls = [(s, e) for s, e in _rows(connection, "CUPTI_ACTIVITY_KIND_RUNTIME", "start", "end")]
    kept = [(start, end) for start, end in calls if 0 <= start <= end <= LATEST]
    result.calls, result.call_ns = len(kept), sum(end - start for start, end in kept)
    result.windows = sorted(_window(spans) for spans in by_device.values())
    total = sum(end - start for spans in by_device.values() for start, end in spans)
    result.overlong = max(total, result.call_ns) >= 2**60
    return result


def _window(spans: list[tuple[int, int]]) -> tuple[int, int]:
    busy, until = 0, -1
    for start, end in sorted(spans):
        busy += max(0, end - max(start, until))
        until = max(until, end)
    return until - min(spans)[0], busy
