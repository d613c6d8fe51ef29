"""Write an nsys-shaped SQLite trace in a few readable lines.

    TraceBuilder().launch("gemm", api=(10, 20), gpu=(30, 50), correlation=1).nvtx("step 0", 0, 60).write(path)

Like nsys, it creates a table only when it has rows, and the columns follow the schema version.
"""

import sqlite3
from pathlib import Path
from typing import Self, TypedDict, Unpack

from trace_shapes import ENUMS, Shape, parse_version, shapes

PID = 1000
_MACHINE = 1 << 48
_SHAPES = shapes()

Value = int | float | str | bytes | None


class Place(TypedDict, total=False):
    """Where GPU work ran and which API call submitted it."""

    correlation: int
    stream: int
    device: int
    pid: int


def global_pid(pid: int = PID) -> int:
    """Return what nsys stores for a process."""
    return _MACHINE | pid << 24


def global_tid(tid: int = PID, pid: int = PID) -> int:
    """Return what nsys stores for a thread."""
    return global_pid(pid) | tid


class TraceBuilder:
    """Collects rows, then writes them; every method but ``write`` and ``string`` returns the builder.

    ``schema`` is the export's version, 3.0.0 or later (``trace_shapes.versions`` lists those that differ);
    None writes none into the file.
    ``gpu`` names device 0; None describes no GPU at all.
    """

    def __init__(self, schema: str | None = "3.20.3", gpu: str | None = "NVIDIA H200") -> None:
        self._version = parse_version(schema or "3.0.0")
        self._rows: dict[str, list[dict[str, Value]]] = {}
        self._strings: dict[str, int] = {}
        self._domains: dict[tuple[int, str], int] = {}
        if schema is not None:
            table = "META_DATA_EXPORT" if self._has("META_DATA_EXPORT") else "EXPORT_META_DATA"
            self.row(table, name="EXPORT_SCHEMA_VERSION", value=schema)
        for table, labels in ENUMS.items():
            for id_, label in labels.items():
                self.row(table, id=id_, name=label.upper(), label=label)
        if gpu is not None:
            self.gpu(0, gpu)

    def _has(self, table: str) -> bool:
        return _SHAPES[table][0].exists(self._version)

    def row(self, table: str, **columns: Value) -> Self:
        """Add a row as it is, for what the other methods would not write; unknown tables are untyped."""
        self._rows.setdefault(table, []).append(columns)
        return self

    def string(self, text: str) -> int:
        """Return the StringIds id of ``text``."""
        return self._strings.setdefault(text, len(self._strings) + 1)

    def gpu(self, device: int, name: str, *, number: int | None = None, multiprocessors: int = 132) -> Self:
        """Describe a GPU; ``number`` is its place in the machine where that is not the CUDA ordinal."""
        number = device if number is None else number
        if self._has("TARGET_INFO_CUDA_DEVICE"):
            self.row("TARGET_INFO_CUDA_DEVICE", gpuId=number, cudaId=device, pid=PID)
        return self.row(
            "TARGET_INFO_GPU",
            vmId=_MACHINE,
            id=number,
            name=name,
            totalMemory=150_109_880_320,
            smCount=multiprocessors,
            cuDevice=device,
            computeMajor=9,
            computeMinor=0,
        )

    def _gpu_work(self, table: str, start: int, end: int, place: Place, **columns: Value) -> Self:
        return self.row(
            table,
            start=start,
            end=end,
            contextId=1,
            deviceId=place.get("device", 0),
            streamId=place.get("stream", 7),
            correlationId=place.get("correlation", 0),
            globalPid=global_pid(place.get("pid", PID)),
            **columns,
        )

    def kernel(
        self,
        name: str,
        start: int,
        end: int,
        *,
        grid: tuple[int, int, int] = (1, 1, 1),
        block: tuple[int, int, int] = (128, 1, 1),
        registers: int = 32,
        shared: tuple[int, int] = (0, 0),
        graph_node: int | None = None,
        **place: Unpack[Place],
    ) -> Self:
        """Add a kernel; ``shared`` is static and dynamic shared memory in bytes."""
        return self._gpu_work(
            "CUPTI_ACTIVITY_KIND_KERNEL",
            start,
            end,
            place,
            demangledName=self.string(name),
            shortName=self.string(name.partition("<")[0].partition("(")[0]),
            registersPerThread=registers,
            staticSharedMemory=shared[0],
            dynamicSharedMemory=shared[1],
            graphNodeId=graph_node,
            **dict(zip(("gridX", "gridY", "gridZ"), grid, strict=True)),
            **dict(zip(("blockX", "blockY", "blockZ"), block, strict=True)),
        )

    def memcpy(self, start: int, end: int, nbytes: int = 4096, kind: int = 1, **place: Unpack[Place]) -> Self:
        """Add a copy; ``kind`` 1 host to device, 2 device to host, 8 device to device."""
        return self._gpu_work("CUPTI_ACTIVITY_KIND_MEMCPY", start, end, place, bytes=nbytes, copyKind=kind)

    def memset(self, start: int, end: int, nbytes: int = 4096, **place: Unpack[Place]) -> Self:
        """Add a memory set."""
        return self._gpu_work("CUPTI_ACTIVITY_KIND_MEMSET", start, end, place, bytes=nbytes, memKind=2)

    def graph(self, start: int, end: int, graph_id: int = 1, **place: Unpack[Place]) -> Self:
        """Add a whole graph launch, as ``--cuda-graph-trace=graph`` records it."""
        return self._gpu_work("CUPTI_ACTIVITY_KIND_GRAPH_TRACE", start, end, place, graphId=graph_id)

    def graph_node(self, node: int, start: int, original: int | None = None, tid: int = PID) -> Self:
        """Add a node of a CUDA graph; ``original`` is the node that it was copied from."""
        table = "CUDA_GRAPH_NODE_EVENTS" if self._has("CUDA_GRAPH_NODE_EVENTS") else "CUDA_GRAPH_EVENTS"
        return self.row(
            table,
            start=start,
            end=start + 1,
            nameId=self.string("cudaGraphAddKernelNode_v10000"),
            globalTid=global_tid(tid),
            graphNodeId=node,
            originalGraphNodeId=original,
        )

    def graph_made(self, graph_id: int, start: int) -> Self:
        """Add the making of a whole CUDA graph, which schemas before 3.8.4 do not record."""
        if not self._has("CUDA_GRAPH_NODE_EVENTS"):
            return self
        return self.row("CUDA_GRAPH_EVENTS", start=start, end=start + 1, graphId=graph_id)

    def wait(self, start: int, end: int, kind: int = 3, **place: Unpack[Place]) -> Self:
        """Add a wait for the GPU; ``kind`` 1 event, 3 stream, 4 context."""
        return self._gpu_work("CUPTI_ACTIVITY_KIND_SYNCHRONIZATION", start, end, place, syncType=kind)

    def api(
        self, name: str, start: int, end: int, correlation: int = 0, tid: int = PID, *, pid: int = PID
    ) -> Self:
        """Add a CUDA API call."""
        return self.row(
            "CUPTI_ACTIVITY_KIND_RUNTIME",
            start=start,
            end=end,
            nameId=self.string(name),
            globalTid=global_tid(tid, pid),
            correlationId=correlation,
        )

    def launch(
        self, name: str, api: tuple[int, int], gpu: tuple[int, int], *, tid: int = PID, **place: Unpack[Place]
    ) -> Self:
        """Add a kernel and the cudaLaunchKernel call that launched it, each with its start and end."""
        pid = place.get("pid", PID)
        self.api("cudaLaunchKernel_v7000", *api, place.get("correlation", 0), tid, pid=pid)
        return self.kernel(name, *gpu, **place)

    def nvtx(
        self,
        text: str,
        start: int,
        end: int | None,
        tid: int = PID,
        *,
        pid: int = PID,
        domain: str = "",
        kind: int = 59,
        registered: bool = False,
        end_tid: int | None = None,
    ) -> Self:
        """Add a range; ``kind`` 59 push/pop, 60 start/end. ``registered`` keeps the text in StringIds."""
        return self.row(
            "NVTX_EVENTS",
            start=start,
            end=end,
            eventType=kind,
            domainId=self._domain(domain, pid),
            text=None if registered else text,
            textId=self.string(text) if registered else None,
            globalTid=global_tid(tid, pid),
            endGlobalTid=None if end_tid is None else global_tid(end_tid, pid),
        )

    def _domain(self, name: str, pid: int) -> int:
        if name and (pid, name) not in self._domains:
            self._domains[pid, name] = 1 + sum(owner == pid for owner, _ in self._domains)
            id_, tid = self._domains[pid, name], global_tid(pid, pid)
            self.row("NVTX_EVENTS", start=0, eventType=75, text=name, globalTid=tid, domainId=id_)
        return self._domains[pid, name] if name else 0

    def memory(
        self,
        start: int,
        nbytes: int,
        *,
        release: bool = False,
        address: int = 0x7F0000000000,
        kind: int = 2,
        pool: tuple[int, int] | None = None,
        **place: Unpack[Place],
    ) -> Self:
        """Add a device allocation or release; ``pool`` is the pool's size and its used bytes after it."""
        return self.row(
            "CUDA_GPU_MEMORY_USAGE_EVENTS",
            start=start,
            bytes=nbytes,
            address=address,
            memKind=kind,
            memoryOperationType=int(release),
            deviceId=place.get("device", 0),
            correlationId=place.get("correlation"),
            streamId=place.get("stream"),
            globalPid=global_pid(place.get("pid", PID)),
            localMemoryPoolSize=pool[0] if pool else None,
            localMemoryPoolUtilizedSize=pool[1] if pool else None,
        )

    def overhead(self, start: int, end: int, tid: int | None = PID, *, pid: int = PID) -> Self:
        """Add time that nsys itself spent."""
        return self.row(
            "PROFILER_OVERHEAD",
            start=start,
            end=end,
            nameId=self.string("CUDA profiling data flush overhead"),
            globalTid=None if tid is None else global_tid(tid, pid),
        )

    def write(self, path: Path, page_size: int = 4096) -> Path:
        """Write the trace and return ``path``."""
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        try:
            connection.execute(f"PRAGMA page_size = {page_size}")
            strings: list[dict[str, Value]] = [{"id": id_, "value": s} for s, id_ in self._strings.items()]
            for table, rows in {"StringIds": strings, **self._rows}.items():
                self._write_table(connection, table, rows)
            connection.commit()
        finally:
            connection.close()
        return path

    def _write_table(self, connection: sqlite3.Connection, table: str, rows: list[dict[str, Value]]) -> None:
        used = dict.fromkeys(name for row in rows for name in row)
        if table in _SHAPES:
            shape, columns = _SHAPES[table]
            there = {column.name: column for column in columns if column.exists(self._version)}
            absent = [name for name in used if name not in there and any(row.get(name) for row in rows)]
            if absent or not shape.exists(self._version):
                raise ValueError(f"schema {self._version} has no {table} {absent}")
            defaults: dict[str, Value] = {name: _default(column) for name, column in there.items()}
            declared = [f'"{c.name}" {c.type}{" NOT NULL" * c.required}' for c in there.values()]
            declared[0] += " PRIMARY KEY" * (table == "StringIds")
        else:
            defaults, declared = dict.fromkeys(used), [f'"{name}"' for name in used]
        connection.execute(f'CREATE TABLE "{table}" ({", ".join(declared)})')
        connection.executemany(
            f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(defaults))})',
            ([row.get(name, default) for name, default in defaults.items()] for row in rows),
        )


def _default(column: Shape) -> Value:
    if not column.required:
        return None
    return "" if column.type == "TEXT" else 0
