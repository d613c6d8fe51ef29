"""What the anchors of a level say about where a step begins.

The first step begins where the prologue ends and the last one ends where the epilogue begins. What occurs
once per step therefore occurs, within one cycle, either before its first mark and not after the last, or the
other way round; the change-over between the two kinds is the boundary between steps.
"""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect_anchors import F64, SHORT, Anchors, Marks, spread
from nsysprof.attribute.detect_levels import Level
from nsysprof.trace.model import I64, Bools

_SLACK = 0.4  # part of the period by which an anchor may be off its usual place
_LATE_START = 0.25  # and by which a first step may be longer: lazy loading, the optimizer's state
_FEWEST_VOTES = 5
_SAMPLED_RUNS = 64


@dataclass(frozen=True, slots=True)
class Votes:
    """The anchors of a level by their distance before the main one; one row per anchor, near ones first."""

    distance: I64
    """Usual launches from the anchor to the next main one, 0..period."""
    width: I64
    """Launches in the n-gram."""
    before: Bools
    """Whether it usually occurs in the cycle that ends at the first main anchor of a run."""
    after: Bools
    """Whether it usually occurs in the cycle that begins at the last main anchor of a run."""
    anchor: I64
    """Its row in the anchors."""


def take_votes(anchors: Anchors, level: Level, marks: Marks) -> Votes:
    """Return where the anchors of a level lie in its cycles, and on which side of its runs they go on."""
    rows = level.members[level.members != level.main]
    size = anchors.size[rows]
    member = np.repeat(np.arange(len(rows)), size)
    position = anchors.position[spread(anchors.row[rows], size)]
    following = np.searchsorted(marks.at, position)
    inner = ~np.append(marks.opens, True)[following]
    ahead = np.append(marks.at, 0)[following] - position
    distance = _medians(member[inner], ahead[inner], len(rows))
    usual = (position + distance[member]).astype(np.float64)
    slack, longer = _SLACK * level.period + 1, longest(marks) - level.period
    late = max(_LATE_START * level.period, longer) / 2
    opens, closes = marks.limits()
    before = _present(member, usual + late, marks.at[opens], slack + late, len(rows))
    late = max(longer, 0) / 2
    after = _present(member, usual - level.period - late, marks.at[closes], slack + late, len(rows))
    order = np.argsort(distance, kind="stable")
    return Votes(distance[order], anchors.width[rows][order], before[order], after[order], rows[order])


def longest(marks: Marks) -> int:
    """Return the longest distance between two marks of a run."""
    return int(np.max((marks.at - np.roll(marks.at, 1))[~marks.opens]))


def short_ones(votes: Votes) -> Votes:
    """Return the votes of short n-grams, which some launches more do not break, if there are enough."""
    short = votes.width <= SHORT
    if np.count_nonzero(short) < _FEWEST_VOTES:
        return votes
    return Votes(
        votes.distance[short],
        votes.width[short],
        votes.before[short],
        votes.after[short],
        votes.anchor[short],
    )


def _medians(group: I64, values: I64, groups: int) -> I64:
    """Return the median of the values of each group; 0 for an empty one."""
    order = np.lexsort((values, group))
    size = np.bincount(group, minlength=groups)
    first = np.cumsum(size) - size
    ordered = np.append(values[order], 0)
    return np.where(size > 0, ordered[np.minimum(first + size // 2, len(values))], 0)


def _present(member: I64, usual: F64, at: I64, slack: float, members: int) -> Bools:
    """Return which members have an occurrence whose usual mark is one of ``at``, for most of those."""
    at = at[sample(len(at), _SAMPLED_RUNS)]
    nearest = _nearest(at, usual)
    found = np.abs(usual - at[nearest]) <= slack
    pairs = np.unique(member[found] * len(at) + nearest[found])
    return np.bincount(pairs // len(at), minlength=members) * 2 > len(at)


def change_over(votes: Votes, ends: tuple[bool, bool], period: int) -> tuple[int, int, float]:
    """Return the least and most launches by which a step begins before its main anchor, and the fit.

    An anchor that occurs before the first main one does not lie outside the first step, and one that does not
    occur there does not lie inside; likewise after the last one. Where the cycles reach the end of the
    sequence (``ends``) that side tells nothing. The fit is the part of the votes respected, 0..1.
    """
    near = np.clip(votes.distance, 0, period)
    far = np.clip(votes.distance - votes.width, -1, period)
    leads = np.arange(period + 1)
    against = np.zeros(period + 1, np.int64)
    if not ends[0] or ends[1]:
        against += _at_most(near[~votes.before], leads) + _at_least(far[votes.before], leads)
    if not ends[1] or ends[0]:
        against += _at_most(near[votes.after], leads) + _at_least(far[~votes.after], leads)
    best = np.flatnonzero(against == against.min())
    # the ones next to the first best; others, beyond votes to the contrary, are not looked at
    most = best[np.append(np.flatnonzero(np.diff(best) > 1), len(best) - 1)[0]]
    cast = max(len(near) * (1 if ends[0] != ends[1] else 2), 1)
    return int(best[0]), int(most), 1 - float(against.min()) / cast


def agreement(votes: Votes, lead: int) -> float | None:
    """Return which part of the votes that say something allow steps to begin so much before the anchor."""
    inside, outside = votes.before & ~votes.after, votes.after & ~votes.before
    sure = np.count_nonzero(inside | outside)
    wrong = np.count_nonzero(inside & (lead <= votes.distance - votes.width))
    wrong += np.count_nonzero(outside & (lead >= votes.distance))
    return 1 - float(wrong) / sure if sure else None


def _at_most(values: I64, limits: I64) -> I64:
    """Return how many values do not exceed each limit."""
    return np.searchsorted(np.sort(values), limits, side="right")


def _at_least(values: I64, limits: I64) -> I64:
    """Return how many values reach each limit."""
    return len(values) - np.searchsorted(np.sort(values), limits)


def heads_of(anchors: Anchors, votes: Votes, vote: int, marks: Marks) -> I64:
    """Return the occurrence of an anchor in front of each mark, or where it usually is if it is not there.

    In front of a first mark it may be a good deal earlier than usual.
    """
    period = anchors.period[votes.anchor[vote]]
    usual = marks.at - votes.distance[vote]
    late = max(_LATE_START * period, longest(marks) - period)
    earliest = np.where(marks.opens, usual - _SLACK * period - late - 1, np.roll(marks.at, 1))
    return _within(anchors.occurrences(int(votes.anchor[vote])), usual, earliest, marks.at)


def tails_of(anchors: Anchors, votes: Votes, vote: int, marks: Marks) -> I64:
    """Return the end of an anchor's occurrence behind each mark, or where that usually is."""
    period = anchors.period[votes.anchor[vote]]
    following = np.where(marks.closes, np.round(marks.at + period), np.roll(marks.at, -1)).astype(np.int64)
    usual = following - votes.distance[vote]
    late = max(longest(marks) - period, 0)
    latest = np.where(marks.closes, usual + _SLACK * period + late + 1, following)
    begins: I64 = _within(anchors.occurrences(int(votes.anchor[vote])), usual, marks.at, latest)
    return begins + int(votes.width[vote])


def _within(position: I64, usual: I64, earliest: I64 | F64, latest: I64 | F64) -> I64:
    """Return the position nearest to each usual one, of those within the limits, else the usual one.

    A step that has more to do than others can move its own further away than the next step's is.
    """
    right = np.searchsorted(position, usual)
    found = usual.copy()
    for index in (right, right - 1, _nearest(position, usual)):  # the last that fits stays
        other = position[np.clip(index, 0, len(position) - 1)]
        fits = (other >= earliest) & (other <= latest)
        found[fits] = other[fits]
    return found


def _nearest(values: I64, wanted: I64 | F64) -> I64:
    """Return the index of the nearest of some ascending values for each one wanted."""
    right = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(wanted - values[left] <= np.abs(values[right] - wanted), left, right)


def sample(size: int, most: int) -> I64:
    """Return at most so many of the indices 0..size - 1, evenly spaced."""
    return np.unique(np.linspace(0, size - 1, min(size, max(most, 1))).astype(np.int64))
