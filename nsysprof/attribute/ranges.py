"""Which NVTX range was innermost on a thread at given moments.

A range counts on the thread that opened it, from its start to its end, wherever that end was called. Ranges
may nest, overlap and stay open; of those open at a moment the innermost is the one that began last.
"""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.tally import distinct
from nsysprof.trace.model import I32, I64

_STEPS = 32
"""Steps outwards, from interval to interval, before a search that takes any depth."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """Intervals of one thread, sorted by start, the longer first where two start together."""

    start_ns: I64
    end_ns: I64
    """Exclusive end."""
    row: I32
    """What the caller knows the interval by."""
    fallback: I32
    """Position of the last earlier interval that ends later, -1 without one.

    Where interval i has ended, everything between its fallback and i has ended too."""

    def innermost(self, times: I64) -> I32:
        """Return ``row`` of the interval open at each time that began last, -1 outside all of them."""
        at = (np.searchsorted(self.start_ns, times, side="right") - 1).astype(np.int32)
        closed = np.flatnonzero(at >= 0)
        for _ in range(_STEPS):
            closed = closed[self.end_ns[at[closed]] <= times[closed]]
            at[closed] = self.fallback[at[closed]]
            closed = closed[at[closed] >= 0]
            if not len(closed):
                break
        else:
            at[closed] = _last_above(self.end_ns, at[closed], times[closed])
        found = at >= 0
        at[found] = self.row[at[found]]
        return at

    def turns(self) -> tuple[I64, I32]:
        """Return when the innermost interval changes, and which it is before, between and after."""
        times = distinct(np.concatenate([self.start_ns, self.end_ns]))
        return times, np.concatenate([np.full(1, -1, np.int32), self.innermost(times)])


def intervals(start_ns: I64, end_ns: I64, row: I32) -> Intervals:
    """Sort intervals for look-ups; those without a length are never found."""
    order = np.lexsort((row, -end_ns, start_ns))
    start_ns, end_ns = start_ns[order], end_ns[order]
    return Intervals(start_ns, end_ns, row[order].astype(np.int32), _fallback(end_ns))


def closed_ends(end_ns: I64, last_ns: int) -> I64:
    """Return the ends with those of ranges that never closed set to the trace's end."""
    return np.where(end_ns < 0, last_ns, end_ns)


def _fallback(end_ns: I64) -> I32:
    """Find the nearest earlier larger end by pointer jumping: all positions at once."""
    position = np.arange(len(end_ns), dtype=np.int32) - 1
    active = np.flatnonzero(position >= 0)
    for _ in range(_STEPS):
        active = active[end_ns[position[active]] <= end_ns[active]]
        position[active] = position[position[active]]
        active = active[position[active] >= 0]
        if not len(active):
            return position
    position[active] = _last_above(end_ns, position[active], end_ns[active])
    return position


def _last_above(values: I64, at: I32, least: I64) -> I32:
    """Return for each of ``at`` the last position up to there whose value exceeds ``least``, -1 without one.

    Looks it up in a tree of maxima: a thousand times deeper nesting takes twice the time.
    """
    levels = [values]
    while len(levels[-1]) > 1:
        below = levels[-1]
        halves = np.append(below, below[-1:]) if len(below) % 2 else below
        levels.append(np.maximum(halves[::2], halves[1::2]))
    until, depth = at.astype(np.int64) + 1, np.full(len(at), -1)
    for level, row in enumerate(levels):  # up: find the last node before ``until`` that holds some
        odd = np.flatnonzero((depth < 0) & (until % 2 == 1))
        hit = odd[row[until[odd] - 1] > least[odd]]
        depth[hit] = level
        until[hit] -= 1  # from here on the node
        until[depth < 0] //= 2
    node = np.where(depth < 0, -1, until)
    for level in range(len(levels) - 1, 0, -1):  # down: the right half where that holds some
        inside = np.flatnonzero(depth >= level)
        right = np.minimum(2 * node[inside] + 1, len(levels[level - 1]) - 1)
        node[inside] = np.where(levels[level - 1][right] > least[inside], right, 2 * node[inside])
    return node.astype(np.int32)
