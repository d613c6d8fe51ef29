"""Say what a copy left out."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import suppress

from nsysprof.errors import TraceError
from nsysprof.share.allowed import Copied, kinds
from nsysprof.share.results import Shared, SharedTable
from nsysprof.share.strings import SharedStrings
from nsysprof.trace.source import Source


def summary(
    source: Source, tables: Sequence[Copied], rows: Mapping[str, int], strings: SharedStrings
) -> Shared:
    """Compare the trace with its copy, ``rows`` of each table; the caller knows the files."""
    kept = tuple(
        SharedTable(
            copied.name, _count(source, copied.name), rows[copied.name], len(copied.columns), copied.dropped
        )
        for copied in tables
    )
    gone = sorted(source.tables - rows.keys() - {strings.table})
    removed = tuple(SharedTable(name, _count(source, name), 0, 0, ()) for name in gone)
    places = [*gone, *(f"{table.name}.{column}" for table in kept for column in table.dropped_columns)]
    return Shared(
        source=str(source.path),
        source_bytes=source.path.stat().st_size,
        kept=kept,
        removed=removed,
        kinds=kinds(lambda expression: any(re.fullmatch(expression, place) for place in places)),
        strings=strings.before,
        strings_kept=len(strings.texts),
        replaced=dict(strings.replaced),
        warnings=tuple(source.warnings),
    )


def _count(source: Source, table: str) -> int:
    quoted = table.replace('"', '""')
    with suppress(TraceError, sqlite3.Error):
        found = source.fetch(f'SELECT count(*) FROM "{quoted}"')[0][0]  # noqa: S608
        return found if isinstance(found, int) else -1
    return -1
