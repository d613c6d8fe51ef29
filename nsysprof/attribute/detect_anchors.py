"""Anchors: short runs of launches (n-grams) that return at a near-constant distance.

A launch, or a few launches in a row, that occur once per iteration return once per period; those inside a layer
return once per layer. Only counts and distances are looked at, so it does not matter which kernels they are, and a
kernel more or less in some iterations does no harm.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.trace.model import I32, I64

F64 = npt.NDArray[np.float64]
U32 = npt.NDArray[np.uint32]

WIDTHS = (1, 4, 16)
"""Lengths of the n-grams: single launches survive interleaved streams, long ones are unique where names are few."""

_BUCKET_BITS = 18
_BUDGET = 1 << 17  # occurrences examined per width: keeps the sorts small however long the trace is
_FEWEST_GRAMS = 16
_SHORTEST, _LONGEST = 0.6, 1.65  # a distance within these parts of the usual one continues a run


@dataclass(frozen=True, slots=True)
class Anchors:
    """Runs of near-equally spaced occurrences of one n-gram; one row per run."""

    period: F64
    """Usual distance between occurrences."""
    first: I64
    """Index of the first occurrence in the sequence."""
    last: I64
    """Index of the last one."""
    count: I64
    """Number of occurrences, at least 3."""
    regular: F64
    """Part of the distances within 5 % of the usual one."""
    width: I64
    """Launches in the n-gram."""
    row: I64
    """Where the run begins in ``position``."""
    gram_row: I64
    """Where all occurrences of the n-gram begin in ``position``."""
    gram_count: I64
    """How many there are, those outside the run included."""
    position: I64
    """Occurrences of all n-grams, grouped by n-gram, ascending within each."""

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.period)

    def run(self, index: int) -> I64:
        """Return the occurrences of run ``index``."""
        return self.position[self.row[index] : self.row[index] + self.count[index]]


def gram_ids(sequence: I32, width: int) -> U32:
    """Return a hash of each ``width`` launches in a row (a power of two); shape (n - width + 1,)."""
    ids = sequence.astype(np.uint32)
    ids *= np.uint32(0x9E3779B1)
    ids ^= ids >> np.uint32(15)
    ids *= np.uint32(0x85EBCA6B)
    have = 1
    while have < width:
        ids = ids[:-have] * np.uint32(0xC2B2AE35) + ids[have:]
        have *= 2
    ids ^= ids >> np.uint32(13)
    ids *= np.uint32(0x27D4EB2F)
    return ids


def find_anchors(sequence: I32) -> Anchors:
    """Return the runs of every n-gram examined, of all widths.

    Every occurrence of an n-gram is examined or none: which n-grams is decided by count and hash, rare ones first, so
    that the work stays near-constant for long sequences.
    """
    parts = [_anchors_of_width(sequence, width) for width in WIDTHS if len(sequence) > 2 * width]
    if not parts:
        return _runs(np.zeros(0, np.int64), np.zeros(0, np.uint32), 1)
    offset = np.cumsum([0] + [len(part.position) for part in parts])
    return Anchors(
        period=np.concatenate([part.period for part in parts]),
        first=np.concatenate([part.first for part in parts]),
        last=np.concatenate([part.last for part in parts]),
        count=np.concatenate([part.count for part in parts]),
        regular=np.concatenate([part.regular for part in parts]),
        width=np.concatenate([part.width for part in parts]),
        row=np.concatenate([part.row + shift for part, shift in zip(parts, offset, strict=False)]),
        gram_row=np.concatenate([part.gram_row + shift for part, shift in zip(parts, offset, strict=False)]),
        gram_count=np.concatenate([part.gram_count for part in parts]),
        position=np.concatenate([part.position for part in parts]),
    )


def _anchors_of_width(sequence: I32, width: int) -> Anchors:
    ids = gram_ids(sequence, width)
    bucket = ids >> np.uint32(32 - _BUCKET_BITS)
    counts = np.bincount(bucket, minlength=1 << _BUCKET_BITS)
    several = np.flatnonzero(counts >= 3)
    # by count times a number in 0..1 from the hash: rare ones are surely examined, common ones sometimes
    chance = (several.astype(np.uint32) * np.uint32(0x9E3779B1)) / 2.0**32
    order = np.argsort(chance * counts[several], kind="stable")
    enough = int(np.searchsorted(np.cumsum(counts[several[order]]), _BUDGET))
    examined = np.zeros(1 << _BUCKET_BITS, bool)
    examined[several[order[: max(enough, _FEWEST_GRAMS)]]] = True
    index = np.flatnonzero(examined[bucket])
    by_gram = np.argsort(ids[index], kind="stable")
    return _runs(index[by_gram], ids[index[by_gram]], width)


def _runs(position: I64, ids: U32, width: int) -> Anchors:
    """Split each n-gram's occurrences into runs of near-equal distances and keep those of three or more."""
    opens = np.ones(len(ids), bool)
    opens[1:] = ids[1:] != ids[:-1]
    gram_row = np.flatnonzero(opens)
    gram_count = np.diff(np.append(gram_row, len(ids)))
    gram = np.cumsum(opens) - 1
    distance = np.diff(position, prepend=0)
    distance[gram_row] = 0
    # medians of all n-grams at once: sort by n-gram and distance; the leading 0 of each is skipped
    ordered = np.sort(gram << np.int64(32) | distance)
    usual = (ordered[gram_row + gram_count // 2] & 0xFFFFFFFF)[gram]
    linked = (distance > _SHORTEST * usual) & (distance < _LONGEST * usual)
    row = np.flatnonzero(~linked)
    count = np.diff(np.append(row, len(ids)))
    if not len(row):
        regular = np.zeros(0)
    else:
        regular = np.add.reduceat(
            (linked & (np.abs(distance - usual) <= 0.05 * usual + 1)).astype(float), row
        )
    keep = count >= 3
    row, count, regular = row[keep], count[keep], regular[keep]
    return Anchors(
        period=usual[row].astype(float),
        first=position[row],
        last=position[row + count - 1],
        count=count,
        regular=regular / (count - 1),
        width=np.full(len(row), width),
        row=row,
        gram_row=gram_row[gram[row]],
        gram_count=gram_count[gram[row]],
        position=position,
    )
