"""Where in the cycle a step begins: a period alone does not say.

The first step begins where the prologue ends and the last one ends where the epilogue begins. What occurs once per
step therefore occurs, within one cycle, either before its first mark and not after the last, or the other way round;
the change-over between the two kinds is the boundary. Where that leaves a choice, the host's longest usual pause wins.
"""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect_anchors import Anchors, Bools, Marks, marks_of, spread
from nsysprof.attribute.detect_levels import Level
from nsysprof.trace.model import I32, I64

_SLACK = 0.25  # part of the period by which an anchor may be off its usual place
_SAMPLED = 64


@dataclass(frozen=True, slots=True)
class Cycles:
    """Half-open intervals of the sequence; within a run each ends where the next begins."""

    start: I64
    end: I64
    opens: Bools
    """Whether it is the first of its run."""

    def __len__(self) -> int:
        """Return the number of cycles."""
        return len(self.start)


@dataclass(frozen=True, slots=True)
class _Votes:
    """The anchors of a level by their distance before the main anchor; one row per anchor, near ones first."""

    distance: I64
    """Usual launches from the anchor to the next main one, 0..period."""
    before: Bools
    """Whether it usually occurs in the cycle that ends at the first main anchor of a run."""
    after: Bools
    """Whether it usually occurs in the cycle that begins at the last main anchor of a run."""
    anchor: I64
    """Its row in the anchors."""


def place_cycles(sequence: I32, start_ns: I64, anchors: Anchors, level: Level) -> Cycles:
    """Return the cycles of a level, each begun where a step begins."""
    marks = marks_of(anchors, level.main)
    votes = _votes(anchors, level, marks)
    sure = votes.before != votes.after
    split = int(np.argmin(_costs(votes.before, votes.after)))
    early, late = np.flatnonzero(sure & votes.before), np.flatnonzero(sure & votes.after)
    early, late = early[early < split], late[late >= split]
    # heads: the launch known to be nearest to the beginning of each step; tails: to its end
    heads = _occurrences(anchors, votes, early[-1], marks.at) if len(early) else marks.at
    tails = marks.at + anchors.width[level.main]
    if len(late):
        ahead = np.round(marks.at + level.period).astype(np.int64)
        tails = _occurrences(anchors, votes, late[0], ahead) + anchors.width[votes.anchor[late[0]]]
    room = max(int(np.median(heads[~marks.opens] - tails[~marks.closes])), 0)
    lead = _lead(sequence, start_ns, marks, heads, tails, room)
    start = np.maximum(heads - lead, 0)
    end = np.minimum(tails + room - lead, len(sequence))
    inner = np.flatnonzero(~marks.opens)
    by_tail, by_head = _pause(start_ns, end[inner - 1]), _pause(start_ns, start[inner])
    if by_tail > 2 * by_head or (by_tail > by_head / 2 and 2 * lead > room):
        start[inner] = end[inner - 1]
    else:
        end[inner - 1] = start[inner]
    return Cycles(start, end, marks.opens)


def _pause(start_ns: I64, at: I64) -> float:
    """Return the usual time between the launches at some indices and the ones before them."""
    at = at[(at > 0) & (at < len(start_ns))]
    return float(np.median(start_ns[at] - start_ns[at - 1])) if len(at) else 0.0


def _votes(anchors: Anchors, level: Level, marks: Marks) -> _Votes:
    rows = level.members[level.members != level.main]
    size = anchors.size[rows]
    member = np.repeat(np.arange(len(rows)), size)
    position = anchors.position[spread(anchors.row[rows], size)]
    following = np.searchsorted(marks.at, position)
    inner = ~np.append(marks.opens, True)[following]
    ahead = np.append(marks.at, 0)[following] - position
    distance = _medians(member[inner], ahead[inner], len(rows))
    slack = _SLACK * level.period + 1
    usual = position + distance[member]
    before = _present(member, usual, marks.at[marks.opens], slack, len(rows))
    after = _present(member, usual - level.period, marks.at[marks.closes], slack, len(rows))
    order = np.argsort(distance, kind="stable")
    return _Votes(distance[order], before[order], after[order], rows[order])


def _present(member: I64, usual: I64, at: I64, slack: float, members: int) -> Bools:
    """Return which members have an occurrence whose usual mark is one of ``at``, for most of those."""
    at = at[np.unique(np.linspace(0, len(at) - 1, _SAMPLED).astype(int))]
    nearest = np.clip(np.searchsorted(at, usual), 1, max(len(at) - 1, 1)) - 1
    if len(at) > 1:
        nearest += usual - at[nearest] > at[nearest + 1] - usual
    found = np.abs(usual - at[nearest]) <= slack
    pairs = np.unique(member[found] * len(at) + nearest[found])
    return np.bincount(pairs // len(at), minlength=members) * 2 > len(at)


def _medians(group: I64, values: I64, groups: int) -> I64:
    """Return the median of the values of each group; 0 for an empty one."""
    order = np.lexsort((values, group))
    size = np.bincount(group, minlength=groups)
    first = np.cumsum(size) - size
    ordered = np.append(values[order], 0)
    return np.where(size > 0, ordered[np.minimum(first + size // 2, len(values))], 0)


def _costs(before: Bools, after: Bools) -> I64:
    """Return, for a change-over after 0, 1, ... rows, how many rows speak against it, twice if in both ways."""
    against_inside = np.concatenate([[0], np.cumsum(~before + after.astype(np.int64))])
    against_outside = np.concatenate([[0], np.cumsum(before + (~after).astype(np.int64))])
    return against_inside + against_outside[-1] - against_outside


def _occurrences(anchors: Anchors, votes: _Votes, vote: int, marks: I64) -> I64:
    """Return the occurrence of an anchor before each mark, or where it usually is if it is not there."""
    anchor = int(votes.anchor[vote])
    position = anchors.occurrences(anchor)
    usual = marks - votes.distance[vote]
    nearest = np.clip(np.searchsorted(position, usual), 1, len(position) - 1)
    nearest -= usual - position[nearest - 1] < position[nearest] - usual
    found = position[nearest]
    return np.where(np.abs(found - usual) <= _SLACK * anchors.period[anchor] + 1, found, usual)


def _lead(sequence: I32, start_ns: I64, marks: Marks, heads: I64, tails: I64, room: int) -> int:
    """Return how many of the ``room`` launches between a step's tail and the next one's head belong to the latter."""
    backward = np.arange(1, room + 1)
    opens, closes = np.flatnonzero(marks.opens), np.flatnonzero(marks.closes)
    sampled = np.unique(np.linspace(0, len(opens) - 1, min(_SAMPLED, 1 + 10**6 // (room + 1))).astype(int))
    opens, closes = opens[sampled], closes[sampled]
    middle = (opens + closes + 1) // 2
    before = _alike(sequence, heads[opens, None] - backward, heads[middle, None] - backward)
    forward = room - backward
    after = _alike(sequence, tails[closes, None] + forward, tails[middle - 1, None] + forward)
    costs = _costs(before, after)
    choices = np.flatnonzero(costs == costs.min())
    following = np.flatnonzero(~marks.opens)
    following = following[np.unique(np.linspace(0, len(following) - 1, _SAMPLED).astype(int))]
    at = np.clip(heads[following, None] - choices, 1, len(sequence) - 1)
    return int(choices[np.argmax(np.median(start_ns[at] - start_ns[at - 1], axis=0))])


def _alike(sequence: I32, left: I64, right: I64) -> Bools:
    """Return in which columns the launches at two indices are mostly alike; outside the sequence nothing is."""
    last = len(sequence) - 1
    valid = (left >= 0) & (left <= last) & (right >= 0) & (right <= last)
    same = valid & (sequence[np.clip(left, 0, last)] == sequence[np.clip(right, 0, last)])
    return same.mean(axis=0) > 0.5
