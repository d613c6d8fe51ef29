"""CUDA graphs: kernels of a replay, whole graphs, and graphs of which the trace shows nothing."""

from pathlib import Path

import numpy as np
import pytest
from trace_builder import TraceBuilder, global_tid

from nsysprof.attribute.captures import captures
from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Hotspots
from nsysprof.trace import open_trace
from nsysprof.trace.model import GraphNodeRows


def measure(builder: TraceBuilder, folder: Path) -> Hotspots:
    with open_trace(builder.write(folder / "trace.sqlite")) as trace:
        return measure_hotspots(trace)


def replays(kernels: bool = False, whole: bool = False, builder: TraceBuilder | None = None) -> TraceBuilder:
    """Two steps: a graph launch that runs for 600 ns, then a kernel."""
    builder = builder or TraceBuilder()
    for step in range(2):
        start = 1_000 * step
        builder.nvtx(f"step {step}", start, start + 900)
        builder.api("cudaGraphLaunch_v10000", start + 10, start + 20, 10 + step)
        for node in range(3 if kernels else 0):
            begin = start + 100 + 200 * node
            builder.kernel(
                "layer_norm_kernel", begin, begin + 200, correlation=10 + step, graph_node=node + 1
            )
        if whole:
            builder.graph(start + 100, start + 700, correlation=10 + step)
        builder.launch(
            "gemm_kernel", (start + 30, start + 40), (start + 700, start + 800), correlation=20 + step
        )
    return builder


def test_kernels_of_a_replay_belong_to_the_launch_of_the_graph(tmp_path: Path) -> None:
    found = measure(replays(kernels=True), tmp_path)
    assert [step.kernels for step in found.steps] == [4, 4]
    assert found.steps[0].partition == {
        "norm": 600,
        "gemm": 100,
        "idle:queued": 80,
        "idle:host": 210,
        "idle:launch": 10,
    }
    assert found.hidden_graphs == 0


def test_whole_graphs_are_work_of_their_own_kind(tmp_path: Path) -> None:
    found = measure(replays(whole=True), tmp_path)
    assert [(step.kernels, step.busy_ns) for step in found.steps] == [(1, 700), (1, 700)]
    assert found.categories["graph"].ns == 1_200
    assert found.hidden_graphs == 0
    (warning,) = found.warnings
    assert warning.startswith("of 2 CUDA graph launches only start and end were recorded")
    assert "(1 kernel and 1 CUDA graph a step)" in found.headline[0]


def test_hidden_graphs_make_busy_and_idle_unknown(tmp_path: Path) -> None:
    found = measure(replays(), tmp_path)
    assert found.hidden_graphs == 2
    assert [(step.busy_ns, step.idle_ns, step.hidden_graphs) for step in found.steps] == [
        (-1, -1, 1),
        (-1, -1, 1),
    ]
    assert found.steps[0].partition == {"gemm": 100, "hidden": 900}
    assert sum(found.steps[0].partition.values()) == found.steps[0].wall_ns
    assert found.partition == {"gemm": 200, "hidden": 900}
    (warning,) = (one for one in found.warnings if "CUDA graph" in one)
    assert warning.startswith("2 CUDA graph launches ran work that the trace does not show")
    assert "--cuda-graph-trace=node" in warning
    assert found.headline[0] == (
        "A step takes 1.00 us, with 1 CUDA graph launch whose kernels the trace does not show: its busy and "
        "idle time are unknown."
    )


def test_steps_without_hidden_graphs_keep_their_figures(tmp_path: Path) -> None:
    builder = TraceBuilder().api("cudaGraphLaunch_v10000", 10, 20, 1).nvtx("step 0", 0, 900)
    for step in range(2):
        start = 1_000 * step
        builder.launch(
            "gemm_kernel", (start + 30, start + 40), (start + 700, start + 800), correlation=20 + step
        )
    builder.nvtx("step 1", 1_000, 1_900)
    found = measure(builder, tmp_path)
    assert [(step.busy_ns, step.idle_ns) for step in found.steps] == [(-1, -1), (100, 0)]


def test_a_graph_hides_the_end_of_the_step_before_it(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for step in range(4):
        start, first = 1_000 * step, 600 if step % 2 else 20
        builder.nvtx(f"step {step}", start, start + 900)
        if step % 2:  # runs before the step's first kernel, so in the window of the step before
            builder.api("cudaGraphLaunch_v10000", start + 5, start + 10, 100 + step)
        builder.launch(
            "gemm_kernel",
            (start + first, start + first + 10),
            (start + first + 10, start + first + 90),
            correlation=step + 1,
        )
    found = measure(builder, tmp_path)
    assert [step.hidden_graphs for step in found.steps] == [1, 1, 1, 1]
    assert [step.busy_ns for step in found.steps] == [-1] * 4
    assert [step.launch_bound for step in found.steps] == [-1.0] * 4
    assert found.launch_bound == -1.0


def steps_of_a_kernel(count: int) -> TraceBuilder:
    """Steps of 1,000 ns that launch one kernel, which runs for 60 ns."""
    builder = TraceBuilder()
    for step in range(count):
        start = 1_000 * step
        builder.nvtx(f"step {step}", start, start + 200)
        builder.launch(
            "gemm_kernel", (start + 10, start + 20), (start + 30, start + 90), correlation=step + 1
        )
    return builder


def test_a_graph_launched_between_steps_hides_what_the_gpu_did_then(tmp_path: Path) -> None:
    builder = steps_of_a_kernel(4)
    builder.api("cudaGraphLaunch_v10000", 1_500, 1_520, 100)
    found = measure(builder, tmp_path)
    assert [(step.hidden_graphs, step.busy_ns) for step in found.steps] == [
        (0, 60),
        (1, -1),
        (0, 60),
        (0, 60),
    ]


def test_a_graph_may_run_for_long_beside_another_stream(tmp_path: Path) -> None:
    builder = steps_of_a_kernel(4)
    builder.api("cudaGraphLaunch_v10000", 1_100, 1_110, 100)
    builder.launch("copy_kernel", (1_120, 1_130), (1_140, 1_150), correlation=50, stream=9)
    builder.launch("copy_kernel", (2_120, 2_130), (2_140, 2_150), correlation=51, stream=9)
    found = measure(builder, tmp_path)  # on which of the two streams the graph ran, nobody knows
    assert [step.hidden_graphs for step in found.steps] == [0, 1, 0, 0]
    builder.launch("copy_kernel", (1_040, 1_050), (1_060, 1_070), correlation=52, stream=11)
    (tmp_path / "more").mkdir()
    found = measure(builder, tmp_path / "more")
    assert [step.hidden_graphs for step in found.steps] == [0, 1, 1, 1]


def test_a_graph_of_a_process_hides_nothing_on_a_gpu_that_it_does_not_use(tmp_path: Path) -> None:
    builder = steps_of_a_kernel(2).gpu(1, "NVIDIA H200")
    builder.launch("gemm_kernel", (10, 20), (30, 90), correlation=1, tid=2000, pid=2000, device=1)
    builder.api("cudaGraphLaunch_v10000", 500, 520, 100, pid=2000, tid=2000)
    found = measure(builder, tmp_path)
    assert found.hidden_graphs == 1
    assert [step.busy_ns for step in found.steps] == [60, 60]


@pytest.mark.parametrize(
    ("schema", "table"), [("3.20.3", "CUDA_GRAPH_NODE_EVENTS"), ("3.7.2", "CUDA_GRAPH_EVENTS")]
)
def test_kernels_of_a_graph_belong_to_the_ranges_of_its_capture(
    tmp_path: Path, schema: str, table: str
) -> None:
    builder = replays(kernels=True, builder=TraceBuilder(schema=schema))
    builder.nvtx("denoise", 0, 2_000)
    builder.nvtx("capture", 5_000, 6_000).nvtx("unet.mid in=[2,64]", 5_100, 5_200)
    for node in range(3):
        made = {"globalTid": global_tid(), "eventClass": 77, "nameId": builder.string("Graph Node Creation")}
        when = 5_050 + 100 * node  # only the second one within the module
        builder.row(table, start=when, end=when, graphNodeId=100 + node, **made)
        builder.row(table, start=5_900, end=5_900, graphNodeId=node + 1, **made)
        builder.row(
            table, start=5_900, end=5_900, graphNodeId=node + 1, originalGraphNodeId=100 + node, **made
        )
    found = measure(builder, tmp_path)
    assert {one.name: one.count for one in found.operators} == {"capture": 4, "unet.mid": 2, "denoise": 2}


def test_copies_are_followed_to_what_was_captured() -> None:
    made = {  # (node, original) by time
        10: (1, -1),
        20: (2, -1),
        30: (3, 1),  # a copy, of which the trace also has
        31: (3, -1),  # an event of its own
        40: (4, 3),  # a copy of a copy
        50: (5, 99),  # a copy of what the trace does not hold
        60: (6, 7),
        61: (7, 6),  # two that claim to be copies of each other
    }
    events = np.array(list(made.values()), np.int64)
    threads = np.zeros(len(made), np.int32)
    found = captures(GraphNodeRows(np.array(list(made)), threads, events[:, 0], events[:, 1]))
    places = found.places(np.arange(9)).tolist()
    times = [int(found.time_ns[place]) if place >= 0 else None for place in places]
    assert times[:6] == [None, 10, 20, 10, 10, 50]
    assert times[6] in (60, 61)
    assert times[8] is None
