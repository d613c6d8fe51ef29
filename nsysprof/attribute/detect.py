"""Steps without NVTX: the iterations of a program, found in the sequence of its launches."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect_anchors import find_anchors
from nsysprof.attribute.detect_choice import choose_level
from nsysprof.attribute.detect_levels import find_levels
from nsysprof.trace.model import I32, I64


@dataclass(frozen=True, slots=True)
class DetectedSteps:
    """Iterations found in a sequence of launches."""

    boundaries: I64
    """Indices into the sequence, one more than there are steps; step i holds launches [i], [i + 1) of them."""
    confidence: float
    """0..1."""
    reason: str
    """What they were found by, or why there are none."""
    interludes: np.ndarray = None


def detect_steps(sequence: I32, start_ns: I64) -> DetectedSteps:
    if len(sequence) < 32:
        return DetectedSteps(np.zeros(0, np.int64), 0.0, "no steps: too few")
    anchors = find_anchors(sequence)
    levels = find_levels(sequence, start_ns, anchors)
    if not levels:
        return DetectedSteps(np.zeros(0, np.int64), 0.0, "no steps: nothing repeats")
    level, cycles = choose_level(sequence, start_ns, anchors, levels)
    boundaries = np.union1d(cycles.start, cycles.end)
    interludes = ~np.isin(boundaries[:-1], cycles.start)
    return DetectedSteps(boundaries, level.overlap, "ok", interludes)
