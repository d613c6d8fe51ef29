"""Which level of repetition is the step: the outermost one that the run really has.

A level is outer to another when each of its cycles holds the same number of the other's and something of its
own between them: the embedding and the head round the layers of a model, the scheduler after the halves of
guidance, the optimizer after the halves of an accumulated batch. What comes in the middle of every fourth
cycle (a penalty, say), or is just a launch or two, makes those four no step: some steps have more to do.
Only where large cycles are many and set well apart (the steps of several images, or of epochs with a
validation between) are they the steps although they repeat as a whole.
"""

import numpy as np

from nsysprof.attribute.detect_anchors import Anchors, marks_of, spread
from nsysprof.attribute.detect_levels import Level
from nsysprof.attribute.detect_phase import Cycles, place_cycles
from nsysprof.trace.model import I32, I64

_ALIKE_COVER = 0.7  # of the best cover: levels of less are parts of something
_ALIKE = 0.9  # of the outer level's overlap: inner cycles of less are not the same thing again
_SAME_LEVEL = 1.5  # periods closer than this are one level seen twice
_CONSTANT = 0.8  # part of the outer cycles that hold the usual number of inner ones
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
    for level in reversed(levels[:-1]):
        if chosen.period < _SAME_LEVEL * level.period:
            if level.support > chosen.support:
                chosen = level
        elif level.overlap >= _ALIKE * chosen.overlap:
            inner = place_cycles(sequence, start_ns, anchors, level)
            if len(inner) and _are_steps(anchors, chosen, level, inner):
                chosen = level
    return chosen, place_cycles(sequence, start_ns, anchors, chosen)


def _are_steps(anchors: Anchors, outer: Level, level: Level, inner: Cycles) -> bool:
    """Return whether the cycles of the inner level, rather than those of ``outer``, are the steps."""
    marks = marks_of(anchors, outer.main)
    length = float(np.quantile(inner.end - inner.start, 0.25))
    held = np.diff(np.searchsorted(inner.start, marks.at))[~marks.opens[1:]]
    usual = int(np.median(held))
    extra = outer.period - usual * length
    whole = level.cover >= _COMPLETE * outer.cover and level.even >= _EVEN
    if whole and length >= _LARGE and usual >= _MANY and extra >= _LARGE_EXTRA * length:
        return True
    if level.support < outer.support:
        return False
    if usual < 2 or np.mean(held == usual) < _CONSTANT:
        return True
    if length < _LAYER:
        return outer.novelty < 1
    return outer.novelty < _LEAST_NOVELTY or not _lies_between(anchors, outer, inner, length)


def _lies_between(anchors: Anchors, outer: Level, inner: Cycles, length: float) -> bool:
    """Return whether what outer cycles have of their own lies between inner cycles, not within them."""
    own = anchors.position[spread(anchors.row[outer.members], anchors.size[outer.members])]
    width = np.repeat(anchors.width[outer.members], anchors.size[outer.members])
    unit = np.searchsorted(inner.start, own + width // 2, side="right") - 1
    within = (unit >= 0) & (own + width // 2 < inner.end[unit])
    since, until = own - inner.start[unit], inner.end[unit] - own - width
    nearer, farther = (1 - _EDGE) * length, _EDGE * length
    middle = within & (since >= farther) & (until >= farther) & (since + width <= nearer) & (until <= nearer)
    return bool(middle.mean() < 0.5)
