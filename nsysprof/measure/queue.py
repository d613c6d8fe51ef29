"""How far the CPU was ahead of the GPU: from the return of a launch call to the start of its kernel."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nsysprof.attribute.operations import Operations
from nsysprof.attribute.tally import distinct
from nsysprof.trace.model import I32, I64, ApiRows


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
    delay = np.maximum(begun - api.end_ns[launch], 0)
    by_step = _medians(delay, group, steps)
    return QueueDelays(_median(delay), by_step)


def _medians(delay: I64, group: I32, groups: int) -> I64:
    """Return the median by group, -1 for a group without any; may change the order of ``delay``."""
    first = _firsts(group)
    begun = group[first[group[first] >= 0]]
    if len(distinct(begun)) < len(begun):  # steps that run side by side
        order = np.argsort(group, kind="stable")
        delay, group = delay[order], group[order]
        first = _firsts(group)
    found = np.full(groups, -1, np.int64)
    for low, high in pairwise([*first.tolist(), len(group)]):
        if group[low] >= 0:
            found[group[low]] = _median(delay[low:high])
    return found


def _firsts(group: I32) -> I64:
    """Return where each run of rows of one group begins."""
    return np.flatnonzero(np.append(True, group[1:] != group[:-1]))


def _median(values: I64) -> int:
    """Return the lower of the two in the middle; changes the order of ``values``."""
    middle = (len(values) - 1) // 2
    values.partition(middle)
    return int(values[middle])
