"""Steps against each other, and the sentences that open the tables."""

from dataclasses import replace
from pathlib import Path

import pytest
from hotspots_example import example, example_step
from trace_builder import TraceBuilder

from nsysprof.attribute.buckets import WORK
from nsysprof.measure.compare import compare_steps, typical_step
from nsysprof.measure.headline import headline
from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Amount, Comparison, Outlier, Step
from nsysprof.trace import open_trace


def step(index: int, **partition: int) -> Step:
    """A step with so many ns in each bucket; ``idle_host`` is ``idle:host``."""
    buckets = {key.replace("_", ":"): ns for key, ns in partition.items()}
    wall = sum(buckets.values())
    busy = sum(ns for key, ns in buckets.items() if ":" not in key)
    return replace(
        example_step(index, 0),
        wall_ns=wall,
        busy_ns=busy,
        idle_ns=wall - busy,
        partition=buckets,
        categories={key: Amount(ns, 1) for key, ns in buckets.items() if key in WORK},
        kernels=100,
    )


def test_equal_steps_have_no_outliers() -> None:
    steps = [step(at, gemm=1_000, idle_host=2_000 + at) for at in range(10)]
    assert compare_steps(steps) == Comparison(3_004, 3_001, 3_008, 4, ())


def test_the_bucket_that_made_a_step_slow() -> None:
    steps = [step(at, gemm=1_000, norm=500, idle_host=2_000 + at) for at in range(10)]
    steps[0] = step(0, gemm=1_100, norm=500, idle_host=2_000, idle_api=9_000)
    found = compare_steps(steps)
    assert found is not None
    assert found.outliers == (Outlier(0, "step 0", 12_600, 9_095, "idle:api", 9_000),)


def test_the_bucket_that_made_a_step_fast() -> None:
    steps = [step(at, gemm=1_000, idle_host=2_000) for at in range(10)]
    steps[7] = step(7, gemm=1_050, idle_host=600)
    found = compare_steps(steps)
    assert found is not None
    assert found.outliers == (Outlier(7, "step 7", 1_650, -1_350, "idle:host", -1_400),)


def test_small_differences_do_not_matter_however_regular_the_rest() -> None:
    steps = [step(at, gemm=10_000) for at in range(10)]
    steps[3] = step(3, gemm=10_400)
    found = compare_steps(steps)
    assert found is not None
    assert found.outliers == ()


def test_the_last_step_is_not_fast_for_having_no_next_one(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for at in range(4):  # 300 ns of work, then 700 ns in which the CPU does something else
        builder.nvtx(f"step {at}", at * 1_000, at * 1_000 + 1_000)
        builder.launch(
            "gemm_kernel", (at * 1_000 + 10, at * 1_000 + 20), (at * 1_000 + 30, at * 1_000 + 330),
            correlation=at + 1,
        )  # fmt: skip
    with open_trace(builder.write(tmp_path / "trace.sqlite")) as trace:
        found = measure_hotspots(trace)
    assert [one.wall_ns for one in found.steps] == [1_000, 1_000, 1_000, 300]
    assert [one.is_last for one in found.steps] == [False, False, False, True]
    assert found.comparison == Comparison(1_000, 1_000, 1_000, 1, ())


def test_a_slow_last_step_is_slow() -> None:
    steps = [step(at, gemm=1_000, idle_host=2_000) for at in range(10)]
    steps[9] = replace(step(9, gemm=9_000), is_last=True)
    found = compare_steps(steps)
    assert found is not None
    assert found.outliers == (Outlier(9, "step 9", 9_000, 6_000, "gemm", 8_000),)


def test_differences_are_those_from_the_typical_step() -> None:
    steps = [step(at, gemm=1_000 + 100 * at, idle_host=2_000 - 100 * at) for at in range(4)]
    steps += [step(4, gemm=1_000, idle_host=9_000)]
    found = compare_steps(steps)
    assert found is not None
    usual = steps[found.typical].partition["idle:host"]
    (one,) = found.outliers
    assert (one.excess_ns, one.bucket_excess_ns) == (7_000, 9_000 - usual)


def test_a_step_with_hidden_graphs_is_not_explained_by_others() -> None:
    steps = [step(at, gemm=1_000, idle_host=2_000) for at in range(10)]
    steps[5] = replace(step(5, gemm=100, hidden=8_000), hidden_graphs=3)
    found = compare_steps(steps)
    assert found is not None
    assert found.outliers == ()


def test_the_typical_step_used_the_gpu_or_is_typical_on_the_cpu() -> None:
    idle = [replace(step(at), cpu_start_ns=0, cpu_end_ns=end) for at, end in enumerate((50, 10, 40))]
    assert typical_step(idle, compare_steps(idle)) == 2
    some = [*idle, step(3, gemm=100)]
    assert typical_step(some, compare_steps(some)) == 3
    more = [*some, step(4, gemm=90), step(5, gemm=95)]
    assert typical_step(more, compare_steps(more)) == 5
    assert typical_step([], None) == -1


def test_steps_without_gpu_work_are_told_by_the_cpu() -> None:
    idle = [replace(step(at), cpu_start_ns=0, cpu_end_ns=12_300_000) for at in range(3)]
    assert sentences(idle) == ("A step takes 12.3 ms on the CPU and used no GPU.",)


@pytest.mark.parametrize("steps", [[], [step(0, gemm=10)], [step(0, gemm=10), step(1)]])
def test_too_few_steps(steps: list[Step]) -> None:
    assert compare_steps(steps) is None


def sentences(steps: list[Step]) -> tuple[str, ...]:
    found = compare_steps(steps)
    typical = typical_step(steps, found)
    return headline(replace(example(0), steps=tuple(steps), comparison=found, typical=typical))


def test_waiting_for_the_cpu() -> None:
    steps = [
        step(
            at,
            gemm=14_000_000,
            norm=28_000_000,
            idle_launch=9_000_000,
            idle_host=20_000_000,
            idle_queued=1_000_000,
        )
        for at in range(5)
    ]
    assert sentences(steps) == (
        "A step takes 72.0 ms: 42.0 ms GPU busy, 30.0 ms idle, 29.0 ms of it waiting for the CPU to launch, "
        "20.0 ms of that outside CUDA, in Python and the framework (100 kernels a step); "
        "largest: Norm 28.0 ms.",
    )


def test_waiting_for_the_cpu_in_one_way() -> None:
    steps = [step(at, gemm=6_000_000, idle_launch=4_000_000) for at in range(5)]
    assert sentences(steps)[0].startswith(
        "A step takes 10.0 ms: 6.00 ms GPU busy, 4.00 ms idle, "
        "all of it waiting for the CPU to launch, in launch calls (100"
    )


def test_a_busy_gpu() -> None:
    steps = [step(at, gemm=9_990_000, idle_queued=10_000) for at in range(5)]
    assert sentences(steps) == (
        "A step takes 10.0 ms: 9.99 ms GPU busy, hardly ever idle (100 kernels a step); "
        "largest: GEMM 9.99 ms.",
    )


def test_waiting_for_something_else() -> None:
    steps = [step(at, gemm=6_000_000, idle_sync=3_000_000, idle_host=1_000_000) for at in range(5)]
    assert sentences(steps)[0].startswith(
        "A step takes 10.0 ms: 6.00 ms GPU busy, 4.00 ms idle, 3.00 ms of it in synchronisation"
    )


def test_a_slow_first_step() -> None:
    steps = [step(at, gemm=1_000_000, idle_host=1_000_000) for at in range(8)]
    steps[0] = step(0, gemm=1_000_000, idle_host=1_000_000, idle_api=95_000_000)
    assert sentences(steps)[1] == (
        "step 0 takes 97.0 ms, 95.0 ms more than the median: 95.0 ms more idle in other CUDA calls."
    )


def test_several_fast_steps() -> None:
    steps = [step(at, gemm=1_000_000, idle_host=9_000_000) for at in range(10)]
    steps[8:] = [step(8, gemm=1_000_000, idle_host=2_000_000), step(9, gemm=1_000_000, idle_host=1_000_000)]
    assert sentences(steps)[1] == (
        "2 steps are faster than the median, step 9 by 8.00 ms: 8.00 ms less idle outside CUDA, in Python "
        "and the framework."
    )


def test_one_fast_step_is_named_once() -> None:
    steps = [step(at, gemm=1_000_000, idle_host=9_000_000) for at in range(8)]
    steps[3] = step(3, gemm=1_000_000, idle_host=4_990_000)
    assert sentences(steps)[1] == (
        "step 3 is faster than the median by 4.01 ms: 4.01 ms less idle outside CUDA, in Python and the "
        "framework."
    )


def test_a_step_that_is_slow_in_graphs_that_nobody_saw() -> None:
    steps = [replace(step(at, gemm=100_000, hidden=900_000), hidden_graphs=1) for at in range(8)]
    steps[0] = replace(step(0, gemm=100_000, hidden=1_900_000), hidden_graphs=1)
    assert sentences(steps)[1] == (
        "step 0 takes 2.00 ms, 1.00 ms more than the median: 1.00 ms more in CUDA graphs that the trace "
        "does not show, or idle."
    )


def test_one_kernel_and_times_like_those_of_the_tables() -> None:
    steps = [replace(step(at, gemm=99_960_000), kernels=1) for at in range(3)]
    assert sentences(steps) == (
        "A step takes 100 ms: 100 ms GPU busy, hardly ever idle (1 kernel a step); largest: GEMM 100 ms.",
    )


def test_without_steps_the_whole_trace() -> None:
    hotspots = replace(example(0), partition={"gemm": 600, "idle:sync": 400})
    assert headline(hotspots) == (
        "The GPU is busy for 600 ns of 1.00 us, 400 ns idle, all of it in synchronisation; "
        "largest: GEMM 600 ns.",
    )


def test_work_that_the_step_did_not_launch() -> None:
    other = replace(step(0, gemm=6_000_000, idle_queued=10_000), categories={"gemm": Amount(4_000_000, 9)})
    assert sentences([other]) == (
        "A step takes 6.01 ms: 6.00 ms GPU busy, 2.00 ms of it launched outside the step, hardly ever idle "
        "(100 kernels a step); largest: GEMM 6.00 ms.",
    )


def test_a_step_that_is_slow_for_what_ran_after_it() -> None:
    steps = [step(at, gemm=400_000, idle_host=400_000) for at in range(8)]
    steps[3] = replace(step(3, gemm=18_400_000, idle_host=400_000), categories=steps[0].categories)
    assert sentences(steps)[1] == (
        "step 3 takes 18.8 ms, 18.0 ms more than the median: 18.0 ms more GEMM, launched outside the step."
    )
    found = compare_steps(steps)
    assert found is not None
    assert found.outliers[0].outside_ns == 18_000_000


def test_a_step_on_several_gpus() -> None:
    one = step(0, gemm=6_000_000, idle_queued=10_000)
    both = replace(one, device=1, partitions={"0": {"gemm": 5_000_000}, "1": one.partition})
    assert sentences([both]) == (
        "A step takes 6.01 ms on GPU 1, the busiest of 2: 6.00 ms GPU busy, hardly ever idle "
        "(100 kernels a step on 2 GPUs); largest: GEMM 6.00 ms.",
    )


def test_nothing_to_say() -> None:
    assert headline(example(0)) == ()


def test_queue_overlap_and_profiler_time_of_a_step(tmp_path: Path) -> None:
    path = (
        TraceBuilder()
        .nvtx("step 0", 0, 100)
        .launch("gemm_kernel", (10, 20), (25, 60), correlation=1, stream=7)
        .launch("layer_norm_kernel", (21, 31), (40, 90), correlation=2, stream=8)
        .launch("gemm_kernel", (32, 99), (95, 98), correlation=3, stream=7)
        .overhead(50, 70)
        .overhead(60, 80, tid=1001)
        .overhead(95, 120)
        .write(tmp_path / "trace.sqlite")
    )
    with open_trace(path) as trace:
        found = measure_hotspots(trace)
    (one,) = found.steps
    assert (one.wall_ns, one.busy_ns, one.overlap_ns) == (73, 68, 20)
    assert (
        one.queue_ns == found.queue_ns == 5
    )  # 5, 9, and 0 for the one that started before its call returned
    assert one.profiler_ns == 35
    assert one.launch_bound == pytest.approx(5 / 73)
    assert found.overlap_ns == 20
    assert found.partition == one.partition
