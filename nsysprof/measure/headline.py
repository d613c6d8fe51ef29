"""The one or two sentences that matter most."""

from collections.abc import Mapping
from dataclasses import replace
from statistics import median_low

from nsysprof.attribute.buckets import GRAPH, HIDDEN, IDLE, LAUNCH_BOUND, WORK_LABELS
from nsysprof.measure.results import Comparison, Hotspots, Outlier, Step
from nsysprof.units import duration, number_of

_CAUSES = {
    "idle:launch": "in launch calls",
    "idle:sync": "in synchronisation",
    "idle:alloc": "allocating or freeing memory",
    "idle:memop": "submitting copies and memory sets",
    "idle:api": "in other CUDA calls",
    "idle:host": "outside CUDA, in Python and the framework",
    "idle:queued": "with work already queued",
    "idle:profiler": "because of nsys itself",
    "idle:unknown": "for reasons that the trace does not hold",
}


def headline(hotspots: Hotspots) -> tuple[str, ...]:
    """Say where a typical step's time goes and which steps differ; without steps, the same of the trace."""
    comparison = hotspots.comparison
    if hotspots.typical < 0:
        return _of_trace(hotspots)
    step = hotspots.steps[hotspots.typical]
    usual = median_low(each.kernels for each in hotspots.steps if bool(each.wall_ns) == bool(step.wall_ns))
    sentences = [_of_step(replace(step, kernels=usual))]
    if comparison and comparison.outliers:
        sentences.append(_of_outliers(comparison))
    return tuple(sentences)


def _of_step(step: Step) -> str:
    if not step.wall_ns:
        return f"A step takes {duration(step.cpu_end_ns - step.cpu_start_ns)} on the CPU and used no GPU."
    if step.hidden_graphs:
        launches = number_of(step.hidden_graphs, "CUDA graph launch", "es")
        return (
            f"A step takes {duration(step.wall_ns)}, with {launches} whose kernels the trace does not show: "
            "its busy and idle time are unknown."
        )
    where = (
        f" on GPU {step.device}, the busiest of {len(step.partitions)}" if len(step.partitions) > 1 else ""
    )
    return (
        f"A step takes {duration(step.wall_ns)}{where}: {duration(step.busy_ns)} GPU busy{_not_its_own(step)}"
        f"{_idle(step.partition, step.idle_ns)} ({_launched(step)})"
        f"; largest: {_largest(step.partition)}."
    )


def _not_its_own(step: Step) -> str:
    """Say how much of the busy time is, at the least, work that the step did not launch, unless little."""
    others = step.busy_ns - sum(amount.ns for amount in step.categories.values())
    return f", {duration(others)} of it launched outside the step" if others > 0.05 * step.busy_ns else ""


def _launched(step: Step) -> str:
    """Say what a step launches."""
    graphs, gpus = step.categories[GRAPH].count if GRAPH in step.categories else 0, len(step.partitions)
    words = [number_of(step.kernels, "kernel")] if step.kernels or not graphs else []
    words += [number_of(graphs, "CUDA graph")] if graphs else []
    return f"{' and '.join(words)} a step" + (f" on {gpus} GPUs" if gpus > 1 else "")


def _of_trace(hotspots: Hotspots) -> tuple[str, ...]:
    partition = hotspots.partition
    whole = sum(partition.values())
    if not whole or hotspots.hidden_graphs:
        return ()
    idle = sum(ns for key, ns in partition.items() if key in IDLE)
    return (
        f"The GPU is busy for {duration(whole - idle)} of {duration(whole)}"
        f"{_idle(partition, idle)}; largest: {_largest(partition)}.",
    )


def _idle(partition: Mapping[str, int], idle: int) -> str:
    """Say how long the GPU was idle, and why it mostly was."""
    whole = sum(partition.values())
    if not whole or idle < 0.02 * whole:
        return ", hardly ever idle"
    launching = {key: partition.get(key, 0) for key in (f"idle:{cause}" for cause in LAUNCH_BOUND)}
    late = sum(launching.values())
    if late > 0.5 * idle:
        cause = max(launching, key=lambda key: launching[key])
        most = "," if launching[cause] == late else f", {duration(launching[cause])} of that"
        told = f"{_part(late, idle)} of it waiting for the CPU to launch{most} {_CAUSES[cause]}"
    else:
        causes = {key: ns for key, ns in partition.items() if key in IDLE}
        cause = max(causes, key=lambda key: causes[key])
        told = f"{_part(causes[cause], idle)} of it {_CAUSES[cause]}"
    return f", {duration(idle)} idle, {told}"


def _part(ns: int, whole: int) -> str:
    return "all" if ns == whole else duration(ns)


def _largest(partition: Mapping[str, int]) -> str:
    work = {key: ns for key, ns in partition.items() if key not in IDLE}
    key = max(work, key=lambda one: work[one])
    return f"{WORK_LABELS.get(key, key)} {duration(work[key])}"


def _of_outliers(comparison: Comparison) -> str:
    worst = max(comparison.outliers, key=lambda one: abs(one.excess_ns))
    slower = [one for one in comparison.outliers if one.excess_ns > 0]
    if not slower:
        by = f"{duration(-worst.excess_ns)}: {_why(worst)}"
        if len(comparison.outliers) == 1:
            return f"{worst.label} is faster than the median by {by}."
        return f"{len(comparison.outliers)} steps are faster than the median, {worst.label} by {by}."
    slowest = max(slower, key=lambda one: one.excess_ns)
    rest = len(slower) - 1
    more = f"; {rest} more {'are' if rest > 1 else 'is'} slow" if rest else ""
    return (
        f"{slowest.label} takes {duration(slowest.wall_ns)}, {duration(slowest.excess_ns)} more than the "
        f"median: {_why(slowest)}{more}."
    )


def _why(outlier: Outlier) -> str:
    amount = f"{duration(abs(outlier.bucket_excess_ns))} {'more' if outlier.bucket_excess_ns > 0 else 'less'}"
    if outlier.bucket in _CAUSES:
        return f"{amount} idle {_CAUSES[outlier.bucket]}"
    if outlier.bucket == HIDDEN:
        return f"{amount} in CUDA graphs that the trace does not show, or idle"
    outside = ", launched outside the step" if 2 * outlier.outside_ns > abs(outlier.bucket_excess_ns) else ""
    return f"{amount} {WORK_LABELS.get(outlier.bucket, outlier.bucket)}{outside}"
