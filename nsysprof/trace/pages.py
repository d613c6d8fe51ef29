"""Read columns of a table straight from the pages of the SQLite file, on two threads.

Much faster than SQL, but only for what traces hold: integers in an ordinary table. Anything else raises
UnsupportedError, and the caller asks SQLite instead.
"""

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nsysprof.trace.btree import Leaves, PageFile
from nsysprof.trace.columns import Columns, Span
from nsysprof.trace.fields import FieldReader
from nsysprof.trace.gather import ColumnGatherer, TooWideError
from nsysprof.trace.model import I64
from nsysprof.trace.records import Block, UnsupportedError, find_records
from nsysprof.trace.schema import Column, Kind

_BLOCK_BYTES = 1 << 20  # fits a core's cache together with the arrays made from it
_THREADS = 2


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Leaves that follow each other, and rowids that run from ``first`` to ``last`` in them without a gap."""

    leaves: Leaves
    first: int
    last: int

    def ends(self) -> I64:
        """Return the last rowid of each leaf."""
        return np.append(self.leaves.last_rowids[:-1], self.last)


@dataclass(frozen=True, slots=True)
class _Chunk:
    numbers: I64
    """Pages to read."""
    start: int
    """Row of the table in which they begin."""
    rows: int
    """Rows that they must hold; -1 when unknown."""


def read_columns(
    file: PageFile,
    connection: sqlite3.Connection,
    table: str,
    columns: Sequence[Column],
    span: Span | None = None,
) -> Columns:
    """Return ``columns`` of ``table``, the same as ``select_columns`` does; raises UnsupportedError.

    span: which rows, all unless told; where rowids have no gaps, only the pages of these are read.
    """
    root, places = _layout(connection, table, columns)
    leaves = file.leaves(root)
    first, last = connection.execute(
        f'SELECT (SELECT min(rowid) FROM "{table}"), (SELECT max(rowid) FROM "{table}")'  # noqa: S608
    ).fetchone()
    if first is None:
        first, last = 1, 0
    dense = 0 <= last - first < file.size  # a row takes more than a byte
    whole = _Stretch(leaves, first, last)
    while True:
        try:
            if dense:
                if span is None:
                    return _read_dense(file, whole, places)
                if span.rows == last - first + 1:
                    return _read_part(file, whole, places, span)
            (rows,) = connection.execute(f'SELECT count(*) FROM "{table}" NOT INDEXED').fetchone()  # noqa: S608
            found = _read_sparse(file, leaves, places, rows)
            return found if span is None else found.part(span.start, span.stop)
        except TooWideError as error:
            places = {
                replace(column, kind=Kind.INT64) if column.name == error.column else column: place
                for column, place in places.items()
            }
        except _GapError:
            dense = False


class _GapError(Exception):
    """Rowids are not consecutive, so the leaves alone do not tell where their rows belong."""


def _layout(
    connection: sqlite3.Connection, table: str, columns: Sequence[Column]
) -> tuple[int, dict[Column, int]]:
    """Return the table's root page and each column's place in its records."""
    found = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
    ).fetchone()
    info = connection.execute(f'PRAGMA table_xinfo("{table}")').fetchall()
    if found is None or any(hidden or name.lower() == "rowid" for _, name, *_, hidden in info):
        raise UnsupportedError("no ordinary table")
    wanted = {column.name: column for column in columns}
    places = {}
    for place, name, type_, _, default, key, _ in info:
        if name not in wanted:
            continue
        if key or default is not None or (wanted[name].kind is not Kind.PRESENT and not _whole(type_)):
            raise UnsupportedError("a column that records do not hold as it is")
        places[wanted[name]] = place
    return found[0], places


def _whole(type_: str) -> bool:
    """Tell whether a column declared so gives back integers as they are stored."""
    return "INT" in type_.upper() or not type_


def _read_part(file: PageFile, whole: _Stretch, places: dict[Column, int], span: Span) -> Columns:
    """Read the leaves that hold some rows of a table."""
    ends = whole.ends()
    if (ends[1:] < ends[:-1]).any():
        raise UnsupportedError("leaves out of order")
    low, high = np.searchsorted(ends, [whole.first + span.start, whole.first + span.stop - 1]).tolist()
    leaves = Leaves(whole.leaves.numbers[low : high + 1], whole.leaves.last_rowids[low : high + 1])
    first = int(ends[low - 1]) + 1 if low else whole.first
    skipped = first - whole.first
    read = _read_dense(file, _Stretch(leaves, first, int(ends[high])), places)
    return read.part(span.start - skipped, span.stop - skipped)


def _read_dense(file: PageFile, stretch: _Stretch, places: dict[Column, int]) -> Columns:
    """Read a part of a table."""
    leaves, first, last = stretch.leaves, stretch.first, stretch.last
    pages = max(1, _BLOCK_BYTES // file.header.page_size)
    ends = stretch.ends() - first + 1
    cuts = np.arange(0, len(leaves.numbers), pages)
    starts = np.append(np.append(0, ends)[cuts], ends[-1])
    if (np.diff(starts) < 0).any() or starts[-1] != last - first + 1:
        raise UnsupportedError("leaves out of order")
    chunks = [
        _Chunk(leaves.numbers[cut : cut + pages], int(start), int(end - start))
        for cut, start, end in zip(cuts.tolist(), starts, starts[1:], strict=False)
    ]
    gatherers = {column: ColumnGatherer(column, last - first + 1) for column in places}

    def work(chunk: _Chunk, block: Block) -> None:
        _decode(file, chunk, block, places, gatherers)

    _share(chunks, lambda: Block(pages, file.header.page_size), work)
    return _columns(gatherers, last - first + 1)


def _read_sparse(file: PageFile, leaves: Leaves, places: dict[Column, int], rows: int) -> Columns:
    """Read a table of ``rows`` rows whose rowids have gaps, chunk after chunk."""
    pages = max(1, _BLOCK_BYTES // file.header.page_size)
    block = Block(pages, file.header.page_size)
    gatherers = {column: ColumnGatherer(column, rows) for column in places}
    start = 0
    for cut in range(0, len(leaves.numbers), pages):
        chunk = _Chunk(leaves.numbers[cut : cut + pages], start, -1)
        start += _decode(file, chunk, block, places, gatherers)
    if start != rows:
        raise UnsupportedError("SQLite counts other rows")
    return _columns(gatherers, rows)


def _decode(
    file: PageFile,
    chunk: _Chunk,
    block: Block,
    places: dict[Column, int],
    gatherers: dict[Column, ColumnGatherer],
) -> int:
    """Decode one chunk into the gatherers; returns its number of rows."""
    file.read(chunk.numbers, block)
    records = find_records(block, len(chunk.numbers), file.header.usable)
    if chunk.rows not in (-1, len(records)):
        raise _GapError
    if not len(records):
        return 0
    fields = FieldReader(block, records, max(places.values()) + 1)
    for column, place in places.items():  # in the order of the record
        values = fields.present(place) if column.kind is Kind.PRESENT else fields.integers(place)
        gatherers[column].put(chunk.start, len(records), values)
    return len(records)


def _columns(gatherers: dict[Column, ColumnGatherer], rows: int) -> Columns:
    coded = {c.name: g.coded() for c, g in gatherers.items() if c.kind is Kind.CODE}
    integers = {c.name: g.integers() for c, g in gatherers.items() if c.kind is not Kind.CODE}
    return Columns(rows, integers, coded)


def _share(jobs: Sequence[_Chunk], tool: Callable[[], Block], work: Callable[[_Chunk, Block], None]) -> None:
    """Do ``work`` on every job, on a few threads with a tool each; raises the first error."""
    queue = iter(jobs)
    lock = threading.Lock()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            own = tool()
            while not errors:
                with lock:
                    job = next(queue, None)
                if job is None:
                    return
                work(job, own)
        except BaseException as error:  # raised below, in the caller's thread
            errors.append(error)

    helpers = [threading.Thread(target=run) for _ in range(min(_THREADS, len(jobs)) - 1)]
    for helper in helpers:
        helper.start()
    run()
    for helper in helpers:
        helper.join()
    if errors:
        raise errors[0]
