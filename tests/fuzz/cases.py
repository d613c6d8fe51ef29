"""Case N: which mutation of which original; the same on every machine."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz.damage import DAMAGES, FILES
from fuzz.originals import Originals
from fuzz.rows import ANSWERS, ANY, CHANGES, Rows, million_ranges

SEED = 2026
MILLION = "a million nested ranges"
EVERY_MILLION = 2_000
"""One case in so many has a million ranges."""
_WEIGHTS = {
    **{kind: weight for kind, (weight, _) in DAMAGES.items()},
    **{kind: weight for kind, (weight, _) in FILES.items()},
    **{kind: weight for kind, (weight, _, _) in CHANGES.items()},
}


@dataclass(frozen=True, slots=True)
class Case:
    """One damaged trace."""

    number: int
    kind: str
    """Which mutation; a key of DAMAGES, FILES or CHANGES."""
    path: Path
    codes: frozenset[int]
    """Exit codes of hotspots that may be right."""
    unharmed: Path | None = None
    """The trace with whose answer this one's must agree."""


def kind_of(number: int, seed: int = SEED) -> str:
    """Return the kind of a case."""
    if number % EVERY_MILLION == EVERY_MILLION - 1:
        return MILLION
    random = Random(f"{seed} {number}")  # noqa: S311 - the same for everybody
    return random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]


def make(number: int, folder: Path, originals: Originals, seed: int = SEED) -> Case:
    """Write the trace of a case into ``folder``."""
    kind = kind_of(number, seed)
    random = Random(f"{seed} {number} {kind}")  # noqa: S311
    path = folder / "trace.sqlite"
    changes = kind in CHANGES or kind == MILLION
    original = originals.any(random, loose=changes)
    shutil.copyfile(original, path)
    if kind in DAMAGES:
        data = bytearray(path.read_bytes())
        DAMAGES[kind][1](random, data)
        path.write_bytes(data)
        return Case(number, kind, path, ANY)
    if kind in FILES:
        FILES[kind][1](random, path)
        return Case(number, kind, path, ANY)
    codes, change = CHANGES[kind][1:] if kind in CHANGES else (ANSWERS, million_ranges)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        change(Rows(connection, random))
        connection.commit()
    return Case(number, kind, path, codes, original if kind in ("untouched", "shuffled rows") else None)
