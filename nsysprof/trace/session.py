"""Run SQL over a trace, with rights to read it and nothing else."""

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from nsysprof.errors import MissingDataError, NsysprofError, OutputError, TraceError, UsageError
from nsysprof.trace import database
from nsysprof.trace.database import FAILURES
from nsysprof.trace.queries import Need, Query
from nsysprof.trace.schema import MEANINGS, STRINGS, named
from nsysprof.trace.source import Source

Value = int | float | str | bytes | None
Function = Callable[[str], str]

_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
_PRAGMAS = {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "function_list"}
_DENIED = {"load_extension", "fts3_tokenizer"}
"""Functions that run code of a file, or tell addresses in memory."""
_NO_ROOM = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE}
_STEPS_PER_CHECK = 20_000
_LONGEST_VALUE = 4 << 20
_MOST_COLUMNS = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a query may take."""

    rows: int = 0
    """Rows of the result; 0 is without limit."""
    seconds: float = 60.0
    """Time; 0 is without limit."""


class RunningQuery:
    """A query under way: its columns, and its rows as they come."""

    def __init__(
        self, source: Source, cursor: sqlite3.Cursor, limits: Limits, documented: bool = False
    ) -> None:
        """Take a cursor that has begun, of one of the documented queries or of SQL of the user's own."""
        self.columns = _distinct([str(item[0]) for item in cursor.description])
        """Names of the columns, each once."""
        self.warnings = tuple(source.warnings)
        """What makes the rows doubtful, as sentences."""
        self.cut = False
        """True once the rows ended at the limit although there are more."""
        self._source = source
        self._cursor = cursor
        self._limits = limits
        self._documented = documented

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        """Yield the rows up to the limit; raises what ``start_query`` does."""
        left = self._limits.rows or float("inf")
        with _explaining(self._source, self._limits, self._documented):
            for row in self._cursor:
                if not left:
                    self.cut = True
                    return
                left -= 1
                yield row


@contextmanager
def start_query(
    path: Path, query: Query | str, functions: Mapping[str, Function], limits: Limits
) -> Iterator[RunningQuery]:
    """Run a documented query, or SQL of the user's own, over the trace at ``path``, which is open meanwhile.

    ``functions`` are SQL functions of one text, by name. Raises TraceError as ``open_trace`` does,
    MissingDataError when the trace lacks a table that the query needs, UsageError when SQLite refuses the SQL
    or when it takes too long.
    """
    with closing(Source(path)) as source:
        if isinstance(query, Query):
            for need in query.needs:
                _supply(source, need)
        documented, sql = (True, query.sql) if isinstance(query, Query) else (False, query)
        if any(name in sql for name in functions):
            _mend_names(source)
        for name, function in functions.items():
            source.connection.create_function(name, 1, _of_text(function), deterministic=True)
        _guard(source.connection)
        with _interrupted_after(limits.seconds, source.connection):
            with _explaining(source, limits, documented):
                cursor = source.connection.execute(sql)
            if cursor.description is None:
                raise UsageError("that SQL gives no rows", "only SELECT makes sense over a trace")
            yield RunningQuery(source, cursor, limits, documented)


def _supply(source: Source, need: Need) -> None:
    """Put a view over a table that lacks something optional; raises MissingDataError for the rest."""
    declared = named(need.table)
    name = source.name_in_file(declared) if declared else need.table
    present = source.column_names(name)
    meaning, hint = MEANINGS.get(need.table, (f"table {need.table}", ""))
    if not present:
        if not need.optional:
            raise MissingDataError(f"this trace has no {meaning}", hint)
        nothing = ", ".join(f'NULL AS "{column}"' for column in (*need.columns, *need.optional_columns))
        source.connection.execute(f'CREATE TEMP VIEW "{need.table}" AS SELECT {nothing} WHERE 0')
        return
    missing = [column for column in need.columns if column not in present]
    if missing:
        raise MissingDataError(f"this trace's {name} has no column {missing[0]}", source.remedy)
    added = [column for column in need.optional_columns if column not in present]
    if added or name != need.table:
        nulls = "".join(f', NULL AS "{column}"' for column in added)
        source.connection.execute(
            f'CREATE TEMP VIEW "{need.table}" AS SELECT rowid, *{nulls} FROM main."{name}"'  # noqa: S608
        )


def _mend_names(source: Source) -> None:
    """Put a view over StringIds where a name is no UTF-8: a function of ours cannot be given such a text."""
    name = source.name_in_file(STRINGS)
    if not name or not {"id", "value"} <= source.column_names(name):
        return
    raw = source.fetch(f"SELECT id, CAST(value AS BLOB) FROM \"{name}\" WHERE typeof(value) = 'text'")  # noqa: S608
    mended = []
    for id_, value in raw:
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
        if "\N{REPLACEMENT CHARACTER}" in text:
            mended.append((id_, text))
    if mended:
        execute = source.connection.execute
        execute("CREATE TEMP TABLE mended (id PRIMARY KEY, value TEXT)")
        source.connection.executemany("INSERT OR IGNORE INTO temp.mended VALUES (?, ?)", mended)
        execute(
            f'CREATE TEMP VIEW "{name}" AS SELECT names.id, coalesce(mended.value, names.value) AS value '  # noqa: S608
            f'FROM main."{name}" AS names LEFT JOIN temp.mended ON mended.id = names.id'
        )


def _of_text(function: Function) -> Callable[[Value], str | None]:
    def call(value: Value) -> str | None:
        return None if value is None else function(str(value))

    return call


def _guard(connection: sqlite3.Connection) -> None:
    """Allow reading only, and rows of bearable size."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_COLUMN, _MOST_COLUMNS)
    connection.set_authorizer(_authorize)
    connection.set_progress_handler(lambda: 0, _STEPS_PER_CHECK)  # where Ctrl-C gets in


@contextmanager
def _interrupted_after(seconds: float, connection: sqlite3.Connection) -> Iterator[None]:
    """Interrupt what SQLite is at when this block has lasted so long; 0 is never."""
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    if seconds:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()
        if seconds:
            timer.join()


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    allowed = (
        action in _READING
        or (action == sqlite3.SQLITE_FUNCTION and second not in _DENIED)
        or (action == sqlite3.SQLITE_PRAGMA and first in _PRAGMAS)
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def _distinct(names: list[str]) -> tuple[str, ...]:
    """Number the repetitions of a name, so that records can have them as keys."""
    seen: dict[str, None] = {}
    for name in names:
        unique, number = name, 2
        while unique in seen:
            unique, number = f"{name}_{number}", number + 1
        seen[unique] = None
    return tuple(seen)


@contextmanager
def _explaining(source: Source, limits: Limits, documented: bool) -> Iterator[None]:
    """Turn what SQLite raises into what to do about it."""
    try:
        yield
    except (*FAILURES, sqlite3.Warning, ValueError, MemoryError) as error:
        raise _explained(source, error, limits, documented) from None


def _temporary() -> str:
    """Return where SQLite puts what it sorts and collects, which is not where Python would."""
    folders = [os.environ.get(name, "") for name in ("SQLITE_TMPDIR", "TMPDIR")] + ["/var/tmp", "/usr/tmp"]  # noqa: S108
    return next((one for one in folders if one and os.access(one, os.W_OK | os.X_OK)), "/tmp")  # noqa: S108


def _explained(source: Source, error: Exception, limits: Limits, documented: bool) -> NsysprofError:
    reason = str(error)
    if reason == "interrupted":
        return UsageError(f"the query took longer than {limits.seconds:g} s", "narrow it, or raise --timeout")
    if getattr(error, "sqlite_errorcode", 0) in _NO_ROOM:
        return OutputError(
            f"the query needs more room for temporary files than {_temporary()} has",
            "narrow it, or set SQLITE_TMPDIR",
        )
    if "not authorized" in reason or "prohibited" in reason:
        return UsageError(f"SQLite refuses: {reason}", "a trace can only be read, with SELECT")
    if "malformed" in reason or "disk I/O" in reason or isinstance(error, (UnicodeDecodeError, MemoryError)):
        return database.trace_error(source.path, error)
    if documented and reason == "integer overflow":
        return TraceError(f"{source.path} holds times too large to be added up", "export the report again")
    if documented and reason.startswith("no such column"):
        return TraceError(f"{source.path} is laid out in another way: {reason}", source.remedy)
    table = reason.rpartition("no such table: ")[2]
    if table in MEANINGS:
        meaning, hint = MEANINGS[table]
        return MissingDataError(f"this trace has no {meaning} ({table})", hint)
    return UsageError(f"SQLite says: {reason}")
