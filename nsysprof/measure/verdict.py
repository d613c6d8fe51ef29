"""Whether a capture is any good: what it holds, what nsys lost, how much profiling stretched the steps."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

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


def judge_capture(capture: Capture, *, is_runner: bool) -> Verdict | None:
    """Judge what ``capture`` exported; None when there is no export. Raises TraceError when it is damaged."""
    if capture.export is None:
        return None
    return judge(capture.export, expect(capture.record, has_gpu=bool(capture.gpus), is_runner=is_runner))


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
        known = lost_events(trace)  # which have a place of their own
        diagnostics = load_diagnostics(trace)
        graphs = len(trace.graphs)
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
        next_command="nsysprof doctor" if problems else f"nsysprof hotspots {_quoted(str(path))}",
    )


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


def _step_notes(steps: int, expected: Expected) -> tuple[str, ...]:
    if expected.steps and steps != expected.steps:
        return (f"{steps} of {expected.steps} steps are in the trace",)
    return ()
