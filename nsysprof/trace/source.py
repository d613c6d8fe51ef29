"""One open export as the loaders see it: its tables, strings, and dictionaries of threads and processes."""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nsysprof.errors import TraceError
from nsysprof.trace import database
from nsysprof.trace.btree import PageFile
from nsysprof.trace.columns import NULL, Coded, Columns, Span, select_columns
from nsysprof.trace.model import I32, I64, SchemaVersion
from nsysprof.trace.pages import read_columns
from nsysprof.trace.records import UnsupportedError
from nsysprof.trace.schema import EXPORT, NEWEST, OLDEST, STRINGS, TABLES, Column, Kind, Table
from nsysprof.trace.strings import Strings


class Codes:
    """A dictionary of 64-bit values that several tables share; it only grows, so that indices stay valid."""

    def __init__(self) -> None:
        """Start empty."""
        self._index: dict[int, int] = {}

    def values(self) -> I64:
        """Return the values by index."""
        return np.fromiter(self._index, np.int64, len(self._index))

    def adopt(self, coded: Coded) -> I32:
        """Return the rows' indices into this dictionary, adding the values that it lacks."""
        wanted = [self._index.setdefault(value, len(self._index)) for value in coded.values.tolist()]
        if wanted == list(range(len(wanted))):
            return coded.codes
        lookup = np.array([*wanted, NULL], np.int32)  # the code -1 finds the last element
        return lookup[coded.codes]


class Source:
    """Reads tables of one open export; keeps what the tables share."""

    def __init__(self, path: Path) -> None:
        """Open ``path`` read-only; raises TraceError when it is no readable nsys export."""
        self.path = path
        self.warnings: list[str] = []
        self._rows: dict[str, int] = {}  # of the tables read so far
        self.kept: dict[str, I64] = {}
        """By table of which some rows were left out: which were not."""
        self.threads = Codes()
        self.processes = Codes()
        self._header = database.read_header(path)
        self.connection = database.connect(path, self._header)
        """For SQL of one's own."""
        self._pages: PageFile | None = None
        self.schema = SchemaVersion(0, 0, 0)
        """Version of the export's layout; 0.0.0 when it does not say."""
        try:
            # Views and virtual tables, which nsys makes none of, run code of whoever made the file.
            named = self.fetch("SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0")
            self.tables = frozenset(str(name) for (name,) in named)
            """Names of the tables that the export holds."""
            self._check()
            self.schema = self._schema_version()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        if self.tables.isdisjoint(table.name for table in TABLES):
            raise TraceError(
                f"{self.path} is an SQLite file, but no nsys export",
                "give the file that `nsysprof export` or `nsys export --type sqlite` wrote",
            )
        if database.being_written(self.path):
            self.warn("another program is writing the trace; it may be incomplete")

    def _schema_version(self) -> SchemaVersion:
        """Return EXPORT_SCHEMA_VERSION, 0.0.0 when unknown; warns when it is unknown, too old or too new."""
        found = [value for name, value in self.select(EXPORT) if name == "EXPORT_SCHEMA_VERSION"]
        parts = str(found[0]).split(".") if found else []
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts):
            self.warn("the export does not say which schema it has; it may be too old to be read right")
            return SchemaVersion(0, 0, 0)
        major, minor, micro = (int(part) for part in parts)
        version = SchemaVersion(major, minor, micro)
        if version > NEWEST:
            self.warn(f"the export's schema {version} is newer than {NEWEST}, the newest that nsysprof knows")
        if version < OLDEST:
            self.warn(f"the export's schema {version} is older than {OLDEST}, the oldest that nsysprof knows")
        return version

    @property
    def uri(self) -> str:
        """Under which SQLite attaches the export and changes nothing."""
        return database.read_only_uri(self.path, self._header)

    @property
    def remedy(self) -> str:
        """What to do when the export lacks what nsysprof needs."""
        if self.schema > NEWEST:
            return f"nsysprof knows schemas up to {NEWEST}: update it, or export with an older nsys"
        return "export the report again with a current nsys"

    @property
    def part_read(self) -> float:
        """Which part of the file has been read, 0..1, about; 0 where SQLite reads it."""
        return min(self._pages.bytes_read / self._pages.size, 1.0) if self._pages else 0.0

    def close(self) -> None:
        """Close the file."""
        self.connection.close()
        if self._pages is not None:
            self._pages.close()

    def warn(self, sentence: str) -> None:
        """Keep ``sentence`` for ``Trace.warnings``, once."""
        if sentence not in self.warnings:
            self.warnings.append(sentence)

    def fetch(self, sql: str) -> list[tuple[object, ...]]:
        """Return all rows of a small query; raises TraceError when SQLite fails."""
        try:
            return self.connection.execute(sql).fetchall()
        except sqlite3.ProgrammingError:
            raise  # the trace was closed: the caller's mistake, not the file's
        except (*database.FAILURES, MemoryError) as error:
            raise database.trace_error(self.path, error) from None

    def column_names(self, table: str) -> frozenset[str]:
        """Return the names of the columns of ``table``, none when it is absent."""
        return frozenset(str(row[1]) for row in self.fetch(f'PRAGMA table_info("{table}")'))

    @cached_property
    def strings(self) -> Strings:
        """StringIds; empty when the trace has none."""
        rows = self.select(STRINGS)
        return Strings({id_: str(value) for id_, value in rows if isinstance(id_, int) and value is not None})

    def name_in_file(self, table: Table) -> str:
        """Return what the export calls ``table``, "" when it is absent."""
        if table.name in self.tables:
            return table.name
        if table.formerly in self.tables:  # unless another table has that name now
            needed = {column.name for column in table.columns if column.required}
            if needed <= self.column_names(table.formerly):
                return table.formerly
        return ""

    def select(self, table: Table) -> list[tuple[object, ...]]:
        """Return the declared columns of a small ``table``; absent optional ones are None.

        An absent table has no rows. Raises TraceError when a required column is missing or SQLite fails.
        """
        name, wanted = self._wanted(table, table.columns)
        if not name:
            return []
        columns = ", ".join(f'"{c.name}"' if c in wanted else "NULL" for c in table.columns)
        return self.fetch(f'SELECT {columns} FROM "{name}"')  # noqa: S608 - names come from schema.py

    def _wanted(self, table: Table, columns: Sequence[Column]) -> tuple[str, list[Column]]:
        """Return the table's name in the file and those of its ``columns`` that it has."""
        name = self.name_in_file(table)
        present = self.column_names(name) if name else frozenset()
        missing = [column.name for column in columns if column.required and column.name not in present]
        if missing and name:
            raise TraceError(f"{self.path} has {name} without the column {missing[0]}", self.remedy)
        return name, [column for column in columns if column.name in present]

    def read(self, table: Table, span: slice | None = None) -> Columns:
        """Read the declared columns of ``table``: absent optional ones are -1, an absent table has no rows.

        span: which rows; only after the whole table has been read.

        Raises TraceError when a required column is missing or the file is damaged.
        """
        name, wanted = self._wanted(table, table.loaded)
        part = None if span is None else Span(span.start, span.stop, self._rows[name])
        read = self._read(name, wanted, part) if wanted else Columns(0, {}, {})
        if span is None:
            self._rows[name] = read.rows
        integers, coded = dict(read.integers), dict(read.coded)
        for column in table.loaded:
            if column in wanted:
                continue
            absent = _constant(0 if column.kind is Kind.PRESENT else NULL, read.rows, column.kind)
            if column.kind is Kind.CODE:
                coded[column.name] = Coded(absent, np.empty(0, np.int64))
            else:
                integers[column.name] = absent
        return replace(read, integers=integers, coded=coded)

    def _read(self, table: str, columns: Sequence[Column], span: Span | None) -> Columns:
        try:
            with suppress(UnsupportedError):
                if self._pages is None:
                    self._pages = PageFile(self.path, self._header)
                return read_columns(self._pages, self.connection, table, columns, span)
            read = select_columns(self.connection, table, columns)
            return read if span is None else read.part(span.start, span.stop)
        except sqlite3.ProgrammingError:
            raise
        except database.FAILURES as error:
            raise database.trace_error(self.path, error) from None


def _constant(value: int, rows: int, kind: Kind) -> Any:
    dtype = np.int64 if kind is Kind.INT64 else np.int32
    return np.broadcast_to(np.array(value, dtype), (rows,))  # one element, shown ``rows`` times
