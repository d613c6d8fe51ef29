"""How far the CPU was ahead of the GPU: from the return of a launch call to the start of its kernel."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.operations import Operations
from nsysprof.trace.model import I32, I64, ApiRows

_BITS = 40  # of a delay that count: 18 minutes


@dataclass(frozen=True, slots=True)
class QueueDelays:
    """Median delays; -1 where no kernel has a launch call."""

    overall_ns: int
    by_step: I64


def queue_delays(ops: Operations, api: ApiRows, step: I32, steps: int) -> QueueDelays:
    """Return the median delay over all kernels and by step; a kernel that started before the return has none.

    step: step of each operation, -1 outside.
    """
    launch, group = ops.launch[: ops.kernels], step[: ops.kernels]
    begun = ops.start_ns[: ops.kernels]
    if not len(launch) or launch.min() < 0:
        known = np.flatnonzero(launch >= 0)
        launch, group, begun = launch[known], group[known], begun[known]
    if not len(launch):
        return QueueDelays(-1, np.full(steps, -1, np.int64))
    delay = np.clip(begun - api.end_ns[launch], 0, (1 << _BITS) - 1)
    middle = (len(delay) - 1) // 2
    overall = int(np.partition(delay, middle)[middle])
    delay |= group.astype(np.int64) << _BITS  # one sort orders by step and then by delay
    delay.sort()
    bounds = np.searchsorted(delay, np.arange(steps + 1, dtype=np.int64) << _BITS)
    first, count = bounds[:-1], np.diff(bounds)
    middles = delay[np.minimum(first + np.maximum(count - 1, 0) // 2, len(delay) - 1)]
    return QueueDelays(overall, np.where(count > 0, middles & ((1 << _BITS) - 1), -1))
