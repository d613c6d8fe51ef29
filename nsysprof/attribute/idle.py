"""Why a GPU was idle: what the thread that submitted the next operation was doing meanwhile."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.attribute.buckets import CAUSE_CODE
from nsysprof.attribute.calls import (
    Spans,
    Waits,
    calls_of_thread,
    overhead_of_thread,
    overlap,
    time_by_cause,
)
from nsysprof.attribute.tally import sums
from nsysprof.trace.model import I32, I64, ApiRows, OverheadRows


@dataclass(frozen=True, slots=True)
class Pieces:
    """Parts of gaps, each inside one window."""

    start_ns: I64
    end_ns: I64
    launch: I32
    """API row that submitted the operation that ended the gap, -1 when unknown."""
    window: I64


class Cpu:
    """What the CPU did, thread by thread."""

    def __init__(self, api: ApiRows, cause: npt.NDArray[np.int8], overheads: OverheadRows) -> None:
        """Take the API calls, the cause of each (index into ``IDLE_CAUSES``), and nsys's own time."""
        self.api = api
        self._cause = cause
        self._overheads = overheads
        self._threads: dict[int, tuple[Spans, Spans]] = {}
        one = len(api) > 0 and bool((api.thread == api.thread[0]).all())
        self._only = int(api.thread[0]) if one else None

    def add_idle(self, total: I64, pieces: Pieces) -> None:
        """Add idle time to ``total``, which has the shape (windows, causes)."""
        windows = len(total)
        if len(pieces.launch) and pieces.launch.min() < 0:
            lost = np.flatnonzero(pieces.launch < 0)
            lengths = pieces.end_ns[lost] - pieces.start_ns[lost]
            total[:, CAUSE_CODE["unknown"]] += sums(pieces.window[lost], lengths, windows)
            kept = np.flatnonzero(pieces.launch >= 0)
            pieces = Pieces(
                pieces.start_ns[kept], pieces.end_ns[kept], pieces.launch[kept], pieces.window[kept]
            )
        submitted = self.api.end_ns[pieces.launch]
        np.minimum(submitted, pieces.end_ns, out=submitted)
        np.maximum(submitted, pieces.start_ns, out=submitted)
        total[:, CAUSE_CODE["queued"]] += sums(pieces.window, pieces.end_ns - submitted, windows)
        waits = _select(
            Waits(pieces.start_ns, submitted, pieces.window, pieces.launch), submitted > pieces.start_ns
        )
        if self._only is not None:
            total += self._of_thread(self._only, waits, windows)
            return
        thread = self.api.thread[waits.launch]
        for which in (np.flatnonzero(np.bincount(thread + 1)) - 1).tolist():
            total += self._of_thread(which, _select(waits, thread == which), windows)

    def _of_thread(self, thread: int, waits: Waits, windows: int) -> I64:
        if thread not in self._threads:
            calls = calls_of_thread(self.api, thread, self._cause)
            self._threads[thread] = calls, overhead_of_thread(self._overheads, thread)
        calls, overhead = self._threads[thread]
        table = time_by_cause(calls, waits, windows)
        blamed = overlap(overhead, waits)
        if len(blamed.start_ns):
            table -= time_by_cause(calls, blamed, windows)
            lengths = blamed.end_ns - blamed.start_ns
            table[:, CAUSE_CODE["profiler"]] += sums(blamed.window, lengths, windows)
        return table


def _select(waits: Waits, which: npt.NDArray[np.bool_]) -> Waits:
    return waits if which.all() else waits.part(np.flatnonzero(which))
