"""What the page shows over time: complete and exact, or bounded and exact where it says so."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from real_trace import THREE_STEPS, unpack

from nsysprof.attribute.tally import count_and_sum
from nsysprof.measure import lanes, timeline
from nsysprof.measure.hotspots import examine, hotspots_of
from nsysprof.measure.results import Hotspots
from nsysprof.measure.steps import StepInputs
from nsysprof.measure.timeline import measure_timeline
from nsysprof.measure.timeline_model import Timeline
from nsysprof.trace import open_trace


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StepInputs, Hotspots]]:
    with open_trace(unpack(THREE_STEPS, tmp_path_factory.mktemp("trace"))) as trace:
        inputs = examine(trace)
        yield inputs, hotspots_of(inputs)


@pytest.fixture(scope="module")
def whole(examined: tuple[StepInputs, Hotspots]) -> Timeline:
    return measure_timeline(*examined)


@pytest.fixture
def bounded(examined: tuple[StepInputs, Hotspots], monkeypatch: pytest.MonkeyPatch) -> Timeline:
    """The same trace, treated as one too large to show event by event."""
    monkeypatch.setattr(timeline, "MOST_EVENTS", 1000)
    monkeypatch.setattr(timeline, "MOST_RANGES", 2)
    return measure_timeline(*examined)


def test_a_small_trace_has_every_event(whole: Timeline, examined: tuple[StepInputs, Hotspots]) -> None:
    inputs, hotspots = examined
    assert [span.label for span in whole.spans] == ["all"]
    assert whole.bins is None
    assert len(whole.gpu.start_ns) == len(inputs.ops)
    assert len(whole.api.start_ns) == len(inputs.calls.rows)
    assert len(whole.ranges.start_ns) == len(inputs.trace.ranges)
    busy = int((whole.gpu.end_ns - whole.gpu.start_ns).sum())
    assert busy == sum(share.ns for share in hotspots.categories.values())


def test_lanes_cover_their_events_once_and_in_order(whole: Timeline) -> None:
    for kind, table in (("nvtx", whole.ranges), ("api", whole.api), ("gpu", whole.gpu)):
        mine = [lane for lane in whole.lanes if lane.kind == kind]
        assert mine[0].first == 0
        assert mine[-1].last == len(table.start_ns)
        for lane, following in pairwise(mine):
            assert lane.last == following.first
        for lane in mine:
            assert (np.diff(table.start_ns[lane.first : lane.last]) >= 0).all()


def test_kinds_shapes_and_launches_are_those_of_the_trace(
    whole: Timeline, examined: tuple[StepInputs, Hotspots]
) -> None:
    inputs, hotspots = examined
    trace = inputs.trace
    kernels = whole.gpu.kind < len(hotspots.kernels)
    count, ns = count_and_sum(
        whole.gpu.kind[kernels], whole.gpu.start_ns[kernels], whole.gpu.end_ns[kernels], len(hotspots.kernels)
    )
    assert [(kernel.count, kernel.total_ns) for kernel in hotspots.kernels] == list(
        zip(count.tolist(), ns.tolist(), strict=True)
    )
    first = int(np.argmin(trace.kernels.start_ns))
    shown = int(np.flatnonzero(kernels)[np.argmin(whole.gpu.start_ns[kernels])])
    detail = trace.kernel_details()
    assert whole.shapes[whole.gpu.shape[shown]].tolist() == [
        *detail.grid[first].tolist(),
        *detail.block[first].tolist(),
        int(detail.registers[first]),
        int(detail.shared_bytes[first]),
    ]
    launched = whole.gpu.launch >= 0
    classes = {
        whole.functions[code].api_class for code in np.unique(whole.api.function[whole.gpu.launch[launched]])
    }
    assert classes <= {"launch", "memset", "memcpy"}
    assert (whole.api.start_ns[whole.gpu.launch[launched]] <= whole.gpu.start_ns[launched]).all()


def test_step_kernels_add_up_to_the_steps(whole: Timeline, examined: tuple[StepInputs, Hotspots]) -> None:
    _, hotspots = examined
    for step, ns, count in zip(hotspots.steps, whole.step_kernels.ns, whole.step_kernels.count, strict=True):
        work = {key: amount for key, amount in step.categories.items() if key not in ("memcpy", "memset")}
        assert int(ns.sum()) == sum(amount.ns for amount in work.values())
        assert int(count.sum()) == step.kernels


def test_a_large_trace_has_its_first_median_and_slowest_step(
    bounded: Timeline, examined: tuple[StepInputs, Hotspots]
) -> None:
    inputs, hotspots = examined
    assert bounded.spans[0].label == "first"
    assert {span.label for span in bounded.spans} <= {"first", "median", "slowest"}
    slowest = max(hotspots.steps, key=lambda step: step.wall_ns)
    assert {span.step for span in bounded.spans} >= {0, slowest.index}
    for span in bounded.spans:
        inside = (inputs.ops.start_ns < span.end_ns) & (inputs.ops.end_ns > span.start_ns)
        shown = (bounded.gpu.start_ns < span.end_ns) & (bounded.gpu.end_ns > span.start_ns)
        assert shown.sum() == inside.sum() > 0
    assert (bounded.gpu.launch[bounded.gpu.shape >= 0] >= 0).all()
    assert not bounded.all_ranges


def test_bins_hold_the_exact_time_of_everything(
    bounded: Timeline, examined: tuple[StepInputs, Hotspots]
) -> None:
    inputs, hotspots = examined
    assert bounded.bins is not None
    gpu = [lane.kind == "gpu" for lane in bounded.lanes]
    found: dict[str, int] = {}
    for lane, key, ns in zip(bounded.bins.lane.tolist(), bounded.bins.key, bounded.bins.ns, strict=True):
        if gpu[lane]:
            found[key] = found.get(key, 0) + int(ns.sum())
    assert found == {key: share.ns for key, share in hotspots.categories.items()}
    calls = int((inputs.calls.rows.end_ns - inputs.calls.rows.start_ns).sum())
    assert int(bounded.bins.ns.sum()) - sum(found.values()) == calls


def test_spans_stay_within_their_bound(
    examined: tuple[StepInputs, Hotspots], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "MOST_EVENTS", 1000)
    monkeypatch.setattr(timeline, "SPAN_EVENTS", 500)
    cut = measure_timeline(*examined)
    for span in cut.spans:
        tables = (cut.gpu, cut.api, cut.ranges)
        starts = np.concatenate([table.start_ns for table in tables])
        assert ((starts >= span.start_ns) & (starts < span.end_ns)).sum() <= 500


@given(
    st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 200), st.integers(0, 60)), max_size=30),
    st.booleans(),
    st.integers(1, 40),
)
def test_time_in_bins_is_what_counting_gives(
    spans: list[tuple[int, int, int]], in_order: bool, width: int
) -> None:
    spans = [(group, 7 + begin, 7 + begin + length) for group, begin, length in spans]
    if in_order:
        spans.sort(key=lambda span: span[1])
    group, start, end = np.array(spans, np.int64).reshape(-1, 3).T
    edges = np.arange(7, 307 + width, width, dtype=np.int64)
    plain = [
        [
            sum(max(0, min(e, high) - max(s, low)) for one, s, e in spans if one == wanted)
            for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ]
        for wanted in range(3)
    ]
    assert lanes.time_in_bins(group.astype(np.int32), 3, start, end, edges).tolist() == plain


def test_the_queue_is_what_counting_gives(whole: Timeline, examined: tuple[StepInputs, Hotspots]) -> None:
    inputs, _ = examined
    ops, calls = inputs.ops, inputs.calls.rows
    rows = np.flatnonzero(ops.launch >= 0)
    rows = rows[np.argsort(ops.start_ns[rows], kind="stable")][: whole.queue.group]
    delays = sorted(max(int(ops.start_ns[row] - calls.end_ns[ops.launch[row]]), 0) for row in rows)
    assert int(whole.queue.time_ns[0]) == int(ops.start_ns[rows[0]])
    assert int(whole.queue.delay_min_ns[0]) == delays[0]
    assert int(whole.queue.delay_max_ns[0]) == delays[-1]
    assert int(whole.queue.delay_median_ns[0]) == delays[(len(delays) - 1) // 2]
    submitted = np.sort(calls.start_ns[ops.launch[ops.launch >= 0]])
    begun = np.sort(ops.start_ns[ops.launch >= 0])
    waiting = [
        int((submitted <= at).sum()) - number for number, at in enumerate(begun[: len(rows)].tolist(), 1)
    ]
    assert int(whole.queue.depth_max[0]) == max(waiting)


def test_a_page_of_a_large_trace_is_written(
    bounded: Timeline, examined: tuple[StepInputs, Hotspots], tmp_path: Path
) -> None:
    from nsysprof.render.page import write_page

    page = write_page(examined[1], tmp_path / "page.html", bounded)
    assert page.stat().st_size < 3_000_000
