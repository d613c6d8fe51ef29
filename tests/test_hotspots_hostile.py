"""Traces that lack columns or hold values that no program produces: figures or words, never a crash."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from fuzz.originals import processes, unmarked
from trace_builder import TraceBuilder, global_pid, global_tid

from nsysprof.errors import TraceError
from nsysprof.measure import calls
from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Hotspots
from nsysprof.trace import open_trace


def measure(builder: TraceBuilder, folder: Path) -> Hotspots:
    with open_trace(builder.write(folder / "trace.sqlite")) as trace:
        return measure_hotspots(trace)


def kernel(builder: TraceBuilder, start: int, end: int, **columns: int | None) -> None:
    """Add a kernel with any value in any column."""
    known = {"deviceId": 0, "streamId": 7, "contextId": 1, "correlationId": 1, "globalPid": global_pid()}
    known |= {"demangledName": builder.string("layer_norm_kernel"), "shortName": 1}
    builder.row("CUPTI_ACTIVITY_KIND_KERNEL", start=start, end=end, **{**known, **columns})


def call(builder: TraceBuilder, start: int, end: int, **columns: int | None) -> None:
    known = {
        "correlationId": 1,
        "globalTid": global_tid(),
        "nameId": builder.string("cudaLaunchKernel_v7000"),
    }
    builder.row("CUPTI_ACTIVITY_KIND_RUNTIME", start=start, end=end, **{**known, **columns})


@pytest.mark.parametrize(
    ("of_kernel", "of_call"),
    [
        pytest.param({"globalPid": None}, {}, id="no process"),
        pytest.param({}, {"globalTid": None}, id="no thread"),
        pytest.param({"globalPid": None}, {"globalTid": None}, id="neither"),
    ],
)
def test_who_did_it_is_not_known(
    tmp_path: Path, of_kernel: dict[str, int | None], of_call: dict[str, int | None]
) -> None:
    builder = TraceBuilder()
    kernel(builder, 30, 40, **of_kernel)
    call(builder, 10, 20, **of_call)
    kernel(builder, 70, 80, **{**of_kernel, "correlationId": 2})
    call(builder, 50, 60, **{**of_call, "correlationId": 2})
    found = measure(builder.nvtx("step 0", 0, 100), tmp_path)
    assert found.categories["norm"].ns == 20
    assert found.partition == {"norm": 20, "idle:host": 10, "idle:launch": 10, "idle:queued": 10}


def test_a_range_of_no_thread(tmp_path: Path) -> None:
    builder = TraceBuilder().launch("layer_norm_kernel", (10, 20), (30, 40), correlation=1)
    builder.row("NVTX_EVENTS", start=0, end=100, eventType=59, text="step 0", globalTid=None)
    (step,) = measure(builder, tmp_path).steps
    assert step.kernels == 0


@pytest.mark.parametrize("device", [-1, 2**31 - 1])
def test_strange_devices(tmp_path: Path, device: int) -> None:
    builder = TraceBuilder().launch("layer_norm_kernel", (10, 20), (30, 40), correlation=1)
    builder.launch("layer_norm_kernel", (20, 25), (50, 55), correlation=2, device=device)
    found = measure(builder.nvtx("step 0", 0, 100), tmp_path)
    assert found.partitions == {"0": {"norm": 10}, str(device): {"norm": 5}}
    assert found.steps[0].wall_ns == 10


@pytest.mark.parametrize("correlation", [-5, 0, 2**31 - 1, 2**40])
def test_strange_correlation_ids(tmp_path: Path, correlation: int) -> None:
    builder = TraceBuilder().launch("layer_norm_kernel", (10, 20), (30, 40), correlation=correlation)
    found = measure(builder.launch("layer_norm_kernel", (20, 25), (50, 55), correlation=3), tmp_path)
    assert found.categories["norm"].count == 2
    assert sum(found.partition.values()) == 25


def test_strange_string_ids(tmp_path: Path) -> None:
    builder = TraceBuilder()
    call(builder, 0, 5, nameId=2**31 - 1)
    call(builder, 10, 15, nameId=-7, correlationId=2)
    kernel(builder, 20, 30, demangledName=2**31 - 1)
    found = measure(builder, tmp_path)
    assert [one.count for one in found.kernels] == [1]
    assert sum(one.count for one in found.api_calls) == 2


def test_work_that_starts_before_its_launch_call(tmp_path: Path) -> None:
    builder = TraceBuilder().launch("layer_norm_kernel", (0, 5), (10, 20), correlation=1)
    builder.launch("layer_norm_kernel", (100, 110), (50, 60), correlation=2)
    found = measure(builder, tmp_path)
    assert found.partition == {"norm": 20, "idle:host": 30}
    assert found.queue_ns == 0


def test_times_near_the_end_of_the_clock(tmp_path: Path) -> None:
    base = 2**61
    builder = TraceBuilder().nvtx("step 0", base, base + 100)
    builder.launch("layer_norm_kernel", (base + 10, base + 20), (base + 30, base + 40), correlation=1)
    (step,) = measure(builder, tmp_path).steps
    assert (step.gpu_start_ns, step.wall_ns, step.busy_ns) == (base + 30, 10, 10)


def test_everything_at_one_moment(tmp_path: Path) -> None:
    builder = TraceBuilder().nvtx("step 0", 10, 10).nvtx("step 1", 10, 10)
    builder.launch("layer_norm_kernel", (10, 10), (10, 10), correlation=1)
    found = measure(builder, tmp_path)
    assert found.partition == {}
    assert found.categories["norm"].count == 1
    assert [step.wall_ns for step in found.steps] == [0, 0]


def test_many_families_of_ranges(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for at in range(300):
        builder.nvtx(f"name{chr(97 + at % 26)}{chr(97 + at // 26)} {at % 3}", 10 * at, 10 * at + 5)
    builder.launch("layer_norm_kernel", (10, 20), (30, 40), correlation=1)
    assert measure(builder, tmp_path).steps_source == "none"


def test_deep_ranges(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for depth in range(2_000):
        builder.nvtx(f"level.{depth}", depth, 10_000 - depth)
    builder.launch("layer_norm_kernel", (5_000, 5_010), (5_020, 5_030), correlation=1)
    found = measure(builder, tmp_path)
    assert found.operators[0].name == "level.1999"
    assert len(found.ranges) == 300


def test_processes_that_call_different_gpus_by_one_ordinal(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for pid, gpu in ((1000, 2), (2000, 5)):
        builder.row("TARGET_INFO_CUDA_DEVICE", gpuId=gpu, cudaId=0, pid=pid)
        builder.row("TARGET_INFO_GPU", id=gpu, name=f"GPU {gpu}")
        builder.launch("layer_norm_kernel", (10, 20), (30, 40 + gpu), correlation=1, tid=pid, pid=pid)
        builder.memory(15, gpu * 100, pid=pid)
    found = measure(builder, tmp_path)
    assert found.partitions == {"2": {"norm": 12}, "5": {"norm": 15}}
    assert [(memory.device, memory.peak_bytes) for memory in found.memory] == [(2, 200), (5, 500)]
    assert [(device.index, device.name) for device in found.devices][-2:] == [(2, "GPU 2"), (5, "GPU 5")]


def test_some_calls_are_of_a_thread_that_is_not_known(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for at in range(0, 100, 10):
        kernel(builder, at + 5, at + 9, correlationId=at + 1)
        call(builder, at, at + 3, correlationId=at + 1, globalTid=None if at < 60 else global_tid())
    (pattern,) = measure(builder, tmp_path).patterns
    assert (pattern.functions, pattern.count) == (("cudaLaunchKernel",), 6)


def test_times_that_no_float_holds_add_up(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for at in range(3):
        builder.launch("layer_norm_kernel", (at, 2**54 + at + 1), (1, 2**54 + 4 + at), correlation=at + 1)
    found = measure(builder, tmp_path)
    assert found.categories["norm"].ns == 3 * 2**54 + 3 + 4 + 5
    assert found.api_calls[0].total_ns == 3 * 2**54 + 3


def test_rows_that_last_for_centuries_are_left_out(tmp_path: Path) -> None:
    builder = TraceBuilder().kernel("layer_norm_kernel", 10, 20).api("cudaFree_v3020", 0, 5)
    for at in range(3):
        builder.launch("layer_norm_kernel", (at, 2**62), (at, 2**62), correlation=at + 1)
    found = measure(builder, tmp_path)
    assert (found.categories["norm"].ns, found.api_calls[0].total_ns) == (10, 5)
    assert [line for line in found.warnings if "impossible times" in line] == [
        "3 of 4 rows of CUPTI_ACTIVITY_KIND_KERNEL have impossible times and are left out",
        "3 of 4 rows of CUPTI_ACTIVITY_KIND_RUNTIME have impossible times and are left out",
    ]


def test_open_ranges_of_a_trace_that_ends_in_a_century(tmp_path: Path) -> None:
    builder = TraceBuilder().launch("layer_norm_kernel", (10, 20), (2**62 - 9, 2**62), correlation=1)
    for _ in range(4):
        builder.nvtx("open", 0, None)
    (one,) = measure(builder, tmp_path).ranges
    assert (one.text, one.cpu_ns, one.gpu_ns) == ("open", 4 * 2**62, 4 * 9)


def test_a_table_of_which_no_row_is_left(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for at in range(1, 9):
        builder.launch("layer_norm_kernel", (10 * at, 10 * at + 2), (-5, 10 * at + 9), correlation=at)
    found = measure(builder, tmp_path)
    assert (found.kernels, found.partition, found.steps) == ((), {}, ())
    assert sum(one.count for one in found.api_calls) == 8


def test_a_correlation_id_that_only_some_columns_have_room_for(tmp_path: Path) -> None:
    builder = TraceBuilder().api("cudaLaunchKernel_v7000", 0, 5, correlation=1)
    for at in range(3):
        builder.kernel("layer_norm_kernel", 10 * at, 10 * at + 5, correlation=2**53 - 1)
    assert measure(builder, tmp_path).categories["norm"].count == 3


def test_the_process_of_steps_is_not_known(tmp_path: Path) -> None:
    path = unmarked().write(tmp_path / "trace.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL DROP COLUMN globalPid")
    with open_trace(path) as trace:
        found = measure_hotspots(trace)
    assert (found.steps_source, len(found.steps)) == ("detected", 12)


def test_the_order_of_rows_decides_no_tie(tmp_path: Path) -> None:
    calls = [("b.forward", 0, "layer_norm_kernel"), ("a.forward", 1_000, "flash_fwd_kernel")]
    found = []
    for order in (calls, calls[::-1]):
        builder = TraceBuilder()
        for name in ("layer_norm_kernel", "flash_fwd_kernel"):
            builder.string(name)
        for text, at, _ in order:
            builder.nvtx(text, at, at + 500).api("cudaGraphLaunch_v10000", at + 10, at + 20, at + 1)
        for node in range(2):
            for _, at, _ in order:
                name = calls[node if order is calls else 1 - node][2]
                begin = at + (100 if name == "layer_norm_kernel" else 200)
                builder.kernel(name, begin, begin + 50, correlation=at + 1)
        answer = measure(builder, tmp_path)
        found.append((answer.operators, answer.patterns, [one.operator for one in answer.kernels]))
    assert found[0] == found[1]


@pytest.mark.parametrize("alike", ["processes", "steps", "neither"])
def test_very_many_processes_steps_and_functions(tmp_path: Path, alike: str) -> None:
    builder = TraceBuilder()
    for number in range(600):
        pid, at = 1000 + number * (alike != "processes"), 1_000 * number
        builder.api(f"cudaFunction{number}_v3020", at, at + 50, number + 1, pid, pid=pid)
        builder.kernel("layer_norm_kernel", at + 100, at + 600, correlation=number + 1, pid=pid)
        builder.nvtx(f"step {number * (alike != 'steps')}", at, at + 900, pid, pid=pid)
    found = measure(builder, tmp_path)
    assert len(found.api_calls) == 600
    assert sum(amount.count for step in found.steps for amount in step.api.values()) == 600
    assert sum(amount.ns for step in found.steps for amount in step.api.values()) == 600 * 50


@pytest.mark.parametrize("cells", [1 << 21, 0])
def test_calls_of_a_step_that_two_processes_run(
    tmp_path: Path, cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_MOST_CELLS", cells)
    found = measure(processes(), tmp_path)
    assert [step.api["launch"].count for step in found.steps] == [10, 12, 12, 12]
    assert [step.api["launch"].ns for step in found.steps] == [900, 1_080, 1_080, 1_080]


def test_more_gpus_than_a_machine_has(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for device in range(300):
        builder.kernel("layer_norm_kernel", 10, 20, device=device)
    with pytest.raises(TraceError, match="it names 300 GPUs: export"):
        measure(builder, tmp_path)


def test_no_row_has_possible_times(tmp_path: Path) -> None:
    builder = TraceBuilder().kernel("gemm_kernel", -300, -200)
    path = builder.write(tmp_path / "trace.sqlite")
    with open_trace(path) as trace, pytest.raises(TraceError, match="no row of CUPTI_ACTIVITY_KIND_KERNEL "):
        measure_hotspots(trace)


@pytest.mark.parametrize("table", ["CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_RUNTIME"])
def test_times_whose_difference_wraps_round_are_left_out(tmp_path: Path, table: str) -> None:
    builder = TraceBuilder()
    for at in range(4):
        builder.launch(
            "gemm_kernel", (100 * at + 1, 100 * at + 9), (100 * at + 10, 100 * at + 30), correlation=at + 1
        )
    path = builder.write(tmp_path / "trace.sqlite")
    with closing(sqlite3.connect(path)) as database:
        database.execute(f'UPDATE {table} SET start = {2**63 - 1}, "end" = {-(2**63)} WHERE rowid = 2')
        database.commit()
    with open_trace(path) as trace:
        found = measure_hotspots(trace)
    assert f"1 of 4 rows of {table} have impossible times and are left out" in found.warnings
    assert sum(kernel.count for kernel in found.kernels) == (3 if table.endswith("KERNEL") else 4)


def test_rowids_as_far_apart_as_can_be(tmp_path: Path) -> None:
    builder = TraceBuilder().nvtx("step 0", 0, 50).nvtx("step 1", 100, 150)
    builder.launch("gemm_kernel", (1, 9), (10, 30), correlation=1)
    path = builder.write(tmp_path / "trace.sqlite")
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"UPDATE NVTX_EVENTS SET rowid = {-(2**63) + 1} WHERE rowid = 1")
        database.execute(f"UPDATE NVTX_EVENTS SET rowid = {2**63 - 2} WHERE rowid = 2")
        database.commit()
    with open_trace(path) as trace:
        assert len(measure_hotspots(trace).steps) == 2
