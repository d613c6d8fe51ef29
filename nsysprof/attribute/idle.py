"""Why a GPU was idle: what the thread that submitted the next operation was doing meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.attribute.buckets import CAUSE_CODE, IDLE_CAUSES
from nsysprof.attribute.tally import sums
from nsysprof.trace.model import I32, I64, ApiRows, OverheadRows

_CAUSES = len(IDLE_CAUSES)
_PAIRS_AT_ONCE = 1 << 17  # (gap, call) pairs whose scratch arrays stay in the processor's cache


@dataclass(frozen=True, slots=True)
class Pieces:
    """Parts of gaps, each inside one window; in any order."""

    start_ns: I64
    end_ns: I64
    launch: I32
    """API row that submitted the operation that ended the gap, -1 when unknown."""
    window: I64


@dataclass(frozen=True, slots=True)
class _Calls:
    """Disjoint spans of one thread in order of time."""

    start_ns: I64
    end_ns: I64
    cause: npt.NDArray[np.int8]


def idle_by_cause(
    pieces: Pieces, api: ApiRows, cause: npt.NDArray[np.int8], overheads: OverheadRows, windows: int
) -> I64:
    """Return idle ns by window and cause, shape (windows, causes); each piece is counted whole.

    cause: index into ``IDLE_CAUSES`` of every API row's function.
    """
    total = np.zeros((windows, _CAUSES), np.int64)
    known = pieces.launch >= 0
    _add(total, pieces, np.flatnonzero(~known), "unknown")
    at = np.flatnonzero(known)
    launch = pieces.launch[at]
    start, end, window = pieces.start_ns[at], pieces.end_ns[at], pieces.window[at]
    submitted = np.clip(api.end_ns[launch], start, end)
    total[:, CAUSE_CODE["queued"]] = sums(window, end - submitted, windows)
    waiting = np.flatnonzero(submitted > start)
    thread = api.thread[launch]
    for which in np.unique(thread):
        mine = waiting[thread[waiting] == which]
        rows = api.thread == which
        calls = _calls(api, None if rows.all() else np.flatnonzero(rows), cause)
        spans = (start[mine], submitted[mine], window[mine])
        total += _cpu_time(calls, *spans, windows)
        blamed = _overlaps(_overhead_spans(overheads, int(which)), *spans)
        total -= _cpu_time(calls, *blamed, windows)
        total[:, CAUSE_CODE["profiler"]] += sums(blamed[2], blamed[1] - blamed[0], windows)
    return total


def _add(total: I64, pieces: Pieces, at: I64, cause: str) -> None:
    lengths = pieces.end_ns[at] - pieces.start_ns[at]
    total[:, CAUSE_CODE[cause]] += sums(pieces.window[at], lengths, len(total))


def _calls(api: ApiRows, rows: I64 | None, cause: npt.NDArray[np.int8]) -> _Calls:
    """Return the outermost calls of a thread; a driver call inside a runtime call is part of that."""
    start, end = api.start_ns, api.end_ns
    if rows is not None:
        start, end, cause = start[rows], end[rows], cause[rows]
    if not (start[1:] >= start[:-1]).all():
        order = np.lexsort((-end, start))
        start, end, cause = start[order], end[order], cause[order]
    if (start[1:] < end[:-1]).any():
        reach = np.maximum.accumulate(end)
        start = np.concatenate([start[:1], np.maximum(start[1:], reach[:-1])])
        outer = np.flatnonzero(end > start)
        start, end, cause = start[outer], end[outer], cause[outer]
    return _Calls(start, end, cause)


def _overhead_spans(overheads: OverheadRows, thread: int) -> _Calls:
    """Return the profiler's own spans on a thread, united; those of an unknown thread count for all."""
    mine = np.flatnonzero((overheads.thread == thread) | (overheads.thread < 0))
    mine = mine[np.argsort(overheads.start_ns[mine], kind="stable")]
    start, end = overheads.start_ns[mine], overheads.end_ns[mine]
    reach = np.maximum.accumulate(end) if len(end) else end
    start = np.concatenate([start[:1], np.maximum(start[1:], reach[:-1])])
    real = np.flatnonzero(end > start)
    return _Calls(start[real], end[real], np.zeros(len(real), np.int8))


def _cpu_time(calls: _Calls, start: I64, end: I64, window: I64, windows: int) -> I64:
    """Return the time of the given spans by window and cause; what no call covers is ``host``."""
    total = np.zeros(windows * _CAUSES, np.int64)
    for span, call in _pairs(calls, start, end):
        inside = np.minimum(calls.end_ns[call], end[span])
        inside -= np.maximum(calls.start_ns[call], start[span])
        total += sums(window[span] * _CAUSES + calls.cause[call], inside, windows * _CAUSES)
    table = total.reshape(windows, _CAUSES)
    table[:, CAUSE_CODE["host"]] += sums(window, end - start, windows) - table.sum(axis=1)
    return table


def _overlaps(calls: _Calls, start: I64, end: I64, window: I64) -> tuple[I64, I64, I64]:
    """Return the parts of the spans that lie inside a call: start, end, window."""
    starts, ends, windows = [start[:0]], [end[:0]], [window[:0]]
    for span, call in _pairs(calls, start, end):
        starts.append(np.maximum(calls.start_ns[call], start[span]))
        ends.append(np.minimum(calls.end_ns[call], end[span]))
        windows.append(window[span])
    return np.concatenate(starts), np.concatenate(ends), np.concatenate(windows)


def _pairs(calls: _Calls, start: I64, end: I64) -> Iterator[tuple[I64, I64]]:
    """Yield (span, call) indices of all that overlap, in blocks of a bounded size.

    One block is larger only when a single span meets more calls than that.
    """
    first = np.searchsorted(calls.end_ns, start, side="right")
    count = np.searchsorted(calls.start_ns, end, side="left") - first
    np.maximum(count, 0, out=count)
    met = np.flatnonzero(count)
    through = np.cumsum(count[met])
    low, done = 0, 0
    while low < len(met):
        high = max(low + 1, int(np.searchsorted(through, done + _PAIRS_AT_ONCE, side="right")))
        span = np.repeat(met[low:high], count[met[low:high]])
        before = through[low:high] - count[met[low:high]] - done
        offset = first[met[low:high]] - before
        yield span, np.arange(len(span)) + np.repeat(offset, count[met[low:high]])
        low, done = high, int(through[high - 1])
