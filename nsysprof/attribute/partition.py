"""The exclusive partition: every ns of a GPU's time goes to exactly one bucket of ``buckets.BUCKETS``."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.attribute.buckets import BUCKETS, WORK
from nsysprof.attribute.busy import Codes, flatten, start_order
from nsysprof.attribute.idle import Pieces, idle_by_cause
from nsysprof.attribute.tally import sums
from nsysprof.trace.model import I32, I64, ApiRows, OverheadRows


@dataclass(frozen=True, slots=True)
class DeviceOps:
    """Every operation of one device, in any order."""

    start_ns: I64
    end_ns: I64
    code: Codes
    """Index into ``buckets.WORK``."""
    launch: I32
    """API row that submitted it, -1 when unknown."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Time of one device by bucket, cut at the ends of all windows that will be asked for."""

    cuts: I64
    """Where the device's time is cut, ascending; shape (k + 1,)."""
    through: I64
    """Time by bucket up to each cut, shape (k + 1, buckets)."""

    def window(self, start_ns: I64, end_ns: I64) -> I64:
        """Return ns by window and bucket, shape (windows, buckets); the bounds must be among the cuts.

        Each row sums to end - start exactly as far as the window lies between the first and last operation.
        """
        first, last = np.searchsorted(self.cuts, start_ns), np.searchsorted(self.cuts, end_ns)
        return self.through[last] - self.through[first]


def partition_device(
    ops: DeviceOps, api: ApiRows, cause: npt.NDArray[np.int8], overheads: OverheadRows, bounds: I64
) -> Partition:
    """Partition a device's time from its first operation's start to its last one's end.

    cause: index into ``IDLE_CAUSES`` by API row. bounds: starts and ends of the windows that matter.
    """
    if not len(ops.start_ns):
        return _empty(np.unique(bounds))
    order = start_order(ops.start_ns, ops.launch, api)
    if order is not None:
        ops = DeviceOps(ops.start_ns[order], ops.end_ns[order], ops.code[order], ops.launch[order])
    spans, gaps = flatten(ops.start_ns, ops.end_ns, ops.code, ops.launch)
    extent = np.array([ops.start_ns[0], ops.end_ns.max()])
    cuts = np.unique(np.concatenate([bounds, extent]))
    size = len(cuts) - 1
    if not size:
        return _empty(cuts)
    start, end, parent = _cut(spans.start_ns, spans.end_ns, cuts)
    key = _stretch(cuts, start) * len(WORK)
    key += spans.code if parent is None else spans.code[parent]
    busy = sums(key, end - start, size * len(WORK))
    start, end, parent = _cut(gaps.start_ns, gaps.end_ns, cuts)
    launch = gaps.launch if parent is None else gaps.launch[parent]
    idle = idle_by_cause(Pieces(start, end, launch, _stretch(cuts, start)), api, cause, overheads, size)
    through = np.zeros((len(cuts), len(BUCKETS)), np.int64)
    np.cumsum(np.hstack([busy.reshape(size, len(WORK)), idle]), axis=0, out=through[1:])
    return Partition(cuts, through)


def _empty(cuts: I64) -> Partition:
    return Partition(cuts, np.zeros((len(cuts), len(BUCKETS)), np.int64))


def _stretch(cuts: I64, at_ns: I64) -> I64:
    """Return the stretch between two cuts in which each time lies; the last cut is in the last stretch."""
    return np.minimum(np.searchsorted(cuts, at_ns, side="right") - 1, len(cuts) - 2)


def _cut(start_ns: I64, end_ns: I64, cuts: I64) -> tuple[I64, I64, I64 | None]:
    """Cut spans so that none reaches over a cut; returns starts, ends and, if any was cut, each one's span.

    The order changes: what is cut off comes last.
    """
    after = np.searchsorted(cuts, start_ns, side="right")  # first cut beyond the start
    inner = np.searchsorted(cuts, end_ns, side="left") - after
    crossed = np.flatnonzero(inner > 0)
    if not len(crossed):
        return start_ns, end_ns, None
    pieces = inner[crossed]
    nth = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    span = np.repeat(crossed, pieces)
    at = after[span] + nth
    ends = end_ns.copy()
    ends[crossed] = cuts[after[crossed]]
    tail_end = np.minimum(cuts[at + 1], end_ns[span])
    parent = np.concatenate([np.arange(len(start_ns)), span])
    return np.concatenate([start_ns, cuts[at]]), np.concatenate([ends, tail_end]), parent
