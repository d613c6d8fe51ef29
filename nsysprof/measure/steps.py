"""Steps: GPU windows, exclusive partition, work by category, API calls."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.buckets import BUCKETS, KERNEL_WORK, WORK
from nsysprof.attribute.idle import Cpu
from nsysprof.attribute.operations import Operations, of_device
from nsysprof.attribute.partition import Partition, partition_device
from nsysprof.attribute.steps import Steps
from nsysprof.attribute.tally import count_and_sum
from nsysprof.attribute.windows import Windows
from nsysprof.measure.calls import Calls, StepCalls, calls_by_step
from nsysprof.measure.results import Amount, Step
from nsysprof.trace import Trace
from nsysprof.trace.model import I64


@dataclass(frozen=True, slots=True)
class StepWork:
    """Operations by step and kind of work, shape (steps + 1, kinds); the last row is outside all steps."""

    ns: I64
    count: I64


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What steps are measured from."""

    trace: Trace
    ops: Operations
    calls: Calls
    steps: Steps
    work: StepWork


def work_by_step(ops: Operations, steps: Steps) -> StepWork:
    """Sum operations by the step that submitted them and by kind of work."""
    rows = len(steps) + 1
    key = steps.of_op % rows * len(WORK) + ops.code  # -1 becomes the last row
    count, ns = count_and_sum(key, ops.start_ns, ops.end_ns, rows * len(WORK))
    return StepWork(ns.reshape(rows, len(WORK)), count.reshape(rows, len(WORK)))


def partition_devices(inputs: StepInputs, windows: Windows) -> list[Partition]:
    """Partition the time of every device, cut where steps begin and end."""
    ops = inputs.ops
    cpu = Cpu(inputs.calls.rows, inputs.calls.cause(), inputs.trace.overheads)
    found = []
    for device in range(len(ops.devices)):
        there = windows.present[:, device]
        bounds = np.concatenate([windows.start_ns[there, device], windows.end_ns[there, device]])
        found.append(partition_device(of_device(ops, device, inputs.calls.rows), cpu, bounds))
    return found


def measure_steps(inputs: StepInputs, windows: Windows, parts: list[Partition]) -> tuple[Step, ...]:
    """Return every step, in the order in which they began on the CPU."""
    steps = inputs.steps
    if not len(steps):
        return ()
    tables = [part.window(windows.start_ns[:, d], windows.end_ns[:, d]) for d, part in enumerate(parts)]
    calls = calls_by_step(
        inputs.calls, steps.start_ns, steps.end_ns, steps.processes, inputs.trace.thread_process
    )
    return tuple(_step(inputs, index, windows, tables, calls) for index in range(len(steps)))


def _step(inputs: StepInputs, index: int, windows: Windows, tables: list[I64], calls: StepCalls) -> Step:
    steps = inputs.steps
    ran = [d for d in range(len(tables)) if windows.present[index, d]]
    busy = {d: int(tables[d][index, : len(WORK)].sum()) for d in ran}
    device = max(ran, key=lambda d: busy[d], default=None)
    start, end = int(steps.start_ns[index]), int(steps.end_ns[index])
    ns, count = inputs.work.ns[index].tolist(), inputs.work.count[index].tolist()
    partitions = {str(inputs.ops.devices[d]): _named(tables[d][index]) for d in ran}
    gpu_start, gpu_end = start, start  # a step without GPU work has an empty window
    if device is not None:
        gpu_start, gpu_end = int(windows.start_ns[index, device]), int(windows.end_ns[index, device])
    return Step(
        index=index,
        label=steps.labels[index],
        gpu_start_ns=gpu_start,
        gpu_end_ns=gpu_end,
        cpu_start_ns=start,
        cpu_end_ns=end,
        wall_ns=gpu_end - gpu_start,
        busy_ns=0 if device is None else busy[device],
        idle_ns=0 if device is None else gpu_end - gpu_start - busy[device],
        kernels=sum(amount for key, amount in zip(WORK, count, strict=True) if key in KERNEL_WORK),
        categories={key: Amount(ns[i], count[i]) for i, key in enumerate(WORK) if count[i]},
        partition={} if device is None else partitions[str(inputs.ops.devices[device])],
        api=calls.of(index),
        device=-1 if device is None else inputs.ops.devices[device],
        partitions=partitions,
    )


def _named(row: I64) -> dict[str, int]:
    return {key: ns for key, ns in zip(BUCKETS, row.tolist(), strict=True) if ns}
