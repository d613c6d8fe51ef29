"""CUDA API calls that follow each other again and again, and the kernels that memory calls surround."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.buckets import WORK
from nsysprof.attribute.operations import Codes, Operations
from nsysprof.measure.calls import Calls
from nsysprof.measure.results import CallPattern
from nsysprof.trace.model import I64

MOST_PATTERNS = 8
"""Patterns that are returned."""
MOST_CALLS = 150_000
"""Calls that are looked at: whole steps from the middle of the run, as many as fit."""
_LOOKED_AT = ("malloc", "memset", "memcpy", "launch", "graph_launch", "free", "sync")
_BEFORE = ("malloc", "memset", "memcpy", "sync")
_LAUNCHES = ("launch", "graph_launch")
_LONGEST = 24  # calls of a pattern that are told apart


@dataclass(frozen=True, slots=True)
class Sample:
    """Calls of one thread in order of time."""

    rows: I64
    """Rows of the API table."""
    steps: int
    """Steps that they belong to; 0 where there are none."""


def sample(calls: Calls, start_ns: I64, end_ns: I64) -> Sample:
    """Choose calls of the thread that launches most, from steps in the middle of the run.

    start_ns, end_ns: CPU windows of the steps; without steps the middle of the whole run is taken.
    """
    if not len(calls.rows):
        return Sample(np.zeros(0, np.int64), 0)
    rows = np.flatnonzero(calls.is_class(*_LOOKED_AT))
    thread = calls.rows.thread[rows]
    if len(rows) and (thread != thread[0]).any():
        launching = thread[calls.is_class(*_LAUNCHES)[rows]]
        rows = rows[thread == np.bincount(launching if len(launching) else thread).argmax()]
    start = calls.rows.start_ns[rows]
    if not (start[1:] >= start[:-1]).all():
        rows = rows[np.argsort(start, kind="stable")]
        start = calls.rows.start_ns[rows]
    if not len(start_ns):
        skipped = max(len(rows) - MOST_CALLS, 0) // 2
        return Sample(rows[skipped : skipped + MOST_CALLS], 0)
    first, last = np.searchsorted(start, start_ns), np.searchsorted(start, end_ns)
    low = high = len(start_ns) // 2
    held = 0
    while low > 0 or high < len(start_ns):  # one more step at either end in turn
        grow_up = high < len(start_ns) and (low == 0 or high - len(start_ns) // 2 <= len(start_ns) // 2 - low)
        step = high if grow_up else low - 1
        held += int(max(last[step] - first[step], 0))
        if held > MOST_CALLS and high > low:
            break
        low, high = (low, high + 1) if grow_up else (low - 1, high)
    return Sample(np.concatenate([rows[first[step] : last[step]] for step in range(low, high)]), high - low)


def call_patterns(calls: Calls, ops: Operations, chosen: Sample) -> tuple[CallPattern, ...]:
    """Return the most frequent patterns among the chosen calls, those that make up most calls first.

    A pattern is a launch with the allocations, memory sets, copies and waits before it and the releases after
    it. Every call belongs to exactly one; calls that no launch follows are a pattern too.
    """
    if not len(chosen.rows):
        return ()
    names = sorted({kind.name for kind in calls.kinds})
    code_of = np.array([names.index(kind.name) for kind in calls.kinds], np.int64)
    codes = code_of[calls.coded.codes[chosen.rows]]
    before, launch = (calls.is_class(*keys)[chosen.rows] for keys in (_BEFORE, _LAUNCHES))
    opens = np.ones(len(codes), bool)
    opens[1:] = (before[1:] | launch[1:]) & ~before[:-1]
    first = np.flatnonzero(opens)
    length = np.diff(first, append=len(codes))
    place = np.minimum(np.arange(len(codes)) - np.repeat(first, length), _LONGEST)
    # a random number for each function at each place: their sum tells patterns apart
    # (two different ones agree with a chance of 2**-64)
    weights = np.random.default_rng(0).integers(1, 2**63, (_LONGEST + 1, len(names)), np.int64)
    key = np.add.reduceat(weights[place, codes], first)
    _, example, which, times = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    held = np.bincount(which, weights=length).astype(np.int64)
    kinds = np.maximum.reduceat(_kernel_kinds(calls, ops)[chosen.rows], first)
    found = []
    for at in np.argsort(-held, kind="stable")[:MOST_PATTERNS].tolist():
        low = int(first[example[at]])
        until = low + min(int(length[example[at]]), _LONGEST)
        found.append(
            CallPattern(
                functions=tuple(names[code] for code in codes[low:until].tolist()),
                count=int(times[at]),
                per_step=int(times[at]) / chosen.steps if chosen.steps else -1.0,
                share=int(held[at]) / len(codes),
                categories=_by_category(kinds[which == at]),
            )
        )
    return tuple(found)


def _kernel_kinds(calls: Calls, ops: Operations) -> Codes:
    """Return by API row the kind of the kernel that it launched, -1 without one."""
    found = np.full(len(calls.rows), -1, np.int8)
    launch = ops.launch[: ops.kernels]
    known = np.flatnonzero(launch >= 0)
    found[launch[known]] = ops.code[: ops.kernels][known]
    return found


def _by_category(kinds: Codes) -> dict[str, int]:
    times = np.bincount(kinds[kinds >= 0], minlength=len(WORK))
    order = np.argsort(-times, kind="stable").tolist()
    return {WORK[code]: int(times[code]) for code in order if times[code]}


def kernels_around(calls: Calls, ops: Operations, chosen: Sample) -> Mapping[str, Mapping[str, int]]:
    """Count by class of memory call the category of the kernel launched next, for free of the one before."""
    kinds = _kernel_kinds(calls, ops)[chosen.rows]
    launches = np.flatnonzero(kinds >= 0)
    found: dict[str, dict[str, int]] = {}
    for key in ("malloc", "memset", "free"):
        at = np.flatnonzero(calls.is_class(key)[chosen.rows])
        place = np.searchsorted(launches, at) - (key == "free")
        near = launches[place[(place >= 0) & (place < len(launches))]]
        if len(near):
            found[key] = _by_category(kinds[near])
    return found
