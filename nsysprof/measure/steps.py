"""Steps: GPU windows, exclusive partition, work by category, API calls, memory."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.buckets import BUCKETS, HIDDEN, IDLE, KERNEL_WORK, LAUNCH_BOUND, WORK
from nsysprof.attribute.idle import Cpu
from nsysprof.attribute.operations import Operations, of_device
from nsysprof.attribute.partition import Partition, partition_device
from nsysprof.attribute.steps import Steps
from nsysprof.attribute.submissions import Submissions
from nsysprof.attribute.windows import Windows
from nsysprof.measure.calls import Calls, CallTable
from nsysprof.measure.kernels import KernelNames, StepWork
from nsysprof.measure.results import Amount, Step, StepMemory
from nsysprof.trace import Trace
from nsysprof.trace.model import I64, OverheadRows, process_id, thread_id


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What steps are measured from."""

    trace: Trace
    ops: Operations
    calls: Calls
    steps: Steps
    work: StepWork
    names: KernelNames
    submissions: Submissions


@dataclass(frozen=True, slots=True)
class StepColumns:
    """Measures by step that have been worked out elsewhere."""

    queue_ns: I64
    hidden_graphs: I64
    calls: CallTable
    memory: tuple[StepMemory | None, ...]


@dataclass(frozen=True, slots=True)
class _Tables:
    """Everything that steps are made of, by step."""

    inputs: StepInputs
    windows: Windows
    partitions: list[I64]
    """By device: ns by step and bucket."""
    overlap: list[I64]
    """By device."""
    profiler: I64
    labels: list[str]
    columns: StepColumns


def partition_devices(inputs: StepInputs, windows: Windows, overheads: OverheadRows) -> list[Partition]:
    """Partition the time of every device, cut where steps begin and end."""
    ops = inputs.ops
    cpu = Cpu(inputs.calls.rows, inputs.calls.cause(), overheads)
    found = []
    for device in range(len(ops.devices)):
        there = windows.present[:, device]
        bounds = np.concatenate([windows.start_ns[there, device], windows.end_ns[there, device]])
        found.append(partition_device(of_device(ops, device, inputs.calls.rows), cpu, bounds))
    return found


def measure_steps(
    inputs: StepInputs, windows: Windows, parts: list[Partition], columns: StepColumns
) -> tuple[Step, ...]:
    """Return every step, in the order in which they began on the CPU."""
    steps, trace = inputs.steps, inputs.trace
    if not len(steps):
        return ()
    bounds = [(windows.start_ns[:, device], windows.end_ns[:, device]) for device in range(len(parts))]
    tables = _Tables(
        inputs,
        windows,
        [part.window(*bound) for part, bound in zip(parts, bounds, strict=True)],
        [part.overlap(*bound) for part, bound in zip(parts, bounds, strict=True)],
        overhead_within(trace.overheads, steps.start_ns, steps.end_ns),
        [label + owner for label, owner in zip(steps.labels, _owners(inputs), strict=True)],
        columns,
    )
    return tuple(_step(tables, index) for index in range(len(steps)))


def overhead_within(overheads: OverheadRows, start_ns: I64, end_ns: I64) -> I64:
    """Return the time that nsys spent on any thread within each window."""
    order = np.argsort(overheads.start_ns, kind="stable")
    start, end = overheads.start_ns[order], np.maximum.accumulate(overheads.end_ns[order])
    start = np.concatenate([start[:1], np.maximum(start[1:], end[:-1])])  # disjoint now
    through = np.concatenate([[0], np.cumsum(np.maximum(end - start, 0))])

    def spent_before(time: I64) -> I64:
        begun = np.searchsorted(start, time)
        last = np.maximum(begun - 1, 0)
        unfinished = np.maximum(end[last] - time, 0) if len(end) else np.zeros_like(time)
        return through[begun] - np.where(begun > 0, unfinished, 0)

    spent: I64 = spent_before(end_ns) - spent_before(start_ns)
    return spent


def _step(tables: _Tables, index: int) -> Step:
    steps, windows, devices = tables.inputs.steps, tables.windows, tables.inputs.ops.devices
    ran = [device for device in range(len(devices)) if windows.present[index, device]]
    hidden = int(tables.columns.hidden_graphs[index])
    partitions = {device: named(tables.partitions[device][index], hidden > 0) for device in ran}
    busy = {device: busy_ns(partitions[device]) for device in ran}
    device = max(ran, key=lambda one: busy[one], default=-1)
    begin, finish = int(steps.start_ns[index]), int(steps.end_ns[index])
    start, end = begin, begin  # a step without GPU work has an empty window
    if ran:
        start, end = int(windows.start_ns[index, device]), int(windows.end_ns[index, device])
    work = zip(
        WORK, tables.inputs.work.ns[index].tolist(), tables.inputs.work.count[index].tolist(), strict=True
    )
    categories = {key: Amount(ns, count) for key, ns, count in work if count}
    return Step(
        index=index,
        label=tables.labels[index],
        gpu_start_ns=start,
        gpu_end_ns=end,
        cpu_start_ns=begin,
        cpu_end_ns=finish,
        wall_ns=end - start,
        busy_ns=-1 if hidden else busy.get(device, 0),
        idle_ns=-1 if hidden else end - start - busy.get(device, 0),
        kernels=sum(amount.count for key, amount in categories.items() if key in KERNEL_WORK),
        categories=categories,
        partition=partitions.get(device, {}),
        api=tables.columns.calls.of_step(index),
        device=devices[device] if ran else -1,
        partitions={str(devices[one]): partitions[one] for one in ran},
        launch_bound=-1.0 if hidden else launch_bound(partitions.get(device, {})),
        queue_ns=int(tables.columns.queue_ns[index]),
        overlap_ns=int(tables.overlap[device][index]) if ran else 0,
        profiler_ns=int(tables.profiler[index]),
        memory=tables.columns.memory[index],
        hidden_graphs=hidden,
        is_last=bool(ran) and bool(windows.last[index, device]),
        text=steps.labels[index],
    )


def _owners(inputs: StepInputs) -> list[str]:
    """Name the process or thread of each step, where several have steps of their own."""
    steps, trace = inputs.steps, inputs.trace
    if steps.thread is not None:
        return [f" (thread {thread_id(thread)})" for thread in trace.threads[steps.thread]]
    if steps.processes.any(axis=0).sum() < 2 or steps.processes.sum(axis=1).max() > 1:
        return [""] * len(steps)
    return [f" (process {process_id(one)})" for one in trace.processes[steps.processes.argmax(axis=1)]]


_WORK = frozenset(WORK)


def named(row: I64, hidden: bool) -> dict[str, int]:
    """Return the buckets of a row that hold time.

    hidden: whether graphs ran of which the trace shows nothing; then no time counts as idle.
    """
    found = {key: ns for key, ns in zip(BUCKETS, row.tolist(), strict=True) if ns}
    if hidden:
        unseen = sum(found.pop(key, 0) for key in IDLE)
        found |= {HIDDEN: unseen} if unseen else {}
    return found


def busy_ns(partition: Mapping[str, int]) -> int:
    """Return the time of a partition in which the GPU ran anything."""
    return sum(ns for key, ns in partition.items() if key in _WORK)


def launch_bound(partition: Mapping[str, int]) -> float:
    """Return the part of a partition in which the GPU waited for the CPU to submit work."""
    whole = sum(partition.values())
    return sum(partition.get(f"idle:{cause}", 0) for cause in LAUNCH_BOUND) / whole if whole else 0.0
