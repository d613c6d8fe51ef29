"""How much an export holds, told at once whatever its size: for an estimate of the memory it takes."""

import random
import sys
from collections import Counter
from dataclasses import dataclass

from nsysprof.errors import TraceError
from nsysprof.trace import schema
from nsysprof.trace.schema import Table
from nsysprof.trace.source import Source

_LEAST_ROW = 8  # bytes that a row of any of these tables takes in the file
_FIRST_SAMPLE, _SAMPLE = 32, 512
_LONG = 16_384  # characters of a text: where they are that long, the first sample is enough
_EMPTY = sys.getsizeof("")
_FARTHEST = 1 << 61  # no more rowids than a range can have are drawn from


@dataclass(frozen=True, slots=True)
class OwnTexts:
    """Texts that NVTX rows hold themselves, in place of the id of a name: estimated from a sample of rows."""

    rows: int = 0
    """Rows with such a text."""
    size: int = 0
    """Bytes of all these texts in memory."""
    distinct: int = 0
    """How many different ones there are at most: what is in the sample once is taken for unique."""
    distinct_size: int = 0
    """Bytes of the different ones."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Numbers of rows, by kind."""

    operations: int
    """Kernels, copies, memory sets and whole graphs."""
    api_calls: int
    """CUDA API calls."""
    memory_events: int
    """Allocations and releases."""
    ranges: int
    """Rows of NVTX, whatever they are."""
    strings: int
    """Names."""
    characters: int
    """In all names together."""
    own_texts: OwnTexts = OwnTexts()
    """Of ranges whose text is none of the names."""


def extent(source: Source) -> Extent:
    """Return how much the export holds; a table that cannot be looked at counts as empty."""
    strings, characters = _one(source, 'SELECT count(*), total(length("value")) FROM "StringIds"')
    ranges = _rows(source, schema.NVTX)
    return Extent(
        operations=sum(
            _rows(source, table) for table in (schema.KERNEL, schema.MEMCPY, schema.MEMSET, schema.GRAPH)
        ),
        api_calls=_rows(source, schema.RUNTIME),
        memory_events=_rows(source, schema.MEMORY),
        ranges=ranges,
        strings=strings,
        characters=characters,
        own_texts=_own_texts(source, ranges),
    )


def _rows(source: Source, table: Table) -> int:
    """Return the number of rows: the span of their ids, which nsys numbers without gaps."""
    name = source.name_in_file(table)
    if not name:
        return 0
    first, last = _ends(source, name)
    span = last - first + 1 if last else 0
    if span <= source.path.stat().st_size // _LEAST_ROW:
        return span
    return _one(source, f'SELECT count(*), 0 FROM "{name}"')[0]  # noqa: S608 - a name from schema.py


def _ends(source: Source, table: str) -> tuple[int, int]:
    return _one(
        source,
        f'SELECT (SELECT min(rowid) FROM "{table}"), (SELECT max(rowid) FROM "{table}")',  # noqa: S608
    )


def _own_texts(source: Source, rows: int) -> OwnTexts:
    """Estimate the texts in ``rows`` rows of NVTX; a few long ones among very many short can be missed."""
    first, last = _ends(source, schema.NVTX.name) if rows else (0, -1)
    ids = range(max(first, -_FARTHEST), min(last, _FARTHEST) + 1)
    texts: list[str] = []
    chosen = random.Random(0).sample(ids, min(_SAMPLE, len(ids)))  # noqa: S311 - no secret
    for part in (chosen[:_FIRST_SAMPLE], chosen[_FIRST_SAMPLE:]):
        if part and sum(map(len, texts)) <= _LONG * _FIRST_SAMPLE:
            texts += _texts(source, part)
    found = Counter(text for text in texts if text)
    if not found:
        return OwnTexts()
    scale = rows / len(texts)
    sizes = {text: sys.getsizeof(text) - _EMPTY for text in found}
    once = [text for text, times in found.items() if times == 1]
    return OwnTexts(
        rows=round(scale * found.total()),
        size=round(scale * sum(sizes[text] * times for text, times in found.items())),
        distinct=round(scale * len(once)),
        distinct_size=round(scale * sum(sizes[text] for text in once)),
    )


def _texts(source: Source, ids: list[int]) -> list[str]:
    """Return the texts of the rows with the given ids, or of the next ones; empty where a row has none."""
    values = ", ".join(f"({id_})" for id_ in ids)
    row = f'FROM "{schema.NVTX.name}" WHERE rowid >= id ORDER BY rowid LIMIT 1'
    try:
        sql = f"WITH at(id) AS (VALUES {values}) SELECT (SELECT CAST(text AS TEXT) {row}) FROM at"  # noqa: S608
        found = source.fetch(sql)
    except TraceError:
        return []
    return [str(text or "") for (text,) in found]


def _one(source: Source, sql: str) -> tuple[int, int]:
    """Return the two numbers of the one row that ``sql`` gives, zeros when SQLite fails."""
    try:
        ((first, second),) = source.fetch(sql)
    except TraceError:
        return 0, 0  # loading says what is wrong
    return int(str(first or 0).partition(".")[0]), int(str(second or 0).partition(".")[0])
