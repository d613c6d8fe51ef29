"""Where in the cycle a step begins: a period alone does not say.

The anchors that are known to lie nearest to the boundary on either side narrow it down to a few launches, or
the ends of the runs do (``detect_runs``); among those, launches that occur before the first step or after the
last one as they do between steps decide, and where even that leaves a choice, the host's longest usual pause.
"""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect_anchors import Anchors, Marks
from nsysprof.attribute.detect_cycles import CLEARLY, COMPLETE, Cycles, with_shorter_last, without_broken_off
from nsysprof.attribute.detect_levels import Level
from nsysprof.attribute.detect_marks import WHOLE, marks_of_cycles
from nsysprof.attribute.detect_runs import (
    cut_run,
    faultless_run,
    leads_between_interruptions,
    least_piece,
    without,
)
from nsysprof.attribute.detect_votes import (
    Votes,
    agreement,
    change_over,
    heads_of,
    sample,
    short_ones,
    tails_of,
    take_votes,
)
from nsysprof.trace.model import I32, I64, Bools

GUESSED = 0.6
"""How sure, when nothing but a rule says where a step begins: with the piece that also runs alone."""
_SAMPLED = 64
_SAMPLED_VALUES = 1_000_000
_SURE_FIT = 0.95
_DOUBTFUL = 0.9
_BETTER = 0.1
_UNANCHORED = 0.7  # how sure, when hardly more than pauses tells where a step begins


@dataclass(frozen=True, slots=True)
class _Frame:
    """What surely belongs to each step: from its head to its tail."""

    heads: I64
    tails: I64
    """Behind the last launch that surely belongs to the step."""
    joints: I64
    """Where the head is or, where that is steadier, where it usually is after the step before."""
    opens: Bools
    closes: Bools
    by_head: bool
    """Whether the joints are told by the heads."""
    room: int
    """Launches from a tail to the next head: whose they are is open."""


def place_cycles(
    sequence: I32, start_ns: I64, anchors: Anchors, level: Level, one_run: bool = False
) -> Cycles:
    """Return the cycles of a level, each begun where a step begins.

    one_run: take cycles that are much longer than usual for cycles, not for interludes between runs.
    """
    level, marks, ends = marks_of_cycles(sequence, anchors, level, one_run)
    times = len(sequence) / level.period
    if all(ends) and abs(times - round(times)) > WHOLE:
        lead = _pausing_lead(start_ns, marks, round(level.period))
        if lead is not None:
            start = marks.at - lead
            end = start + round(level.period)
            end[~marks.closes] = start[~marks.opens]
            return without_broken_off(sequence, _whole(start, end, len(sequence), _UNANCHORED))
    frame, sure = _frame(sequence, anchors, level, marks, ends)
    lead, guessed = _lead(sequence, start_ns, frame, ends)
    sure = min(sure, GUESSED) if guessed else sure
    start, end = frame.heads - lead, frame.tails + frame.room - lead
    start[~frame.opens] = frame.joints[~frame.opens] - lead
    end[~frame.closes] = start[~frame.opens]
    cycles = with_shorter_last(sequence, start_ns, _whole(start, end, len(sequence), sure))
    return without_broken_off(sequence, cycles)


def _whole(start: I64, end: I64, launches: int, sure: float) -> Cycles:
    """Drop the cycles that the sequence holds only in part."""
    length = end - start
    start, end = np.clip(start, 0, launches), np.clip(end, 0, launches)
    keep = end - start >= COMPLETE * np.maximum(length, 1)
    start, end = start[keep], end[keep]
    opens = np.ones(len(start), bool)
    opens[1:] = start[1:] != end[:-1]
    return Cycles(start, end, opens, sure)


def _pausing_lead(start_ns: I64, marks: Marks, period: int) -> int | None:
    """Return how many launches before its mark a cycle usually pauses longest; None if none stands out."""
    inner = marks.at[~marks.opens]
    inner = inner[sample(len(inner), min(_SAMPLED, _SAMPLED_VALUES // period))]
    at = np.maximum(inner[:, None] - np.arange(period), 1)
    pauses = np.median(start_ns[at] - start_ns[at - 1], axis=0)
    best = int(np.argmax(pauses))
    others = np.delete(pauses, range(max(best - 2, 0), min(best + 3, period)))
    return best if len(others) and pauses[best] > 2 * others.max() else None


def _frame(
    sequence: I32, anchors: Anchors, level: Level, marks: Marks, ends: tuple[bool, bool]
) -> tuple[_Frame, float]:
    """Return what surely belongs to each step, by the anchors nearest the boundary, and how sure."""
    marks, votes, least, most = _told(sequence, anchors, level, marks, ends)
    early = np.flatnonzero((votes.distance <= least) & (votes.before | ends[0]))
    late = np.flatnonzero((votes.distance - votes.width >= most) & (votes.after | ends[1]))
    heads, tails = marks.at, marks.at + anchors.width[level.main]
    if len(early):
        heads = heads_of(anchors, votes, int(early[-1]), marks)
    if len(late):
        nearest = int(late[np.argmin((votes.distance - votes.width)[late])])
        tails = tails_of(anchors, votes, nearest, marks)
    later, earlier = np.flatnonzero(~marks.opens), np.flatnonzero(~marks.closes)
    room = max(int(np.median(heads[later] - tails[earlier])), 0)
    joints = heads.copy()
    by_head = bool(np.std((tails - marks.at)[earlier]) >= np.std((heads - marks.at)[later]))
    if not by_head:
        joints[later] = tails[earlier] + room
    sure = _UNANCHORED if all(ends) else agreement(votes, least) or _UNANCHORED
    return _Frame(heads, tails, joints, marks.opens, marks.closes, by_head, room), sure


def _told(
    sequence: I32, anchors: Anchors, level: Level, marks: Marks, ends: tuple[bool, bool]
) -> tuple[Marks, Votes, int, int]:
    """Return the marks that count, the votes on them, and how long before a mark a step begins, in launches.

    The ends of the runs tell that where they are exact, else the votes.
    """
    votes = take_votes(anchors, level, marks)
    exact = leads_between_interruptions(sequence, marks)
    if exact is not None:
        return marks, votes, *exact
    least, most, fit = change_over(short_ones(votes), ends, round(level.period))
    if any(ends) or fit >= _SURE_FIT:
        return marks, votes, least, most
    whole = faultless_run(sequence, marks)
    if whole is None and fit < _DOUBTFUL:
        whole = cut_run(sequence, marks, least_piece(marks.at))
    if whole is not None:
        marks, least, most = whole
        return marks, take_votes(anchors, level, marks), least, most
    if fit < _DOUBTFUL:
        # the first mark may lie before the first step (a prompt's logits, say), the last one behind the last
        for fewer in (without(marks, marks.opens), without(marks, marks.closes)):
            other = take_votes(anchors, level, fewer)
            answer = change_over(short_ones(other), ends, round(level.period))
            if answer[2] > fit + _BETTER:
                marks, votes, (least, most, fit) = fewer, other, answer
    return marks, votes, least, most


def _lead(sequence: I32, start_ns: I64, frame: _Frame, ends: tuple[bool, bool]) -> tuple[int, bool]:
    """Return how many of the launches between a step's tail and the next one's head belong to the latter.

    And whether that is a guess: where a piece of the cycle occurs before the first one and after the last one
    as well, and no pause stands out in it, cycles are taken to begin with it, as training steps do with the
    forward pass that an evaluation runs alone. The longest pause there confirms that.
    """
    before, after = _outside(sequence, frame, ends)
    # a launch that belongs to the next step occurs before the first one and not after the last
    against_inside = np.append(0, np.cumsum(~before + after.astype(np.int64)))
    against_outside = np.append(0, np.cumsum(before + (~after).astype(np.int64)))
    against = against_inside + against_outside[-1] - against_outside
    leads = np.flatnonzero(against == against.min())
    joints = frame.joints[~frame.opens]
    joints = joints[sample(len(joints), min(_SAMPLED, _SAMPLED_VALUES // len(leads)))]
    at = np.clip(joints[:, None] - leads, 1, len(sequence) - 1)
    pauses = np.median(start_ns[at] - start_ns[at - 1], axis=0)
    best = int(np.argmax(pauses))
    piece = np.flatnonzero((before & after)[: leads[-1]])
    clearly = pauses[best] > CLEARLY * np.delete(pauses, best).max(initial=0)
    if np.count_nonzero(piece >= leads[0]) >= least_piece(frame.heads):
        lead = int(leads[best]) if clearly else int(piece[-1]) + 1
        return lead, bool(lead != leads[best])
    nearest = 0 if frame.by_head else len(leads) - 1
    return int(leads[best if pauses[best] > CLEARLY * pauses[nearest] else nearest]), False


def _outside(sequence: I32, frame: _Frame, ends: tuple[bool, bool]) -> tuple[Bools, Bools]:
    """Return which launches before a head also occur before the first one, and which after the last one."""
    backward = np.arange(1, frame.room + 1)
    runs = sample(int(frame.opens.sum()), min(_SAMPLED, _SAMPLED_VALUES // (frame.room + 1)))
    opens, closes = np.flatnonzero(frame.opens)[runs], np.flatnonzero(frame.closes)[runs]
    middle = (opens + closes + 1) // 2
    before = _alike(sequence, frame.heads[opens, None] - backward, frame.heads[middle, None] - backward)
    forward = frame.room - backward
    after = _alike(sequence, frame.tails[closes, None] + forward, frame.tails[middle - 1, None] + forward)
    if ends == (True, False):
        return ~after, after
    if ends == (False, True):
        return before, ~before
    return before, after


def _alike(sequence: I32, left: I64, right: I64) -> Bools:
    """Return in which columns the launches at two indices are mostly alike; none is outside the sequence."""
    last = len(sequence) - 1
    valid = (left >= 0) & (left <= last) & (right >= 0) & (right <= last)
    same = valid & (sequence[np.clip(left, 0, last)] == sequence[np.clip(right, 0, last)])
    return np.asarray(same.mean(axis=0) > 0.5)
