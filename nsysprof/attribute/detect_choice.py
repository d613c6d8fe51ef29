"""Which level of repetition is the step: the outermost one that the run really has.

A level is outer to another when each of its cycles holds the same number of the other's and something of its own
between them: the embedding and the head round the layers of a model, the scheduler after the two halves of guidance,
the optimizer after the halves of an accumulated batch. What comes in the middle of every fourth cycle (a penalty,
say), or is just a launch or two, makes those four no step: it is work that some steps have more.
"""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect_anchors import Anchors, marks_of
from nsysprof.attribute.detect_levels import Level
from nsysprof.attribute.detect_phase import Cycles, place_cycles
from nsysprof.trace.model import I32, I64

_ALIKE_COVER = 0.8
_ALIKE = 0.9
_SUPPORT = 0.3
_CONSTANT = 0.8
_AT_THE_END = 0.9
_LARGE = 150  # launches: no layer has as many
_LARGE_EXTRA = 0.5
_MANY = 8
_COMPLETE = 0.85


def choose_level(sequence: I32, start_ns: I64, anchors: Anchors, levels: list[Level]) -> tuple[Level, Cycles]:
    """Return the level whose cycles are the steps, and these; ``levels`` is not empty, short periods first."""
    most = max(level.cover for level in levels)
    levels = [level for level in levels if level.cover >= _ALIKE_COVER * most]
    chosen = levels[-1]
    for level in reversed(levels[:-1]):
        if chosen.period < 1.5 * level.period:
            if level.support > chosen.support:
                chosen = level
        elif level.overlap >= _ALIKE * chosen.overlap and level.support >= _SUPPORT * chosen.support:
            inner = place_cycles(sequence, start_ns, anchors, level)
            complete = level.cover >= _COMPLETE * chosen.cover
            if not _is_step(anchors, chosen, inner, complete):
                chosen = level
    return chosen, place_cycles(sequence, start_ns, anchors, chosen)


def _is_step(anchors: Anchors, outer: Level, inner: Cycles, complete: bool) -> bool:
    """Return whether the cycles of ``outer``, rather than those within it, are the steps."""
    marks = marks_of(anchors, outer.main)
    length = float(np.quantile(inner.end - inner.start, 0.25))
    held = np.diff(np.searchsorted(inner.start, marks.at))[~marks.opens[1:]]
    usual = int(np.median(held))
    extra = outer.period - usual * length
    if complete and length >= _LARGE and usual >= _MANY and extra >= _LARGE_EXTRA * length:
        return False
    if usual < 2 or np.mean(held == usual) < _CONSTANT:
        return False
    return _lies_between(anchors, outer, inner, length)


def _lies_between(anchors: Anchors, outer: Level, inner: Cycles, length: float) -> bool:
    """Return whether what an outer cycle has of its own lies between inner cycles, not within one."""
    marks = marks_of(anchors, outer.main).at
    centre, half = marks[len(marks) // 2], outer.period / 2
    widths, counts = np.unique(anchors.width[outer.members], return_counts=True)
    width = int(widths[np.argmax(counts - widths)])
    rows = outer.members[anchors.width[outer.members] == width]
    own = np.concatenate([anchors.occurrences(row) for row in rows.tolist()])
    own = own[np.abs(own - centre) <= half]
    # the first n-gram touches what is special with its last launch only, the last one with its first
    first, last = own.min() + width - 1, own.max()
    unit = int(np.searchsorted(inner.start, np.median(own) + width // 2, side="right")) - 1
    if unit < 0 or last >= inner.end[unit]:
        return True
    room = _AT_THE_END * length
    return bool(first - inner.start[unit] >= room or inner.end[unit] - last >= room)
