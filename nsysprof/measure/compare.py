"""Steps against each other: the median, the spread, and what made an outlier different."""

from collections.abc import Sequence

import numpy as np

from nsysprof.attribute.buckets import WORK
from nsysprof.measure.results import Comparison, Outlier, Step

_DEVIATIONS = 4.0  # robust standard deviations from the median that make an outlier
_LEAST_PART = 0.05  # of the median, below which a difference does not matter
_NORMAL = 1.4826  # standard deviation of a normal distribution by its median absolute deviation


def compare_steps(steps: Sequence[Step]) -> Comparison | None:
    """Compare the steps that used the GPU; None when there are fewer than two.

    The last step of a run lacks the idle time up to a next one, so others are measured without it where
    possible, and it is no outlier for being short.
    """
    used = [step for step in steps if step.wall_ns > 0]
    if len(used) < 2:
        return None
    whole = [step for step in used if not step.is_last] or used
    walls = np.array([step.wall_ns for step in whole], np.int64)
    typical = whole[np.argsort(walls, kind="stable")[(len(walls) - 1) // 2]]
    deviation = _NORMAL * float(np.median(np.abs(walls - typical.wall_ns)))
    limit = max(_DEVIATIONS * deviation, _LEAST_PART * typical.wall_ns)
    low, high = np.quantile(walls, [0.1, 0.9], method="nearest")
    return Comparison(
        median_ns=typical.wall_ns,
        low_ns=int(low),
        high_ns=int(high),
        typical=typical.index,
        outliers=tuple(_outlier(step, typical) for step in used if _differs(step, typical, limit)),
    )


def typical_step(steps: Sequence[Step], comparison: Comparison | None) -> int:
    """Return the index of the step that stands for all of them, -1 without steps.

    It is the median one of those that used the GPU; where none did, of their times on the CPU.
    """
    if comparison:
        return comparison.typical
    used = [step.index for step in steps if step.wall_ns > 0]
    if used or not steps:
        return used[0] if used else -1
    by_time = sorted(steps, key=lambda step: (step.cpu_end_ns - step.cpu_start_ns, step.index))
    return by_time[(len(steps) - 1) // 2].index


def _differs(step: Step, typical: Step, limit: float) -> bool:
    excess = step.wall_ns - typical.wall_ns
    comparable = bool(step.hidden_graphs) == bool(typical.hidden_graphs)  # their buckets are the same
    return comparable and (excess > limit or (excess < -limit and not step.is_last))


def _outlier(step: Step, typical: Step) -> Outlier:
    buckets = sorted({*step.partition, *typical.partition})
    difference = {key: step.partition.get(key, 0) - typical.partition.get(key, 0) for key in buckets}
    excess = step.wall_ns - typical.wall_ns
    most = (max if excess > 0 else min)(buckets, key=lambda key: difference[key])
    return Outlier(
        index=step.index,
        label=step.label,
        wall_ns=step.wall_ns,
        excess_ns=excess,
        bucket=most,
        bucket_excess_ns=difference[most],
        outside_ns=_outside(step, typical, most, difference[most]),
    )


def _outside(step: Step, typical: Step, bucket: str, excess: int) -> int:
    """Return how much of a bucket's excess is work that the step did not launch, at the least."""
    if bucket not in WORK:
        return 0
    own, usual = (each.categories[bucket].ns if bucket in each.categories else 0 for each in (step, typical))
    return max(excess - max(own - usual, 0), 0)
