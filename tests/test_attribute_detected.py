"""Steps without NVTX, from the sequence of launches to windows and work."""

from pathlib import Path

import pytest
from real_trace import THREE_STEPS, unpack
from trace_builder import TraceBuilder

from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Hotspots
from nsysprof.trace import open_trace


def measure(path: Path, steps: str = "auto") -> Hotspots:
    with open_trace(path) as trace:
        return measure_hotspots(trace, steps)


def loop(
    builder: TraceBuilder, steps: int, start: int, pid: int = 1000, device: int = 0, epilogue: int = 15
) -> int:
    """Launch a kernel every 100 ns: 20 of a prologue, ``steps`` times 120, an epilogue; returns the end."""
    names = [f"prologue_{at}" for at in range(20)]
    names += [f"body_{at}" for at in range(120)] * steps + [f"epilogue_{at}" for at in range(epilogue)]
    for at, name in enumerate(names):
        begin = start + 100 * at
        place = {"correlation": at + 1, "pid": pid, "device": device}
        builder.launch(name, (begin, begin + 20), (begin + 30, begin + 90), tid=pid, **place)
    return start + 100 * len(names)


def test_a_loop_between_prologue_and_epilogue(tmp_path: Path) -> None:
    builder = TraceBuilder()
    loop(builder, 12, 1_000)
    found = measure(builder.write(tmp_path / "trace.sqlite"))
    assert found.steps_source == "detected"
    assert found.steps_confidence == 0.45  # 12 layers of 120 launches would look the same
    assert [(step.label, step.kernels) for step in found.steps] == [(f"step {at}", 120) for at in range(12)]
    assert [step.wall_ns for step in found.steps] == [12_000] * 11 + [11_960]
    assert found.steps[0].gpu_start_ns == 1_000 + 100 * 20 + 30
    assert found.steps[0].cpu_start_ns == 1_000 + 100 * 20
    assert all(sum(step.partition.values()) == step.wall_ns for step in found.steps)
    assert any("steps were detected" in warning for warning in found.warnings)


def test_two_ranks_share_their_steps(tmp_path: Path) -> None:
    builder = TraceBuilder()
    loop(builder, 12, 1_000, pid=1000, device=0)
    loop(builder, 12, 1_037, pid=2000, device=1)
    found = measure(builder.write(tmp_path / "trace.sqlite"))
    assert [step.kernels for step in found.steps] == [240] * 12
    assert all(sorted(step.partitions) == ["0", "1"] for step in found.steps)


@pytest.mark.parametrize("second", [12, 9])
@pytest.mark.parametrize("device", [0, 1])
def test_one_process_after_the_other_has_steps_of_its_own(tmp_path: Path, second: int, device: int) -> None:
    builder = TraceBuilder()
    end = loop(builder, 12, 1_000, pid=1000)
    loop(builder, second, end + 10**9, pid=2000, device=device)
    found = measure(builder.write(tmp_path / "trace.sqlite"))
    labels = [(1000, at) for at in range(12)] + [(2000, at) for at in range(second)]
    assert [step.label for step in found.steps] == [f"step {at} (process {pid})" for pid, at in labels]
    assert {step.kernels for step in found.steps} == {120}
    assert max(step.wall_ns for step in found.steps) == 12_000
    assert "process 1000: every 120 launches or so repeat; process 2000: every" in found.warnings[0]


def test_a_process_without_steps_is_named(tmp_path: Path) -> None:
    builder = TraceBuilder()
    loop(builder, 12, 1_000, pid=1000)
    for at in range(400):
        begin = 1_010 + 100 * at
        place = {"correlation": at + 1, "pid": 2000}
        builder.launch(f"other_{at}", (begin, begin + 20), (begin + 30, begin + 90), tid=2000, **place)
    found = measure(builder.write(tmp_path / "trace.sqlite"))
    assert len(found.steps) == 12
    reason = "no steps: no sequence of launches repeats regularly over much of the run"
    assert f"left out: process 2000, which made 21% of the launches ({reason})" in found.warnings


@pytest.mark.parametrize(("epilogue", "said"), [(15, False), (500, True)])
def test_much_work_outside_the_steps_is_named(tmp_path: Path, epilogue: int, said: bool) -> None:
    builder = TraceBuilder()
    loop(builder, 12, 1_000, epilogue=epilogue)
    warnings = measure(builder.write(tmp_path / "trace.sqlite")).warnings
    outside = "27% of the GPU time is outside the detected steps: other work, or a second loop"
    assert (outside in warnings) == said


def test_no_steps_where_nothing_repeats(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for at in range(200):
        begin = 100 * at
        builder.launch(f"kernel_{at}", (begin, begin + 20), (begin + 30, begin + 90), correlation=at + 1)
    found = measure(builder.write(tmp_path / "trace.sqlite"), "detect")
    assert (found.steps, found.steps_source) == ((), "none")
    assert len(found.kernels) == 200


def test_kernels_without_calls_are_taken_in_the_order_of_the_gpu(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for at in range(12 * 120):
        builder.kernel(f"body_{at % 120}", 100 * at, 100 * at + 60)
    found = measure(builder.write(tmp_path / "trace.sqlite"))
    assert found.steps_source == "detected"
    assert sum(step.kernels for step in found.steps) >= 10 * 120
    assert {step.kernels for step in found.steps} == {120}


def test_detected_steps_of_the_real_trace_are_the_marked_ones(tmp_path: Path) -> None:
    path = unpack(THREE_STEPS, tmp_path)
    marked, detected = measure(path, "nvtx").steps, measure(path, "detect").steps
    assert len(detected) == len(marked) == 3
    for mine, theirs in zip(detected, marked, strict=True):
        shared = min(mine.gpu_end_ns, theirs.gpu_end_ns) - max(mine.gpu_start_ns, theirs.gpu_start_ns)
        either = max(mine.gpu_end_ns, theirs.gpu_end_ns) - min(mine.gpu_start_ns, theirs.gpu_start_ns)
        assert shared / either >= 0.9
