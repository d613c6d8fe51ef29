"""CUDA API calls that follow each other again and again, and the kernels that memory calls surround."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.buckets import WORK
from nsysprof.attribute.operations import Codes, Operations
from nsysprof.attribute.tally import scrambled
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
    kinds: Codes
    """Kind of the kernel that each call launched, index into ``buckets.WORK``, -1 without one."""


def sample(calls: Calls, ops: Operations, start_ns: I64, end_ns: I64) -> Sample:
    """Choose calls of the thread that launches most, from steps in the middle of the run.

    start_ns, end_ns: CPU windows of the steps; without steps the middle of the whole run is taken.
    """
    if not len(calls.rows):
        return Sample(np.zeros(0, np.int64), 0, np.zeros(0, np.int8))
    start = calls.rows.start_ns
    order = None if (start[1:] >= start[:-1]).all() else np.argsort(start, kind="stable")
    if order is not None:
        start = start[order]
    first, last = np.searchsorted(start, start_ns), np.searchsorted(start, end_ns)
    if not len(start_ns):
        first, last = np.array([max(len(start) - MOST_CALLS, 0) // 2]), np.array([len(start)])
    low, high = _middle(last - first)
    spans = [np.arange(first[step], min(last[step], first[step] + MOST_CALLS)) for step in range(low, high)]
    rows = np.concatenate(spans)
    if order is not None:
        rows = order[rows]
    rows = rows[calls.is_class(*_LOOKED_AT, rows=rows)]
    thread = calls.rows.thread[rows]
    if len(rows) and (thread != thread[0]).any():
        launching = thread[calls.is_class(*_LAUNCHES, rows=rows)]
        voters = launching if len(launching) else thread
        times = np.bincount(voters + 1)  # the thread may be unknown, -1
        rows = rows[thread == voters[times[voters + 1].argmax()]]  # of equals the first to launch
    return Sample(rows, high - low if len(start_ns) else 0, _kernel_kinds(ops, rows))


def _middle(sizes: I64) -> tuple[int, int]:
    """Return a range of neighbours round the middle, as many as hold ``MOST_CALLS``, at least one."""
    low = len(sizes) // 2
    high, held = low + 1, int(sizes[low])
    while low > 0 or high < len(sizes):  # one more at either end in turn
        upwards = high < len(sizes) and (low == 0 or high + low <= len(sizes))
        held += int(sizes[high if upwards else low - 1])
        if held > MOST_CALLS:
            break
        low, high = (low, high + 1) if upwards else (low - 1, high)
    return low, high


def call_patterns(calls: Calls, chosen: Sample) -> tuple[CallPattern, ...]:
    """Return the most frequent patterns among the chosen calls, those that make up most calls first.

    A pattern is a launch with the allocations, memory sets, copies and waits before it and the releases after
    it. Every call belongs to exactly one; calls that no launch follows are a pattern too.
    """
    if not len(chosen.rows):
        return ()
    names = sorted({kind.name for kind in calls.kinds})
    code_of = np.array([names.index(kind.name) for kind in calls.kinds], np.int64)
    codes = code_of[calls.coded.codes[chosen.rows]]
    before, launch = (calls.is_class(*keys, rows=chosen.rows) for keys in (_BEFORE, _LAUNCHES))
    opens = np.ones(len(codes), bool)
    opens[1:] = (before[1:] | launch[1:]) & ~before[:-1]
    first = np.flatnonzero(opens)
    length = np.diff(first, append=len(codes))
    place = np.minimum(np.arange(len(codes)) - np.repeat(first, length), _LONGEST)
    key = np.add.reduceat(scrambled(_LONGEST + 1, len(names))[place, codes], first)
    _, example, which, times = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    held = np.bincount(which, weights=length).astype(np.int64)
    kinds = np.maximum.reduceat(chosen.kinds, first)
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


def _kernel_kinds(ops: Operations, rows: I64) -> Codes:
    """Return by API row the kind of the kernel that it launched, the last in ``WORK`` of a graph's; or -1."""
    if not len(rows):
        return np.zeros(0, np.int8)
    low, high = int(rows.min()), int(rows.max())
    found = np.full(high - low + 1, -1, np.int8)
    launch = ops.launch[: ops.kernels]
    near = np.flatnonzero((launch >= low) & (launch <= high))
    np.maximum.at(found, launch[near] - low, ops.code[near])
    return found[rows - low]


def _by_category(kinds: Codes) -> dict[str, int]:
    times = np.bincount(kinds[kinds >= 0], minlength=len(WORK))
    order = np.argsort(-times, kind="stable").tolist()
    return {WORK[code]: int(times[code]) for code in order if times[code]}


def kernels_around(calls: Calls, chosen: Sample) -> Mapping[str, Mapping[str, int]]:
    """Count by class of memory call the category of the kernel launched next, for free of the one before."""
    launches = np.flatnonzero(chosen.kinds >= 0)
    found: dict[str, dict[str, int]] = {}
    for key in ("malloc", "memset", "free"):
        at = np.flatnonzero(calls.is_class(key, rows=chosen.rows))
        place = np.searchsorted(launches, at) - (key == "free")
        near = launches[place[(place >= 0) & (place < len(launches))]]
        if len(near):
            found[key] = _by_category(chosen.kinds[near])
    return found
