"""Which level of repetition is the step: the outermost one that the run really has.

A level is outer to another when each of its cycles holds the same number of the other's and something of its
own between them: the embedding and the head round the layers of a model, the scheduler after the halves of
guidance, the optimizer after the halves of an accumulated batch. What comes in the middle of every fourth
cycle (a penalty, say), or is just a launch or two, makes those four no step: some steps have more to do.
Only where large cycles are many and set well apart (the steps of several images, or of epochs with a
validation between) are they the steps although they repeat as a whole.
"""

import numpy as np

from nsysprof.attribute.detect_anchors import SHORT, Anchors, marks_of, spread
from nsysprof.attribute.detect_levels import Level
from nsysprof.attribute.detect_phase import Cycles, place_cycles
from nsysprof.trace.model import I32, I64

_ALIKE_COVER = 0.7  # of the best cover: levels of less are parts of something
_ALIKE = 0.9  # of the outer level's overlap: inner cycles of less are not the same thing again
_SUPPORTED = 0.3  # of the outer level's support: inner cycles of less tell too little of themselves
_SAME_LEVEL = 1.5  # periods closer than this are one level seen twice
_CONSTANT = 0.8  # part of the outer cycles that hold the usual number of inner ones
_FEWEST_CYCLES = 3
_EDGE = 0.1  # part of an inner cycle that counts as between cycles
_LAYER = 100  # launches: smaller cycles within something larger are layers whatever else it holds
_LEAST_NOVELTY = 4  # launches that an outer cycle must have of its own
# inner cycles are steps of several images or epochs when they have so many launches, are so many in each
# outer cycle, leave so much of their own length between, make up so much of the run, and are as even
_LARGE, _MANY, _LARGE_EXTRA, _COMPLETE, _EVEN = 150, 8, 0.5, 0.7, 0.9


def choose_level(sequence: I32, start_ns: I64, anchors: Anchors, levels: list[Level]) -> tuple[Level, Cycles]:
    """Return the level whose cycles are the steps, and these; ``levels`` are some, short periods first."""
    most = max(level.cover for level in levels)
    levels = [level for level in levels if level.cover >= _ALIKE_COVER * most]
    chosen = levels[-1]
    cycles = place_cycles(sequence, start_ns, anchors, chosen)
    for level in reversed(levels[:-1]):
        if chosen.period < _SAME_LEVEL * level.period:
            if level.support > chosen.support:
                chosen, cycles = level, place_cycles(sequence, start_ns, anchors, level)
        elif level.overlap >= _ALIKE * chosen.overlap:
            inner = place_cycles(sequence, start_ns, anchors, level)
            if _set_apart(chosen, level, inner):
                chosen, cycles = level, inner
            elif level.support >= _SUPPORTED * chosen.support:
                whole = place_cycles(sequence, start_ns, anchors, level, one_run=True)
                if not _adds_between(anchors, chosen, whole, inner.opens.sum() == 1):
                    chosen, cycles = level, whole
    return chosen, cycles


def _set_apart(outer: Level, level: Level, inner: Cycles) -> bool:
    """Return whether inner cycles are steps of several images or epochs, with other work between."""
    if not len(inner) or level.cover < _COMPLETE * outer.cover or level.even < _EVEN:
        return False
    length = float(np.median(inner.end - inner.start))
    held = len(inner) / np.count_nonzero(inner.opens)
    extra = outer.period - held * length
    return bool(length >= _LARGE and held >= _MANY and extra >= _LARGE_EXTRA * length)


def _adds_between(anchors: Anchors, outer: Level, inner: Cycles, contiguous: bool) -> bool:
    """Return whether outer cycles hold a constant number of inner ones and work of their own between them."""
    marks = marks_of(anchors, outer.main)
    if len(inner) < _FEWEST_CYCLES:
        return True
    length = float(np.quantile(inner.end - inner.start, 0.25))
    held = np.diff(np.searchsorted(inner.start, marks.at))[~marks.opens[1:]]
    if np.median(held) < 2 or np.mean(held == np.median(held)) < _CONSTANT:
        return not contiguous
    if length < _LAYER:
        return outer.novelty >= 1 or not contiguous
    return _novel_between(anchors, outer, inner, length) >= _LEAST_NOVELTY


def _novel_between(anchors: Anchors, outer: Level, inner: Cycles, length: float) -> float:
    """Return how many launches of its own an outer cycle has between inner cycles, rather than within one."""
    members = outer.members[anchors.width[outer.members] <= SHORT]
    own = anchors.position[spread(anchors.row[members], anchors.size[members])]
    width = np.repeat(anchors.width[members], anchors.size[members])
    unit = np.searchsorted(inner.start, own + width // 2, side="right") - 1
    inside = (unit >= 0) & (own + width // 2 < inner.end[unit])
    since, until = own - inner.start[unit], inner.end[unit] - own - width
    first, last = np.full(len(inner), np.inf), np.full(len(inner), np.inf)
    np.minimum.at(first, unit[inside], since[inside])
    np.minimum.at(last, unit[inside], until[inside])
    # all that is own of a unit comes after its usual work, or before it, or this launch is at its very edge
    usual, edge = (1 - _EDGE) * length, _EDGE * length
    between = (
        (first[unit] >= usual - width) | (last[unit] >= usual - width) | (np.minimum(since, until) < edge)
    )
    cycles = np.count_nonzero(~marks_of(anchors, outer.main).opens)
    counts = [
        np.count_nonzero(inside & between & (width == one)) / cycles - (one - 1) for one in np.unique(width)
    ]
    return max(counts, default=0.0)
