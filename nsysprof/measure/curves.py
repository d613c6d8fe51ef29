"""How far the CPU was ahead of the GPU over time, thinned to what a screen shows."""

import numpy as np

from nsysprof.attribute.operations import Operations
from nsysprof.measure.timeline_model import Queue
from nsysprof.trace.model import I64, ApiRows

GROUPS = 600
"""Points of a curve: its groups of rows that follow each other."""


def queue(ops: Operations, calls: ApiRows) -> Queue:
    """Return launch delay and queue depth, in at most ``GROUPS`` groups of neighbouring operations."""
    rows = np.flatnonzero(ops.launch >= 0)
    begun = ops.start_ns[rows]
    submitted, returned = calls.start_ns[ops.launch[rows]], calls.end_ns[ops.launch[rows]]
    if not (np.diff(begun) >= 0).all():
        order = np.argsort(begun, kind="stable")
        begun, submitted, returned = begun[order], submitted[order], returned[order]
    delay = np.maximum(begun - returned, 0)
    waiting = np.searchsorted(np.sort(submitted, kind="stable"), begun, side="right") - np.arange(
        1, len(rows) + 1
    )
    size = max(-(-len(rows) // GROUPS), 1)
    first = np.arange(0, len(rows), size)
    if not len(rows):
        none = np.zeros(0, np.int64)
        return Queue(none, none, none, none, none.astype(np.int32), size)
    return Queue(
        time_ns=begun[first],
        delay_min_ns=np.minimum.reduceat(delay, first),
        delay_median_ns=_medians(delay, first, size),
        delay_max_ns=np.maximum.reduceat(delay, first),
        depth_max=np.maximum(np.maximum.reduceat(waiting, first), 0).astype(np.int32),
        group=size,
    )


def _medians(values: I64, first: I64, size: int) -> I64:
    """Return the (lower) median of each group of ``size`` values; the last group may be shorter."""
    whole = len(values) // size
    middle = (size - 1) // 2
    full = np.partition(values[: whole * size].reshape(whole, size), middle, axis=1)[:, middle]
    if whole == len(first):
        return full
    rest = np.sort(values[whole * size :])
    return np.append(full, rest[(len(rest) - 1) // 2])
