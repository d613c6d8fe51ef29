"""Every operation that ran on a GPU, with what it was and which call submitted it."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.buckets import GRAPH, WORK_CODE
from nsysprof.attribute.busy import Codes
from nsysprof.attribute.launches import launch_rows
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64


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
    """CUDA ordinals of the devices that ran anything."""

    def __len__(self) -> int:
        """Return the number of operations."""
        return len(self.start_ns)


def gather(trace: Trace, kernel_code: Codes) -> Operations:
    """Collect all operations of a trace; ``kernel_code`` is the kind of work of each kernel."""
    tables = (trace.kernels, trace.memcpys, trace.memsets, trace.graphs)
    parts = [table for table in tables if len(table)] or [trace.kernels]
    codes = [
        np.full(len(table), WORK_CODE[key], np.int8) for table, key in zip(tables[1:], _KEYS, strict=True)
    ]
    ordinal = np.concatenate([table.device for table in parts])
    used, device = np.unique(ordinal, return_inverse=True) if _varies(ordinal) else (ordinal[:1], None)
    thread_process = trace.thread_process
    return Operations(
        start_ns=np.concatenate([table.start_ns for table in parts]),
        end_ns=np.concatenate([table.end_ns for table in parts]),
        device=np.zeros(len(ordinal), np.int32) if device is None else device.astype(np.int32),
        process=np.concatenate([table.process for table in parts]),
        code=np.concatenate([kernel_code, *codes]),
        launch=np.concatenate(
            [
                launch_rows(table.correlation, table.process, trace.api_calls, thread_process)
                for table in parts
            ]
        ),
        kernels=len(trace.kernels),
        devices=tuple(used.tolist()),
    )


_KEYS = ("memcpy", "memset", GRAPH)


def _varies(ids: I32) -> bool:
    return bool(len(ids)) and bool((ids != ids[0]).any())
