"""The exclusive partition: every ns of a GPU's time goes to exactly one bucket of ``buckets.BUCKETS``."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.buckets import BUCKETS, IDLE, WORK
from nsysprof.attribute.busy import by_priority, clusters
from nsysprof.attribute.idle import Cpu, Pieces
from nsysprof.attribute.operations import Codes, DeviceOps
from nsysprof.attribute.tally import blocks, cuts_until, distinct, sums
from nsysprof.threads import Beside
from nsysprof.trace.model import I32, I64

_OPS_AT_ONCE = 1 << 16  # operations whose scratch arrays stay in the processor's cache


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
    extent = [ops.start_ns[:1], ops.end_ns.max(keepdims=True)] if len(ops.start_ns) else []
    cuts = distinct(np.concatenate([bounds, *extent]))
    size = max(len(cuts) - 1, 0)
    through, work = np.zeros((len(cuts), len(BUCKETS)), np.int64), np.zeros(len(cuts), np.int64)
    if size and extent:
        parts = list(blocks(len(ops.start_ns), _OPS_AT_ONCE))
        first, second = (_Sweep(cuts, cpu, ops) for _ in range(2))
        beside = Beside(lambda: first.run(parts[: len(parts) // 2]))
        crowd = second.run(parts[len(parts) // 2 :])
        first.add_crowd([*beside.result(), *crowd])
        idle, busy = first.idle + second.idle, first.busy + second.busy
        np.cumsum(np.hstack([busy, idle]), axis=0, out=through[1:])
        np.cumsum((first.work + second.work).sum(axis=1), out=work[1:])
    return Partition(cuts, through, work)


class _Sweep:
    """One pass over a device's operations, block by block."""

    def __init__(self, cuts: I64, cpu: Cpu, ops: DeviceOps) -> None:
        self._cuts, self._cpu, self._ops = cuts, cpu, ops
        size = len(cuts) - 1
        self.busy = np.zeros((size, len(WORK)), np.int64)
        self.work = np.zeros((size, len(WORK)), np.int64)
        self.idle = np.zeros((size, len(IDLE)), np.int64)

    def run(self, parts: list[slice]) -> list[I64]:
        """Add blocks of operations that follow each other, and the gaps before and between them.

        Returns operations that ran beside others, which count for nothing yet.
        """
        ops, crowd = self._ops, []
        reach = ops.end_ns[: parts[0].start].max(initial=ops.start_ns[0]) if parts else 0
        for part in parts:
            start, end, code = ops.start_ns[part], ops.end_ns[part], ops.code[part]
            until = np.maximum.accumulate(np.append(reach, end))  # when all that came before each one ends
            reach = until[-1]
            opens = start >= until[:-1]  # nothing earlier runs when the operation starts
            next_opens = part.stop == len(ops.start_ns) or ops.start_ns[part.stop] >= reach
            alone = opens & np.append(opens[1:], next_opens)
            gap = np.flatnonzero(start > until[:-1])
            self._add_gaps(until[gap], start[gap], ops.launch[part][gap])
            if not alone.all():
                crowd.append(np.flatnonzero(~alone) + part.start)
                at = np.flatnonzero(alone)
                start, end, code = start[at], end[at], code[at]
            self._add_work(self.busy, start, end, code)
        self.work += self.busy
        return crowd

    def add_crowd(self, parts: list[I64]) -> None:
        """Add operations that ran beside others."""
        ops = self._ops
        crowd = np.concatenate([np.zeros(0, np.int64), *parts])
        for part in clusters(ops.start_ns[crowd], ops.end_ns[crowd]):
            rows = crowd[part]
            start, end, code = ops.start_ns[rows], ops.end_ns[rows], ops.code[rows]
            self._add_work(self.work, start, end, code)
            self._add_work(self.busy, *by_priority(start, end, code))

    def _add_work(self, total: I64, start: I64, end: I64, code: Codes) -> None:
        """Add spans, sorted by start, to time by stretch between two cuts and kind of work."""
        if not len(start):
            return
        stretch = _stretches(self._cuts, start)
        low = int(stretch[0])
        near = total[low : int(stretch[-1]) + 1]  # what these spans can add to
        key = (stretch - low) * len(WORK) + code
        near += sums(key, end - start, near.size).reshape(near.shape)
        crossing = np.flatnonzero(end > self._cuts[stretch + 1])
        at, end, code = stretch[crossing] + 1, end[crossing], code[crossing]
        while len(at):  # what lies behind a cut belongs to the next stretch
            behind = end - self._cuts[at]
            np.subtract.at(total, (at - 1, code), behind)
            np.add.at(total, (at, code), behind)
            on = np.flatnonzero(end > self._cuts[at + 1])
            at, end, code = at[on] + 1, end[on], code[on]

    def _add_gaps(self, start: I64, end: I64, launch: I32) -> None:
        for pieces in self._pieces(start, end, launch):
            low, high = int(pieces.window[0]), int(pieces.window[-1])
            pieces.window[:] -= low
            self._cpu.add_idle(self.idle[low : high + 1], pieces)

    def _pieces(self, start: I64, end: I64, launch: I32) -> Iterator[Pieces]:
        """Cut gaps, sorted by start, where a cut lies inside."""
        stretch = _stretches(self._cuts, start)
        while len(start):
            cut = self._cuts[stretch + 1]
            on = np.flatnonzero(end > cut)
            rest = cut[on], end[on], launch[on], stretch[on] + 1
            yield Pieces(start, np.minimum(end, cut), launch, stretch)
            start, end, launch, stretch = rest


def _stretches(cuts: I64, at_ns: I64) -> I64:
    """Return the stretch between two cuts in which each time lies."""
    return np.minimum(cuts_until(cuts, at_ns) - 1, len(cuts) - 2)  # the last cut is in the last stretch
