"""Where in the cycle a step begins: a period alone does not say.

The anchors that are known to lie nearest to the boundary on either side narrow it down to a few launches;
among those, launches that occur before the first step or after the last one as they do between steps decide,
and where even that leaves a choice, the host's longest usual pause.
"""

from dataclasses import dataclass, replace

import numpy as np

from nsysprof.attribute.detect_anchors import Anchors, Bools, Marks, marks_of
from nsysprof.attribute.detect_cycles import CLEARLY, COMPLETE, Cycles, with_shorter_last, without_broken_off
from nsysprof.attribute.detect_levels import Level
from nsysprof.attribute.detect_runs import (
    cut_run,
    faultless_run,
    leads_between_interruptions,
    with_long_cycles_apart,
    without,
)
from nsysprof.attribute.detect_votes import (
    agreement,
    change_over,
    heads_of,
    sample,
    short_ones,
    tails_of,
    take_votes,
)
from nsysprof.trace.model import I32, I64

GUESSED = 0.6
"""How sure, when nothing but a rule says where a step begins: with the piece that also runs alone."""
_SAMPLED = 64
_SAMPLED_VALUES = 1_000_000
_LONG_CYCLE = 3  # periods: what takes longer is no cycle
_SAME_GAP = 0.15
_EDGE = 32  # launches compared to tell whether cycles go on to the end of the sequence
_ALIKE = 0.9
_WHOLE = 0.05  # of a cycle: a sequence of this much more than whole cycles was cut out of a longer run
_SURE_FIT = 0.95
_DOUBTFUL = 0.9
_BETTER = 0.1
_PIECE = 8  # launches that occur outside as well: more than by chance
_SMALL_PIECE = 0.05  # of a cycle: less hardly moves it
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
    marks = _in_one_run(anchors, level) if one_run else marks_of(anchors, level.main)
    marks, ends = _limited(sequence, marks)
    if not one_run and leads_between_interruptions(sequence, marks) is None:
        level, marks, ends = _better_limited(sequence, anchors, level, marks, ends)
    times = len(sequence) / level.period
    if all(ends) and abs(times - round(times)) > _WHOLE:
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


def _better_limited(
    sequence: I32, anchors: Anchors, level: Level, marks: Marks, ends: tuple[bool, bool]
) -> tuple[Level, Marks, tuple[bool, bool]]:
    """Return other marks, and a level with that main anchor, if their runs begin and end with whole cycles.

    They are the same with what is longer than usual taken for an interruption, where the sequence's ends cut
    the only run off, or those of an anchor that occurs in the runs only.
    """
    apart = with_long_cycles_apart(marks)
    leads = leads_between_interruptions(sequence, apart) if any(ends) else None
    if leads is not None and leads[1] - leads[0] >= _least_piece(marks.at):
        return level, *_limited(sequence, apart)
    loner = _loner(anchors, level)
    if loner is not None:
        alone = marks_of(anchors, loner)
        for marks_there in (alone, with_long_cycles_apart(alone)):
            other = _limited(sequence, marks_there)
            if leads_between_interruptions(sequence, other[0]) is not None:
                return replace(level, main=loner), *other
    return level, marks, ends


def _loner(anchors: Anchors, level: Level) -> int | None:
    """Return an anchor that occurs in its runs only, and fewer times than the main one; None if none does.

    What occurs in an evaluation too marks the first pass of that as if it were one more step.
    """
    if anchors.run_size[level.main] < 2:
        return None
    rows = level.members[anchors.run_size[level.members] <= anchors.run_size[level.main]]
    returns = np.add.reduceat(anchors.run_count, anchors.run_row)
    rows = rows[(anchors.size[rows] == returns[rows]) & (returns[rows] < anchors.size[level.main])]
    if not len(rows):
        return None
    usual = np.median(returns[rows])
    order = np.lexsort((anchors.width[rows], -anchors.regular[rows].round(3), np.abs(returns[rows] - usual)))
    return int(rows[order[0]])


def _in_one_run(anchors: Anchors, level: Level) -> Marks:
    """Return the marks with the gaps between runs taken for long cycles, if they are that and no interludes.

    An occurrence as far in front of the first run, or behind the last one, is one more mark.
    """
    marks = marks_of(anchors, level.main)
    gaps = (marks.at - np.roll(marks.at, 1))[marks.opens][1:]
    if not len(gaps) or gaps.max() > _LONG_CYCLE * level.period:
        return marks
    at = anchors.occurrences(level.main)
    first, last = np.searchsorted(at, marks.at[[0, -1]])
    before, after = np.diff(at)[max(first - 1, 0) : first], np.diff(at)[last : last + 1]
    first -= np.count_nonzero(np.abs(before / np.median(gaps) - 1) < _SAME_GAP)
    last += np.count_nonzero(np.abs(after / np.median(gaps) - 1) < _SAME_GAP)
    at = np.unique(np.concatenate([at[[first]], marks.at, at[[last]]]))
    index = np.arange(len(at))
    return Marks(at, index == 0, index == len(at) - 1)


def _whole(start: I64, end: I64, launches: int, sure: float) -> Cycles:
    """Drop the cycles that the sequence holds only in part."""
    length = end - start
    start, end = np.clip(start, 0, launches), np.clip(end, 0, launches)
    keep = end - start >= COMPLETE * np.maximum(length, 1)
    start, end = start[keep], end[keep]
    opens = np.ones(len(start), bool)
    opens[1:] = start[1:] != end[:-1]
    return Cycles(start, end, opens, sure)


def _limited(sequence: I32, marks: Marks) -> tuple[Marks, tuple[bool, bool]]:
    """Return the marks, and whether nothing but the sequence's ends limits the runs at either side.

    Of several runs the others are limited, and tell where cycles begin; the one that is not, does not.
    """
    ends = _open_ends(sequence, marks)
    if np.count_nonzero(marks.opens) <= sum(ends) or not any(ends):
        return marks, ends
    return replace(marks, cut_off=ends), (False, False)


def _open_ends(sequence: I32, marks: Marks) -> tuple[bool, bool]:
    """Return whether the cycles reach the first and the last launch, so that nothing limits them there."""
    at, launches = marks.at, len(sequence)
    shift, back = int(at[1] - at[0]), int(at[-1] - at[-2])
    edge = np.arange(min(_EDGE, launches - shift, launches - back))
    begins = (sequence[edge] == sequence[edge + shift]).mean() >= _ALIKE
    ends = (sequence[launches - 1 - edge] == sequence[launches - 1 - edge - back]).mean() >= _ALIKE
    # a mark one cycle further on is missing only because the sequence does not hold it
    beyond = 1 + _WHOLE
    return bool(begins and at[0] <= beyond * shift), bool(ends and launches - at[-1] <= beyond * back)


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
    votes = take_votes(anchors, level, marks)
    least, most, fit = change_over(short_ones(votes), ends, round(level.period))
    exact = leads_between_interruptions(sequence, marks)
    whole = None if any(ends) or fit >= _SURE_FIT else faultless_run(sequence, marks)
    if whole is None and fit < _DOUBTFUL and not any(ends):
        whole = cut_run(sequence, marks, _least_piece(marks.at))
    if exact is not None:
        least, most = exact
    elif whole is not None:
        marks, least, most = whole
        votes = take_votes(anchors, level, marks)
    elif fit < _DOUBTFUL and not any(ends):
        # the first mark may lie before the first step (a prompt's logits, say), the last one behind the last
        for fewer in (without(marks, marks.opens), without(marks, marks.closes)):
            other = take_votes(anchors, level, fewer)
            answer = change_over(short_ones(other), ends, round(level.period))
            if answer[2] > fit + _BETTER:
                marks, votes, (least, most, fit) = fewer, other, answer
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
    if np.count_nonzero(piece >= leads[0]) >= _least_piece(frame.heads):
        lead = int(leads[best]) if clearly else int(piece[-1]) + 1
        return lead, bool(lead != leads[best])
    nearest = 0 if frame.by_head else len(leads) - 1
    return int(leads[best if pauses[best] > CLEARLY * pauses[nearest] else nearest]), False


def _least_piece(marks: I64) -> float:
    """Return from how many launches on it matters whether these begin the cycle or end it."""
    return max(_PIECE, _SMALL_PIECE * float(np.median(np.diff(marks))))


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
