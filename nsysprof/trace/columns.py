"""Read columns of one table as arrays."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from nsysprof.errors import TraceError
from nsysprof.trace.model import I32, I64
from nsysprof.trace.schema import Column, Kind

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
NULL = -1
"""What stands for NULL, and for the value that nobody recorded."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A dictionary-coded column."""

    codes: I32
    """Per row an index into ``values``, -1 where the column is NULL."""
    values: I64
    """The distinct values, in the order in which they first appear."""


@dataclass(frozen=True, slots=True)
class Columns:
    """What was read of one table; every array has ``rows`` elements."""

    rows: int
    """Number of rows."""
    integers: Mapping[str, npt.NDArray[Any]]
    """INT64, INT32 and PRESENT columns by name; NULL is -1."""
    coded: Mapping[str, Coded]
    """CODE columns by name."""

    def part(self, start: int, stop: int) -> "Columns":
        """Return the rows from ``start`` to ``stop - 1``."""
        span, rows = slice(start, stop), stop - start
        coded = {name: Coded(column.codes[span], column.values) for name, column in self.coded.items()}
        return Columns(rows, {name: column[span] for name, column in self.integers.items()}, coded)


@dataclass(frozen=True, slots=True)
class Span:
    """Some of the rows of a table, in the order of its rowids."""

    start: int
    stop: int
    """One more than the last row, more than ``start``."""
    rows: int
    """Rows of the whole table."""


def select_columns(connection: sqlite3.Connection, table: str, columns: Sequence[Column]) -> Columns:
    """Read ``columns`` of ``table`` with SQL; slow, but reads whatever SQLite can.

    Raises TraceError when a column holds something that is no integer, sqlite3.Error when SQLite fails.
    """
    _refuse_other_types(connection, table, columns)
    expressions = ", ".join(
        f'"{column.name}" IS NOT NULL' if column.kind is Kind.PRESENT else f'ifnull("{column.name}", -1)'
        for column in columns
    )
    cursor = connection.execute(f'SELECT {expressions} FROM "{table}" NOT INDEXED')  # noqa: S608
    # Without an index the rows come in the order of their rowids.
    flat = np.fromiter(chain.from_iterable(cursor), np.int64)
    grid = flat.reshape(-1, len(columns))
    integers: dict[str, npt.NDArray[Any]] = {}
    coded: dict[str, Coded] = {}
    for index, column in enumerate(columns):
        values = grid[:, index]
        if column.kind is Kind.CODE:
            coded[column.name] = encode(values)
        else:
            integers[column.name] = values.copy() if column.kind is Kind.INT64 else narrow(values)
    return Columns(len(grid), integers, coded)


def _refuse_other_types(connection: sqlite3.Connection, table: str, columns: Sequence[Column]) -> None:
    numbers = [column.name for column in columns if column.kind is not Kind.PRESENT]
    for name in numbers:
        try:
            found = connection.execute(
                f'SELECT typeof("{name}") FROM "{table}" '  # noqa: S608 - names come from schema.py
                f"WHERE typeof(\"{name}\") NOT IN ('integer', 'null') LIMIT 1"
            ).fetchone()
        except MemoryError:  # a row's length is nonsense: there is nothing else here to take memory
            raise sqlite3.DatabaseError("malformed lengths") from None
        if found:
            raise TraceError(f"the trace is damaged: {table}.{name} holds {found[0]} instead of integers")


def narrow(values: I64) -> npt.NDArray[Any]:
    """Return ``values`` as 32-bit integers where all of them fit, else a copy."""
    if len(values) and (values.max() > INT32_MAX or values.min() < INT32_MIN):
        return values.copy()
    return values.astype(np.int32)


def encode(values: I64) -> Coded:
    """Dictionary-code ``values``; -1 stays -1."""
    distinct, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    order = order[distinct[order] != -1]
    lookup = np.full(len(distinct), -1, np.int32)
    lookup[order] = np.arange(len(order), dtype=np.int32)
    return Coded(lookup[inverse], distinct[order])
