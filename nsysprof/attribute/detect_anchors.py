"""Anchors: short runs of launches (n-grams) that return at a near-constant distance.

A launch, or a few launches in a row, that occur once per iteration return once per period; those inside a
layer return once per layer. Only counts and distances are looked at, so it does not matter which kernels they
are, and a kernel more or less in some iterations does no harm.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.trace.model import I32, I64, Bools

F64 = npt.NDArray[np.float64]
U32 = npt.NDArray[np.uint32]

WIDTHS = (1, 4, 16)
"""Lengths of the n-grams: short ones survive interleaved streams, long ones are unique among few names."""

SHORT = 4
"""Up to this width n-grams are about launches, beyond it about long stretches that one launch more breaks."""

_BUCKET_BITS = 18
_BUDGET = 1 << 17  # occurrences examined per width: keeps the sorts small however long the trace is
_OVERDRAFT = 1 << 20  # that many where the budget buys only a few n-grams
_FEW_GRAMS, _FEWEST_GRAMS = 16, 2
_SHORTEST, _LONGEST = 0.6, 1.65  # a distance within these parts of the usual one continues a run


@dataclass(frozen=True, slots=True)
class Anchors:
    """N-grams with at least one run of three or more near-equally spaced occurrences; one row per n-gram."""

    period: F64
    """Usual distance between occurrences."""
    regular: F64
    """1 less the mean part by which distances within its runs differ from the usual one."""
    width: I64
    """Launches in the n-gram."""
    row: I64
    """Where its occurrences begin in ``position``."""
    size: I64
    """How many occurrences it has, those outside its runs included."""
    run_row: I64
    """Where its runs begin in ``run_start`` and ``run_count``."""
    run_size: I64
    """How many runs it has."""
    position: I64
    """Indices into the sequence: occurrences of all n-grams, ascending within each."""
    run_start: I64
    """Where each run begins in ``position``."""
    run_count: I64
    """Occurrences in each run."""

    def __len__(self) -> int:
        """Return the number of n-grams."""
        return len(self.period)

    def occurrences(self, anchor: int) -> I64:
        """Return all indices at which an n-gram occurs."""
        return self.position[self.row[anchor] : self.row[anchor] + self.size[anchor]]


@dataclass(frozen=True, slots=True)
class Marks:
    """Occurrences of one n-gram within its runs, one per cycle."""

    at: I64
    """Index into the sequence."""
    opens: Bools
    """Whether it is the first of its run."""
    closes: Bools
    """Whether it is the last of its run."""
    cut_off: tuple[bool, bool] = (False, False)
    """Whether the sequence's ends cut the first run and the last one off; then there are others."""

    def limits(self) -> tuple[I64, I64]:
        """Return which marks open and close runs where these begin and end by themselves."""
        opens, closes = np.flatnonzero(self.opens), np.flatnonzero(self.closes)
        return opens[int(self.cut_off[0]) :], closes[: len(closes) - int(self.cut_off[1])]


def marks_of(anchors: Anchors, anchor: int) -> Marks:
    """Return the occurrences of an anchor that lie within its runs."""
    runs = slice(anchors.run_row[anchor], anchors.run_row[anchor] + anchors.run_size[anchor])
    start, count = anchors.run_start[runs], anchors.run_count[runs]
    index = spread(start, count)
    opens, closes = np.zeros(len(index), bool), np.zeros(len(index), bool)
    opens[np.cumsum(count) - count] = True
    closes[np.cumsum(count) - 1] = True
    return Marks(anchors.position[index], opens, closes)


def spread(start: I64, count: I64) -> I64:
    """Return start, start + 1, ... for ``count`` numbers, for each pair in turn."""
    return np.arange(count.sum()) + np.repeat(start - np.cumsum(count) + count, count)


def gram_ids(sequence: I32, width: int) -> U32:
    """Return a hash of each ``width`` launches in a row (a power of two); shape (n - width + 1,)."""
    ids = _mixed(sequence)
    have = 1
    while have < width:
        ids = ids[:-have] * np.uint32(0xC2B2AE35) + ids[have:]
        have *= 2
    return _finished(ids)


def pair_ids(sequence: I32, lag: int) -> U32:
    """Return a hash of each launch and the one ``lag`` after it; shape (n - lag,)."""
    ids = _mixed(sequence)
    return _finished(ids[:-lag] * np.uint32(0xC2B2AE35) + ids[lag:])


def _mixed(sequence: I32) -> U32:
    ids = sequence.astype(np.uint32)
    ids *= np.uint32(0x9E3779B1)
    ids ^= ids >> np.uint32(15)
    ids *= np.uint32(0x85EBCA6B)
    return ids


def _finished(ids: U32) -> U32:
    ids ^= ids >> np.uint32(13)
    ids *= np.uint32(0x27D4EB2F)
    return ids


def find_anchors(sequence: I32) -> Anchors:
    """Return the n-grams of all widths that recur at near-equal distances.

    Every occurrence of an n-gram is examined or none: which n-grams is decided by count and hash, rare ones
    first, so that the work beyond a few passes does not grow with the sequence.
    """
    parts = [_anchors_of_width(sequence, width) for width in WIDTHS]
    positions = np.cumsum([0] + [len(part.position) for part in parts])
    runs = np.cumsum([0] + [len(part.run_start) for part in parts])
    return Anchors(
        period=np.concatenate([part.period for part in parts]),
        regular=np.concatenate([part.regular for part in parts]),
        width=np.concatenate([part.width for part in parts]),
        row=np.concatenate([part.row + positions[i] for i, part in enumerate(parts)]),
        size=np.concatenate([part.size for part in parts]),
        run_row=np.concatenate([part.run_row + runs[i] for i, part in enumerate(parts)]),
        run_size=np.concatenate([part.run_size for part in parts]),
        position=np.concatenate([part.position for part in parts]),
        run_start=np.concatenate([part.run_start + positions[i] for i, part in enumerate(parts)]),
        run_count=np.concatenate([part.run_count for part in parts]),
    )


def _anchors_of_width(sequence: I32, width: int) -> Anchors:
    ids = gram_ids(sequence, width)
    bucket = ids >> np.uint32(32 - _BUCKET_BITS)
    counts = np.bincount(bucket, minlength=1 << _BUCKET_BITS)
    several = np.flatnonzero(counts >= 3)
    # by count times a number in 0..1 from the hash: rare ones are surely examined, common ones sometimes
    chance = (several.astype(np.uint32) * np.uint32(0x9E3779B1)) / 2.0**32
    order = np.argsort(chance * counts[several], kind="stable")
    reached = np.cumsum(counts[several[order]])
    enough, most = np.searchsorted(reached, (_BUDGET, _OVERDRAFT))
    examined = np.zeros(1 << _BUCKET_BITS, bool)
    examined[several[order[: max(enough, min(most, _FEW_GRAMS), _FEWEST_GRAMS)]]] = True
    index = np.flatnonzero(examined[bucket])
    by_gram = np.argsort(ids[index], kind="stable")
    return _with_runs(index[by_gram], ids[index[by_gram]], width)


def _with_runs(position: I64, ids: U32, width: int) -> Anchors:
    """Split each n-gram's occurrences into runs of near-equal distances; keep those of three or more."""
    opens = np.ones(len(ids), bool)
    opens[1:] = ids[1:] != ids[:-1]
    row = np.flatnonzero(opens)
    size = np.diff(np.append(row, len(ids)))
    gram = np.cumsum(opens) - 1
    distance = np.diff(position, prepend=0)
    distance[row] = 0
    # medians of all n-grams at once: sort by n-gram and distance; the leading 0 of each is skipped
    ordered = np.sort(gram << np.int64(32) | distance)
    usual = ordered[row + size // 2] & 0xFFFFFFFF
    linked = (distance > _SHORTEST * usual[gram]) & (distance < _LONGEST * usual[gram])
    differs = np.where(linked, np.abs(distance - usual[gram]), 0)
    start = np.flatnonzero(~linked)
    count = np.diff(np.append(start, len(ids)))
    differ = np.diff(np.append(0, np.cumsum(differs))[np.append(start, len(ids))])
    start, count, differ = start[count >= 3], count[count >= 3], differ[count >= 3]
    owner, run_row, run_size = np.unique(gram[start], return_index=True, return_counts=True)
    links = np.bincount(gram[start], count - 1, minlength=len(row))[owner]
    return Anchors(
        period=usual[owner].astype(float),
        regular=1 - np.bincount(gram[start], differ, minlength=len(row))[owner] / links / usual[owner],
        width=np.full(len(owner), width),
        row=row[owner],
        size=size[owner],
        run_row=run_row,
        run_size=run_size,
        position=position,
        run_start=start,
        run_count=count,
    )
