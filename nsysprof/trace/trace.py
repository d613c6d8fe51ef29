"""A trace: an nsys export opened read-only, its tables loaded as arrays when they are first asked for."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np

from nsysprof.trace import info, rows
from nsysprof.trace.extent import Extent, extent
from nsysprof.trace.model import (
    I32,
    I64,
    ApiRows,
    Device,
    GraphNodeRows,
    GraphRows,
    KernelDetailRows,
    KernelRows,
    MemcpyRows,
    MemoryRows,
    MemsetRows,
    OverheadRows,
    RangeRows,
    SchemaVersion,
)
from nsysprof.trace.nvtx import Nvtx, load_nvtx
from nsysprof.trace.schema import PROCESS_MASK, Table
from nsysprof.trace.source import Source

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Rows = TypeVar("Rows", bound="DataclassInstance")


def open_trace(path: str | Path) -> "Trace":
    """Open the nsys SQLite export at ``path`` read-only.

    Raises TraceError when it is missing, empty, cut off, locked, no SQLite file, or no nsys export.
    """
    return Trace(Path(path))


class Trace:
    """An nsys export; a context manager that closes the file.

    Tables load on first use and stay; one that the trace lacks has zero rows. What was loaded remains usable
    after the trace is closed. Damage found while loading raises TraceError.
    """

    def __init__(self, path: Path) -> None:
        """Open ``path``; see ``open_trace``."""
        self._source = Source(path)
        self.path = path
        """The file as it was named."""
        self.schema: SchemaVersion = self._source.schema
        """Version of the export's layout; 0.0.0 when it does not say."""

    def __enter__(self) -> Self:
        """Return the trace itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file; loaded rows stay usable."""
        self._source.close()

    def _load(self, load: Callable[[Source], Rows]) -> Rows:
        """Return loaded rows, their arrays made read-only."""
        loaded = load(self._source)
        for field in fields(loaded):
            getattr(loaded, field.name).flags.writeable = False
        return loaded

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes figures of this trace doubtful, as sentences; grows as tables are loaded."""
        return tuple(self._source.warnings)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Loaded tables of which rows were left out, as their times are impossible."""
        return tuple(self._source.kept)

    def has_table(self, name: str) -> bool:
        """Tell whether the export holds table ``name``; nsys leaves out a table without rows."""
        return name in self._source.tables

    @property
    def part_read(self) -> float:
        """Which part of the file has been read so far, 0..1, about."""
        return self._source.part_read

    @cached_property
    def extent(self) -> Extent:
        """How much the export holds, told without loading it."""
        return extent(self._source)

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """The GPUs that CUDA saw, by ordinal."""
        return info.devices(self._source)

    @cached_property
    def gpu_numbers(self) -> Mapping[tuple[int, int], int]:
        """The GPU's own number by process id and CUDA ordinal, where the export says; see ``info``."""
        return MappingProxyType(info.gpu_numbers(self._source))

    @cached_property
    def strings(self) -> Mapping[int, str]:
        """Every string of the trace by id; holds the name of every kernel and API call."""
        return MappingProxyType(self._source.strings.by_id)

    @property
    def threads(self) -> I64:
        """``globalTid`` by thread index, over all tables that name threads (which this loads)."""
        _ = self.api_calls, self.ranges, self.overheads
        return self._source.threads.values()

    @property
    def processes(self) -> I64:
        """``globalPid`` by process index, over all tables that name processes (which this loads)."""
        _ = self.kernels, self.memcpys, self.memsets, self.graphs, self.memory
        return self._source.processes.values()

    @property
    def thread_process(self) -> I32:
        """Process index by thread index, -1 where no table names the thread's process."""
        parents = self.threads & PROCESS_MASK
        processes = self.processes
        if not len(processes):
            return np.full(len(parents), -1, np.int32)
        order = np.argsort(processes)
        found = order[np.minimum(np.searchsorted(processes[order], parents), len(order) - 1)]
        return np.where(processes[found] == parents, found, -1).astype(np.int32)

    def select(self, table: Table) -> list[tuple[object, ...]]:
        """Return the declared columns of a small table that has no rows here; raises TraceError."""
        return self._source.select(table)

    @cached_property
    def kernels(self) -> KernelRows:
        """Kernels that ran."""
        return self._load(rows.load_kernels)

    def kernel_details(self, span: slice = slice(None)) -> KernelDetailRows:
        """Load the launch geometry of ``kernels[span]``, row by row; not kept."""
        return self._load(lambda source: rows.load_kernel_details(source, span, len(self.kernels)))

    @cached_property
    def memcpys(self) -> MemcpyRows:
        """Memory copies on the GPU."""
        return self._load(rows.load_memcpys)

    @cached_property
    def memsets(self) -> MemsetRows:
        """Memory sets on the GPU."""
        return self._load(rows.load_memsets)

    @cached_property
    def graphs(self) -> GraphRows:
        """Whole CUDA graph launches; their kernels are then not in ``kernels``."""
        return self._load(rows.load_graphs)

    @cached_property
    def graph_nodes(self) -> GraphNodeRows:
        """Nodes of CUDA graphs: when each was captured, or copied from another."""
        return self._load(rows.load_graph_nodes)

    @cached_property
    def api_calls(self) -> ApiRows:
        """CUDA runtime and driver API calls."""
        return self._load(rows.load_api_calls)

    @cached_property
    def overheads(self) -> OverheadRows:
        """Time that nsys itself spent."""
        return self._load(rows.load_overheads)

    @cached_property
    def memory(self) -> MemoryRows:
        """Device memory allocations and releases."""
        return self._load(rows.load_memory)

    @cached_property
    def ranges(self) -> RangeRows:
        """NVTX ranges; texts and domains are in ``range_texts`` and ``domains``."""
        return self._load(lambda _: self._nvtx.rows)

    @property
    def range_texts(self) -> tuple[str, ...]:
        """Distinct texts of NVTX ranges, by ``RangeRows.text``."""
        return self._nvtx.texts

    @property
    def domains(self) -> tuple[str, ...]:
        """Distinct names of NVTX domains, by ``RangeRows.domain``; the first is the default domain, ""."""
        return self._nvtx.domains

    @cached_property
    def _nvtx(self) -> Nvtx:
        return load_nvtx(self._source)
