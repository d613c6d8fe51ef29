"""Steps without NVTX: the iterations of a program, found in the sequence of its launches."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect_anchors import find_anchors
from nsysprof.attribute.detect_levels import choose_level, find_levels
from nsysprof.attribute.detect_phase import place_boundaries
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


def detect_steps(sequence: I32, start_ns: I64) -> DetectedSteps:
    anchors = find_anchors(sequence)
    levels = find_levels(sequence, start_ns, anchors)
    level = choose_level(levels)
    if level is None:
        return DetectedSteps(np.zeros(0, np.int64), 0.0, "no steps: nothing repeats")
    boundaries = place_boundaries(sequence, start_ns, anchors, level)
    return DetectedSteps(boundaries, level.overlap, "ok")
