"""Hotspots of whole traces: sums that add up, and traces that lack something."""

import sqlite3
from pathlib import Path

import pytest
from real_trace import THREE_STEPS, unpack
from trace_builder import TraceBuilder

from nsysprof.attribute.buckets import IDLE
from nsysprof.errors import MissingDataError
from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Amount, Hotspots
from nsysprof.trace import open_trace


def measure(path: Path, steps: str = "auto") -> Hotspots:
    with open_trace(path) as trace:
        return measure_hotspots(trace, steps)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(THREE_STEPS, tmp_path_factory.mktemp("real"))


def total(path: Path, table: str, where: str = "1") -> tuple[int, int]:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    sql = f'SELECT sum("end" - start), count(*) FROM CUPTI_ACTIVITY_KIND_{table} WHERE {where}'
    row = connection.execute(sql).fetchone()
    connection.close()
    return int(row[0]), int(row[1])


def test_every_ns_of_the_real_trace_is_in_a_category(real: Path) -> None:
    found = measure(real)
    kernels = [share for key, share in found.categories.items() if key not in ("memcpy", "memset")]
    assert (sum(s.ns for s in kernels), sum(s.count for s in kernels)) == total(real, "KERNEL")
    assert (found.categories["memcpy"].ns, found.categories["memcpy"].count) == total(real, "MEMCPY")
    assert (found.categories["memset"].ns, found.categories["memset"].count) == total(real, "MEMSET")
    assert sum(share.share for share in found.categories.values()) == pytest.approx(1)


def test_kernels_and_calls_of_the_real_trace_add_up(real: Path) -> None:
    found = measure(real)
    assert (sum(k.total_ns for k in found.kernels), sum(k.count for k in found.kernels)) == total(
        real, "KERNEL"
    )
    calls = sum(c.total_ns for c in found.api_calls), sum(c.count for c in found.api_calls)
    assert calls == total(real, "RUNTIME")
    assert (sum(a.ns for a in found.api.values()), sum(a.count for a in found.api.values())) == calls
    assert all(k.min_ns <= k.mean_ns <= k.max_ns for k in found.kernels)


def test_steps_of_the_real_trace(real: Path) -> None:
    found = measure(real)
    assert [step.label for step in found.steps] == ["step 0", "step 1", "step 2"]
    assert found.trace.gpu == "NVIDIA H200"
    for step in found.steps:
        assert sum(step.partition.values()) == step.wall_ns == step.gpu_end_ns - step.gpu_start_ns
        assert step.idle_ns == sum(ns for key, ns in step.partition.items() if key in IDLE)
        assert step.busy_ns + step.idle_ns == step.wall_ns
    assert found.steps[0].gpu_end_ns == found.steps[1].gpu_start_ns
    assert found.steps[1].kernels == found.steps[2].kernels == 2142


def test_step_calls_of_the_real_trace_are_those_in_its_cpu_window(real: Path) -> None:
    step = measure(real).steps[1]
    where = f"start >= {step.cpu_start_ns} AND start < {step.cpu_end_ns}"
    assert (sum(a.ns for a in step.api.values()), sum(a.count for a in step.api.values())) == total(
        real, "RUNTIME", where
    )
    frees = f"{where} AND nameId IN (SELECT id FROM StringIds WHERE value LIKE 'cudaFreeAsync%')"
    assert step.api["free"] == Amount(*total(real, "RUNTIME", frees))


def test_copies_and_memory_sets_belong_to_steps_too(tmp_path: Path) -> None:
    path = (
        TraceBuilder()
        .nvtx("step 0", 0, 100)
        .launch("layer_norm_kernel", (10, 20), (30, 40), correlation=1)
        .api("cudaMemcpyAsync_v3020", 40, 50, 2)
        .memcpy(55, 60, correlation=2)
        .api("cudaMemsetAsync_v3020", 60, 62, 3)
        .memset(65, 70, correlation=3)
        .write(tmp_path / "trace.sqlite")
    )
    (step,) = measure(path).steps
    assert step.categories == {"norm": Amount(10, 1), "memcpy": Amount(5, 1), "memset": Amount(5, 1)}
    assert step.kernels == 1
    assert step.wall_ns == 40
    assert step.partition == {
        "norm": 10,
        "memcpy": 5,
        "memset": 5,
        "idle:memop": 12,
        "idle:queued": 8,
    }
    assert step.api == {"launch": Amount(10, 1), "memset": Amount(2, 1), "memcpy": Amount(10, 1)}


def test_names_that_differ_by_suffix_are_one_function(tmp_path: Path) -> None:
    builder = TraceBuilder().api("cudaMallocAsync_v11020", 0, 5).api("cudaMallocAsync_v11020_ptsz", 10, 30)
    (call,) = measure(builder.write(tmp_path / "trace.sqlite")).api_calls
    assert (call.name, call.api_class, call.is_async) == ("cudaMallocAsync", "malloc", True)
    assert (call.count, call.total_ns, call.mean_ns, call.min_ns, call.max_ns) == (2, 25, 12.5, 5, 20)


def test_without_gpu_work_there_is_still_the_api(tmp_path: Path) -> None:
    builder = TraceBuilder().api("cudaMalloc_v3020", 0, 5).nvtx("step 0", 0, 10).nvtx("step 1", 10, 30)
    found = measure(builder.write(tmp_path / "trace.sqlite"))
    assert found.kernels == ()
    assert found.categories == {}
    assert found.api == {"malloc": Amount(5, 1)}
    assert [(s.label, s.wall_ns, s.cpu_end_ns - s.cpu_start_ns, s.device) for s in found.steps] == [
        ("step 0", 0, 10, -1),
        ("step 1", 0, 20, -1),
    ]
    (warning,) = [text for text in found.warnings if "holds no GPU work" in text]
    assert "nsys profile" in warning


def test_one_warning_says_why_there_are_no_steps(tmp_path: Path) -> None:
    builder = TraceBuilder().launch("gemm", (0, 10), (20, 30), correlation=1)
    found = measure(builder.write(tmp_path / "trace.sqlite"))
    assert len([text for text in found.warnings if "steps" in text]) == 1


def test_ranges_that_never_closed_are_named(tmp_path: Path) -> None:
    builder = TraceBuilder().launch("gemm", (5, 10), (20, 30), correlation=1).nvtx("step 0", 0, None)
    found = measure(builder.write(tmp_path / "trace.sqlite"))
    assert "1 NVTX range never closed ('step 0'): counted up to the trace's end" in found.warnings


def test_steps_of_a_program_that_never_used_cuda(tmp_path: Path) -> None:
    found = measure(
        TraceBuilder().nvtx("step 0", 0, 10).nvtx("step 1", 10, 30).write(tmp_path / "trace.sqlite")
    )
    assert [step.label for step in found.steps] == ["step 0", "step 1"]
    assert (found.trace.start_ns, found.trace.end_ns) == (0, 30)


def test_without_api_calls_work_belongs_to_no_step(tmp_path: Path) -> None:
    builder = TraceBuilder().nvtx("step 0", 0, 100).kernel("layer_norm_kernel", 10, 20, correlation=1)
    found = measure(builder.write(tmp_path / "trace.sqlite"))
    assert found.categories["norm"].ns == 10
    assert [step.kernels for step in found.steps] == [0]
    assert any("holds no CUDA API calls" in warning for warning in found.warnings)


def test_operations_without_a_call_are_counted_in_words(tmp_path: Path) -> None:
    builder = TraceBuilder().launch("layer_norm_kernel", (0, 5), (10, 20), correlation=1)
    builder.kernel("layer_norm_kernel", 30, 40, correlation=99)
    warnings = measure(builder.write(tmp_path / "trace.sqlite")).warnings
    assert "1 of 2 GPU operations have no API call that submitted them" in warnings


def test_without_nvtx_or_period_there_are_no_steps(tmp_path: Path) -> None:
    builder = TraceBuilder().launch("layer_norm_kernel", (0, 5), (10, 20), correlation=1)
    found = measure(builder.write(tmp_path / "trace.sqlite"))
    assert (found.steps, found.steps_source, found.steps_confidence) == ((), "none", 0.0)
    assert found.kernels[0].count == 1


def test_a_trace_that_holds_nothing(tmp_path: Path) -> None:
    path = TraceBuilder().nvtx("load", 0, 10).write(tmp_path / "trace.sqlite")
    with pytest.raises(
        MissingDataError, match="no GPU work, no CUDA API calls and no steps: capture with"
    ) as caught:
        measure(path)
    assert caught.value.exit_code == 4
