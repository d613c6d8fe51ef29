"""Grow an nsys export: its recorded events repeated N times, one copy after the other in time.

python -m bench.grow SOURCE.sqlite TARGET.sqlite N

Every copy is shifted in time and gets correlation and range ids of its own, so that each kernel still finds
the call that launched it, and each call its range.
"""

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

PAUSE_NS = 1_000_000
"""Between the end of a copy and the start of the next."""

_NVTX_DOMAIN_EVENTS = "(75, 76)"  # a domain is created once


def grow(source: Path, target: Path, copies: int) -> None:
    """Write ``target``, which holds the events of ``source`` ``copies`` times."""
    shutil.copyfile(source, target)
    with closing(sqlite3.connect(target)) as database:
        database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000"
        )
        tables = _event_tables(database)
        shifts = _shifts(database, tables)
        for table, columns in tables.items():
            _repeat(database, table, columns, shifts, copies)
            database.commit()


def _event_tables(database: sqlite3.Connection) -> dict[str, list[str]]:
    """Return the columns of every table whose rows happen at a time."""
    names = [str(row[0]) for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {
        name: [str(row[1]) for row in database.execute(f'PRAGMA table_info("{name}")')] for name in names
    }
    return {name: found for name, found in columns.items() if "start" in found}


def _shifts(database: sqlite3.Connection, tables: dict[str, list[str]]) -> dict[str, int]:
    """Return by how much each column grows from one copy to the next."""

    def extreme(function: str, wanted: str) -> int:
        found = [
            database.execute(f'SELECT {function}("{wanted}") FROM "{table}"').fetchone()[0]
            for table, columns in tables.items()
            if wanted in columns
        ]
        known = [int(value) for value in found if value is not None]
        return (min if function == "min" else max)(known, default=0)

    last = max(extreme("max", "start"), extreme("max", "end"))
    span = last - extreme("min", "start") + PAUSE_NS
    ids = {name: extreme("max", name) + 1 for name in ("correlationId", "rangeId")}
    return {"start": span, "end": span, **ids}


def _repeat(
    database: sqlite3.Connection, table: str, columns: list[str], shifts: dict[str, int], copies: int
) -> None:
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(
        f'CASE WHEN "{column}" > 0 THEN "{column}" + :copy * {shifts[column]} ELSE "{column}" END'
        if column in shifts
        else f'"{column}"'
        for column in columns
    )
    condition = f" AND eventType NOT IN {_NVTX_DOMAIN_EVENTS}" if "eventType" in columns else ""
    last = database.execute(f'SELECT max(rowid) FROM "{table}"').fetchone()[0]
    for copy in range(1, copies):
        database.execute(
            f'INSERT INTO "{table}" ({names}) SELECT {values} FROM "{table}" WHERE rowid <= :last{condition}',
            {"copy": copy, "last": last},
        )


if __name__ == "__main__":
    grow(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
