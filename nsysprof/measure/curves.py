"""Curves over time: how far the CPU was ahead of the GPU, and device memory; thinned to what is seen."""

import numpy as np

from nsysprof.attribute.operations import Operations
from nsysprof.measure.timeline_model import MemoryCurve, Queue
from nsysprof.trace.model import I64, ApiRows, MemoryRows

GROUPS = 600
"""Points of a curve: its groups of rows that follow each other."""
_DEVICE_KIND = 2
_RELEASE = 1


def queue(ops: Operations, calls: ApiRows) -> Queue:
    """Return launch delay and queue depth, in at most ``GROUPS`` groups of neighbouring operations."""
    rows = np.flatnonzero(ops.launch >= 0)
    begun = ops.start_ns[rows]
    submitted = calls.start_ns[ops.launch[rows]]
    if not (np.diff(begun) >= 0).all():
        order = np.argsort(begun, kind="stable")
        begun, submitted = begun[order], submitted[order]
    delay = begun - submitted
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


def memory(rows: MemoryRows) -> tuple[MemoryCurve, ...]:
    """Return the memory of each device over time."""
    curves = []
    on_device = np.flatnonzero(rows.kind == _DEVICE_KIND)
    for device in np.unique(rows.device[on_device]).tolist():
        mine = on_device[rows.device[on_device] == device]
        mine = mine[np.argsort(rows.start_ns[mine], kind="stable")]
        used = np.cumsum(np.where(rows.operation[mine] == _RELEASE, -rows.bytes[mine], rows.bytes[mine]))
        pooled = mine[rows.pool_bytes[mine] >= 0]
        points, pool_points = thinned(used), thinned(rows.pool_used_bytes[pooled])
        curves.append(
            MemoryCurve(
                device,
                len(mine),
                rows.start_ns[mine][points],
                used[points],
                rows.start_ns[pooled][pool_points],
                rows.pool_bytes[pooled][pool_points],
                rows.pool_used_bytes[pooled][pool_points],
            )
        )
    return tuple(curves)


def thinned(values: I64, groups: int = 2 * GROUPS) -> I64:
    """Return the positions to draw: all, or the lowest and highest of each group and the last few."""
    if len(values) <= 2 * groups:
        return np.arange(len(values))
    size = -(-len(values) // groups)
    whole = len(values) // size * size
    table = values[:whole].reshape(-1, size)
    base = np.arange(0, whole, size)
    rest = np.arange(whole, len(values))
    return np.unique(np.concatenate([base + table.argmin(axis=1), base + table.argmax(axis=1), rest]))
