"""NVTX ranges projected on the GPU: the work that was submitted while each was open."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.operations import Operations
from nsysprof.attribute.ranges import closed_ends
from nsysprof.trace.model import I32, I64, ApiRows, RangeRows


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


def project(ranges: RangeRows, ops: Operations, api: ApiRows, end_ns: int) -> Projection:
    """Project every range on the operations that its thread submitted while it was open.

    end_ns: end of the trace, where ranges that never closed are taken to end.
    """
    size = len(ranges)
    found = Projection(
        np.zeros(size, np.int64),
        np.full(size, np.iinfo(np.int64).max),
        np.zeros(size, np.int64),
        np.zeros(size, np.int64),
    )
    if not size or not len(api):
        return found
    order = _order(api.start_ns)
    starts = api.start_ns if order is None else api.start_ns[order]
    place = None if order is None else np.argsort(order)  # of each API row among all by start
    opened = np.searchsorted(starts, ranges.start_ns)
    closed = np.searchsorted(starts, closed_ends(ranges.end_ns, end_ns))
    for thread in np.flatnonzero(np.bincount(ranges.thread + 1)) - 1:
        which = np.flatnonzero(ranges.thread == thread)
        for part in (slice(ops.kernels), slice(ops.kernels, None)):  # each mostly in the order of launches
            launch, start, end = _of_thread(ops, part, api, int(thread), place)
            first, last = np.searchsorted(launch, opened[which]), np.searchsorted(launch, closed[which])
            _widen(found, which, (first, last), start, end)
    return found


def _order(start_ns: I64) -> I64 | None:
    return None if (start_ns[1:] >= start_ns[:-1]).all() else np.argsort(start_ns, kind="stable")


def _of_thread(
    ops: Operations, part: slice, api: ApiRows, thread: int, place: I64 | None
) -> tuple[I32 | I64, I64, I64]:
    """Return place of the launch, start and end of a thread's operations, by launch."""
    launch: I32 | I64 = ops.launch[part]
    start, end = ops.start_ns[part], ops.end_ns[part]
    mine = (api.thread[launch] == thread) & (launch >= 0)
    if not mine.all():
        launch, start, end = launch[mine], start[mine], end[mine]
    if place is not None:
        launch = place[launch]
    if not (launch[1:] >= launch[:-1]).all():
        order = np.argsort(launch, kind="stable")
        launch, start, end = launch[order], start[order], end[order]
    return launch, start, end


def _widen(found: Projection, which: I64, bounds: tuple[I64, I64], start: I64, end: I64) -> None:
    """Add operations first..last - 1 to each range of ``which``; ranges may hold the same operations."""
    first, last = bounds
    some = last > first
    which, first, last = which[some], first[some], last[some]
    if not len(which):
        return
    pairs = np.stack([first, last], axis=1).ravel()  # every second interval is a range
    earliest = np.minimum.reduceat(np.append(start, np.iinfo(np.int64).max), pairs)[::2]
    latest = np.maximum.reduceat(np.append(end, 0), pairs)[::2]
    through = np.concatenate([[0], np.cumsum(end - start)])
    found.operations[which] += last - first
    found.first_ns[which] = np.minimum(found.first_ns[which], earliest)
    found.last_ns[which] = np.maximum(found.last_ns[which], latest)
    found.work_ns[which] += through[last] - through[first]
