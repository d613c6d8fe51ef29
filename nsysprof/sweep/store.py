"""The sweep's database: one SQLite file with the tables ``runs``, ``steps`` and ``hotspots``.

A run is written when it has ended, its row of ``runs`` last: what has no such row did not happen.
"""

import fcntl
import json
import math
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from nsysprof.errors import OutputError
from nsysprof.sweep.rows import RUN_COLUMNS, Row, fits

FILE = "sweep.sqlite"
"""The database's name in the sweep's folder."""

_VERSION = 1
_TABLES: dict[str, tuple[dict[str, type], tuple[str, ...]]] = {
    "runs": (RUN_COLUMNS, ("id",)),
    "steps": ({"run": str, "step": int, "seconds": float, "profiled_s": float}, ("run", "step")),
    "hotspots": (
        {
            "run": str,
            "kind": str,
            "key": str,
            "category": str,
            "ns": int,
            "count": int,
            "share": float,
        },
        ("run", "kind", "key"),
    ),
}


class Store:
    """An open database; two sweeps never write to the same folder at once."""

    def __init__(self, database: Database, path: Path) -> None:
        """Take an open database; `open_store` makes one."""
        self._db = database
        self.path = path
        """The file."""

    def runs(self, configs: Sequence[str]) -> list[Row]:
        """Return the rows of ``runs`` of these configurations, by configuration and repeat."""
        rows = []
        with _told(self.path):
            for config in configs:
                found = self._db["runs"].rows_where("config = ?", [config], order_by="repeat")
                rows += [dict(row) for row in found]
        return rows

    def composition(self, run: str) -> dict[str, int]:
        """Return the ns of each bucket of the run's typical step; nothing unless it was profiled."""
        with _told(self.path):
            found = self._db["hotspots"].rows_where("run = ? AND kind IN ('step', 'whole')", [run])
            return {row["key"]: row["ns"] for row in found}

    def save(self, row: Row, steps: Iterable[Row], hotspots: Iterable[Row]) -> None:
        """Write a run, in place of the same one if it is there."""
        with _told(self.path):
            self.forget_run(row["id"])
            self._db["steps"].insert_all(steps, pk=_TABLES["steps"][1])
            self._db["hotspots"].insert_all(hotspots, pk=_TABLES["hotspots"][1])
            self._widen(row)
            self._db["runs"].insert({key: _kept(value) for key, value in row.items()}, pk="id")

    def forget(self, configs: Sequence[str]) -> None:
        """Forget every run of these configurations."""
        for row in self.runs(configs):
            with _told(self.path):
                self.forget_run(row["id"])

    def forget_run(self, run: str) -> None:
        """Forget one run."""
        self._db["runs"].delete_where("id = ?", [run])
        for table in ("steps", "hotspots"):
            self._db[table].delete_where("run = ?", [run])

    def _widen(self, row: Row) -> None:
        """Add the columns that ``row`` has beyond those of the table."""
        known = self._db["runs"].columns_dict
        for key, value in row.items():
            if key not in known:
                # a column of type BLOB keeps any value as it is: what begins with None may hold numbers later
                kind = next((kind for kind in (str, int, float) if isinstance(value, kind)), bytes)
                self._db["runs"].add_column(key, kind)


@contextmanager
def open_store(folder: Path) -> Iterator[Store]:
    """Open the database in ``folder``, making both where they are missing, for this process alone.

    Raises OutputError when it cannot be written, is something else, or another sweep is at work there.
    """
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}", "give another --output") from None
    try:
        _lock(handle, folder)
        with _told(path):
            database = Database(path)
        try:
            with _told(path):
                _prepare(database, path)
            yield Store(database, path)
        finally:
            database.close()
    finally:
        os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OutputError(f"another sweep is at work in {folder}", "wait, or give another --output") from None
    except OSError:
        return  # a file system that has no locks


def _prepare(database: Database, path: Path) -> None:
    """Make the tables where there are none."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if database.table_names() and version != _VERSION:
        raise OutputError(f"{path} is no database of this version's sweeps", "give another --output")
    for name, (columns, key) in _TABLES.items():
        if name not in database.table_names():
            database[name].create(columns, pk=key)
    database.execute(f"PRAGMA user_version = {_VERSION}")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what SQLite says into an OutputError."""
    try:
        yield
    except sqlite3.Error as error:
        raise OutputError(f"{path} cannot be used: {error}", "give another --output") from error


def _kept(value: Any) -> Any:
    """Return ``value`` as SQLite can hold it: lists, objects, huge integers as JSON, no NaN or surrogates."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, float) or (isinstance(value, int) and fits(value)):
        return value
    return json.dumps(value, default=str)
