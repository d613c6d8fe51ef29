"""What the ends of a run of cycles say about where a cycle begins: runs begin and end with whole ones."""

from dataclasses import replace

import numpy as np

from nsysprof.attribute.detect_anchors import Marks
from nsysprof.trace.model import I32, I64, Bools

_FEWEST_MARKS = 4
_COMPARED = 4  # cycles that the first and the last one are compared with
_CHANCE = 1  # launches that may agree beyond whole cycles by chance
_MOST_RUNS = 16
_PIECE = 8  # launches that occur outside as well: more than by chance
_SMALL_PIECE = 0.05  # of a cycle: less hardly moves it
_LONGER, _LAUNCHES_LONGER = 0.05, 16  # part of a cycle, and launches: something else is in a longer one


def with_long_cycles_apart(marks: Marks) -> Marks:
    """Return the marks with runs broken where a cycle is longer than usual."""
    length = np.diff(marks.at)
    usual = np.median(length[~marks.opens[1:]])
    long = length > usual + max(_LONGER * usual, _LAUNCHES_LONGER)
    return replace(
        marks, opens=marks.opens | np.append(False, long), closes=marks.closes | np.append(long, False)
    )


def leads_between_interruptions(sequence: I32, marks: Marks) -> tuple[int, int] | None:
    """Return the least and most launches before its mark with which cycles are whole at both ends of runs.

    A cycle is whole where a run breaks off, and again where the next one begins. What agrees with it beyond
    that occurs alone as well, a forward pass of an evaluation, say: then the two numbers differ. None where
    there are no two runs, or they do not break off and begin as exactly.
    """
    inner = np.flatnonzero(~marks.opens & ~marks.closes)
    if np.count_nonzero(marks.opens) < 2 or not len(inner):
        return None
    return _whole_leads(sequence, marks, inner)


def _whole_leads(sequence: I32, marks: Marks, inner: I64) -> tuple[int, int] | None:
    """Return the least and most launches before its mark with which cycles are whole at the ends of runs.

    inner: marks inside runs; what is around the first and last ones is compared with what is around some of
    these. None unless 0 <= least <= most < a cycle.
    """
    opens, closes = marks.limits()
    usual = int(np.median((marks.at - np.roll(marks.at, 1))[~marks.opens]))
    middle = marks.at[inner[np.unique(np.linspace(0, len(inner) - 1, _COMPARED).astype(np.int64))]]
    back = [_agreeing(sequence, place, middle, usual, -1) for place in _some(marks.at[opens])]
    forth = [_agreeing(sequence, place, middle, usual, 1) for place in _some(marks.at[closes])]
    if not back or not forth:
        return None
    most, least = int(np.median(back)), usual - int(np.median(forth))
    return (least, most) if 0 <= least <= most < usual else None


def cut_run(sequence: I32, marks: Marks, least: float) -> tuple[Marks, int, int] | None:
    """Return the marks that count, and the leads, for a run of whole cycles and ``least`` launches or more.

    It holds that much beyond whole cycles because its last one, or its first one, is cut short.
    """
    for dropped in (marks.opens & False, marks.closes, marks.opens):
        some = without(marks, dropped)
        inner = np.flatnonzero(~some.opens & ~some.closes)
        leads = _whole_leads(sequence, some, inner) if len(inner) else None
        if leads is not None and leads[1] - leads[0] >= least:
            return some, *leads
    return None


def _some(places: I64) -> list[int]:
    """Return places spread evenly over all, fewer than twice ``_MOST_RUNS``."""
    chosen: list[int] = places[:: max(len(places) // _MOST_RUNS, 1)].tolist()
    return chosen


def _agreeing(sequence: I32, place: int, others: I64, most: int, way: int) -> int:
    """Return how many launches agree before a place, or from it on, with those at the best of the others."""
    return max(common(sequence, place, int(other), most, way) for other in others)


def faultless_run(sequence: I32, marks: Marks) -> tuple[Marks, int, int] | None:
    """Return the marks that count, and the least and most launches by which cycles begin before them.

    What repeats without a fault for a whole number of cycles begins and ends with one, whatever else the
    prologue and the epilogue share with a cycle: even its mark, so they are tried with the outermost ones and
    without. None where no number is whole.
    """
    for dropped in (marks.opens & False, marks.closes, marks.opens, marks.opens | marks.closes):
        some = without(marks, dropped)
        leads = _faultless_leads(sequence, some)
        if leads is not None:
            return some, *leads
    return None


def _faultless_leads(sequence: I32, marks: Marks) -> tuple[int, int] | None:
    """Return the leads if the longest run is a whole number of cycles; short of the sequence's ends."""
    opens = np.flatnonzero(marks.opens)
    lengths = np.diff(np.append(opens, len(marks.at)))
    if not len(lengths) or lengths.max() < _FEWEST_MARKS:
        return None
    run = int(np.argmax(lengths))
    at = marks.at[opens[run] : opens[run] + lengths[run]]
    first, last, longest = int(at[0]), int(at[-1]), int(np.diff(at).max())
    others = np.unique(np.linspace(1, len(at) - 2, _COMPARED).astype(np.int64))
    back = max(common(sequence, first, int(at[other]), longest, -1) for other in others)
    forth = [common(sequence, last, int(at[other]), longest, 1) for other in others]
    best = int(np.argmax(forth))
    left = int(at[others[best] + 1] - at[others[best]]) - forth[best]
    if left < 0 or back >= min(longest, first) or forth[best] >= min(longest, len(sequence) - last):
        return None
    return (min(back, left), max(back, left)) if abs(back - left) <= _CHANCE else None


def common(sequence: I32, place: int, other: int, most: int, way: int) -> int:
    """Return how many launches agree in a row, before two places (``way`` -1) or from them on (1)."""
    if way < 0:
        most = min(most, place, other)
        differ = sequence[place - most : place][::-1] != sequence[other - most : other][::-1]
    else:
        most = min(most, len(sequence) - max(place, other))
        differ = sequence[place : place + most] != sequence[other : other + most]
    return int(np.argmax(differ)) if differ.any() else most


def without(marks: Marks, dropped: Bools) -> Marks:
    """Return the marks less the first or the last one of each run."""
    opens = marks.opens | np.append(True, dropped[:-1])
    closes = marks.closes | np.append(dropped[1:], True)
    return Marks(marks.at[~dropped], opens[~dropped], closes[~dropped], marks.cut_off)


def least_piece(marks: I64) -> float:
    """Return from how many launches on it matters whether these begin the cycle or end it."""
    return max(_PIECE, _SMALL_PIECE * float(np.median(np.diff(marks))))
