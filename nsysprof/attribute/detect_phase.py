"""Where in the cycle a step begins: a period alone does not say.

The first step begins where the prologue ends and the last one ends where the epilogue begins. What occurs once per
step therefore occurs, within one cycle, either before its first mark and not after the last, or the other way round;
the change-over between the two kinds is the boundary. Where that leaves a choice, the host's longest usual pause wins.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.attribute.detect_anchors import Anchors
from nsysprof.attribute.detect_levels import Level
from nsysprof.trace.model import I32, I64

Bools = npt.NDArray[np.bool_]

_SLACK = 0.25  # part of the period by which an anchor may be off its usual place
_SAMPLED_CYCLES = 64


@dataclass(frozen=True, slots=True)
class _Votes:
    """The anchors of a level by their distance before the main anchor; one row per anchor, near ones first."""

    distance: I64
    """Usual launches from the anchor to the next main one, 0..period."""
    before: Bools
    """Whether it occurs in the cycle that ends at the first main anchor."""
    after: Bools
    """Whether it occurs in the cycle that begins at the last main anchor."""
    row: I64
    """Its row in the anchors."""


def place_boundaries(sequence: I32, start_ns: I64, anchors: Anchors, level: Level) -> I64:
    """Return the boundaries of the level's cycles, one more than there are cycles."""
    votes = _votes(anchors, level)
    sure = votes.before != votes.after
    split = _split(votes.before, votes.after)
    early = np.flatnonzero(sure & votes.before)
    late = np.flatnonzero(sure & votes.after)
    early, late = early[early < split], late[late >= split]
    marks = anchors.run(level.main)
    # heads: the launch known to be nearest to the beginning of each step; tails: to its end
    heads = _occurrences(anchors, votes, early[-1], marks) if len(early) else marks
    tails = marks + anchors.width[level.main]
    if len(late):
        ahead = np.round(marks + level.period).astype(np.int64)
        tails = _occurrences(anchors, votes, late[0], ahead) + anchors.width[votes.row[late[0]]]
    room = max(int(np.median(heads[1:] - tails[:-1])), 0)
    lead = _lead(sequence, start_ns, heads, tails, room)
    return np.append(heads - lead, tails[-1] + room - lead)


def _votes(anchors: Anchors, level: Level) -> _Votes:
    marks = anchors.run(level.main)
    rows = level.members[level.members != level.main]
    size = anchors.gram_count[rows]
    member = np.repeat(np.arange(len(rows)), size)
    within = np.arange(len(member)) - np.repeat(np.cumsum(size) - size, size)
    position = anchors.position[np.repeat(anchors.gram_row[rows], size) + within]
    following = np.searchsorted(marks, position)
    between = (following > 0) & (following < len(marks))
    ahead = marks[np.minimum(following, len(marks) - 1)] - position
    distance = _medians(member[between], ahead[between], len(rows))
    slack = _SLACK * level.period + 1
    early = np.abs(marks[0] - position - distance[member]) <= slack
    late = np.abs(position - marks[-1] - (level.period - distance[member])) <= slack
    before = np.bincount(member[early], minlength=len(rows)) > 0
    after = np.bincount(member[late], minlength=len(rows)) > 0
    order = np.argsort(distance, kind="stable")
    return _Votes(distance[order], before[order], after[order], rows[order])


def _medians(group: I64, values: I64, groups: int) -> I64:
    """Return the median of the values of each group; 0 for an empty one."""
    order = np.lexsort((values, group))
    size = np.bincount(group, minlength=groups)
    first = np.cumsum(size) - size
    ordered = np.append(values[order], 0)
    return np.where(size > 0, ordered[np.minimum(first + size // 2, len(values))], 0)


def _split(before: Bools, after: Bools) -> int:
    """Return how many of the nearest are best taken to lie between a step's beginning and the main anchor.

    Those should occur before the first main anchor and not after the last, all others the other way round.
    """
    return int(np.argmin(_costs(before, after)))


def _costs(before: Bools, after: Bools) -> I64:
    """Return, for a change-over after 0, 1, ... rows, how many rows speak against it, twice if in both ways."""
    against_inside = np.concatenate([[0], np.cumsum(~before + after.astype(np.int64))])
    against_outside = np.concatenate([[0], np.cumsum(before + (~after).astype(np.int64))])
    return against_inside + against_outside[-1] - against_outside


def _occurrences(anchors: Anchors, votes: _Votes, vote: int, marks: I64) -> I64:
    """Return the occurrence of an anchor before each mark, or where it usually is if it is not there."""
    row, distance = votes.row[vote], votes.distance[vote]
    position = anchors.position[anchors.gram_row[row] : anchors.gram_row[row] + anchors.gram_count[row]]
    usual = marks - distance
    nearest = np.clip(np.searchsorted(position, usual), 1, len(position) - 1)
    nearest -= usual - position[nearest - 1] < position[nearest] - usual
    found = position[nearest]
    return np.where(np.abs(found - usual) <= _SLACK * anchors.period[row] + 1, found, usual)


def _lead(sequence: I32, start_ns: I64, heads: I64, tails: I64, room: int) -> int:
    """Return how many of the ``room`` launches between a step's tail and the next one's head belong to the latter."""
    middle = len(heads) // 2
    steps = np.arange(1, room + 1)
    before = _equal(sequence, heads[0] - steps, heads[middle] - steps)
    after = _equal(sequence, tails[-1] + room - steps, tails[middle - 1] + room - steps)
    costs = _costs(before, after)
    choices = np.flatnonzero(costs == costs.min())
    cycles = np.unique(np.linspace(1, len(heads) - 1, _SAMPLED_CYCLES).astype(int))
    at = np.clip(heads[cycles, None] - choices, 1, len(sequence) - 1)
    return int(choices[np.argmax(np.median(start_ns[at] - start_ns[at - 1], axis=0))])


def _equal(sequence: I32, left: I64, right: I64) -> Bools:
    """Return where two launches are alike; False where an index lies outside the sequence."""
    last = len(sequence) - 1
    valid = (left >= 0) & (left <= last) & (right >= 0) & (right <= last)
    return valid & (sequence[np.clip(left, 0, last)] == sequence[np.clip(right, 0, last)])
