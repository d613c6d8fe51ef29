"""The tables of an nsys export, as ``TraceBuilder`` writes them for any schema version.

A column is INTEGER unless it says ``:TEXT``; ``!`` is NOT NULL; ``@3.28`` came with that version and ``-3.8``
went with it.
"""

from dataclasses import dataclass

_GPU = "start! end! deviceId! contextId! greenContextId streamId! correlationId globalPid"

_SHAPES = f"""
StringIds: id! value!:TEXT
META_DATA_EXPORT: name!:TEXT value:TEXT
TARGET_INFO_GPU: vmId! id! name:TEXT busLocation:TEXT isDiscrete l2CacheSize totalMemory memoryBandwidth
    clockRate smCount uuid:TEXT chipName:TEXT cuDevice computeMajor computeMinor
TARGET_INFO_CUDA_DEVICE@3.8: gpuId cudaId! pid!
TARGET_INFO_CUDA_STREAM: streamId! hwId! vmId! processId! contextId! priority! flag!
CUPTI_ACTIVITY_KIND_KERNEL: {_GPU} demangledName! shortName! mangledName launchType cacheConfig
    registersPerThread! gridX! gridY! gridZ! blockX! blockY! blockZ! staticSharedMemory! dynamicSharedMemory!
    localMemoryPerThread! localMemoryTotal! gridId! sharedMemoryExecuted graphNodeId sharedMemoryLimitConfig
    qmdBulkReleaseDone@3.28 qmdPreexitDone@3.28 qmdLastCtaDone@3.28 graphId@3.28 clusterX@3.28 clusterY@3.28
    clusterZ@3.28 clusterSchedulingPolicy@3.28 maxPotentialClusterSize@3.28 maxActiveClusters@3.28
CUPTI_ACTIVITY_KIND_MEMCPY: {_GPU} bytes! copyKind! deprecatedSrcId srcKind dstKind srcDeviceId srcContextId
    dstDeviceId dstContextId migrationCause graphNodeId virtualAddress copyCount@3.20
CUPTI_ACTIVITY_KIND_MEMSET: {_GPU} value! bytes! graphNodeId memKind
CUPTI_ACTIVITY_KIND_GRAPH_TRACE@3.8: start! end! deviceId! graphId! contextId! greenContextId streamId!
    correlationId globalPid
CUPTI_ACTIVITY_KIND_SYNCHRONIZATION: {_GPU} deprecatedSyncType@3.20 syncType! eventId! eventSyncId@3.20
CUPTI_ACTIVITY_KIND_RUNTIME: start! end! eventClass! globalTid correlationId nameId! returnValue! callchainId
CUDA_GRAPH_EVENTS-3.8: start! end! eventClass! globalTid nameId! graphNodeId originalGraphNodeId
CUDA_GRAPH_NODE_EVENTS@3.8: start! end! eventClass! globalTid nameId! graphNodeId! originalGraphNodeId
CUDA_GPU_MEMORY_USAGE_EVENTS: start! globalPid! deviceId! contextId! address! pc! bytes! memKind!
    memoryOperationType! name:TEXT correlationId streamId localMemoryPoolAddress
    localMemoryPoolReleaseThreshold localMemoryPoolSize localMemoryPoolUtilizedSize importedMemoryPoolAddress
    importedMemoryPoolProcessId
NVTX_EVENTS: start! end eventType! rangeId category color text:TEXT globalTid endGlobalTid textId domainId
    uint64Value int64Value doubleValue:REAL uint32Value int32Value floatValue:REAL jsonTextId jsonText:TEXT
    binaryData@3.20:TEXT
PROFILER_OVERHEAD: start! end! globalTid nameId! returnValue! overheadType@3.28
ENUM_CUDA_MEMCPY_OPER: id! name:TEXT label:TEXT
ENUM_CUDA_MEM_KIND: id! name:TEXT label:TEXT
ENUM_CUDA_DEV_MEM_EVENT_OPER: id! name:TEXT label:TEXT
"""

ENUMS = {
    "ENUM_CUDA_MEMCPY_OPER": {
        0: "Unknown",
        1: "Host-to-Device",
        2: "Device-to-Host",
        8: "Device-to-Device",
        9: "Host-to-Host",
        10: "Peer-to-Peer",
    },
    "ENUM_CUDA_MEM_KIND": {0: "Pageable", 1: "Pinned", 2: "Device", 4: "Managed", 5: "Device Static"},
    "ENUM_CUDA_DEV_MEM_EVENT_OPER": {0: "Allocation", 1: "Deallocation"},
}


@dataclass(frozen=True)
class Shape:
    """One table or column."""

    name: str
    type: str
    required: bool
    since: tuple[int, ...]
    until: tuple[int, ...]

    def exists(self, version: tuple[int, ...]) -> bool:
        return self.since <= version < self.until


def parse_version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _shape(item: str) -> Shape:
    item, _, type_ = item.partition(":")
    item, _, until = item.partition("-")
    item, _, since = item.partition("@")
    return Shape(
        item.rstrip("!"),
        type_ or "INTEGER",
        item.endswith("!"),
        parse_version(since or "0"),
        parse_version(until or "99"),
    )


def shapes() -> dict[str, tuple[Shape, tuple[Shape, ...]]]:
    """Return table name -> (table, its columns)."""
    tables = {}
    for entry in _SHAPES.replace("\n    ", " ").strip().splitlines():
        table, _, columns = entry.partition(": ")
        shape = _shape(table)
        tables[shape.name] = shape, tuple(_shape(column) for column in columns.split())
    return tables
