"""Which level of repetition is the step: the outermost one that the run really has.

A level is outer to another when each of its cycles holds the same number of the other's and launches of its
own between them: the embedding and the head round the layers of a model, the scheduler after the halves of
guidance, the optimizer after the halves of an accumulated batch. What comes in the middle of every fourth
cycle (a penalty, say), is just a launch or two, or takes the place of usual launches here and there (another
order of streams, another kernel for an address less aligned), makes those four no step: some steps have more
to do. Only where large cycles are many and set well apart (the steps of several images, or of epochs with a
validation between) are they the steps although they repeat as a whole.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np

from nsysprof.attribute.detect_anchors import Anchors, Marks, gram_ids, marks_of
from nsysprof.attribute.detect_cycles import Cycles
from nsysprof.attribute.detect_levels import LEAST_COVER, Level
from nsysprof.attribute.detect_phase import place_cycles
from nsysprof.trace.model import I32, I64, Bools

_ALIKE_COVER = 0.7  # of the best cover: levels of less are parts of something
_ALIKE = 0.9  # of the outer level's overlap: inner cycles of less are not the same thing again
_SUPPORTED = 0.3  # of the outer level's support: inner cycles of less tell too little of themselves
_SAME_LEVEL = 1.5  # periods closer than this are one level seen twice
_CONSTANT = 0.8  # part of the outer cycles that hold the usual number of inner ones
_FEWEST_CYCLES = 3
_SAMPLED = 3  # outer cycles looked into
_SAMPLED_MEMBERS, _MOST_MEMBERS = 16, 0.5
_GRAM = 4  # launches in a row that tell whether a launch is usual
_EDGE = 0.1  # part of an inner cycle that counts as between cycles
LAYER = 100
"""Launches: smaller cycles within something larger are layers whatever else it holds."""
_LEAST_NOVELTY = 4  # launches that an outer cycle must have of its own
# two or three steps may differ in turn, as some size is odd or even: in as few kinds of kernels, and are then
# less alike and tell less of themselves
_MOST_IN_TURN, _MOST_VARIANTS, _ALIKE_IN_TURN, _SUPPORTED_IN_TURN = 3, 6, 0.5, 0.1
# inner cycles are steps of several images or epochs when they have so many launches, are so many in each
# outer cycle, leave so much of their own length between, make up so much of the run, and are as even
_LARGE, _MANY, _LARGE_EXTRA, _COMPLETE, _EVEN = 150, 8, 0.5, 0.7, 0.9


@dataclass(frozen=True, slots=True)
class _Own:
    """What an outer cycle has beyond its inner ones, in launches."""

    longer: int
    """More than so many usual inner cycles."""
    other: int
    """Launches of a kind that so many usual inner cycles do not have, or not so often."""
    between: int
    """Unusual ones between inner cycles, or at their edges, rather than within one."""
    kinds: int
    """Kinds of those others, in the inner cycle that has most, as far as they come in each outer cycle."""


def choose_level(sequence: I32, start_ns: I64, anchors: Anchors, levels: list[Level]) -> tuple[Level, Cycles]:
    """Return the level whose cycles are the steps, and these; ``levels`` are some, short periods first."""
    levels = _widespread(anchors, levels)
    chosen = levels[-1]
    cycles = place_cycles(sequence, start_ns, anchors, chosen)
    for level in reversed(levels[:-1]):
        if chosen.period < _SAME_LEVEL * level.period:
            if level.support > chosen.support:
                chosen, cycles = level, place_cycles(sequence, start_ns, anchors, level)
        elif level.overlap >= _ALIKE_IN_TURN * chosen.overlap:
            alike = level.overlap >= _ALIKE * chosen.overlap
            inner = _without_interludes(place_cycles(sequence, start_ns, anchors, level))
            if alike and _set_apart(chosen, level, inner):
                chosen, cycles = level, inner
            elif level.support >= _SUPPORTED_IN_TURN * chosen.support:
                alike &= level.support >= _SUPPORTED * chosen.support
                whole = place_cycles(sequence, start_ns, anchors, level, one_run=True)
                marks = marks_of(anchors, chosen.main)
                contiguous = inner.opens.sum() == 1
                if _differ_in_turn(sequence, marks, whole, (chosen.period, level.period)) or (
                    alike and not _adds_between(sequence, marks, cycles, whole, contiguous)
                ):
                    chosen, cycles = level, whole
    return chosen, cycles


def _widespread(anchors: Anchors, levels: list[Level]) -> list[Level]:
    """Return the levels that hold as much of the run as any does.

    A training step holds the forward pass that an evaluation runs over and over: where that holds more of the
    run than the steps do, the steps still are what it is a part of.
    """
    least = max(_ALIKE_COVER * max(level.cover for level in levels), LEAST_COVER[1])
    found = [level for level in levels if level.cover >= least]
    for whole in levels:
        if whole.cover >= least:
            continue
        others = [level for level in found if not _also_alone(anchors, level, whole)]
        if len(others) < len(found):
            found = [*others, whole]
    return sorted(found, key=lambda level: level.period)


def _also_alone(anchors: Anchors, part: Level, whole: Level) -> bool:
    """Return whether larger cycles hold what smaller ones consist of, and these return where those do not."""
    if whole.period < _SAME_LEVEL * part.period or part.cover + whole.cover < _COMPLETE:
        return False
    marks, alone = marks_of(anchors, whole.main), marks_of(anchors, part.main).at
    starts, ends = marks.at[marks.opens], marks.at[marks.closes]
    run = np.searchsorted(starts, alone, side="right") - 1
    within = (run >= 0) & (alone < ends[run])
    if within.mean() > 1 - _CONSTANT:
        return False
    sampled = part.members[:: max(len(part.members) // _SAMPLED_MEMBERS, 1)]
    places = [np.searchsorted(anchors.occurrences(int(member)), marks.at) for member in sampled]
    held = np.mean([np.diff(place)[~marks.opens[1:]] > 0 for place in places], axis=1)
    # those across two of the small ones are in none of the large ones
    return bool(np.mean(held >= _CONSTANT) >= _MOST_MEMBERS)


def _set_apart(outer: Level, level: Level, inner: Cycles) -> bool:
    """Return whether inner cycles are steps of several images or epochs, with other work between."""
    if not len(inner) or level.cover < _COMPLETE * outer.cover or level.even < _EVEN:
        return False
    length = float(np.median(inner.end - inner.start))
    held = len(inner) / np.count_nonzero(inner.opens)
    extra = outer.period - held * length
    return bool(length >= _LARGE and held >= _MANY and extra >= _LARGE_EXTRA * length)


def _without_interludes(cycles: Cycles) -> Cycles:
    """Cut cycles short that are so much longer than usual that other work must come behind their own."""
    if not len(cycles):
        return cycles
    length = cycles.end - cycles.start
    usual = int(np.median(length))
    long = length >= (1 + _LARGE_EXTRA) * usual
    end = np.where(long, cycles.start + usual, cycles.end)
    return Cycles(cycles.start, end, cycles.opens | np.append(False, long[:-1]), cycles.sure)


def _differ_in_turn(sequence: I32, marks: Marks, inner: Cycles, periods: tuple[float, float]) -> bool:
    """Return whether inner cycles are equally long and differ in some variants of kernels only.

    marks: of the outer level.
    periods: of both levels; cycles may be cut where they are equally long though most anchors are not.

    So do steps of which every second one has an odd number of tokens. What another kernel does in place of a
    usual one is no work that the outer cycle has of its own.
    """
    held, owns = _owns(sequence, marks, inner)
    if not owns or held > _MOST_IN_TURN:
        return False
    longer, kinds = np.median([(own.longer, own.kinds) for own in owns], axis=0)
    longer = max(longer, abs(periods[0] - held * periods[1]))
    return bool(longer < _LEAST_NOVELTY and kinds <= _MOST_VARIANTS)


def _owns(sequence: I32, marks: Marks, inner: Cycles) -> tuple[int, list[_Own]]:
    """Return how many inner cycles outer ones hold, and what some of these have beyond them.

    marks: of the outer level.

    The list is empty where the number is not constant, or no more than one.
    """
    if len(inner) < _FEWEST_CYCLES:
        return 0, []
    held = np.diff(np.searchsorted(inner.start, marks.at))[~marks.opens[1:]]
    usual = int(np.median(held))
    if usual < 2 or np.mean(held == usual) < _CONSTANT:
        return usual, []
    cycles = np.flatnonzero(~marks.opens[1:])[held == usual]
    sampled = cycles[_spaced(len(cycles))]
    spans = [(int(marks.at[cycle]), int(marks.at[cycle + 1])) for cycle in sampled]
    always = reduce(np.intersect1d, [sequence[start:end] for start, end in spans])
    return usual, [_own(sequence, span, inner, always) for span in spans]


def _adds_between(sequence: I32, marks: Marks, outer: Cycles, inner: Cycles, contiguous: bool) -> bool:
    """Return whether outer cycles hold a constant number of inner ones and work of their own between them.

    marks: of the outer level.
    outer: its cycles.
    contiguous: whether the inner cycles follow each other without a gap.
    """
    if len(inner) < _FEWEST_CYCLES:
        return True
    owns = _owns(sequence, marks, inner)[1]
    if not owns:
        return not contiguous
    if np.quantile(inner.end - inner.start, 0.25) < LAYER and np.median([own.longer for own in owns]) >= 1:
        return True
    if np.median([own.other for own in owns]) < _LEAST_NOVELTY:
        return False
    placed = _spaced(len(outer))
    edges = [_own_at_edges(sequence, outer, cycle, inner) for cycle in placed] if len(outer) else [0]
    most = max(np.median(edges), np.median([own.between for own in owns]))
    return bool(most >= _LEAST_NOVELTY)


def _spaced(cycles: int) -> list[int]:
    """Return some cycles to look into, neither the first nor the last where there are others."""
    return list(range(cycles // 4, cycles, max(cycles // _SAMPLED, 1)))[:_SAMPLED]


def _own_at_edges(sequence: I32, outer: Cycles, cycle: int, inner: Cycles) -> int:
    """Return how many unusual launches an outer cycle begins or ends with.

    Where inner cycles are cut in another place than outer ones this tells what comes between them.
    """
    start, end = int(outer.start[cycle]), int(outer.end[cycle])
    unit = np.searchsorted(inner.start, np.arange(start, end), side="right") - 1
    gap = (unit < 0) | (np.arange(start, end) >= inner.end[unit])
    unit -= unit[0]
    usual = _usual(sequence[start : end + _GRAM - 1], unit, gap, int(unit[-1]) + 1)
    edge = _EDGE * float(np.median(inner.end - inner.start))
    before = np.cumsum(usual)
    outside = ~usual & ((before <= edge) | (before >= before[-1] - edge))
    return int(np.count_nonzero(outside))


def _own(sequence: I32, span: tuple[int, int], inner: Cycles, always: I32) -> _Own:
    """Return what an outer cycle, from a mark to the next one, has beyond the inner ones that begin in it.

    always: kinds of launches that come in each outer cycle.
    """
    start, end = span
    first, last = np.searchsorted(inner.start, (start, end))
    begin, close = inner.start[first:last], inner.end[first:last]
    start = int(begin[0])  # the marks are somewhere within the inner cycles
    end = int(inner.start[last]) if last < len(inner) else max(end, int(close[-1]))
    launches = sequence[start:end]
    position = np.arange(len(launches))
    unit = np.searchsorted(begin - start, position, side="right") - 1
    gap = position >= close[unit] - start
    usual = _usual(sequence[start : end + _GRAM - 1], unit, gap, len(begin))
    units = np.where(gap, len(begin), unit)
    done = np.cumsum(usual & ~gap)
    size = np.bincount(units, usual, len(begin) + 1)[:-1]
    before = done - np.cumsum(np.append(0, size))[unit]
    part = before / np.maximum(size, 1)[unit]
    between = ~usual & (gap | (part <= _EDGE) | (part >= 1 - _EDGE))
    kinds, kind = np.unique(launches, return_inverse=True)
    table = np.bincount(units * len(kinds) + kind, minlength=(len(begin) + 1) * len(kinds))
    table = table.reshape(-1, len(kinds))
    least = _low_median(table[:-1])
    excess = table.sum(axis=0) - len(begin) * least
    varied = (table[:-1] > least) & np.isin(kinds, always)
    lengths = close - begin
    return _Own(
        longer=int(len(launches) - len(begin) * _low_median(lengths)),
        other=int(np.maximum(excess, 0).sum()),
        between=int(np.count_nonzero(between)),
        kinds=int(varied.sum(axis=1).max()),
    )


def _low_median(values: I64) -> I64:
    """Return the median along the first axis, of two middle values the lower: it is of some cycle."""
    middle: I64 = np.sort(values, axis=0)[(len(values) - 1) // 2]
    return middle


def _usual(sequence: I32, unit: I64, gap: Bools, units: int) -> Bools:
    """Return which launches stand in some n-gram that most inner cycles have; shape of ``unit``."""
    grams = np.unique(gram_ids(sequence, _GRAM), return_inverse=True)[1][: len(unit)]
    inside = ~gap[: len(grams)]
    seen = np.unique(grams[inside] * units + unit[: len(grams)][inside]) // units
    often = np.bincount(seen, minlength=int(grams.max(initial=0)) + 1) >= max(2, (units + 1) // 2)
    found = often[grams]
    usual = np.zeros(len(unit) + _GRAM, bool)
    for shift in range(_GRAM):
        usual[shift : shift + len(found)] |= found
    return usual[: len(unit)]
