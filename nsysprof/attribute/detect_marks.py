"""Which occurrences of an anchor mark the cycles, and where nothing but the sequence's ends limits them."""

from dataclasses import replace

import numpy as np

from nsysprof.attribute.detect_anchors import Anchors, Marks, marks_of
from nsysprof.attribute.detect_levels import Level
from nsysprof.attribute.detect_runs import leads_between_interruptions, least_piece, with_long_cycles_apart
from nsysprof.trace.model import I32

WHOLE = 0.05
"""Of a cycle: a sequence of this much more than whole cycles was cut out of a longer run."""
_LONG_CYCLE = 3  # periods: what takes longer is no cycle
_SAME_GAP = 0.15
_EDGE = 32  # launches compared to tell whether cycles go on to the end of the sequence
_ALIKE = 0.9


def marks_of_cycles(
    sequence: I32, anchors: Anchors, level: Level, one_run: bool
) -> tuple[Level, Marks, tuple[bool, bool]]:
    """Return the level with the anchor of the marks, these, and whether the sequence cuts its runs off.

    one_run: take cycles that are much longer than usual for cycles, not for interludes between runs.
    """
    marks = _in_one_run(anchors, level) if one_run else marks_of(anchors, level.main)
    marks, ends = _limited(sequence, marks)
    if not one_run and leads_between_interruptions(sequence, marks) is None:
        level, marks, ends = _better_limited(sequence, anchors, level, marks, ends)
    return level, marks, ends


def _better_limited(
    sequence: I32, anchors: Anchors, level: Level, marks: Marks, ends: tuple[bool, bool]
) -> tuple[Level, Marks, tuple[bool, bool]]:
    """Return other marks, and a level with that main anchor, if their runs begin and end with whole cycles.

    They are the same with what is longer than usual taken for an interruption, where the sequence's ends cut
    the only run off, or those of an anchor that occurs in the runs only.
    """
    apart = with_long_cycles_apart(marks)
    leads = leads_between_interruptions(sequence, apart) if any(ends) else None
    if leads is not None and leads[1] - leads[0] >= least_piece(marks.at):
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
    beyond = 1 + WHOLE
    return bool(begins and at[0] <= beyond * shift), bool(ends and launches - at[-1] <= beyond * back)
