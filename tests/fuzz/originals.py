"""The healthy traces that are damaged: small ones of every shape, and pages of every size."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

from trace_builder import PID, TraceBuilder

KERNELS = (
    "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>(int)",
    "sm90_xmma_gemm_f16f16_f16f32_f32_tn_n_tilesize128x128x64_warpgroupsize1x1x1_execute",
    "layer_norm_kernel",
    "flash_fwd_kernel",
    "who_knows",
)


def steps() -> TraceBuilder:
    """Steps with ranges inside, memory work, waits, allocations and overhead."""
    builder, at, number = TraceBuilder(), 1_000, 0
    for step in range(6):
        begin = at
        for block in range(3):
            builder.nvtx(f"block.{block}", at, at + 700)
            for kernel in range(4):
                number += 1
                at += 100
                launch, gpu = (at, at + 20), (at + 40, at + 120 + 7 * kernel)
                builder.launch(KERNELS[(block + kernel) % 5], launch, gpu, correlation=number)
            at += 350
        number += 2
        builder.api("cudaMemcpyAsync_v3020", at, at + 10, number - 1).memcpy(
            at + 20, at + 50, correlation=number - 1
        )
        builder.api("cudaMemsetAsync_v3020", at + 12, at + 20, number).memset(
            at + 60, at + 70, correlation=number
        )
        builder.api("cudaStreamSynchronize_v3020", at + 30, at + 90).wait(at + 30, at + 90)
        builder.api("cudaMalloc_v3020", at + 92, at + 97).memory(at + 95, 4096 << step)
        builder.overhead(at + 5, at + 8)
        at += 100
        builder.nvtx(f"step {step}", begin, at, registered=step % 2 == 0)
    return builder


def unmarked() -> TraceBuilder:
    """Steps that only the kernels' sequence shows."""
    builder, number = TraceBuilder(schema="3.7.2"), 0
    for step in range(12):
        for kernel in range(9):
            number += 1
            at = 10_000 * step + 500 * kernel
            name = KERNELS[kernel % 5]
            builder.launch(name, (at, at + 50), (at + 100, at + 420), correlation=number)
    return builder


def processes() -> TraceBuilder:
    """Two processes with two threads each, on two GPUs and several streams, and a domain of ranges."""
    builder = TraceBuilder(schema="3.28.1").gpu(1, "NVIDIA A100")
    for process in range(2):
        pid = PID * (process + 1)
        for number in range(1, 25):
            at, tid = 1_000 * number + process, pid + number % 2
            device, stream = number % 2, 7 + number % 3
            builder.launch(
                KERNELS[number % 5],
                (at, at + 90),
                (at + 200, at + 1_150),
                tid=tid,
                pid=pid,
                correlation=number,
                device=device,
                stream=stream,
            )
        for step in range(4):
            builder.nvtx(f"step {step}", 6_000 * step, 6_000 * step + 5_900, pid, pid=pid)
        builder.nvtx("outer", 10, 20_000, pid, pid=pid, domain="library", kind=60, end_tid=pid + 1)
    return builder


def graphs() -> TraceBuilder:
    """CUDA graphs: some as a whole, some with their nodes."""
    builder = TraceBuilder()
    for node in range(4):
        builder.graph_node(node + 1, 10 + node)
    for launch in range(8):
        at = 1_000 * (launch + 1)
        builder.nvtx(f"step {launch}", at, at + 900).api("cudaGraphLaunch_v10000", at, at + 50, launch + 1)
        for node in range(4):
            begin = at + 100 + 150 * node
            builder.kernel(KERNELS[node], begin, begin + 120, graph_node=node + 1, correlation=launch + 1)
    builder.api("cudaGraphLaunch_v10000", 10_000, 10_050, 99).graph(10_100, 10_700, correlation=99)
    return builder.api("cudaGraphLaunch_v10000", 10_800, 10_850, 100)


def long_names() -> TraceBuilder:
    """Names and ranges that go on for several pages."""
    builder = TraceBuilder(schema="3.0.0")
    for number in range(1, 30):
        at = 1_000 * number
        builder.nvtx(f"step {number} " + "x" * 997 * (number % 4), at, at + 950)
        name = f"kernel_{number % 6}<" + "int, " * 400 * (number % 3) + ">"
        builder.launch(name, (at, at + 100), (at + 200, at + 800), correlation=number)
    return builder


def few() -> TraceBuilder:
    """A single kernel and nothing that submitted it."""
    return TraceBuilder(schema=None, gpu=None).kernel("gemm", 10, 20)


SHAPES: tuple[Callable[[], TraceBuilder], ...] = (steps, unmarked, processes, graphs, long_names, few)
_PAGE_SIZES = (512, 512, 1024, 4096, 65536)


class Originals:
    """Writes each original once; gives paths that are only to be copied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def any(self, random: Random, *, loose: bool = False) -> Path:
        """Return one of them; where ``loose``, any column takes NULL."""
        return self.get(random.choice(SHAPES), random.choice(_PAGE_SIZES), loose=loose)

    def get(self, shape: Callable[[], TraceBuilder], page_size: int, *, loose: bool = False) -> Path:
        path = self._folder / f"{shape.__name__}-{page_size}-{loose}.sqlite"
        if not path.exists():
            shape().write(path, page_size)
            if loose:
                _loosen(path)
        return path


def _loosen(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')")
        connection.commit()
        connection.execute("PRAGMA writable_schema = RESET")
