"""Steps against each other: the median, the spread, and what made an outlier different."""

from collections.abc import Sequence

import numpy as np

from nsysprof.measure.results import Comparison, Outlier, Step
from nsysprof.trace.model import I64

_DEVIATIONS = 4.0  # robust standard deviations from the median that make an outlier
_LEAST_PART = 0.05  # of the median, below which a difference does not matter
_NORMAL = 1.4826  # standard deviation of a normal distribution by its median absolute deviation


def compare_steps(steps: Sequence[Step]) -> Comparison | None:
    """Compare the steps that used the GPU; None when there are fewer than two."""
    steps = [step for step in steps if step.wall_ns > 0]
    if len(steps) < 2:
        return None
    walls = np.array([step.wall_ns for step in steps], np.int64)
    typical = np.argsort(walls, kind="stable")[(len(walls) - 1) // 2]
    median = int(walls[typical])
    deviation = _NORMAL * float(np.median(np.abs(walls - median)))
    limit = max(_DEVIATIONS * deviation, _LEAST_PART * median)
    low, high = np.quantile(walls, [0.1, 0.9], method="nearest")
    return Comparison(
        median_ns=median,
        low_ns=int(low),
        high_ns=int(high),
        typical=steps[typical].index,
        outliers=_outliers(steps, np.flatnonzero(np.abs(walls - median) > limit), median),
    )


def _outliers(steps: Sequence[Step], which: I64, median: int) -> tuple[Outlier, ...]:
    if not len(which):
        return ()
    buckets = sorted({bucket for step in steps for bucket in step.partition})
    table = np.array([[step.partition.get(bucket, 0) for bucket in buckets] for step in steps], np.int64)
    usual = np.median(table, axis=0)
    found = []
    for at in which.tolist():
        excess = steps[at].wall_ns - median
        difference = table[at] - usual
        most = int(np.argmax(difference) if excess > 0 else np.argmin(difference))
        found.append(
            Outlier(
                index=steps[at].index,
                label=steps[at].label,
                wall_ns=steps[at].wall_ns,
                excess_ns=excess,
                bucket=buckets[most],
                bucket_excess_ns=round(float(difference[most])),
            )
        )
    return tuple(found)
