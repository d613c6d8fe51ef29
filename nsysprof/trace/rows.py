"""Tables of an export as the row classes of ``model``."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nsysprof.trace import schema
from nsysprof.trace.columns import Columns, narrow
from nsysprof.trace.model import (
    I64,
    ApiRows,
    GraphNodeRows,
    GraphRows,
    KernelDetailRows,
    KernelRows,
    MemcpyRows,
    MemoryRows,
    MemsetRows,
    OverheadRows,
)
from nsysprof.trace.schema import Table
from nsysprof.trace.source import Source

_LATEST = 2**62  # differences of two times below it fit in 64 bits
MOST_NS = 2**60
"""What the rows of a table may last together, which is 36 years: sums of several tables fit in 64 bits."""
_AT_ONCE = 1 << 16  # rows whose scratch arrays stay in the processor's cache
Keep = npt.NDArray[np.bool_] | slice


def usable(source: Source, table: Table, start: I64, end: I64) -> Keep:
    """Return which rows have a start and an end that make sense; warns when some have not."""
    if _all_usable(start, end):
        return slice(None)
    keep: npt.NDArray[np.bool_] = (start >= 0) & (end >= start) & (end <= _LATEST)
    if not _countable(start[keep], end[keep]):
        keep[keep] = end[keep] - start[keep] <= MOST_NS // len(keep)
    bad = len(keep) - np.count_nonzero(keep)
    source.warn(f"{bad:,} of {len(keep):,} rows of {table.name} have impossible times and are left out")
    source.kept[table.name] = np.flatnonzero(keep)
    return keep


def _all_usable(start: I64, end: I64) -> bool:
    """Tell what ``usable`` finds nearly always, without an array as long as the table."""
    lasted = 0.0
    for low in range(0, len(start), _AT_ONCE):
        begun, ended = start[low : low + _AT_ONCE], end[low : low + _AT_ONCE]
        if begun.min() < 0 or ended.min() < 0 or ended.max() > _LATEST:
            return False
        duration = ended - begun
        if duration.min() < 0:
            return False
        lasted += float(duration.sum(dtype=np.float64))
    return lasted <= MOST_NS


def _countable(start: I64, end: I64) -> bool:
    """Tell whether all rows together last so short that their sum, and that of several tables, is right."""
    return not len(start) or float((end - start).sum(dtype=np.float64)) <= MOST_NS


def _gpu_columns(source: Source, read: Columns, table: Table) -> tuple[Keep, dict[str, Any]]:
    columns = read.integers
    keep = usable(source, table, columns["start"], columns["end"])
    node = columns.get("graphNodeId")
    common = {
        "start_ns": columns["start"][keep],
        "end_ns": columns["end"][keep],
        "device": columns["deviceId"][keep],
        "stream": columns["streamId"][keep],
        "correlation": columns["correlationId"][keep],
        "process": source.processes.adopt(read.coded["globalPid"])[keep],
        "graph_node": np.broadcast_to(np.int64(-1), (read.rows,))[keep] if node is None else node[keep],
    }
    return keep, common


def load_kernels(source: Source) -> KernelRows:
    """Load CUPTI_ACTIVITY_KIND_KERNEL."""
    read = source.read(schema.KERNEL)
    keep, common = _gpu_columns(source, read, schema.KERNEL)
    return KernelRows(**common, name=source.strings.ids(read.integers["demangledName"])[keep])


def load_kernel_details(source: Source, span: slice, kernels: int) -> KernelDetailRows:
    """Load the launch geometry of a span of the ``kernels`` rows that ``load_kernels`` returned."""
    start, stop, _ = span.indices(kernels)
    kept = source.kept.get(schema.KERNEL.name)
    details: Mapping[str, npt.NDArray[Any]]
    if start >= stop:
        details = {column.name: np.empty(0, np.int32) for column in schema.KERNEL_DETAIL.loaded}
    elif span == slice(None) and kept is None:
        details = source.read(schema.KERNEL_DETAIL).integers
    else:
        wanted = np.arange(start, stop) if kept is None else kept[start:stop]
        first = int(wanted[0])
        read = source.read(schema.KERNEL_DETAIL, slice(first, int(wanted[-1]) + 1)).integers
        details = {name: column[wanted - first] for name, column in read.items()}
    grid, block = (
        np.stack([details[f"{kind}{axis}"] for axis in "XYZ"], axis=1) for kind in ("grid", "block")
    )
    shared = details["staticSharedMemory"].astype(np.int64) + details["dynamicSharedMemory"]
    return KernelDetailRows(grid, block, details["registersPerThread"], narrow(shared))


def load_memcpys(source: Source) -> MemcpyRows:
    """Load CUPTI_ACTIVITY_KIND_MEMCPY."""
    read = source.read(schema.MEMCPY)
    keep, common = _gpu_columns(source, read, schema.MEMCPY)
    return MemcpyRows(**common, bytes=read.integers["bytes"][keep], kind=read.integers["copyKind"][keep])


def load_memsets(source: Source) -> MemsetRows:
    """Load CUPTI_ACTIVITY_KIND_MEMSET."""
    read = source.read(schema.MEMSET)
    keep, common = _gpu_columns(source, read, schema.MEMSET)
    return MemsetRows(**common, bytes=read.integers["bytes"][keep])


def load_graphs(source: Source) -> GraphRows:
    """Load CUPTI_ACTIVITY_KIND_GRAPH_TRACE."""
    read = source.read(schema.GRAPH)
    keep, common = _gpu_columns(source, read, schema.GRAPH)
    return GraphRows(**common, graph=read.integers["graphId"][keep])


def load_api_calls(source: Source) -> ApiRows:
    """Load CUPTI_ACTIVITY_KIND_RUNTIME."""
    read = source.read(schema.RUNTIME)
    columns = read.integers
    keep = usable(source, schema.RUNTIME, columns["start"], columns["end"])
    return ApiRows(
        start_ns=columns["start"][keep],
        end_ns=columns["end"][keep],
        thread=source.threads.adopt(read.coded["globalTid"])[keep],
        correlation=columns["correlationId"][keep],
        name=source.strings.ids(columns["nameId"])[keep],
    )


def load_graph_nodes(source: Source) -> GraphNodeRows:
    """Load CUDA_GRAPH_NODE_EVENTS."""
    read = source.read(schema.GRAPH_NODE)
    return GraphNodeRows(
        start_ns=read.integers["start"],
        thread=source.threads.adopt(read.coded["globalTid"]),
        node=read.integers["graphNodeId"],
        original=read.integers["originalGraphNodeId"],
    )


def load_overheads(source: Source) -> OverheadRows:
    """Load PROFILER_OVERHEAD."""
    read = source.read(schema.OVERHEAD)
    start, end = read.integers["start"], read.integers["end"]
    keep = usable(source, schema.OVERHEAD, start, end)
    return OverheadRows(start[keep], end[keep], source.threads.adopt(read.coded["globalTid"])[keep])


def load_memory(source: Source) -> MemoryRows:
    """Load CUDA_GPU_MEMORY_USAGE_EVENTS."""
    read = source.read(schema.MEMORY)
    columns = read.integers
    keep = usable(source, schema.MEMORY, columns["start"], columns["start"])
    return MemoryRows(
        start_ns=columns["start"][keep],
        process=source.processes.adopt(read.coded["globalPid"])[keep],
        device=columns["deviceId"][keep],
        bytes=columns["bytes"][keep],
        kind=columns["memKind"][keep],
        operation=columns["memoryOperationType"][keep],
        pool_bytes=columns["localMemoryPoolSize"][keep],
        pool_used_bytes=columns["localMemoryPoolUtilizedSize"][keep],
    )
