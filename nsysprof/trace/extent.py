"""How much an export holds, told at once whatever its size: for an estimate of the memory it takes."""

from dataclasses import dataclass

from nsysprof.errors import TraceError
from nsysprof.trace import schema
from nsysprof.trace.schema import Table
from nsysprof.trace.source import Source

_LEAST_ROW = 8  # bytes that a row of any of these tables takes in the file


@dataclass(frozen=True, slots=True)
class Extent:
    """Numbers of rows, by kind."""

    operations: int
    """Kernels, copies, memory sets and whole graphs."""
    api_calls: int
    """CUDA API calls."""
    memory_events: int
    """Allocations and releases."""
    ranges: int
    """Rows of NVTX, whatever they are."""
    strings: int
    """Names."""
    characters: int
    """In all names together."""


def extent(source: Source) -> Extent:
    """Return how much the export holds; a table that cannot be looked at counts as empty."""
    strings, characters = _one(source, 'SELECT count(*), total(length("value")) FROM "StringIds"')
    return Extent(
        operations=sum(
            _rows(source, table) for table in (schema.KERNEL, schema.MEMCPY, schema.MEMSET, schema.GRAPH)
        ),
        api_calls=_rows(source, schema.RUNTIME),
        memory_events=_rows(source, schema.MEMORY),
        ranges=_rows(source, schema.NVTX),
        strings=strings,
        characters=characters,
    )


def _rows(source: Source, table: Table) -> int:
    """Return the number of rows: the span of their ids, which nsys numbers without gaps."""
    name = source.name_in_file(table)
    if not name:
        return 0
    first, last = _one(
        source,
        f'SELECT (SELECT min(rowid) FROM "{name}"), (SELECT max(rowid) FROM "{name}")',  # noqa: S608
    )
    span = last - first + 1 if last else 0
    if span <= source.path.stat().st_size // _LEAST_ROW:
        return span
    return _one(source, f'SELECT count(*), 0 FROM "{name}"')[0]  # noqa: S608 - a name from schema.py


def _one(source: Source, sql: str) -> tuple[int, int]:
    """Return the two numbers of the one row that ``sql`` gives, zeros when SQLite fails."""
    try:
        ((first, second),) = source.fetch(sql)
    except TraceError:
        return 0, 0  # loading says what is wrong
    return int(str(first or 0).partition(".")[0]), int(str(second or 0).partition(".")[0])
