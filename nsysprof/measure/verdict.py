"""Whether a capture is any good: what it holds, what nsys lost, how much profiling stretched the steps."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from nsysprof.capture.request import Target
from nsysprof.capture.session import Capture
from nsysprof.errors import MissingDataError
from nsysprof.measure.distortion import distortion, step_ms
from nsysprof.measure.hotspots import lost_events, measure_hotspots, unclosed_ranges
from nsysprof.measure.results import Distortion, Hotspots
from nsysprof.trace import Trace, open_trace
from nsysprof.trace.diagnostics import load_diagnostics


@dataclass(frozen=True, slots=True)
class Expected:
    """What a capture should hold, as far as that is known before looking."""

    gpu: bool = False
    """The program should have used a GPU."""
    ranges: bool = False
    """The program opens NVTX ranges."""
    steps: int = 0
    """How many steps it was told to make, 0 when unknown."""
    baseline_ms: tuple[float, ...] = ()
    """Milliseconds of each step outside the profiled range."""
    profiled_ms: tuple[float, ...] = ()
    """Milliseconds of each step inside it, by the program's own clock."""
    part: str = ""
    """Which part of the program was recorded, such as ``in its first 2 s``; empty for all of it."""
    advice: str = ""
    """How to have another part recorded."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a capture holds and whether it can be used."""

    kernels: int
    """Kernels recorded."""
    api_calls: int
    """CUDA API calls recorded."""
    ranges: int
    """NVTX ranges recorded."""
    steps: int
    """Steps found."""
    steps_source: str
    """``nvtx``, ``detected`` or ``none``."""
    unclosed: int
    """Ranges that never closed."""
    losses: tuple[str, ...]
    """nsys's own words about events that it lost."""
    problems: tuple[str, ...]
    """What makes the capture useless, each a sentence; empty when it can be used."""
    notes: tuple[str, ...]
    """What to keep in mind, each a sentence."""
    distortion: Distortion | None
    """None when the program did not time its steps both ways."""
    next_command: str
    """What to type next."""


def judge_capture(capture: Capture) -> Verdict | None:
    """Judge what ``capture`` exported; None when there is no export. Raises TraceError when it is damaged."""
    if capture.export is None:
        return None
    target = capture.target
    expected = expect(capture.record, has_gpu=bool(capture.gpus), is_runner=target.is_runner)
    part, advice = recorded_part(target)
    return judge(capture.export, replace(expected, part=part, advice=advice))


def recorded_part(target: Target) -> tuple[str, str]:
    """Return which part of a program was to be recorded, and how to choose another; empty for all of it.

    A runner opens its own range round all that matters, which counts as all.
    """
    delay, duration = target.delay_s, target.duration_s
    if target.range_name is not None and not target.is_runner:
        name = target.range_name
        return f"within the NVTX range {name!r}", "give --capture-range a range that encloses the work"
    if delay and duration:
        return f"from {delay:g} s to {delay + duration:g} s", "change --delay, or give a longer --duration"
    if delay:
        return f"after its first {delay:g} s", "give a shorter --delay"
    if duration:
        return f"in its first {duration:g} s", "add --delay S to skip its start, or give a longer --duration"
    return "", ""


def expect(record: Mapping[str, Any] | None, *, has_gpu: bool, is_runner: bool) -> Expected:
    """Return what a capture should hold, from the runner's run record where there is one."""
    if record is None:
        return Expected(gpu=has_gpu, ranges=is_runner)
    options = record.get("options")
    steps = options.get("steps") if isinstance(options, Mapping) else None
    return Expected(
        gpu=record.get("gpu") is not None,
        ranges=is_runner,
        steps=steps if isinstance(steps, int) else 0,
        baseline_ms=step_ms(record.get("baseline")),
        profiled_ms=step_ms(record.get("profiled")),
    )


def judge(path: Path, expected: Expected) -> Verdict:
    """Look through the export at ``path``; raises TraceError when it cannot be read."""
    with open_trace(path) as trace:
        hotspots = _hotspots(trace)
        counts = (len(trace.kernels), len(trace.api_calls), len(trace.ranges))
        unclosed = int(np.count_nonzero(trace.ranges.end_ns < 0))
        told = hotspots.warnings if hotspots and counts[0] else unclosed_ranges(trace)
        diagnostics = load_diagnostics(trace)
        graphs = len(trace.graphs)
    known = lost_events(diagnostics)  # which have a place of their own
    steps = len(hotspots.steps) if hotspots else 0
    problems = _problems(counts, expected, graphs)
    return Verdict(
        kernels=counts[0],
        api_calls=counts[1],
        ranges=counts[2],
        steps=steps,
        steps_source=hotspots.steps_source if hotspots else "none",
        unclosed=unclosed,
        losses=tuple(item.text for item in diagnostics if item.is_loss),
        problems=problems,
        notes=(
            *_step_notes(steps, expected),
            *(f"nsys: {item.text}" for item in diagnostics if not item.is_loss),
            *(warning for warning in told if warning not in known),
        ),
        distortion=distortion(expected.baseline_ms, expected.profiled_ms),
        next_command=_next_command(path, expected, is_useless=bool(problems)),
    )


def _next_command(path: Path, expected: Expected, *, is_useless: bool) -> str:
    if not is_useless:
        return f"nsysprof hotspots {_quoted(str(path))}"
    return "nsysprof capture --help" if expected.part else "nsysprof doctor"


def _quoted(path: str) -> str:
    """Quote ``path`` for a shell; on one line and without tabs, in the way that bash and zsh have for it."""
    if path.isprintable():
        return shlex.quote(path)
    escaped = "".join(sign if sign.isprintable() else _escaped(sign) for sign in path.replace("\\", r"\\"))
    return "$'" + escaped.replace("'", r"\'") + "'"


def _escaped(sign: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(sign))


def _hotspots(trace: Trace) -> Hotspots | None:
    try:
        return measure_hotspots(trace)
    except MissingDataError:
        return None  # nothing that could be measured; the counts say so


def _problems(counts: tuple[int, int, int], expected: Expected, graphs: int) -> tuple[str, ...]:
    kernels, api_calls, ranges = counts
    if expected.part:
        return _problems_of_a_part(counts, expected, graphs)
    problems = []
    if expected.gpu and not kernels and not graphs:
        if api_calls:
            problems.append(
                "no kernels were recorded, only API calls: the range closed before any ran, or the GPU "
                "belongs to another profiler"
            )
        else:
            problems.append(
                "no CUDA activity was recorded on a machine with a GPU: the program did not use it, or nsys "
                "is too old for the driver"
            )
    if expected.ranges and not ranges:
        problems.append(
            "no NVTX ranges were recorded although the program opens them: this nvtx and this nsys do not "
            "understand each other"
        )
    if not any(counts) and not graphs and not problems:
        problems.append(
            "nothing was recorded: neither CUDA activity nor NVTX ranges; if the program opens ranges, its "
            "nvtx and this nsys do not understand each other"
        )
    return tuple(problems)


def _problems_of_a_part(counts: tuple[int, int, int], expected: Expected, graphs: int) -> tuple[str, ...]:
    """Say what is not in the part of the program that was recorded: it may well be elsewhere."""
    kernels, api_calls, ranges = counts
    lack = ""
    if not any(counts) and not graphs:
        lack = "nothing was recorded: the program used no CUDA and opened no NVTX range"
    elif expected.gpu and not kernels and not graphs:
        lack = "no kernels were recorded: " + ("there were only API calls" if api_calls else "none ran")
    elif expected.ranges and not ranges:
        lack = "no NVTX ranges were recorded: the program opened none"
    return (f"{lack} {expected.part}; {expected.advice}",) if lack else ()


def _step_notes(steps: int, expected: Expected) -> tuple[str, ...]:
    if expected.steps and steps != expected.steps:
        return (f"{steps} of {expected.steps} steps are in the trace",)
    return ()
