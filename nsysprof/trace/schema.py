"""The tables and columns of an nsys export that nsysprof reads, declared once.

nsys creates tables lazily (an absent one means that nothing was recorded) and changes columns between
versions, so columns are read by name. One that is not ``required`` may be absent: its values are then -1.
"""

from dataclasses import dataclass
from enum import Enum

from nsysprof.trace.model import SchemaVersion

OLDEST = SchemaVersion(3, 0, 0)
"""The first schema whose tables are laid out as below."""
NEWEST = SchemaVersion(3, 28, 1)
"""The last schema that nsysprof was tested with (nsys 2026.4)."""


class Kind(Enum):
    """How a column is kept in memory."""

    INT64 = "int64"
    """64-bit integers."""
    INT32 = "int32"
    """32-bit integers; the whole column becomes 64-bit when a value does not fit."""
    CODE = "code"
    """Few distinct 64-bit values: 32-bit indices into a dictionary, -1 for NULL."""
    PRESENT = "present"
    """1 where the column holds anything, 0 where it is NULL; for text that is fetched only where needed."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    """As nsys calls it."""
    kind: Kind
    """How it is kept in memory."""
    required: bool = True
    """False when some schema version lacks it."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the export."""

    name: str
    """As nsys calls it."""
    columns: tuple[Column, ...]
    """What nsysprof reads of it."""


def _int32(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Kind.INT32) for name in names)


_TIMES = (Column("start", Kind.INT64), Column("end", Kind.INT64))
_GPU = (
    *_TIMES,
    *_int32("deviceId", "streamId"),
    Column("correlationId", Kind.INT32, required=False),
    Column("globalPid", Kind.CODE, required=False),
)
_NODE = Column("graphNodeId", Kind.INT64, required=False)

KERNEL = Table("CUPTI_ACTIVITY_KIND_KERNEL", (*_GPU, _NODE, *_int32("demangledName")))
KERNEL_DETAIL = Table(
    "CUPTI_ACTIVITY_KIND_KERNEL",
    _int32(
        *(axis + dimension for axis in ("grid", "block") for dimension in "XYZ"),
        *("registersPerThread", "staticSharedMemory", "dynamicSharedMemory"),
    ),
)
MEMCPY = Table("CUPTI_ACTIVITY_KIND_MEMCPY", (*_GPU, _NODE, Column("bytes", Kind.INT64), *_int32("copyKind")))
MEMSET = Table("CUPTI_ACTIVITY_KIND_MEMSET", (*_GPU, _NODE, Column("bytes", Kind.INT64)))
GRAPH = Table("CUPTI_ACTIVITY_KIND_GRAPH_TRACE", (*_GPU, Column("graphId", Kind.INT64, required=False)))
_NODE_EVENT = (
    Column("start", Kind.INT64),
    Column("globalTid", Kind.CODE, required=False),
    Column("graphNodeId", Kind.INT64),
    Column("originalGraphNodeId", Kind.INT64, required=False),
)
GRAPH_NODE = Table("CUDA_GRAPH_NODE_EVENTS", _NODE_EVENT)
OLD_GRAPH_NODE = Table("CUDA_GRAPH_EVENTS", _NODE_EVENT)
"""Where nodes were up to schema 3.7; later the table of that name is about whole graphs."""
RUNTIME = Table(
    "CUPTI_ACTIVITY_KIND_RUNTIME",
    (
        *_TIMES,
        Column("globalTid", Kind.CODE, required=False),
        Column("correlationId", Kind.INT32, required=False),
        *_int32("nameId"),
    ),
)
NVTX = Table(
    "NVTX_EVENTS",
    (
        *_TIMES,
        *_int32("eventType"),
        Column("text", Kind.PRESENT, required=False),
        Column("globalTid", Kind.CODE, required=False),
        Column("textId", Kind.INT32, required=False),
        Column("domainId", Kind.INT64, required=False),
    ),
)
OVERHEAD = Table("PROFILER_OVERHEAD", (*_TIMES, Column("globalTid", Kind.CODE, required=False)))
MEMORY = Table(
    "CUDA_GPU_MEMORY_USAGE_EVENTS",
    (
        Column("start", Kind.INT64),
        Column("globalPid", Kind.CODE),
        *_int32("deviceId"),
        Column("bytes", Kind.INT64),
        *_int32("memKind", "memoryOperationType"),
        Column("localMemoryPoolSize", Kind.INT64, required=False),
        Column("localMemoryPoolUtilizedSize", Kind.INT64, required=False),
    ),
)

TABLES = (KERNEL, KERNEL_DETAIL, MEMCPY, MEMSET, GRAPH, GRAPH_NODE, RUNTIME, NVTX, OVERHEAD, MEMORY)
"""Every table that is read into arrays."""

MARKERS = ("META_DATA_EXPORT", "StringIds", "ANALYSIS_DETAILS")
"""Any of these, or of ``TABLES``, tells an nsys export from another SQLite file."""

MEANINGS = {
    "CUPTI_ACTIVITY_KIND_KERNEL": ("kernels", "capture with `-t cuda` while the program uses the GPU"),
    "CUPTI_ACTIVITY_KIND_MEMCPY": ("memory copies on the GPU", "capture with `-t cuda`"),
    "CUPTI_ACTIVITY_KIND_MEMSET": ("memory sets on the GPU", "capture with `-t cuda`"),
    "CUPTI_ACTIVITY_KIND_GRAPH_TRACE": (
        "CUDA graphs recorded as a whole",
        "capture with `--cuda-graph-trace=graph`, or look at the kernels inside",
    ),
    "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION": ("waits for the GPU", "capture with `-t cuda`"),
    "CUPTI_ACTIVITY_KIND_RUNTIME": ("CUDA API calls", "capture with `-t cuda`"),
    "NVTX_EVENTS": ("NVTX ranges", "capture with `-t nvtx` a program that opens some"),
    "PROFILER_OVERHEAD": ("record of profiler overhead", ""),
    "CUDA_GPU_MEMORY_USAGE_EVENTS": ("memory events", "capture with `--cuda-memory-usage=true`"),
    "TARGET_INFO_GPU": ("description of its GPUs", ""),
    "StringIds": ("names", ""),
}
"""What a table without rows means, and what to do about it."""

NVTX_PUSH_POP, NVTX_START_END, NVTX_RESUMED_PUSH_POP, NVTX_RESUMED_START_END = 59, 60, 70, 71
NVTX_RANGES = (NVTX_PUSH_POP, NVTX_START_END, NVTX_RESUMED_PUSH_POP, NVTX_RESUMED_START_END)
"""``eventType`` of rows that are ranges."""
NVTX_DOMAIN_CREATE = 75
"""``eventType`` of rows that name a domain; 76 destroys it."""

PROCESS_MASK = ~0xFFFFFF
"""``globalTid & PROCESS_MASK`` is the thread's ``globalPid``."""
