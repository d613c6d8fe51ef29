"""Write the copy of a trace that may be shared."""

import lzma
import os
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import quote

from nsysprof.errors import OutputError, TraceError
from nsysprof.files import check_target, replacing
from nsysprof.share.allowed import NAMED, Copied, condition, copied_tables, harmless, text_column
from nsysprof.share.names import Names
from nsysprof.share.results import Shared
from nsysprof.share.strings import SharedStrings, choose_strings
from nsysprof.share.summary import summary
from nsysprof.trace import database
from nsysprof.trace.source import Source

_ENVIRONMENT = "DeviceEnvironment"
_TELLING = (
    f"name IN ('Hostname', 'EXPORT_HOST', 'EXPORT_USER', 'DEVICE_DISPLAY_NAME', '{_ENVIRONMENT}') "
    "OR name LIKE '%:USER_NAME'"
)
"""SQL for rows of names and values that tell the host or the user."""
_OWNER = re.compile(r"(?:^|;)(?:USER|LOGNAME|HOSTNAME)=([^;]+)")
_ADVICE = "give another path with --output"
_STEPS_PER_CHECK = 1_000_000
_COMPRESSED = ".xz"
_WRITING = (
    "SQLITE_FULL",
    "SQLITE_IOERR_WRITE",
    "SQLITE_IOERR_FSYNC",
    "SQLITE_IOERR_TRUNCATE",
    "SQLITE_READONLY",
)


def share_trace(source: Path, target: Path, names: Names, *, force: bool = False) -> Shared:
    """Copy what analysis needs of the trace ``source`` to ``target``; compressed where that ends in ``.xz``.

    Rows are streamed, whatever their number. Raises TraceError when the trace cannot be read or holds text
    where numbers belong, OutputError when ``target`` exists (without ``force``), is ``source`` itself, or
    cannot be written; then no copy is left.
    """
    check_target(target, _ADVICE, (source,))
    if target.exists() and not force:
        raise OutputError(f"{target} exists", "give --force to replace it, or another name with --output")
    with closing(Source(source)) as opened, replacing(target, _ADVICE, (source,)) as result:
        plain = result.with_name("shared.sqlite")
        tables = copied_tables(opened)
        strings, rows = _Copy(opened, plain, target).fill(tables, names)
        size = plain.stat().st_size
        if target.suffix == _COMPRESSED:
            _compress(plain, result)
        else:
            plain.replace(result)
        return replace(
            summary(opened, tables, rows, strings),
            target=str(target),
            database_bytes=size,
            target_bytes=result.stat().st_size,
            anonymized=names.anonymize,
        )


def _compress(plain: Path, packed: Path) -> None:
    with plain.open("rb") as file, lzma.open(packed, "wb") as sink:
        shutil.copyfileobj(file, sink, 1 << 20)


class _Copy:
    """A copy under way."""

    def __init__(self, source: Source, plain: Path, target: Path) -> None:
        self._source = source
        self._plain = plain
        self._target = target
        self._replaced: set[str] = set()  # what stands for texts outside the table of strings
        ((encoding,),) = source.fetch("PRAGMA encoding")
        self._encoding = str(encoding)
        self._trouble = ""  # what a function that SQLite calls found

    def fill(self, tables: Iterable[Copied], names: Names) -> tuple[SharedStrings, dict[str, int]]:
        """Write the copy; return its strings and the number of rows by table."""
        with self._explaining():
            uri = f"file:{quote(os.fsencode(self._plain))}?mode=rwc"
            with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
                self._prepare(connection)
                names = replace(names, hosts=names.hosts | _hosts(self._source))
                strings = choose_strings(connection, self._source, names)
                connection.create_function("shared_range", 1, partial(self._range, names))
                rows = {copied.name: self._copy(connection, copied, strings) for copied in tables}
                if strings.table:
                    connection.execute(f'CREATE TABLE "{strings.table}" (id INTEGER PRIMARY KEY, value TEXT)')
                    insert = f'INSERT INTO "{strings.table}" VALUES (?, ?)'  # noqa: S608
                    connection.executemany(insert, sorted(strings.texts.items()))
                connection.execute("COMMIT")
        ranges = strings.replaced["range"] + len(self._replaced)
        return replace(strings, replaced={**strings.replaced, "range": ranges}), rows

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for setting in (
            f"encoding = '{self._encoding}'",  # SQLite attaches nothing else
            "journal_mode = OFF",
            "synchronous = OFF",
            "temp_store = MEMORY",
            "trusted_schema = OFF",
        ):
            connection.execute(f"PRAGMA {setting}")
        connection.set_progress_handler(lambda: 0, _STEPS_PER_CHECK)  # where Ctrl-C gets in
        connection.create_function("refuse", 1, self._refuse)
        connection.create_function("harmless", 2, lambda kind, value: harmless(kind, self._text(value)))
        connection.execute("ATTACH ? AS source", (self._source.uri,))
        connection.execute("BEGIN")

    def _text(self, value: bytes) -> str:
        return value.decode(self._encoding, "replace")

    def _range(self, names: Names, value: bytes) -> str:
        text = self._text(value)
        shared = names.of_range(text)
        if shared != text:
            self._replaced.add(shared)
        return shared

    def _refuse(self, column: str) -> None:
        self._trouble = f"the trace is damaged: {column} holds text instead of numbers"
        raise ValueError(self._trouble)

    def _copy(self, connection: sqlite3.Connection, copied: Copied, strings: SharedStrings) -> int:
        """Copy the allowed rows and columns of a table; return the number of rows."""
        kinds = {column: text_column(copied.table, column) for column in copied.columns}
        declared = ", ".join(f'"{column}" {"TEXT" if kind else "INTEGER"}' for column, kind in kinds.items())
        values = ", ".join(_value(copied, column, kind, strings) for column, kind in kinds.items())
        connection.execute(f'CREATE TABLE "{copied.name}" ({declared})')
        return connection.execute(
            f'INSERT INTO main."{copied.name}" SELECT {values} FROM source."{copied.name}" NOT INDEXED '  # noqa: S608
            f"WHERE {condition(copied.table)}"
        ).rowcount

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Turn what SQLite raises into what to do about it."""
        try:
            yield
        except (*database.FAILURES, MemoryError) as error:
            reason = getattr(error, "sqlite_errorname", "")
            if self._trouble:
                raise TraceError(self._trouble, "export the report again") from None
            if reason == "SQLITE_INTERRUPT":
                raise KeyboardInterrupt from None
            if reason in _WRITING:
                raise OutputError(f"cannot write {self._target} ({error})", _ADVICE) from None
            raise database.trace_error(self._source.path, error) from None


def _value(copied: Copied, column: str, kind: str, strings: SharedStrings) -> str:
    """Return SQL for what the copy holds in ``column``: a number, or a text that may be shared."""
    bytes_ = f'CAST("{column}" AS BLOB)'  # which may be no UTF-8
    if kind == "range":
        return f'CASE WHEN "{column}" IS NOT NULL AND {NAMED} THEN shared_range({bytes_}) END'
    if kind:
        return f"CASE WHEN \"{column}\" IS NOT NULL THEN harmless('{kind}', {bytes_}) END"
    return strings.renumbered(
        copied,
        column,
        f'CASE typeof("{column}") WHEN \'integer\' THEN "{column}" WHEN \'real\' THEN "{column}" '
        f"WHEN 'null' THEN NULL ELSE refuse('{copied.name}.{column}') END",
    )


def _hosts(source: Source) -> frozenset[str]:
    """Return the host's and the user's name as the trace tells them; short ones stand in too much else."""
    found: set[str] = set()
    for table in ("TARGET_INFO_SYSTEM_ENV", "META_DATA_EXPORT", "META_DATA_CAPTURE"):
        if {"name", "value"} <= source.column_names(table):
            rows = source.fetch(f'SELECT name, value FROM "{table}" WHERE {_TELLING}')  # noqa: S608
            for name, value in rows:
                text = str(value)
                found.update(_OWNER.findall(text) if name == _ENVIRONMENT else (text, text.partition(".")[0]))
    return frozenset(name for name in found - {"localhost", "root", "None"} if len(name) > 3)
