"""The strings that a shared trace needs, and what stands in their place."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count

from nsysprof.share.allowed import REFERENCES, Copied
from nsysprof.share.names import Names
from nsysprof.trace.schema import STRINGS
from nsysprof.trace.source import Source


@dataclass(frozen=True, slots=True)
class SharedStrings:
    """The table of strings of a shared trace."""

    table: str
    """Its name; empty when the trace has none."""
    texts: Mapping[int, str]
    """Text by id: ids are those of the trace as far as can be."""
    before: int
    """Strings of the trace."""
    replaced: Mapping[str, int]
    """How many of them changed, by what they are."""
    moved: frozenset[str]
    """What strings are (see REFERENCES) of which some got another id; the table ``temp.moved`` says which."""

    def renumbered(self, copied: Copied, column: str, value: str) -> str:
        """Return SQL for the id that the copy uses where the trace has ``value``."""
        for what, table, name, needed in REFERENCES:
            if table.name == copied.table.name and name == column:
                if what in self.moved:
                    new = f"SELECT new FROM temp.moved WHERE what = '{what}' AND old = \"{column}\""  # noqa: S608
                    value = f"coalesce(({new}), {value})"
                return value if needed == "1" else f"CASE WHEN {needed} THEN {value} END"
        return value


def choose_strings(connection: sqlite3.Connection, source: Source, names: Names) -> SharedStrings:
    """Look up what the rows to be copied refer to, and make ``temp.moved`` for ids that change.

    A string that is two things, such as a kernel and a range, may need two tokens, and so another id.
    """
    stand_in = {
        "range": names.of_range,
        "kernel": names.of_kernel,
        "api": names.of_api,
        "overhead": names.of_overhead,
    }
    in_file = source.strings.in_file
    used = {what: _used(connection, source, what) for what in stand_in}
    taken = in_file.keys() | {id_ for ids in used.values() for id_ in ids}
    free = (id_ for id_ in count(1) if id_ not in taken)
    texts: dict[int, str] = {}
    moved: dict[tuple[str, int], int] = {}
    replaced = dict.fromkeys(used, 0)
    for what, ids in used.items():
        for id_ in ids:
            if id_ not in in_file:
                continue
            text = stand_in[what](in_file[id_])
            replaced[what] += text != in_file[id_]
            if texts.setdefault(id_, text) != text:
                texts[moved.setdefault((what, id_), next(free))] = text
    connection.execute(
        "CREATE TEMP TABLE moved (what TEXT, old INTEGER, new INTEGER, PRIMARY KEY (what, old))"
    )
    rows = [(what, old, new) for (what, old), new in moved.items()]
    connection.executemany("INSERT INTO temp.moved VALUES (?, ?, ?)", rows)
    table = source.name_in_file(STRINGS)
    return SharedStrings(table, texts, len(in_file), replaced, frozenset(what for what, _ in moved))


def _used(connection: sqlite3.Connection, source: Source, wanted: str) -> list[int]:
    """Return the ids of strings that the rows to be copied refer to, in ascending order."""
    found: set[int] = set()
    for what, table, column, needed in REFERENCES:
        name = source.name_in_file(table)
        if what == wanted and column in source.column_names(name or table.name):
            ids = connection.execute(
                f'SELECT DISTINCT "{column}" FROM source."{name}" NOT INDEXED '  # noqa: S608
                f"WHERE {needed} AND typeof(\"{column}\") = 'integer'"
            )
            found.update(id_ for (id_,) in ids)
    return sorted(found)
