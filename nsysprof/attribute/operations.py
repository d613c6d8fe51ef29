"""Every operation that ran on a GPU, with what it was and which call submitted it."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from nsysprof.attribute.buckets import GRAPH, WORK_CODE
from nsysprof.attribute.launches import launch_rows
from nsysprof.attribute.tally import distinct
from nsysprof.errors import TraceError
from nsysprof.threads import Beside
from nsysprof.trace import Trace
from nsysprof.trace.info import ordinals_differ
from nsysprof.trace.model import I32, I64, ApiRows, GpuRows, MemoryRows, process_id

_MOST_DEVICES = 256
"""More than a machine has, parts of GPUs included; every step is divided up on each."""

Codes = npt.NDArray[np.int8]
Column = TypeVar("Column", I64, I32, Codes)


@dataclass(frozen=True, slots=True)
class Operations:
    """Kernels, then copies, memory sets and whole graphs, each in the order of its table."""

    start_ns: I64
    end_ns: I64
    device: I32
    """Index into ``devices``."""
    process: I32
    """Index into ``Trace.processes``."""
    code: Codes
    """Kind of work, index into ``buckets.WORK``."""
    launch: I32
    """API row that submitted it, -1 when unknown."""
    kernels: int
    """The first so many operations are the rows of ``Trace.kernels``."""
    devices: tuple[int, ...]
    """CUDA ordinals of the devices that ran anything; the GPUs' own numbers where processes call different
    GPUs by one ordinal."""

    def __len__(self) -> int:
        """Return the number of operations."""
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class DeviceOps:
    """Every operation of one device, by start; of those that start together, by the end of their calls."""

    start_ns: I64
    end_ns: I64
    code: Codes
    """Index into ``buckets.WORK``."""
    launch: I32
    """API row that submitted it, -1 when unknown."""


def gather(trace: Trace, kernel_code: Codes) -> Operations:
    """Collect all operations of a trace; ``kernel_code`` is the kind of work of each kernel."""
    tables: list[tuple[GpuRows, str]] = [
        (trace.memcpys, "memcpy"),
        (trace.memsets, "memset"),
        (trace.graphs, GRAPH),
    ]
    others = [(table, key) for table, key in tables if len(table)]
    parts = [trace.kernels, *(table for table, _ in others)]
    codes = [np.full(len(table), WORK_CODE[key], np.int8) for table, key in others]
    process = _joined([part.process for part in parts])
    ordinals = [part.device for part in parts]
    used = sorted({ordinal for ordinal_column in ordinals for ordinal in _distinct(ordinal_column)})
    numbers = _gpu_numbers(trace)
    if numbers:
        ordinals = [_renumbered(np.concatenate(ordinals), process, numbers)]
        used = sorted(_distinct(ordinals[0]))
    api, thread_process = trace.api_calls, trace.thread_process
    if len(used) > _MOST_DEVICES:
        raise TraceError(f"the trace is damaged: it names {len(used):,} GPUs", "export the report again")
    launch = Beside(
        lambda: _joined([launch_rows(part.correlation, part.process, api, thread_process) for part in parts])
    )
    return Operations(
        start_ns=_joined([part.start_ns for part in parts]),
        end_ns=_joined([part.end_ns for part in parts]),
        device=_positions(ordinals, used),
        process=process,
        code=_joined([kernel_code, *codes]),
        kernels=len(trace.kernels),
        devices=tuple(used),
        launch=launch.result(),
    )


def of_device(ops: Operations, device: int, api: ApiRows) -> DeviceOps:
    """Return the operations of a device (index into ``devices``) by start."""
    rows: I64 | None = np.flatnonzero(ops.device == device) if len(ops.devices) > 1 else None
    start = ops.start_ns if rows is None else ops.start_ns[rows]
    order = _start_order(start, ops.launch if rows is None else ops.launch[rows], api)
    if order is not None:
        rows = order if rows is None else rows[order]
    if rows is None:
        return DeviceOps(ops.start_ns, ops.end_ns, ops.code, ops.launch)
    return DeviceOps(ops.start_ns[rows], ops.end_ns[rows], ops.code[rows], ops.launch[rows])


def _start_order(start_ns: I64, launch: I32, api: ApiRows) -> I64 | None:
    """Return the order by start, None where it is given already."""
    if (start_ns[1:] > start_ns[:-1]).all():
        return None
    order: I64 = np.argsort(start_ns, kind="stable")
    in_order = start_ns[order]
    if (in_order[1:] == in_order[:-1]).any():
        known = launch >= 0
        returned, thread = np.full(len(launch), -1, np.int64), np.full(len(launch), -1, np.int32)
        returned[known], thread[known] = api.end_ns[launch[known]], api.thread[launch[known]]
        order = np.lexsort((thread, returned, start_ns))
    return order


def _joined(columns: list[Column]) -> Column:
    return columns[0] if len(columns) == 1 else np.concatenate(columns)


def memory_by_gpu(trace: Trace) -> MemoryRows:
    """Return the memory events with the devices numbered as those of the operations are."""
    rows = trace.memory
    numbers = _gpu_numbers(trace)
    return replace(rows, device=_renumbered(rows.device, rows.process, numbers)) if numbers else rows


def _gpu_numbers(trace: Trace) -> dict[tuple[int, int], int]:
    """Return GPU numbers by process index and ordinal, nothing where an ordinal means the same GPU to all."""
    of_pid = trace.gpu_numbers
    if not ordinals_differ(of_pid):
        return {}
    index_of = {process_id(process): index for index, process in enumerate(trace.processes.tolist())}
    return {(index_of[pid], ordinal): gpu for (pid, ordinal), gpu in of_pid.items() if pid in index_of}


def _renumbered(ordinals: I32, process: I32, numbers: dict[tuple[int, int], int]) -> I32:
    found = ordinals.copy()
    for (index, ordinal), gpu in numbers.items():
        found[(process == index) & (ordinals == ordinal)] = gpu
    return found


def _distinct(ordinals: I32) -> list[int]:
    if not len(ordinals):
        return []
    return [int(ordinals[0])] if (ordinals == ordinals[0]).all() else distinct(ordinals).tolist()


def _positions(ordinals: list[I32], used: list[int]) -> I32:
    if len(used) < 2:
        return np.broadcast_to(np.int32(0), (sum(map(len, ordinals)),))
    return np.searchsorted(used, np.concatenate(ordinals)).astype(np.int32)
