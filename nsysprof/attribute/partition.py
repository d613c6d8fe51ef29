"""The exclusive partition: every ns of a GPU's time goes to exactly one bucket of ``buckets.BUCKETS``."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.buckets import BUCKETS, WORK
from nsysprof.attribute.busy import flatten
from nsysprof.attribute.idle import Cpu, Pieces
from nsysprof.attribute.operations import Codes, DeviceOps
from nsysprof.attribute.tally import blocks, sums
from nsysprof.trace.model import I64


@dataclass(frozen=True, slots=True)
class Partition:
    """Time of one device by bucket, cut at the ends of all windows that will be asked for."""

    cuts: I64
    """Where the device's time is cut, ascending; shape (k + 1,)."""
    through: I64
    """Time by bucket up to each cut, shape (k + 1, buckets)."""
    work: I64
    """Durations of operations up to each cut, overlapping ones counted each; shape (k + 1,)."""

    def window(self, start_ns: I64, end_ns: I64) -> I64:
        """Return ns by window and bucket, shape (windows, buckets); the bounds must be among the cuts.

        Each row sums to end - start exactly as far as the window lies between the first and last operation.
        """
        first, last = self._at(start_ns), self._at(end_ns)
        table: I64 = self.through[last] - self.through[first]
        return table

    def overlap(self, start_ns: I64, end_ns: I64) -> I64:
        """Return by window how much work ran beside other work: durations beyond the busy time."""
        first, last = self._at(start_ns), self._at(end_ns)
        busy = (self.through[last] - self.through[first])[:, : len(WORK)].sum(axis=1)
        hidden: I64 = self.work[last] - self.work[first] - busy
        return hidden

    def _at(self, bounds: I64) -> I64:
        return np.searchsorted(self.cuts, bounds)


def partition_device(ops: DeviceOps, cpu: Cpu, bounds: I64) -> Partition:
    """Partition a device's time from its first operation's start to its last one's end.

    bounds: starts and ends of the windows that will be asked for.
    """
    if not len(ops.start_ns):
        return _empty(np.unique(bounds))
    spans, gaps = flatten(ops.start_ns, ops.end_ns, ops.code, ops.launch)
    extent = np.array([ops.start_ns[0], ops.end_ns.max()])
    cuts = np.unique(np.concatenate([bounds, extent]))
    size = len(cuts) - 1
    if not size:
        return _empty(cuts)
    busy = _work(cuts, spans.start_ns, spans.end_ns, spans.code).reshape(size, len(WORK))
    one_by_one = spans.start_ns is ops.start_ns
    work = busy if one_by_one else _work(cuts, ops.start_ns, ops.end_ns, ops.code).reshape(size, len(WORK))
    start, end, parent = _cut(gaps.start_ns, gaps.end_ns, cuts)
    launch = gaps.launch if parent is None else gaps.launch[parent]
    idle = cpu.idle_by_cause(Pieces(start, end, launch, _stretch(cuts, start)), size)
    through = np.zeros((len(cuts), len(BUCKETS)), np.int64)
    np.cumsum(np.hstack([busy, idle]), axis=0, out=through[1:])
    return Partition(cuts, through, np.concatenate([[0], np.cumsum(work.sum(axis=1))]))


def _empty(cuts: I64) -> Partition:
    return Partition(cuts, np.zeros((len(cuts), len(BUCKETS)), np.int64), np.zeros(len(cuts), np.int64))


def _work(cuts: I64, start_ns: I64, end_ns: I64, code: Codes) -> I64:
    """Return time by stretch between two cuts and kind of work, flat."""
    start, end, parent = _cut(start_ns, end_ns, cuts)
    size = (len(cuts) - 1) * len(WORK)
    total = np.zeros(size, np.int64)
    for part in blocks(len(start), size):
        key = _stretch(cuts, start[part]) * len(WORK)
        key += code[part] if parent is None else code[parent[part]]
        total += sums(key, end[part] - start[part], size)
    return total


def _stretch(cuts: I64, at_ns: I64) -> I64:
    """Return the stretch between two cuts in which each time lies; the last cut is in the last stretch."""
    return np.minimum(np.searchsorted(cuts, at_ns, side="right") - 1, len(cuts) - 2)


def _cut(start_ns: I64, end_ns: I64, cuts: I64) -> tuple[I64, I64, I64 | None]:
    """Cut spans so that none reaches over a cut; returns starts, ends and, if any was cut, each one's span.

    The order changes: what is cut off comes last.
    """
    crossed = _crossed(start_ns, end_ns, cuts)
    if not len(crossed):
        return start_ns, end_ns, None
    after = np.searchsorted(cuts, start_ns[crossed], side="right")  # first cut beyond the start
    pieces = np.searchsorted(cuts, end_ns[crossed], side="left") - after
    nth = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    at = np.repeat(after, pieces) + nth
    ends = end_ns.copy()
    ends[crossed] = cuts[after]
    span = np.repeat(crossed, pieces)
    tail_end = np.minimum(cuts[at + 1], end_ns[span])
    parent = np.concatenate([np.arange(len(start_ns)), span])
    return np.concatenate([start_ns, cuts[at]]), np.concatenate([ends, tail_end]), parent


def _crossed(start_ns: I64, end_ns: I64, cuts: I64) -> I64:
    """Return the spans that reach over a cut."""
    found = [np.empty(0, np.int64)]
    for part in blocks(len(start_ns)):
        inner = np.searchsorted(cuts, end_ns[part]) - np.searchsorted(cuts, start_ns[part], side="right")
        found.append(np.flatnonzero(inner > 0) + part.start)
    return np.concatenate(found)
