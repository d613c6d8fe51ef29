"""NVTX ranges, their texts and their domains."""

from dataclasses import dataclass

import numpy as np

from nsysprof.trace.columns import Columns
from nsysprof.trace.model import I32, I64, RangeRows
from nsysprof.trace.schema import NVTX, NVTX_DOMAIN_CREATE, NVTX_RANGES, PROCESS_MASK
from nsysprof.trace.source import Source

_LATEST = 2**62  # differences of two times below it fit in 64 bits


@dataclass(frozen=True, slots=True)
class Nvtx:
    """What NVTX_EVENTS says about ranges."""

    rows: RangeRows
    """The ranges."""
    texts: tuple[str, ...]
    """Distinct texts, by ``RangeRows.text``."""
    domains: tuple[str, ...]
    """Distinct domain names, by ``RangeRows.domain``; the first is the default domain."""


def load_nvtx(source: Source) -> Nvtx:
    """Load the ranges of NVTX_EVENTS; a trace without NVTX has none."""
    read = source.read(NVTX)
    columns = read.integers
    start, end = columns["start"], columns["end"]
    is_range = np.isin(columns["eventType"], NVTX_RANGES)
    possible = (start >= 0) & (start <= _LATEST) & (end <= _LATEST)
    lost = int(np.count_nonzero(is_range & ~possible))
    if lost:
        source.warn(f"{lost:,} NVTX ranges have impossible times and are left out")
    keep = np.flatnonzero(is_range & possible)
    pool, codes = _texts(source, read)
    used, text = np.unique(codes[keep], return_inverse=True)
    domains, domain = _domains(read, keep, pool, codes)
    closed = end[keep] >= start[keep]
    rows = RangeRows(
        start_ns=start[keep],
        end_ns=np.where(closed, end[keep], -1),
        thread=source.threads.adopt(read.coded["globalTid"])[keep],
        kind=columns["eventType"][keep].astype(np.int32),
        domain=domain,
        text=text.astype(np.int32),
    )
    return Nvtx(rows, tuple(pool[code] for code in used.tolist()), domains)


def _texts(source: Source, read: Columns) -> tuple[list[str], I32]:
    """Return distinct texts and each row's index into them: StringIds[textId], else its own text, else ""."""
    index = {"": 0}
    ids, inverse = np.unique(read.integers["textId"], return_inverse=True)
    known = [source.strings.in_file.get(id_) for id_ in ids.tolist()]
    lookup = [-1 if text is None else index.setdefault(text, len(index)) for text in known]
    codes = np.array(lookup, np.int32)[inverse]
    has_own = read.integers["text"] == 1
    if (has_own & (codes < 0)).any():
        own = source.fetch("SELECT CAST(text AS TEXT) FROM NVTX_EVENTS NOT INDEXED WHERE text IS NOT NULL")
        own_codes = np.full(read.rows, -1, np.int32)
        own_codes[has_own] = [index.setdefault(str(text), len(index)) for (text,) in own]
        codes = np.where(codes < 0, own_codes, codes)
    codes[codes < 0] = 0
    return list(index), codes


def _domains(read: Columns, keep: I64, pool: list[str], codes: I32) -> tuple[tuple[str, ...], I32]:
    """Return the distinct domain names and the index of each range in ``keep`` into them.

    Domain ids count from 1 in each process; 0 and NULL are the default domain.
    """
    thread = read.coded["globalTid"]
    process = np.append(thread.values & PROCESS_MASK, -1)  # the code -1 finds the last element
    ids = read.integers["domainId"]
    names: dict[tuple[int, int], str] = {}
    for row in np.flatnonzero(read.integers["eventType"] == NVTX_DOMAIN_CREATE).tolist():
        names.setdefault((int(process[thread.codes[row]]), int(ids[row])), pool[codes[row]])
    processes, of_thread = np.unique(process, return_inverse=True)
    distinct, id_index = np.unique(ids[keep], return_inverse=True)
    pairs, inverse = np.unique(id_index * len(processes) + of_thread[thread.codes[keep]], return_inverse=True)
    index = {"": 0}
    lookup = np.zeros(len(pairs), np.int32)
    for position, pair in enumerate(pairs.tolist()):
        id_ = int(distinct[pair // len(processes)])
        if id_ > 0:
            name = names.get((int(processes[pair % len(processes)]), id_), f"domain {id_}")
            lookup[position] = index.setdefault(name, len(index))
    return tuple(index), lookup[inverse]
