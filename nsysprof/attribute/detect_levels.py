"""Levels of repetition: layers inside steps inside whole generations, and which of them is the step."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect_anchors import Anchors, gram_ids
from nsysprof.trace.model import I32, I64

LEAST_COVER = 0.3
"""A level counts when its cycles hold this part of the launches, or of the time."""
LEAST_OVERLAP = 0.25
"""Part of its launches, in threes, that a cycle must share with a typical one."""

_SAMPLED_CYCLES = 12
_SAME_PERIOD = 1.04
_ALIKE_COVER = 0.8


@dataclass(frozen=True, slots=True)
class Level:
    """One level of repetition."""

    period: float
    """Launches in a cycle."""
    cover: float
    """Part of the launches, or of the time, in its cycles."""
    support: int
    """Launches of a cycle that tell where in the cycle they are."""
    overlap: float
    """Part of its launches that a cycle shares with a typical one, 0..1."""
    members: I64
    """Rows of its anchors."""
    main: int
    """The anchor that marks its cycles best."""


def find_levels(sequence: I32, start_ns: I64, anchors: Anchors) -> list[Level]:
    """Return the levels that hold much of the run and whose cycles have the same content, short periods first."""
    span_ns = max(int(start_ns[-1] - start_ns[0]), 1)
    launches = (anchors.last - anchors.first + anchors.period) / len(sequence)
    time = (start_ns[anchors.last] - start_ns[anchors.first]) / span_ns
    time *= anchors.count / (anchors.count - 1)
    cover = np.minimum(np.maximum(launches, time), 1.0)
    rows = np.flatnonzero((cover >= LEAST_COVER) & (anchors.period >= 2) & (anchors.regular >= 0.5))
    rows = rows[np.argsort(anchors.period[rows], kind="stable")]
    period = anchors.period[rows]
    splits = np.flatnonzero(period[1:] > period[:-1] * _SAME_PERIOD + 1) + 1
    levels = []
    for members in np.split(rows, splits):
        if len(members):
            level = _level(sequence, anchors, cover, members)
            if level.overlap >= LEAST_OVERLAP:
                levels.append(level)
    return levels


def _level(sequence: I32, anchors: Anchors, cover: np.ndarray, members: I64) -> Level:
    widths, counts = np.unique(anchors.width[members], return_counts=True)
    # an odd launch makes `width` n-grams unusual; what counts is how many launches are
    support = int(np.max(counts - widths + 1))
    usual = np.quantile(cover[members], 0.75)
    eligible = members[cover[members] >= 0.98 * usual]
    typical = np.median(anchors.count[eligible])
    order = np.lexsort(
        (
            anchors.first[eligible],
            anchors.width[eligible],
            -anchors.regular[eligible],
            np.abs(anchors.count[eligible] - typical),
        )
    )
    main = int(eligible[order[0]])
    return Level(
        period=float(np.median(anchors.period[members])),
        cover=float(usual),
        support=max(support, 1),
        overlap=float(np.median(overlaps(sequence, anchors.run(main)))),
        members=members,
        main=main,
    )


def overlaps(sequence: I32, cuts: I64) -> np.ndarray:
    """Return for some of the cycles between ``cuts`` which part of their launches, in threes, a typical one has."""
    lengths = np.diff(cuts)
    typical = int(np.argsort(lengths, kind="stable")[len(lengths) // 2])
    sampled = np.unique(np.linspace(0, len(lengths) - 1, _SAMPLED_CYCLES).astype(int))
    sampled = sampled[sampled != typical]
    reference = _bag(sequence, int(cuts[typical]), int(cuts[typical + 1]))
    shares = []
    for cycle in sampled.tolist():
        bag = _bag(sequence, int(cuts[cycle]), int(cuts[cycle + 1]))
        _, mine, theirs = np.intersect1d(bag[0], reference[0], assume_unique=True, return_indices=True)
        common = np.minimum(bag[1][mine], reference[1][theirs]).sum()
        shares.append(2 * common / (bag[1].sum() + reference[1].sum()))
    return np.array(shares)


def _bag(sequence: I32, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which threes of launches begin in a cycle, and how many of each."""
    piece = sequence[start : end + 2]
    return np.unique(gram_ids(piece, 2), return_counts=True)


def choose_level(levels: list[Level]) -> Level | None:
    if not levels:
        return None
    most = max(level.cover for level in levels)
    return [level for level in levels if level.cover >= _ALIKE_COVER * most][-1]
