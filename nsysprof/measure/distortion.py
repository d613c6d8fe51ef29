"""What the manifest beside a trace says: what ran, and how much profiling stretched a step by its clock."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median_low
from typing import Any

from nsysprof.measure.results import Distortion

_LARGEST = 16 << 20
_LARGEST_MS = 1e12

_TOLD = (
    *("batch {batch}", "{width}x{height}", "steps {steps}", "CFG {cfg}", "{dtype}", "preset {preset}"),
    *("{allocator} allocator", "compiled ({compile})"),
)
"""What is told of a runner's options, each where the record holds it; never paths and prompts."""


def step_ms(timing: object) -> tuple[float, ...]:
    """Return the milliseconds of each step from ``baseline`` or ``profiled`` of a run record."""
    values = timing.get("step_ms") if isinstance(timing, Mapping) else None
    if not isinstance(values, Sequence):
        return ()
    numbers = (value for value in values if isinstance(value, int | float))
    return tuple(float(number) for number in numbers if 0 < number <= _LARGEST_MS)


def distortion(baseline_ms: Sequence[float], profiled_ms: Sequence[float]) -> Distortion | None:
    """Compare the median steps; None when the program did not time its steps both ways."""
    if not baseline_ms or not profiled_ms:
        return None
    return Distortion(median_low(baseline_ms), median_low(profiled_ms))


def distortion_beside(trace: Path) -> Distortion | None:
    """Return what the manifest beside ``trace`` says (``x.run.json`` beside ``x.sqlite``).

    None when there is none, when it is another capture's, or when its program did not time its steps.
    """
    run = _run(trace)
    return distortion(step_ms(run.get("baseline")), step_ms(run.get("profiled")))


def ran_beside(trace: Path) -> str:
    """Return what the manifest beside ``trace`` says of its run: ``sdxl, batch 1, 1024x1024, steps 20``.

    Empty when there is none, when it is another capture's, or when no runner of ours ran.
    """
    run = _run(trace)
    runner, options = run.get("runner"), run.get("options")
    if not isinstance(runner, str) or not isinstance(options, Mapping):
        return ""
    known = {
        key: str(value)[:40]
        for key, value in options.items()
        if isinstance(value, int | float | str) and not isinstance(value, bool)
    }
    fields = ((text, set(re.findall(r"{(\w+)}", text))) for text in _TOLD)
    told = (text.format_map(known) for text, names in fields if names <= known.keys())
    return ", ".join([runner[:40], *told, *["random weights"] * (options.get("random_weights") is True)])


def _run(trace: Path) -> Mapping[str, Any]:
    run = _manifest(trace).get("run")
    return run if isinstance(run, Mapping) else {}


def _manifest(trace: Path) -> Mapping[str, Any]:
    path = trace.with_name(f"{trace.stem}.run.json")
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return {}
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    from nsysprof.capture.manifest import SCHEMA  # most traces have no manifest beside them

    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        return {}
    files = values.get("files")
    return values if isinstance(files, list) and trace.name in files else {}
