"""The tables of an nsys export, as ``TraceBuilder`` writes them for any schema version.

A column is INTEGER unless it says ``:TEXT``; ``!`` is NOT NULL; ``@3.28.1`` came with that version and
``-3.8.4`` went with it. Schema 3.0.0 is nsys 2022.4, 3.7.2 is 2023.4.4, 3.20.3 is 2025.3, 3.28.1 is 2026.4.
What came between the first two, or after 3.20.3, is said to have come with the later one.
"""

from dataclasses import dataclass

_GPU = "start! end! deviceId! contextId! greenContextId@3.7.2 streamId! correlationId globalPid"

_SHAPES = f"""
StringIds: id! value!:TEXT
EXPORT_META_DATA-3.7.2: name!:TEXT value:TEXT
META_DATA_EXPORT@3.7.2: name!:TEXT value:TEXT
DIAGNOSTIC_EVENT@3.8.4: timestamp! timestampType! source! severity! text!:TEXT globalPid
TARGET_INFO_GPU: vmId! id! name:TEXT busLocation:TEXT isDiscrete l2CacheSize totalMemory memoryBandwidth
    clockRate smCount uuid:TEXT chipName:TEXT cuDevice computeMajor computeMinor numaNodeId@3.28.1
TARGET_INFO_CUDA_DEVICE@3.16.4: gpuId cudaId! pid! uuid@3.28.1:TEXT numMultiprocessors@3.28.1
TARGET_INFO_CUDA_STREAM: streamId! hwId! vmId! processId! contextId! priority! flag!
CUPTI_ACTIVITY_KIND_KERNEL: {_GPU} demangledName! shortName! mangledName launchType cacheConfig
    registersPerThread! gridX! gridY! gridZ! blockX! blockY! blockZ! staticSharedMemory! dynamicSharedMemory!
    localMemoryPerThread! localMemoryTotal! gridId! sharedMemoryExecuted graphNodeId sharedMemoryLimitConfig
    qmdBulkReleaseDone@3.28.1 qmdPreexitDone@3.28.1 qmdLastCtaDone@3.28.1 graphId@3.28.1 clusterX@3.28.1
    clusterY@3.28.1 clusterZ@3.28.1 clusterSchedulingPolicy@3.28.1 maxPotentialClusterSize@3.28.1
    maxActiveClusters@3.28.1 sharedMemoryRequestedPercentage@3.28.1 tensorSizeMinusOneElements!@3.28.1:TEXT
CUPTI_ACTIVITY_KIND_MEMCPY: {_GPU} bytes! copyKind! deprecatedSrcId srcKind dstKind srcDeviceId srcContextId
    dstDeviceId dstContextId migrationCause graphNodeId virtualAddress copyCount@3.17.2
CUPTI_ACTIVITY_KIND_MEMSET: {_GPU} value! bytes! graphNodeId memKind
CUPTI_ACTIVITY_KIND_GRAPH_TRACE@3.8.4: {_GPU} graphId! graphExecId!
CUPTI_ACTIVITY_KIND_SYNCHRONIZATION: {_GPU} deprecatedSyncType@3.17 syncType! eventId! eventSyncId@3.17
CUPTI_ACTIVITY_KIND_RUNTIME: start! end! eventClass! globalTid correlationId nameId! returnValue! callchainId
CUDA_GRAPH_EVENTS: start! end! eventClass! globalTid nameId! graphNodeId!-3.8.4 originalGraphNodeId-3.8.4
    graphId@3.8.4 originalGraphId@3.8.4 graphExecId@3.8.4
CUDA_GRAPH_NODE_EVENTS@3.8.4: start! end! eventClass! globalTid nameId! graphNodeId! originalGraphNodeId
CUDA_GPU_MEMORY_USAGE_EVENTS: start! globalPid! deviceId! contextId! address! pc! bytes! memKind!
    memoryOperationType! name:TEXT correlationId streamId@3.13.4 localMemoryPoolAddress
    localMemoryPoolReleaseThreshold localMemoryPoolSize localMemoryPoolUtilizedSize importedMemoryPoolAddress
    importedMemoryPoolProcessId
NVTX_EVENTS: start! end eventType! rangeId category color text:TEXT globalTid endGlobalTid textId domainId
    uint64Value int64Value doubleValue:REAL uint32Value int32Value floatValue:REAL jsonTextId jsonText:TEXT
    binaryData@3.13.2:TEXT
PROFILER_OVERHEAD: start! end! globalTid nameId! returnValue! overheadType@3.28.1
ENUM_CUDA_MEMCPY_OPER: id! name:TEXT label:TEXT
ENUM_CUDA_MEM_KIND: id! name:TEXT label:TEXT
ENUM_CUDA_DEV_MEM_EVENT_OPER: id! name:TEXT label:TEXT
ENUM_CUPTI_SYNC_TYPE: id! name:TEXT label:TEXT
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
    "ENUM_CUPTI_SYNC_TYPE": {1: "Event sync", 2: "Stream wait sync", 3: "Stream sync", 4: "Context sync"},
}


_ALWAYS, _NEVER = (0,), (99,)


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

    def turns(self) -> set[tuple[int, ...]]:
        """Return the versions that begin or end it, in full."""
        known = {self.since, self.until} - {_ALWAYS, _NEVER}
        return {(*version, 0, 0)[:3] for version in known}


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
        parse_version(since) if since else _ALWAYS,
        parse_version(until) if until else _NEVER,
    )


def versions() -> list[str]:
    """Return every schema version with which something came or went, and the newest."""
    seen = {
        part for shape, columns in shapes().values() for item in (shape, *columns) for part in item.turns()
    }
    return [".".join(map(str, version)) for version in sorted(seen | {(3, 0, 0), (3, 20, 3), (3, 28, 1)})]


def shapes() -> dict[str, tuple[Shape, tuple[Shape, ...]]]:
    """Return table name -> (table, its columns)."""
    tables = {}
    for entry in _SHAPES.replace("\n    ", " ").strip().splitlines():
        table, _, columns = entry.partition(": ")
        shape = _shape(table)
        tables[shape.name] = shape, tuple(_shape(column) for column in columns.split())
    return tables
