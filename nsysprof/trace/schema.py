"""The tables and columns of an nsys export that nsysprof reads, declared once.

nsys creates tables lazily (an absent one means that nothing was recorded) and changes them between versions,
so columns are read by name. What is below was compared with exports of every table by nsys 2022.4, 2023.4
and 2025.3 (schema 3.0.0, 3.7.2, 3.20.3), with NVIDIA's notes on what changed from 3.7.3 to 3.20.3, and with
the reference of 3.28.1: every column that nsysprof reads came with its table, and none has gone.
"""

from dataclasses import dataclass
from enum import Enum

from nsysprof.trace.model import SchemaVersion

OLDEST = SchemaVersion(3, 0, 0)
"""The first schema whose tables are laid out as below (nsys 2022.4)."""
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
    SQL = "sql"
    """Not kept: columns of small tables, and those that only the queries of the folder ``queries`` name."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    """As nsys calls it."""
    kind: Kind
    """How it is kept in memory."""
    required: bool = True
    """False when nsysprof does without it: its values are then -1, or NULL in SQL."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the export."""

    name: str
    """As nsys calls it."""
    columns: tuple[Column, ...]
    """What nsysprof reads of it."""
    since: SchemaVersion = OLDEST
    """The first version that has it."""
    formerly: str = ""
    """Its name before ``since``; empty when there was no such table."""

    @property
    def loaded(self) -> tuple[Column, ...]:
        """The columns that become arrays."""
        return tuple(column for column in self.columns if column.kind is not Kind.SQL)


def _int32(*names: str) -> tuple[Column, ...]:
    return tuple(Column(name, Kind.INT32) for name in names)


def _sql(*names: str, required: bool = True) -> tuple[Column, ...]:
    return tuple(Column(name, Kind.SQL, required) for name in names)


_TIMES = (Column("start", Kind.INT64), Column("end", Kind.INT64))
_GPU = (
    *_TIMES,
    *_int32("deviceId", "streamId"),
    Column("correlationId", Kind.INT32, required=False),
    Column("globalPid", Kind.CODE, required=False),
)
_NODE = Column("graphNodeId", Kind.INT64, required=False)

STRINGS = Table("StringIds", _sql("id", "value"))
EXPORT = Table("META_DATA_EXPORT", _sql("name", "value"), SchemaVersion(3, 7, 2), "EXPORT_META_DATA")
"""Renamed after 3.0.0 and by 3.7.2; no note says when."""
GPUS = Table(
    "TARGET_INFO_GPU",
    _sql("id", "name", "smCount", "totalMemory", "computeMajor", "computeMinor", required=False)
    + _sql("memoryBandwidth", "clockRate", required=False),
)
ORDINALS = Table(
    "TARGET_INFO_CUDA_DEVICE", _sql("pid", "cudaId", "gpuId", required=False), SchemaVersion(3, 16, 4)
)
DETAILS = Table("ANALYSIS_DETAILS", ())
"""Not read, but every export has it."""
DIAGNOSTICS = Table("DIAGNOSTIC_EVENT", _sql("severity", "text", required=False), SchemaVersion(3, 8, 4))

KERNEL = Table("CUPTI_ACTIVITY_KIND_KERNEL", (*_GPU, _NODE, *_int32("demangledName")))
KERNEL_DETAIL = Table(
    "CUPTI_ACTIVITY_KIND_KERNEL",
    _int32(
        *(axis + dimension for axis in ("grid", "block") for dimension in "XYZ"),
        *("registersPerThread", "staticSharedMemory", "dynamicSharedMemory"),
    ),
)
MEMCPY = Table(
    "CUPTI_ACTIVITY_KIND_MEMCPY",
    (*_GPU, _NODE, Column("bytes", Kind.INT64), *_int32("copyKind"), *_sql("srcKind", "dstKind")),
)
MEMSET = Table(
    "CUPTI_ACTIVITY_KIND_MEMSET",
    (*_GPU, _NODE, Column("bytes", Kind.INT64), *_sql("value", "memKind")),
)
GRAPH = Table(
    "CUPTI_ACTIVITY_KIND_GRAPH_TRACE",
    (*_GPU, Column("graphId", Kind.INT64, required=False)),
    SchemaVersion(3, 8, 4),
)
GRAPH_NODE = Table(
    "CUDA_GRAPH_NODE_EVENTS",
    (
        Column("start", Kind.INT64),
        Column("globalTid", Kind.CODE, required=False),
        Column("graphNodeId", Kind.INT64),
        Column("originalGraphNodeId", Kind.INT64, required=False),
    ),
    SchemaVersion(3, 8, 4),
    "CUDA_GRAPH_EVENTS",
)
"""From 3.8.4 on the table of the former name is about whole graphs, and has no ``graphNodeId``."""
RUNTIME = Table(
    "CUPTI_ACTIVITY_KIND_RUNTIME",
    (
        *_TIMES,
        Column("globalTid", Kind.CODE, required=False),
        Column("correlationId", Kind.INT32, required=False),
        *_int32("nameId"),
        *_sql("returnValue"),
    ),
)
SYNCHRONIZATION = Table(
    "CUPTI_ACTIVITY_KIND_SYNCHRONIZATION",
    _sql("start", "end", "deviceId", "streamId", "correlationId", "globalPid", "syncType"),
)
"""What ``syncType`` held before 3.17.0 is in ``deprecatedSyncType`` since."""
NVTX = Table(
    "NVTX_EVENTS",
    (
        *_TIMES,
        *_int32("eventType"),
        Column("text", Kind.PRESENT, required=False),
        Column("globalTid", Kind.CODE, required=False),
        Column("textId", Kind.INT32, required=False),
        Column("domainId", Kind.INT64, required=False),
        *_sql("endGlobalTid"),
    ),
)
OVERHEAD = Table(
    "PROFILER_OVERHEAD", (*_TIMES, Column("globalTid", Kind.CODE, required=False), *_sql("nameId"))
)
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
        *_sql("address", "correlationId"),
    ),
)
_LABELS = tuple(
    Table(name, _sql("id", "label"))
    for name in ("ENUM_CUDA_MEMCPY_OPER", "ENUM_CUDA_MEM_KIND", "ENUM_CUPTI_SYNC_TYPE")
)

LOADED = (KERNEL, KERNEL_DETAIL, MEMCPY, MEMSET, GRAPH, GRAPH_NODE, RUNTIME, NVTX, OVERHEAD, MEMORY)
"""Every table that is read into arrays."""
TABLES = (*LOADED, STRINGS, EXPORT, GPUS, ORDINALS, DIAGNOSTICS, SYNCHRONIZATION, *_LABELS, DETAILS)
"""Every table that nsysprof knows; any of them tells an nsys export from another SQLite file."""


def named(name: str) -> Table | None:
    """Return the declaration of the table ``name``, None when nsysprof has none."""
    return next((table for table in TABLES if table.name == name), None)


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
