"""What a capture is worth: its contents, what nsys lost, and how much profiling stretched the steps."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from trace_builder import TraceBuilder

from nsysprof.capture.request import Target
from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Distortion
from nsysprof.measure.verdict import Expected, expect, judge, recorded_part
from nsysprof.trace import open_trace
from nsysprof.trace.diagnostics import Diagnostic, load_diagnostics

RECORD: dict[str, Any] = {
    "schema": "nsysprof.run/1",
    "options": {"steps": 2},
    "gpu": {"name": "NVIDIA H200"},
    "baseline": {"step_ms": [90.0, 63.0, 62.0, 64.0], "total_s": 0.3},
    "profiled": {"step_ms": [88.0, 87.0, 90.0], "total_s": 0.4},
}


def two_steps(schema: str = "3.20.3") -> TraceBuilder:
    builder = TraceBuilder(schema).nvtx("nsysprof_capture", 0, 2000)
    for number in (0, 1):
        at = number * 1000
        builder.nvtx(f"step {number}", at + 5, at + 900)
        builder.launch("gemm", api=(at + 10, at + 20), gpu=(at + 30, at + 400), correlation=number + 1)
    return builder


def test_a_good_capture(tmp_path: Path) -> None:
    path = two_steps().write(tmp_path / "it's good.sqlite")
    verdict = judge(path, expect(RECORD, has_gpu=True, is_runner=True))
    assert (verdict.kernels, verdict.api_calls, verdict.ranges, verdict.steps) == (2, 2, 3, 2)
    assert (verdict.steps_source, verdict.unclosed) == ("nvtx", 0)
    assert (verdict.problems, verdict.losses, verdict.notes) == ((), (), ())
    assert verdict.distortion == Distortion(baseline_ms=63.0, profiled_ms=88.0)
    assert shlex.split(verdict.next_command) == ["nsysprof", "hotspots", str(path)]


def test_how_much_longer_a_profiled_step_takes() -> None:
    assert Distortion(baseline_ms=63.0, profiled_ms=88.2).ratio == pytest.approx(1.4)


def test_steps_that_are_missing_and_ranges_that_never_closed(tmp_path: Path) -> None:
    path = two_steps().nvtx("generate", 1900, None).write(tmp_path / "t.sqlite")
    verdict = judge(path, Expected(gpu=True, ranges=True, steps=20))
    assert verdict.unclosed == 1
    assert verdict.notes[0] == "2 of 20 steps are in the trace"
    assert verdict.notes[1] == "1 NVTX range never closed ('generate'): counted up to the trace's end"
    assert verdict.problems == ()


@pytest.mark.parametrize(
    ("builder", "expected", "problem"),
    [
        (TraceBuilder().nvtx("step 0", 0, 9), Expected(gpu=True), "no CUDA activity was recorded"),
        (
            TraceBuilder().api("cudaMalloc", 0, 9),
            Expected(gpu=True),
            "no kernels were recorded, only API calls",
        ),
        (TraceBuilder().kernel("k", 0, 9), Expected(ranges=True), "no NVTX ranges were recorded"),
        (TraceBuilder(), Expected(), "nothing was recorded"),
    ],
)
def test_a_useless_capture(tmp_path: Path, builder: TraceBuilder, expected: Expected, problem: str) -> None:
    verdict = judge(builder.write(tmp_path / "t.sqlite"), expected)
    assert len(verdict.problems) == 1
    assert verdict.problems[0].startswith(problem)
    assert verdict.next_command == "nsysprof doctor"


@pytest.mark.parametrize(
    ("window", "part"),
    [
        (
            {"duration_s": 2.0},
            "in its first 2 s; add --delay S to skip its start, or give a longer --duration",
        ),
        ({"delay_s": 90.0}, "after its first 90 s; give a shorter --delay"),
        (
            {"delay_s": 5.0, "duration_s": 2.5},
            "from 5 s to 7.5 s; change --delay, or give a longer --duration",
        ),
        (
            {"range_name": "load"},
            "within the NVTX range 'load'; give --capture-range a range that encloses the work",
        ),
    ],
)
def test_a_window_in_which_nothing_ran(tmp_path: Path, window: dict[str, Any], part: str) -> None:
    target = replace(Target(("python", "prog.py"), "prog", None, False), **window)
    where, advice = recorded_part(target)
    assert f"{where}; {advice}" == part
    expected = Expected(gpu=True, part=where, advice=advice)
    nothing = judge(TraceBuilder().write(tmp_path / "nothing.sqlite"), expected)
    assert nothing.problems == (
        f"nothing was recorded: the program used no CUDA and opened no NVTX range {part}",
    )
    assert nothing.next_command == "nsysprof capture --help"
    calls = judge(TraceBuilder().api("cudaMalloc", 0, 9).write(tmp_path / "calls.sqlite"), expected)
    assert calls.problems == (f"no kernels were recorded: there were only API calls {part}",)
    ranges = judge(TraceBuilder().nvtx("load", 0, 9).write(tmp_path / "ranges.sqlite"), expected)
    assert ranges.problems == (f"no kernels were recorded: none ran {part}",)
    good = judge(two_steps().write(tmp_path / "good.sqlite"), expected)
    assert good.problems == ()
    assert good.next_command.startswith("nsysprof hotspots ")


def test_all_of_a_program_is_no_part() -> None:
    assert recorded_part(Target(("python", "prog.py"), "prog", None, False)) == ("", "")
    assert recorded_part(Target(("python", "sdxl.py"), "sdxl", "nsysprof_capture", True)) == ("", "")


def test_a_program_without_a_gpu_is_no_problem(tmp_path: Path) -> None:
    path = TraceBuilder(gpu=None).nvtx("step 0", 0, 9).nvtx("step 1", 10, 19).write(tmp_path / "t.sqlite")
    verdict = judge(path, expect({**RECORD, "gpu": None}, has_gpu=True, is_runner=True))
    assert (verdict.problems, verdict.kernels, verdict.steps) == ((), 0, 2)


def test_whole_graphs_count_as_gpu_work(tmp_path: Path) -> None:
    path = TraceBuilder().graph(0, 9).write(tmp_path / "t.sqlite")
    assert judge(path, Expected(gpu=True)).problems == ()


def test_what_nsys_says_itself(tmp_path: Path) -> None:
    builder = two_steps()
    for severity, text in (
        (1, "CUPTI dropped 12 records. Some CUPTI events might be missing."),
        (1, "Number of CUDA events collected: 1234."),
        (2, "Not all NVTX events might have been collected."),
        (3, "CUDA device 0:\n  GPU tracing is not supported."),
        (3, "CUDA device 0:\n  GPU tracing is not supported."),
    ):
        builder.row("DIAGNOSTIC_EVENT", timestamp=0, severity=severity, text=text)
    path = builder.write(tmp_path / "t.sqlite")
    lost = ("CUPTI dropped 12 records. Some CUPTI events might be missing.",)
    at_each_range_end = "Not all NVTX events might have been collected."
    with open_trace(path) as trace:
        assert load_diagnostics(trace) == (
            Diagnostic(lost[0], is_loss=True),
            Diagnostic(at_each_range_end, is_loss=False),
            Diagnostic("CUDA device 0: GPU tracing is not supported.", is_loss=False),
        )
    verdict = judge(path, Expected(gpu=True))
    assert verdict.losses == lost
    assert verdict.notes[:2] == (
        f"nsys: {at_each_range_end}",
        "nsys: CUDA device 0: GPU tracing is not supported.",
    )
    assert not any("dropped" in note for note in verdict.notes)
    with open_trace(path) as trace:
        assert f"nsys lost events: {lost[0]}" in measure_hotspots(trace).warnings


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, Expected(gpu=True, ranges=True)),
        (
            {"gpu": None, "options": None, "baseline": None, "profiled": {"step_ms": "x"}},
            Expected(ranges=True),
        ),
        (
            {"gpu": {}, "options": {"steps": 3}, "baseline": {"step_ms": [1, None, 0, 2.5]}},
            Expected(gpu=True, ranges=True, steps=3, baseline_ms=(1.0, 2.5)),
        ),
    ],
)
def test_what_is_expected(record: dict[str, Any] | None, expected: Expected) -> None:
    assert expect(record, has_gpu=True, is_runner=True) == expected
