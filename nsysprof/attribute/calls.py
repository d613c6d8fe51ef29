"""What one thread of the CPU was doing: its calls of the CUDA API as disjoint spans of time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.attribute.buckets import CAUSE_CODE, IDLE_CAUSES
from nsysprof.attribute.tally import sums
from nsysprof.trace.model import I32, I64, ApiRows, OverheadRows

CAUSES = len(IDLE_CAUSES)
_STEPS_BACK = 5  # calls looked at one by one before a search is cheaper


@dataclass(frozen=True, slots=True)
class Spans:
    """Disjoint spans of one thread in order of time."""

    start_ns: I64
    end_ns: I64
    cause: npt.NDArray[np.int8]
    """Index into ``IDLE_CAUSES``."""
    is_api: bool = False
    """Span i is row i of the API table."""


def calls_of_thread(api: ApiRows, thread: int, cause: npt.NDArray[np.int8]) -> Spans:
    """Return the outermost calls of a thread; a driver call inside a runtime call is part of that.

    cause: index into ``IDLE_CAUSES`` by API row.
    """
    start, end = api.start_ns, api.end_ns
    mine = api.thread == thread
    whole = bool(mine.all())
    if not whole:
        rows = np.flatnonzero(mine)
        start, end, cause = start[rows], end[rows], cause[rows]
    if not (start[1:] >= start[:-1]).all():
        order = np.lexsort((-end, start))
        start, end, cause, whole = start[order], end[order], cause[order], False
    if (start[1:] < end[:-1]).any():
        start, outer = _clipped(start, end)
        start, end, cause, whole = start[outer], end[outer], cause[outer], False
    return Spans(start, end, cause, whole)


def overhead_of_thread(overheads: OverheadRows, thread: int) -> Spans:
    """Return the profiler's own spans on a thread, united; those of an unknown thread count for all."""
    mine = np.flatnonzero((overheads.thread == thread) | (overheads.thread < 0))
    mine = mine[np.argsort(overheads.start_ns[mine], kind="stable")]
    start, end = overheads.start_ns[mine], overheads.end_ns[mine]
    start, real = _clipped(start, end)
    return Spans(start[real], end[real], np.full(len(real), CAUSE_CODE["profiler"], np.int8))


def _clipped(start: I64, end: I64) -> tuple[I64, I64]:
    """Return starts moved behind what began earlier, and which spans then still have a length."""
    reach = np.maximum.accumulate(end)
    start = np.concatenate([start[:1], np.maximum(start[1:], reach[:-1])])
    return start, np.flatnonzero(end > start)


@dataclass(frozen=True, slots=True)
class Waits:
    """Spans of time in which a GPU waited for one thread."""

    start_ns: I64
    end_ns: I64
    """Not after the end of the launch call."""
    window: I64
    """Which sum the span belongs to."""
    launch: I32
    """API row that the GPU waited for."""

    def part(self, which: I64) -> "Waits":
        """Return some of the waits."""
        return Waits(self.start_ns[which], self.end_ns[which], self.window[which], self.launch[which])


def time_by_cause(calls: Spans, waits: Waits, windows: int) -> I64:
    """Return the time of the waits by window and cause, shape (windows, causes); outside calls it is host."""
    first, until = _met(calls, waits)
    met = until - first
    total = np.zeros(windows * CAUSES, np.int64)
    if len(met) and met.min() < 1:
        some = np.flatnonzero(met > 0)
        _add_edge(total, calls, first[some], waits.part(some))
    else:
        _add_edge(total, calls, first, waits)  # the first call of each wait, which may have begun before it
    several = np.flatnonzero(met > 1)
    _add_edge(total, calls, until[several] - 1, waits.part(several))  # the last one, which may end after it
    many = np.flatnonzero(met > 2)
    between = met[many] - 2  # calls that lie wholly inside
    offset = first[many] + 1 - (np.cumsum(between) - between)
    at = np.arange(int(between.sum())) + np.repeat(offset, between)
    key = np.repeat(waits.window[many] * CAUSES, between) + calls.cause[at]
    total += sums(key, calls.end_ns[at] - calls.start_ns[at], len(total))
    table = total.reshape(windows, CAUSES)
    whole = sums(waits.window, waits.end_ns - waits.start_ns, windows)
    table[:, CAUSE_CODE["host"]] = whole - table.sum(axis=1)
    return table


def _add_edge(total: I64, calls: Spans, at: I64, waits: Waits) -> None:
    """Add the part of one call that lies in each wait."""
    inside = np.minimum(calls.end_ns[at], waits.end_ns)
    inside -= np.maximum(calls.start_ns[at], waits.start_ns)
    total += sums(waits.window * CAUSES + calls.cause[at], inside, len(total))


def overlap(spans: Spans, waits: Waits) -> Waits:
    """Return the parts of the waits, which are in order and disjoint, that lie inside a span."""
    if not len(waits.start_ns):
        return waits
    low = np.searchsorted(spans.end_ns, waits.start_ns[0], side="right")
    high = np.searchsorted(spans.start_ns, waits.end_ns[-1])
    start, end = spans.start_ns[low:high], spans.end_ns[low:high]
    first = np.searchsorted(waits.end_ns, start, side="right")
    met = np.maximum(np.searchsorted(waits.start_ns, end) - first, 0)
    span = np.repeat(np.arange(len(met)), met)
    wait = np.arange(len(span)) + np.repeat(first - (np.cumsum(met) - met), met)
    return Waits(
        np.maximum(start[span], waits.start_ns[wait]),
        np.minimum(end[span], waits.end_ns[wait]),
        waits.window[wait],
        waits.launch[wait],
    )


def _met(calls: Spans, waits: Waits) -> tuple[I64, I64]:
    """Return the range of calls [first, until) that each wait meets."""
    if not calls.is_api or not len(waits.launch):
        until = np.searchsorted(calls.start_ns, waits.end_ns, side="left")
        return np.searchsorted(calls.end_ns, waits.start_ns, side="right"), until
    until = waits.launch.astype(np.int64) + 1  # the launch call is the last one that a wait can meet
    early = np.flatnonzero(calls.start_ns[waits.launch] >= waits.end_ns)
    until[early] = np.searchsorted(calls.start_ns, waits.end_ns[early], side="left")
    if until.min() <= _STEPS_BACK:
        return np.minimum(np.searchsorted(calls.end_ns, waits.start_ns, side="right"), until), until
    met = np.ones(len(until), bool)
    first = until.copy()
    for _ in range(_STEPS_BACK):
        met &= calls.end_ns[first - 1] > waits.start_ns
        first -= met
    further = np.flatnonzero(met)
    first[further] = np.searchsorted(calls.end_ns, waits.start_ns[further], side="right")
    return first, until
