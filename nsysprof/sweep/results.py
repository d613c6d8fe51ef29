"""What a sweep yields: frozen results that renderers show and never recompute.

Times are seconds, sizes bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over the repeats of a configuration."""

    low: float
    """Least."""
    middle: float
    """Median."""
    high: float
    """Most."""
    count: int
    """Repeats that have it."""


@dataclass(frozen=True, slots=True)
class AxisResult:
    """One option that was varied."""

    key: str
    """Its name, such as ``batch``."""
    values: tuple[str, ...]
    """Every value that a configuration has on it, in ascending order where they are numbers or sizes."""
    numeric: bool
    """True when each of them is a number."""


@dataclass(frozen=True, slots=True)
class Point:
    """One configuration and what its repeats measured together."""

    label: str
    """What sets it apart: ``batch 4``."""
    values: Mapping[str, str]
    """Its value on every axis."""
    options: Mapping[str, Any]
    """The runner's options, as far as they are known."""
    status: str
    """``ok`` when a repeat is; else how the first one ended; ``missing`` when there is none yet."""
    reason: str
    """Why repeats are not ok, empty when all are."""
    failed: int
    """Repeats that are not ok."""
    time_s: Spread | None
    """From the prompt to images; None where no repeat told."""
    step_s: Spread | None
    """The median step of each repeat."""
    images_per_s: Spread | None
    """Images by time."""
    memory_bytes: Spread | None
    """Most device memory in use, the whole device's as nvidia-smi shows it; of a CPU run resident memory."""
    allocated_bytes: Spread | None
    """Most memory that tensors took."""
    composition: Mapping[str, int]
    """ns of the typical step (without steps: of all) by bucket, of a profiled repeat; else empty."""
    image: Path | None
    """The first image of the first repeat that has one."""
    runs: tuple[Mapping[str, Any], ...]
    """The rows of its repeats in the table ``runs``."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The whole sweep."""

    runner: str
    """The runner's name."""
    axes: tuple[AxisResult, ...]
    """What was varied."""
    each: bool
    """One axis at a time round the first point, instead of every combination."""
    repeat: int
    """Runs asked for of each configuration; `runs_each` tells how many there are."""
    points: tuple[Point, ...]
    """The configurations, in their order."""
    memory: str
    """``VRAM``, or ``RAM`` where nothing ran on a GPU."""
    gpu: str
    """Names of the GPUs that runs used, empty for none."""
    versions: Mapping[str, str | None]
    """Of what ran: those of the sweep's runs, where they agree."""
    headline: tuple[str, ...]
    """What each axis does, a sentence each."""
    database: Path
    """The SQLite file."""
    stopped_by: int = 0
    """The signal that ended it before its end, 0 when it is complete."""

    @property
    def runs_each(self) -> tuple[int, int]:
        """Return how many runs stand behind a configuration's figures, least and most; zeros for none."""
        counts = [point.time_s.count for point in self.points if point.time_s]
        return (min(counts), max(counts)) if counts else (0, 0)

    @property
    def exit_code(self) -> int:
        """Return 0 when any configuration has figures, 1 when none has, 128 + N after signal N."""
        if self.stopped_by:
            return 128 + self.stopped_by
        return int(not any(point.status == "ok" for point in self.points))
