"""Levels of repetition: layers inside steps inside whole generations."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect_anchors import F64, SHORT, Anchors, Marks, marks_of, pair_ids
from nsysprof.trace.model import I32, I64, Bools

_LARGE = 100  # launches in a cycle: smaller ones may be the layers of a model that ran once
LEAST_COVER = (0.8, 0.4)
"""Part of the run in a level's cycles, for small ones and large ones."""
_LEAST_OF_WHOLE = 0.15  # the same for large ones that the rest of the run may be parts of
_LEAST_OVERLAP = (0.7, 0.3)
_SOME = 0.2
_LEAST_EVIDENCE = 16
_LEAST_SUPPORT = 3
_SURE_COVER = 0.6
_VERY_EVEN, _VERY_ALIKE = 0.8, 0.95  # what less cover, or less support, must make up for
_SAME_LENGTH = 0.005
_LEAST_REGULAR = 0.8
_SAMPLED_CYCLES = 12
_SAME_PERIOD = 1.04


@dataclass(frozen=True, slots=True)
class Level:
    """One level of repetition."""

    period: float
    """Launches in a cycle."""
    cover: float
    """Part of the launches in its cycles; for large ones, of the time if that is more."""
    support: int
    """How many launches of a cycle tell where in the cycle they are."""
    novelty: int
    """The same by short n-grams alone: how much there is in it that shorter cycles have not."""
    overlap: float
    """Part of its launches, in pairs, that a cycle shares with the next one, less what chance would give."""
    evidence: int
    """Support times the number of returns: what is regular by chance has little of it."""
    even: float
    """Part of its cycles that are as long as the usual one."""
    members: I64
    """Its anchors."""
    main: int
    """The anchor that marks its cycles best."""


def find_levels(sequence: I32, start_ns: I64, anchors: Anchors) -> list[Level]:
    """Return the levels that hold much of the run and whose cycles are alike, short periods first.

    And those of large cycles that hold less, if there are others: see ``choose_level``.
    """
    cover = _covers(sequence, start_ns, anchors)
    least = np.where(anchors.period < _LARGE, *LEAST_COVER)
    found = _levels(sequence, anchors, cover, cover >= least)
    if found:
        found += _levels(
            sequence,
            anchors,
            cover,
            (cover >= _LEAST_OF_WHOLE) & (cover < least) & (anchors.period >= _LARGE),
        )
    return sorted(found, key=lambda level: level.period)


def _levels(sequence: I32, anchors: Anchors, cover: F64, chosen: Bools) -> list[Level]:
    """Return the levels that the chosen anchors form."""
    rows = np.flatnonzero(chosen & (anchors.period >= 2) & (anchors.regular >= _LEAST_REGULAR))
    first = anchors.position[anchors.row[rows]]  # an order that does not depend on the codes
    rows = rows[np.lexsort((first, anchors.width[rows], anchors.period[rows]))]
    period = anchors.period[rows]
    splits = np.flatnonzero(period[1:] > period[:-1] * _SAME_PERIOD + 1) + 1
    levels = [_level(sequence, anchors, cover, members) for members in np.split(rows, splits) if len(members)]
    return [level for level in levels if _counts(level)]


def _counts(level: Level) -> bool:
    """Return whether a level is more than chance."""
    if level.cover < _SURE_COVER and (level.even < _VERY_EVEN or level.overlap < _VERY_ALIKE):
        return False  # more like blocks within one pass through a model
    lone = level.even >= _VERY_EVEN and level.evidence >= _LEAST_EVIDENCE * level.support
    supported = lone or level.support >= min(_LEAST_SUPPORT, level.period // 2)
    alike = level.overlap >= _LEAST_OVERLAP[level.period >= _LARGE]
    return supported and alike and level.evidence >= _LEAST_EVIDENCE


def _covers(sequence: I32, start_ns: I64, anchors: Anchors) -> F64:
    """Return which part of the run lies in the runs of each anchor: see ``Level.cover``."""
    if not len(anchors):
        return np.zeros(0)
    first = anchors.position[anchors.run_start]
    last = anchors.position[anchors.run_start + anchors.run_count - 1]
    stretch = anchors.run_count / (anchors.run_count - 1)  # the last cycle reaches beyond the last mark
    launches = np.add.reduceat((last - first) * stretch, anchors.run_row) / len(sequence)
    time_ns = np.add.reduceat((start_ns[last] - start_ns[first]) * stretch, anchors.run_row)
    time = time_ns / max(int(start_ns[-1] - start_ns[0]), 1)
    cover = np.where(anchors.period < _LARGE, launches, np.maximum(launches, time))
    return np.minimum(cover, 1.0)


def _level(sequence: I32, anchors: Anchors, cover: F64, members: I64) -> Level:
    widths, counts = np.unique(anchors.width[members], return_counts=True)
    usual = float(np.quantile(cover[members], 0.75))
    eligible = members[cover[members] >= 0.98 * usual]
    returns = np.add.reduceat(anchors.run_count, anchors.run_row)[eligible]
    typical = int(np.median(returns))
    # n-grams across two steps return once less than there are steps
    narrow = anchors.width[eligible] <= SHORT
    typical += int(np.count_nonzero(returns[narrow] == typical + 1) > _SOME * np.count_nonzero(narrow))
    order = np.lexsort(
        (anchors.width[eligible], -anchors.regular[eligible].round(3), np.abs(returns - typical))
    )
    main = int(eligible[order[0]])
    marks = marks_of(anchors, main)
    lengths = marks.at[~marks.opens] - marks.at[~marks.closes]
    # an odd launch makes `width` n-grams unusual; what counts is how many launches are
    support = max(int(np.max(counts - widths + 1)), 1)
    short = widths <= SHORT
    novelty = int(np.max((counts - widths + 1)[short], initial=0))
    return Level(
        period=float(np.median(anchors.period[members])),
        cover=usual,
        support=support,
        novelty=novelty,
        overlap=_overlap(sequence, marks),
        evidence=support * int(np.count_nonzero(~marks.opens)),
        even=float(np.mean(np.abs(lengths - np.median(lengths)) <= _SAME_LENGTH * np.median(lengths))),
        members=members,
        main=main,
    )


def _overlap(sequence: I32, marks: Marks) -> float:
    """Return which part of their launches, in pairs, neighbouring cycles share on average."""
    start, end = marks.at[~marks.closes], marks.at[~marks.opens]
    neighbours = np.flatnonzero(start[1:] == end[:-1])
    sampled = neighbours[np.unique(np.linspace(0, len(neighbours) - 1, _SAMPLED_CYCLES).astype(int))]
    shares = []
    for cycle in sampled.tolist():
        left, right = sequence[start[cycle] : end[cycle] + 1], sequence[start[cycle + 1] : end[cycle + 1] + 1]
        share = _shared(left, 1, right, 1)
        # with few kinds of launches, or long cycles, much is shared by chance: as much as with distant pairs
        chance = min(_shared(left, 1, right, max(2, len(right) * part // 100)) for part in (17, 29, 38))
        shares.append((share - chance) / (1 - chance) if chance < 1 else 0.0)
    return float(np.mean(shares))


def _shared(left: I32, left_lag: int, right: I32, right_lag: int) -> float:
    """Return which part of the pairs of launches, so many apart, two cycles have in common."""
    ours, our_counts = np.unique(pair_ids(left, left_lag), return_counts=True)
    theirs, their_counts = np.unique(pair_ids(right, right_lag), return_counts=True)
    _, mine, other = np.intersect1d(ours, theirs, assume_unique=True, return_indices=True)
    common = np.minimum(our_counts[mine], their_counts[other]).sum()
    return float(2 * common / max(our_counts.sum() + their_counts.sum(), 1))
