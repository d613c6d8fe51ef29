"""NVTX ranges projected on the GPU: the work that was submitted while each was open."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.ranges import closed_ends
from nsysprof.attribute.submissions import Submissions
from nsysprof.attribute.tally import distinct
from nsysprof.trace.model import I64, RangeRows

_NEVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Projection:
    """One value per range; without operations the times mean nothing."""

    operations: I64
    first_ns: I64
    """Start of the first operation."""
    last_ns: I64
    """End of the last one."""
    work_ns: I64
    """Sum of their durations."""


def project(ranges: RangeRows, submissions: Submissions, end_ns: int) -> Projection:
    """Project every range on the operations that its thread submitted while it was open.

    end_ns: end of the trace, where ranges that never closed are taken to end.
    """
    size = len(ranges)
    none = np.zeros((3, size), np.int64)
    found = Projection(none[0], np.full(size, _NEVER), none[1], none[2])
    opened = submissions.by_time(ranges.start_ns).astype(np.int32)
    closed = submissions.by_time(closed_ends(ranges.end_ns, end_ns)).astype(np.int32)
    ops = submissions.ops
    for thread in submissions.threads():
        which = np.flatnonzero(ranges.thread == thread)
        for group in submissions.of_thread(thread):
            first, last = (np.searchsorted(group.place, bound[which]) for bound in (opened, closed))
            start, end = ops.start_ns[group.rows], ops.end_ns[group.rows]
            _widen(found, which, (first, last), start, end)
    return found


def _widen(found: Projection, which: I64, bounds: tuple[I64, I64], start: I64, end: I64) -> None:
    """Add operations first..last - 1 to each range of ``which``; ranges may hold the same operations."""
    first, last = bounds
    some = np.flatnonzero(last > first)
    which, first, last = which[some], first[some], last[some]
    if not len(which):
        return
    # sums, minima and maxima between all bounds first, so that ranges inside ranges cost little
    turns = distinct(np.concatenate([first, last]))
    sums = np.add.reduceat(end[: turns[-1]] - start[: turns[-1]], turns[:-1])
    earliest = np.minimum.reduceat(start[: turns[-1]], turns[:-1])
    latest = np.maximum.reduceat(end[: turns[-1]], turns[:-1])
    low, high = np.searchsorted(turns, first), np.searchsorted(turns, last)
    through = np.concatenate([[0], np.cumsum(sums)])
    found.operations[which] += last - first
    found.work_ns[which] += through[high] - through[low]
    found.first_ns[which] = np.minimum(found.first_ns[which], _between(np.minimum, earliest, low, high))
    found.last_ns[which] = np.maximum(found.last_ns[which], _between(np.maximum, latest, low, high))


def _between(extreme: np.ufunc, values: I64, low: I64, high: I64) -> I64:
    """Return the minimum or maximum of ``values[low:high]`` for each pair, none of them empty.

    Two stretches of 2, 4, 8, ... values cover any span, so the depth of nesting does not matter.
    """
    found = np.empty(len(low), np.int64)
    power = np.frexp(high - low)[1] - 1
    for level in range(int(power.max()) + 1):
        mine = np.flatnonzero(power == level)
        found[mine] = extreme(values[low[mine]], values[high[mine] - (1 << level)])
        values = extreme(values[: -(1 << level)], values[1 << level :])
    return found
