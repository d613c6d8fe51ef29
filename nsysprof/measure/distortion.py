"""How much profiling stretched a step, by the clock of the program that was profiled."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median_low
from typing import Any

from nsysprof.measure.results import Distortion

_LARGEST = 16 << 20


def step_ms(timing: object) -> tuple[float, ...]:
    """Return the milliseconds of each step from ``baseline`` or ``profiled`` of a run record."""
    values = timing.get("step_ms") if isinstance(timing, Mapping) else None
    if not isinstance(values, Sequence):
        return ()
    numbers = (float(value) for value in values if isinstance(value, int | float))
    return tuple(number for number in numbers if number > 0 and math.isfinite(number))


def distortion(baseline_ms: Sequence[float], profiled_ms: Sequence[float]) -> Distortion | None:
    """Compare the median steps; None when the program did not time its steps both ways."""
    if not baseline_ms or not profiled_ms:
        return None
    return Distortion(median_low(baseline_ms), median_low(profiled_ms))


def distortion_beside(trace: Path) -> Distortion | None:
    """Return what the manifest beside ``trace`` says (``x.run.json`` beside ``x.sqlite``).

    None when there is none, when it is another capture's, or when its program did not time its steps.
    """
    run = _manifest(trace).get("run")
    if not isinstance(run, Mapping):
        return None
    return distortion(step_ms(run.get("baseline")), step_ms(run.get("profiled")))


def _manifest(trace: Path) -> Mapping[str, Any]:
    path = trace.with_name(f"{trace.stem}.run.json")
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return {}
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    from nsysprof.capture.manifest import SCHEMA  # most traces have no manifest beside them

    ours = isinstance(values, dict) and values.get("schema") == SCHEMA
    return values if ours and trace.name in (values.get("files") or ()) else {}
