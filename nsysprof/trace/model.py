"""What a trace is once loaded: frozen columns, one row per event, integers throughout.

Every array of one class has the same length. Times are integer nanoseconds on the trace's own clock (the same
for CPU and GPU). Names are ids into ``Trace.strings`` until somebody prints them; threads and processes are
indices into ``Trace.threads`` and ``Trace.processes``. A value that the trace does not hold is -1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class GpuRows:
    """What every operation on a GPU has: kernels, memory copies, memory sets and whole graphs."""

    start_ns: I64
    """Start on the GPU."""
    end_ns: I64
    """End on the GPU, never before the start."""
    device: I32
    """CUDA device ordinal."""
    stream: I32
    """CUDA stream id."""
    correlation: I32
    """Id shared with the API call that submitted it; unique only within one process."""
    process: I32
    """Index into ``Trace.processes``."""
    graph_node: I64
    """CUDA graph node id, -1 outside graphs."""

    def __len__(self) -> int:
        """Return the number of operations."""
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class KernelRows(GpuRows):
    """CUPTI_ACTIVITY_KIND_KERNEL: kernels that ran."""

    name: I32
    """String id of the demangled name."""


@dataclass(frozen=True, slots=True)
class MemcpyRows(GpuRows):
    """CUPTI_ACTIVITY_KIND_MEMCPY."""

    bytes: I64
    """Bytes moved."""
    kind: I32
    """Direction, ENUM_CUDA_MEMCPY_OPER: 1 host to device, 2 device to host, 8 device to device, ..."""


@dataclass(frozen=True, slots=True)
class MemsetRows(GpuRows):
    """CUPTI_ACTIVITY_KIND_MEMSET."""

    bytes: I64
    """Bytes set."""


@dataclass(frozen=True, slots=True)
class GraphRows(GpuRows):
    """CUPTI_ACTIVITY_KIND_GRAPH_TRACE: whole graph launches, written with ``--cuda-graph-trace=graph``."""

    graph: I64
    """CUDA graph id."""


@dataclass(frozen=True, slots=True)
class KernelDetailRows:
    """The launch geometry of kernels, in the order of ``KernelRows``; loaded only where it is shown."""

    grid: I32
    """Blocks in x, y, z; shape (rows, 3)."""
    block: I32
    """Threads per block in x, y, z; shape (rows, 3)."""
    registers: I32
    """Registers per thread."""
    shared_bytes: I32
    """Static plus dynamic shared memory per block."""


@dataclass(frozen=True, slots=True)
class ApiRows:
    """CUPTI_ACTIVITY_KIND_RUNTIME: CUDA runtime and driver API calls on the CPU."""

    start_ns: I64
    """Start of the call."""
    end_ns: I64
    """Return of the call."""
    thread: I32
    """Index into ``Trace.threads``."""
    correlation: I32
    """Id shared with the GPU work that the call submitted; unique only within one process."""
    name: I32
    """String id of the function's name, such as ``cudaLaunchKernel_v7000``."""

    def __len__(self) -> int:
        """Return the number of calls."""
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class RangeRows:
    """NVTX push/pop (type 59) and start/end (type 60) ranges, resumed ones (70, 71) included."""

    start_ns: I64
    """When the range opened."""
    end_ns: I64
    """When it closed; -1 when it never did."""
    thread: I32
    """Index into ``Trace.threads``: where it opened."""
    kind: I32
    """nsys event type: 59 or 70 push/pop, 60 or 71 start/end."""
    domain: I32
    """Index into ``Trace.domains``; 0 is the default domain."""
    text: I32
    """Index into ``Trace.range_texts``."""

    def __len__(self) -> int:
        """Return the number of ranges."""
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class GraphNodeRows:
    """CUDA_GRAPH_NODE_EVENTS: nodes of CUDA graphs, made when a graph is captured or instantiated."""

    start_ns: I64
    """When the node was made."""
    thread: I32
    """Index into ``Trace.threads``, -1 when unknown."""
    node: I64
    """Node id, as in ``GpuRows.graph_node``."""
    original: I64
    """Node of which this one is a copy, -1 for none."""

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class OverheadRows:
    """PROFILER_OVERHEAD: time that nsys itself spent on a thread."""

    start_ns: I64
    end_ns: I64
    thread: I32
    """Index into ``Trace.threads``, -1 when unknown."""

    def __len__(self) -> int:
        """Return the number of overhead spans."""
        return len(self.start_ns)


@dataclass(frozen=True, slots=True)
class MemoryRows:
    """CUDA_GPU_MEMORY_USAGE_EVENTS: every allocation and release that CUDA saw."""

    start_ns: I64
    process: I32
    """Index into ``Trace.processes``."""
    device: I32
    bytes: I64
    kind: I32
    """ENUM_CUDA_MEM_KIND: 2 = device."""
    operation: I32
    """0 = allocation, 1 = release."""
    pool_bytes: I64
    """Size of the memory pool after the event, -1 outside pools (``cudaMallocAsync`` only)."""
    pool_used_bytes: I64
    """Bytes in use in that pool after the event, -1 outside pools."""

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.start_ns)


def process_id(global_id: int) -> int:
    """Return the operating system's number of the process in a ``globalPid`` or ``globalTid``."""
    return int(global_id) >> 24 & 0xFFFFFF


def thread_id(global_tid: int) -> int:
    """Return the operating system's number of the thread in a ``globalTid``."""
    return int(global_tid) & 0xFFFFFF


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU of the traced machine."""

    index: int
    """CUDA device ordinal."""
    name: str
    """Marketing name, such as ``NVIDIA H200``."""
    multiprocessors: int
    """Streaming multiprocessors, 0 when unknown."""
    memory_bytes: int
    """Total device memory, 0 when unknown."""
    compute_capability: str
    """Such as ``9.0``; empty when unknown."""


@dataclass(frozen=True, slots=True, order=True)
class SchemaVersion:
    """EXPORT_SCHEMA_VERSION of META_DATA_EXPORT, such as 3.20.3."""

    major: int
    minor: int
    micro: int

    def __str__(self) -> str:
        """Return ``major.minor.micro``."""
        return f"{self.major}.{self.minor}.{self.micro}"
