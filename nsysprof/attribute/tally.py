"""Counting and summing over millions of rows, in blocks that stay in the processor's cache."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from nsysprof.trace.model import I32, I64

Values = TypeVar("Values", I64, I32)

_BLOCK = 1 << 16
_DENSE = 1 << 20  # ids below this, or below a few times the number of rows, are looked up in a table


@dataclass(frozen=True, slots=True)
class Coded:
    """A column of ids as codes 0, 1, 2, ..."""

    values: I64
    """Distinct ids, ascending; index is the code."""
    codes: I32
    """Code of each row."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Durations by key: how many, sum, shortest, longest."""

    count: I64
    ns: I64
    shortest_ns: I64
    """Meaningless where count is 0."""
    longest_ns: I64


def distinct(values: Values) -> Values:
    """Return the distinct values of an array, ascending; np.unique loads masked arrays to do so."""
    ordered: Values = np.sort(values)
    keep = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return ordered[keep]


def scrambled(rows: int, columns: int) -> I64:
    """Return a table of numbers without a pattern, always the same: sums of them tell sequences apart.

    Two different sequences agree with a chance of 2**-64.
    """
    number = np.arange(1, rows * columns + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64
        number = (number ^ number >> np.uint64(shift)) * np.uint64(factor)
    return (number ^ number >> np.uint64(31)).view(np.int64).reshape(rows, columns)


def code(ids: I32) -> Coded:
    """Number the distinct ids of a column, without sorting where they are dense."""
    if not len(ids):
        return Coded(np.empty(0, np.int64), np.empty(0, np.int32))
    low, high = int(ids.min()), int(ids.max())
    if low == high:
        return Coded(np.array([low], np.int64), np.broadcast_to(np.int32(0), (len(ids),)))
    if low >= 0 and high < _DENSE:
        low = 0  # saves a subtraction for every row
    if high - low > max(_DENSE, 4 * len(ids)):
        values, codes = np.unique(ids, return_inverse=True)
        return Coded(values.astype(np.int64), codes.astype(np.int32))
    seen = np.zeros(high - low + 1, bool)
    for part in blocks(len(ids)):
        seen[ids[part] - low] = True
    used = np.flatnonzero(seen)
    table = np.zeros(len(seen), np.int32)
    table[used] = np.arange(len(used), dtype=np.int32)
    return Coded(used + low, table[ids - low] if low else table[ids])


def blocks(rows: int, at_least: int = 0) -> Iterator[slice]:
    """Yield slices that cover ``rows`` rows; each at least as long as a table of ``at_least`` sums."""
    step = max(_BLOCK, at_least)
    for low in range(0, rows, step):
        yield slice(low, min(low + step, rows))


def cuts_until(cuts: I64, times: I64) -> I64:
    """Return how many of the ascending cuts lie at or before each time; mostly the times ascend too."""
    if not len(times) or not (times[1:] >= times[:-1]).all():
        return np.searchsorted(cuts, times, side="right")
    low, high = np.searchsorted(cuts, times[[0, -1]], side="right").tolist()
    turns = np.searchsorted(times, cuts[low:high])
    return np.repeat(np.arange(low, high + 1), np.diff(turns, prepend=0, append=len(times)))


def count_and_sum(key: I32 | I64, start_ns: I64, end_ns: I64, size: int) -> tuple[I64, I64]:
    """Return how many rows each key 0..size-1 has, and the sum of their durations."""
    count, ns = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for part in blocks(len(key), size):
        count += np.bincount(key[part], minlength=size)
        ns += sums(key[part], end_ns[part] - start_ns[part], size)
    return count, ns


def sums(key: I32 | I64, ns: I64, size: int) -> I64:
    """Return the sum of ``ns``, none of it negative, by key, exactly.

    float64, in which NumPy adds here, holds integers up to 2**53 ns, which is 104 days.
    """
    if not len(ns) or int(ns.max()) <= (1 << 53) // len(ns):
        return np.bincount(key, weights=ns, minlength=size).astype(np.int64)
    low, high = _halves(key, ns, size)
    return low + (high << 32)


def _halves(key: I32 | I64, ns: I64, size: int) -> Iterator[I64]:
    """Yield the sums of the lower 32 bits by key, and of the higher ones."""
    for part in (ns & 0xFFFFFFFF, ns >> 32):
        yield np.bincount(key, weights=part, minlength=size).astype(np.int64)


def long_sums(key: I32 | I64, ns: I64, size: int) -> npt.NDArray[Any]:
    """Return what ``sums`` does, as Python's integers where the sums may not fit in 64 bits."""
    if float(ns.sum(dtype=np.float64)) < 2**62:
        return sums(key, ns, size)
    low, high = (half.astype(object) for half in _halves(key, ns, size))
    whole: npt.NDArray[Any] = low + high * 2**32
    return whole


def spread(key: I32 | I64, start_ns: I64, end_ns: I64, size: int) -> Spread:
    """Return count, sum, minimum and maximum of durations by key."""
    count, ns = np.zeros(size, np.int64), np.zeros(size, np.int64)
    shortest, longest = np.full(size, np.iinfo(np.int64).max), np.zeros(size, np.int64)
    for part in blocks(len(key), size):
        duration = end_ns[part] - start_ns[part]
        count += np.bincount(key[part], minlength=size)
        ns += sums(key[part], duration, size)
        np.minimum.at(shortest, key[part], duration)
        np.maximum.at(longest, key[part], duration)
    return Spread(count, ns, shortest, longest)
