"""Steps without NVTX: the iterations of a program, found in the sequence of its launches.

1. Short runs of launches that return at near-equal distances are anchors (``detect_anchors``).
2. Anchors of one period form a level: layers, steps, whole generations (``detect_levels``).
3. The level whose cycles are steps is the outermost one that the run really has (``detect_choice``).
4. Its cycles are begun where the prologue ends and the epilogue begins (``detect_votes``, ``detect_phase``),
   and where they break off and begin again in between (``detect_runs``, ``detect_cycles``).
5. What may as well be the layers of one pass is held with little confidence (``detect_layers``).
"""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect_anchors import find_anchors
from nsysprof.attribute.detect_choice import choose_level
from nsysprof.attribute.detect_cycles import Cycles
from nsysprof.attribute.detect_layers import steps_rather_than_layers
from nsysprof.attribute.detect_levels import Level, find_levels
from nsysprof.attribute.detect_phase import GUESSED
from nsysprof.trace.model import I32, I64, Bools

_FEWEST_LAUNCHES = 16
_FEWEST_STEPS = 2
_LEAST_CONFIDENCE = 0.25
_SHORT_RUN = 0.5  # of the longest run: shorter ones before it are warm-up
_LONG_PAUSE = 0.5  # of a step's time
_EARLY_CYCLES = 64
_EDGE = 0.05  # of a step: the launches in front of it that are looked at
_UNLIKE = 0.2  # of those: so many are others than usual
_MOST_COMMON = 0.25  # of a cycle: so much of it the next one may share
_FEW = 0.05  # of the cycles may share more
_MANY_BLOCKS, _LIKE_LENGTH, _MOSTLY = 12, 0.05, 0.7


@dataclass(frozen=True, slots=True)
class DetectedSteps:
    """Iterations found in a sequence of launches; empty, with a reason, where there are none."""

    boundaries: I64
    """Indices into the sequence, ascending, one more than there are intervals; half-open intervals."""
    confidence: float
    """0..1: how alike the steps are, how many and how long, how clearly they begin where they are said to."""
    reason: str
    """What the steps were found by, or why there are none."""
    interludes: Bools
    """Per interval: whether it is no step but what lies between runs of steps (a new image, a validation)."""
    doubts: tuple[str, ...] = ()
    """What a reader should know who takes the steps for true."""

    def __len__(self) -> int:
        """Return the number of steps."""
        return int(np.count_nonzero(~self.interludes))


def detect_steps(sequence: I32, start_ns: I64) -> DetectedSteps:
    """Find the iterations of a program in the launches of one process.

    sequence: an integer per launch, in launch order, equal for launches of one kernel and launch geometry.
    start_ns: when each was launched.

    Time and memory are linear in the number of launches. Warm-up iterations that a pause or other work sets
    apart are left out.
    """
    if len(sequence) < _FEWEST_LAUNCHES:
        return _none(f"{len(sequence)} launches are too few to repeat")
    if (sequence == sequence[0]).all():
        return _none("all launches are alike")
    anchors = find_anchors(sequence)
    levels = find_levels(sequence, start_ns, anchors)
    if not levels:
        return _none("no sequence of launches repeats regularly over much of the run")
    level, cycles = choose_level(sequence, start_ns, anchors, levels)
    if len(cycles):
        cycles = _without_warmup(sequence, start_ns, cycles)
    if len(cycles) < _FEWEST_STEPS:
        return _none("what repeats does so too rarely")
    if _overlap(cycles) or _uneven(cycles):
        return _none("what repeats does so unevenly, as blocks of one pass do")
    usual = int(np.median(cycles.end - cycles.start))
    likely = steps_rather_than_layers(sequence, start_ns, levels, cycles)
    if not likely:
        return _none(f"{usual} launches repeat {len(cycles)} times, as layers of one pass do")
    confidence = min(_confidence(level, cycles), likely)
    if confidence < _LEAST_CONFIDENCE:
        return _none("what repeats does so too vaguely")
    boundaries = np.union1d(cycles.start, cycles.end)
    interludes = ~np.isin(boundaries[:-1], cycles.start)
    doubts = ["they may be the layers of one pass"] if likely < 1 else []
    doubts += ["where in the period a step begins is a guess"] if cycles.sure <= GUESSED else []
    reason = f"every {usual:,} launches or so repeat"
    return DetectedSteps(boundaries, confidence, reason, interludes, tuple(doubts))


def _none(why: str) -> DetectedSteps:
    return DetectedSteps(np.zeros(0, np.int64), 0.0, f"no steps: {why}", np.zeros(0, bool))


def _without_warmup(sequence: I32, start_ns: I64, cycles: Cycles) -> Cycles:
    """Drop short runs before the longest one, and cycles at its beginning that something else sets apart."""
    first = np.flatnonzero(cycles.opens)
    lengths = np.diff(np.append(first, len(cycles)))
    run = int(np.argmax(lengths >= _SHORT_RUN * lengths.max()))
    start = cycles.start[first[run] : first[run] + lengths[run]]
    skip = int(first[run]) + _last_interruption(sequence, start_ns, start)
    opens = cycles.opens[skip:].copy()
    opens[:1] = True
    return Cycles(cycles.start[skip:], cycles.end[skip:], opens, cycles.sure)


def _last_interruption(sequence: I32, start_ns: I64, start: I64) -> int:
    """Return the last early cycle before which the host paused long and did what it does not usually; else 0.

    So it is where a program warms up, captures a CUDA graph, and then replays it. A single cycle is not set
    apart: a first training step pauses too, to load kernels and to make the optimizer's state.
    """
    early = np.arange(2, min(len(start) // 4, _EARLY_CYCLES) + 1)
    if not len(early):
        return 0
    usual_ns = np.median(np.diff(start_ns[start]))
    edge = np.arange(int(_EDGE * np.median(np.diff(start))) + 1)
    at = np.maximum(start[early, None] - edge, 1)
    pauses = (start_ns[at] - start_ns[at - 1]).max(axis=1) > _LONG_PAUSE * usual_ns
    typical = start[len(start) // 2] - 1 - edge
    unlike = (sequence[at - 1] != sequence[typical]).mean(axis=1) > _UNLIKE
    apart = early[pauses & unlike]
    return int(apart[-1]) if len(apart) else 0


def _overlap(cycles: Cycles) -> bool:
    """Return whether cycles begin within others: an iteration ends before the next one begins."""
    common = cycles.end[:-1] - cycles.start[1:]
    return bool(np.mean(common > _MOST_COMMON * np.median(cycles.end - cycles.start)) > _FEW)


def _uneven(cycles: Cycles) -> bool:
    """Return whether cycles are few and of many lengths: so are blocks of a network between other work."""
    length = (cycles.end - cycles.start)[1:]  # a first step may be longer
    like = np.abs(length / np.median(length) - 1) <= _LIKE_LENGTH
    return len(cycles) <= _MANY_BLOCKS and bool(like.mean() < _MOSTLY)


def _confidence(level: Level, cycles: Cycles) -> float:
    """Return the product of what can make the steps wrong, each 0..1."""
    number = 1 - 0.5 ** (len(cycles) - 1)
    size = level.period / (level.period + 10)  # short patterns come about by chance, or are layers
    even = (1 + level.even) / 2
    return float(np.clip(level.overlap * cycles.sure * number * size * even, 0, 1))
