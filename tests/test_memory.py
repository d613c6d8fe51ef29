"""Device memory over the trace and by step."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_trace import THREE_STEPS, unpack
from trace_builder import TraceBuilder

from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.memory import POINTS, device_memory, memory_by_step
from nsysprof.measure.results import DeviceMemory, StepMemory
from nsysprof.trace import open_trace
from nsysprof.trace.model import I64, MemoryRows


def rows(*events: tuple[int, int], device: int = 0, kind: int = 2) -> MemoryRows:
    """Events as (time, bytes); negative bytes are a release."""
    columns = np.array(events, np.int64).reshape(-1, 2)
    constant = np.full(len(columns), 0, np.int32)
    return MemoryRows(
        start_ns=columns[:, 0],
        process=constant,
        device=constant + np.int32(device),
        bytes=np.abs(columns[:, 1]),
        kind=constant + np.int32(kind),
        operation=(columns[:, 1] < 0).astype(np.int32),
        pool_bytes=np.full(len(columns), -1, np.int64),
        pool_used_bytes=np.full(len(columns), -1, np.int64),
    )


def windows(*spans: tuple[int, int]) -> tuple[I64, I64, npt.NDArray[np.bool_]]:
    """Windows of steps that process 0 runs."""
    columns = np.array(spans, np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1], np.ones((len(columns), 1), bool)


def test_peak_and_sums() -> None:
    (memory,) = device_memory(rows((10, 100), (20, 50), (30, -100), (40, 20)), 0)
    assert (memory.peak_bytes, memory.peak_at_ns) == (150, 20)
    assert (memory.allocations, memory.allocated_bytes, memory.releases) == (3, 170, 1)
    assert [(point.time_ns, point.used_bytes) for point in memory.points] == [
        (10, 100),
        (20, 150),
        (30, 50),
        (40, 70),
    ]
    assert (memory.pool_peak_bytes, memory.pool_used_peak_bytes) == (-1, -1)


def test_what_is_released_without_an_allocation_was_there_before() -> None:
    (memory,) = device_memory(rows((10, -100), (20, 50)), 0)
    assert [point.used_bytes for point in memory.points] == [0, 50]
    assert memory_by_step(rows((10, -100), (20, 50)), *windows((0, 15)))[0] == StepMemory(100, 0, 0, 1)


def test_what_is_dated_before_everything_else_was_in_use_when_recording_began() -> None:
    (memory,) = device_memory(rows((0, 100), (0, 50), (30, -100), (40, 20)), 25)
    assert (memory.initial_bytes, memory.peak_bytes) == (150, 150)
    assert (memory.allocations, memory.allocated_bytes, memory.releases) == (1, 20, 1)
    (memory,) = device_memory(rows((30, -100), (40, 20)), 25)
    assert memory.initial_bytes == 100


def test_host_memory_does_not_count() -> None:
    assert device_memory(rows((10, 100), kind=1), 0) == ()


@pytest.mark.parametrize(
    ("window", "found"),
    [
        pytest.param((0, 5), StepMemory(0, 0, 0, 0), id="before everything"),
        pytest.param((0, 25), StepMemory(150, 2, 150, 0), id="up to the peak"),
        pytest.param((25, 28), StepMemory(150, 0, 0, 0), id="nothing happens, but memory is in use"),
        pytest.param((30, 50), StepMemory(150, 1, 20, 1), id="the peak is what was there at the start"),
        pytest.param((50, 60), StepMemory(70, 0, 0, 0), id="after everything"),
    ],
)
def test_steps(window: tuple[int, int], found: StepMemory) -> None:
    events = rows((10, 100), (20, 50), (30, -100), (40, 20))
    assert memory_by_step(events, *windows(window)) == (found,)


def test_memory_of_other_processes_is_not_the_steps(tmp_path: Path) -> None:
    builder = TraceBuilder().gpu(1, "NVIDIA H200")
    for step in range(2):
        start = 1_000 * step
        builder.nvtx(f"step {step}", start, start + 900)
        builder.launch(
            "gemm_kernel", (start + 10, start + 20), (start + 20, start + 90), correlation=10 + step
        )
        builder.memory(start + 50, 7)
        builder.launch(
            "gemm_kernel",
            (start + 10, start + 20),
            (start + 20, start + 90),
            correlation=20 + step,
            tid=2000,
            pid=2000,
            device=1,
        )
        builder.memory(start + 60, 64, pid=2000, device=1).memory(start + 70, 5, pid=2000)
    with open_trace(builder.write(tmp_path / "trace.sqlite")) as trace:
        found = measure_hotspots(trace)
    assert [step.memory for step in found.steps] == [StepMemory(12, 1, 7, 0), StepMemory(24, 1, 7, 0)]


def test_without_events() -> None:
    assert device_memory(rows(), 0) == ()
    assert memory_by_step(rows(), *windows((0, 10), (10, 20))) == (None, None)


@given(st.integers(2 * POINTS + 1, 5_000), st.integers(0, 2**32 - 1))
def test_a_thinned_curve_keeps_its_extremes(events: int, seed: int) -> None:
    changes = np.random.default_rng(seed).integers(-50, 50, events).tolist()
    (memory,) = device_memory(rows(*((10 * at, change or 1) for at, change in enumerate(changes))), 0)
    assert len(memory.points) <= 2 * POINTS + 1
    used = np.cumsum([change or 1 for change in changes])
    used -= min(used.min(), 0)
    assert max(point.used_bytes for point in memory.points) == used.max()
    assert min(point.used_bytes for point in memory.points) == used.min()
    assert [point.time_ns for point in memory.points] == sorted(point.time_ns for point in memory.points)
    assert memory.points[-1].time_ns == 10 * (len(changes) - 1)


def test_pools(tmp_path: Path) -> None:
    builder = TraceBuilder().memory(10, 64, pool=(256, 64)).memory(20, 64, release=True, pool=(256, 0))
    with open_trace(builder.api("cudaMalloc_v3020", 0, 5).write(tmp_path / "trace.sqlite")) as trace:
        (memory,) = measure_hotspots(trace).memory
    assert (memory.pool_peak_bytes, memory.pool_used_peak_bytes) == (256, 64)
    assert [point.pool_bytes for point in memory.points] == [256, 256]


def test_the_real_trace_under_cuda_malloc_async(tmp_path: Path) -> None:
    with open_trace(unpack(THREE_STEPS, tmp_path)) as trace:
        found = measure_hotspots(trace)
    (memory,) = found.memory
    assert isinstance(memory, DeviceMemory)
    assert memory.pool_used_peak_bytes <= memory.pool_peak_bytes
    steps = [step.memory for step in found.steps]
    assert [(step.allocations, step.releases) for step in steps if step][1:] == [(2920, 2920)] * 2
    assert all(
        step and step.allocations == found.steps[at].api["malloc"].count for at, step in enumerate(steps)
    )
