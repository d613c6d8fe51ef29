"""Cycles of the sequence, once they are placed."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect_runs import common
from nsysprof.trace.model import I32, I64, Bools

COMPLETE = 0.8
"""Part of a cycle: what must be there of the first and the last."""
CLEARLY = 1.5
"""Times as long: a pause that tells something."""
_FEWEST_CYCLES = 4
_COMPARED = 4  # cycles that what follows the last one is compared with
_TAIL = 4  # launches before a place: the end of a cycle
_HEAD = 16  # launches from a place on: the beginning of a cycle, also of one that breaks off


@dataclass(frozen=True, slots=True)
class Cycles:
    """Half-open intervals of the sequence; within a run each ends where the next begins."""

    start: I64
    end: I64
    opens: Bools
    """Whether it is the first of its run."""
    sure: float
    """Part of the evidence that speaks for where they begin, 0..1."""

    def __len__(self) -> int:
        """Return the number of cycles."""
        return len(self.start)


def with_shorter_last(sequence: I32, start_ns: I64, cycles: Cycles) -> Cycles:
    """Add what follows the last cycle if it is one but for its end: a solver's last step is of lower order.

    It ends where the host pauses longest of where it may end, or is as long as the others.
    """
    if len(cycles) < _FEWEST_CYCLES:
        return cycles
    usual, after = int(np.median(cycles.end - cycles.start)), int(cycles.end[-1])
    others = cycles.start[np.unique(np.linspace(1, len(cycles) - 1, _COMPARED).astype(np.int64))]
    alike = max(common(sequence, after, int(other), usual, 1) for other in others)
    if not COMPLETE * usual <= alike < usual:
        return cycles
    start = np.append(cycles.start, after)
    ends = np.arange(after + alike, min(after + usual, len(sequence)) + 1)
    pauses = start_ns[np.minimum(ends, len(sequence) - 1)] - start_ns[ends - 1]
    longest = int(np.argmax(pauses))
    clearly = pauses[longest] > CLEARLY * np.delete(pauses, longest).max(initial=0)
    end = np.append(cycles.end, ends[longest if clearly else -1])
    return Cycles(start, end, np.append(cycles.opens, False), cycles.sure)


def without_broken_off(sequence: I32, cycles: Cycles) -> Cycles:
    """Cut cycles where they are whole if another begins there and breaks off, as in a validation."""
    length = cycles.end - cycles.start
    if len(cycles) < _FEWEST_CYCLES:
        return cycles
    usual = int(np.median(length))
    long = np.flatnonzero(length >= usual + _HEAD)
    typical = int(np.argmin(np.abs(length - usual)))
    joints = _places(sequence, int(cycles.end[typical])) if len(long) else long
    inside = np.searchsorted(joints, (cycles.start[typical] + 1, cycles.end[typical]))
    if not len(joints) or inside[0] < inside[1]:
        return cycles
    first = np.searchsorted(joints, cycles.start[long] + int(COMPLETE * usual))
    cut = joints[np.minimum(first, len(joints) - 1)]
    broken = (cut >= cycles.start[long] + COMPLETE * usual) & (cut + _HEAD <= cycles.end[long])
    end, opens = cycles.end.copy(), cycles.opens.copy()
    end[long[broken]] = cut[broken]
    opens[np.minimum(long[broken] + 1, len(opens) - 1)] = True
    return Cycles(cycles.start, end, opens, cycles.sure)


def _places(sequence: I32, place: int) -> I64:
    """Return where the same launches are on either side as at a place."""
    first, until = max(place - _TAIL, 0), min(place + _HEAD, len(sequence))
    found = np.arange(place - first, len(sequence) - (until - place) + 1)
    for offset in range(first - place, until - place):
        found = found[sequence[found + offset] == sequence[place + offset]]
    return found
