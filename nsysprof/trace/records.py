"""Decode the records of many SQLite table leaves at once with NumPy.

The format is https://www.sqlite.org/fileformat2.html: a leaf lists its cells, a cell is payload size, rowid
and a record, a record is a header of serial types and a body of values. Every position is checked against the
page before it is read; what does not fit, or is unexpected here, raises UnsupportedError and SQLite decides.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.trace.columns import NULL
from nsysprof.trace.model import I64

U8 = npt.NDArray[np.uint8]

FRONT, BACK = 8, 256
"""Spare bytes before and after the pages of a block, so that no read of a few bytes too many leaves it."""
MAX_COLUMNS = 100
"""Record columns that are looked at; keeps every header position inside the spare bytes."""
LEAF, INTERIOR = 13, 5
_LEAF_HEADER = 8
_REAL = 7

_SIZE = np.zeros(128, np.int64)  # bytes of a value by serial type
_SIZE[:8] = [0, 1, 2, 3, 4, 6, 8, 8]
_SIZE[12:] = (np.arange(12, 128) - 12) // 2


class UnsupportedError(Exception):
    """The file holds something that is left to SQLite."""


class Block:
    """Some pages of a file, one after another in one reusable buffer."""

    def __init__(self, pages: int, page_size: int) -> None:
        """Make room for ``pages`` pages."""
        self.page_size = page_size
        self.data: U8 = np.zeros(FRONT + pages * page_size + BACK, np.uint8)
        size = len(self.data)
        # Big-endian integers that start at any byte.
        self.words = np.ndarray((size - 7,), ">i8", self.data, strides=(1,))
        self.halves = np.ndarray((size - 1,), ">u2", self.data, strides=(1,))

    def pages(self, count: int) -> U8:
        """Return the first ``count`` pages, shape (count, page_size)."""
        return self.data[FRONT : FRONT + count * self.page_size].reshape(count, self.page_size)


@dataclass(frozen=True, slots=True)
class Records:
    """Where the records of a block lie; positions are indices into ``Block.data``."""

    header: I64
    """First byte of each header, which holds the header's length."""
    body: I64
    """First byte after each header."""
    end: I64
    """First byte after what the page holds of each record."""
    shortest: int
    """Length of the shortest header in bytes."""

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.header)


def find_records(block: Block, count: int, usable: int) -> Records:
    """Find the records of the first ``count`` pages of ``block``, all of which must be table leaves."""
    pages = block.pages(count)
    if (pages[:, 0] != LEAF).any():
        raise UnsupportedError("not a table leaf")
    cells = (pages[:, 3].astype(np.int64) << 8) | pages[:, 4]
    if not len(cells) or (_LEAF_HEADER + 2 * cells > usable).any():
        raise UnsupportedError("cell pointers outside the page")
    first = FRONT + np.arange(count, dtype=np.int64) * block.page_size
    page = np.repeat(first, cells)
    rank = np.arange(len(page), dtype=np.int64) - np.repeat(np.cumsum(cells) - cells, cells)
    offset = block.halves[page + (2 * rank + _LEAF_HEADER)].astype(np.int64)
    if len(offset) and (
        offset.max() >= usable or (offset < np.repeat(_LEAF_HEADER + 2 * cells, cells)).any()
    ):
        raise UnsupportedError("cell outside the page")
    payload, position = _varints(block.data, page + offset)
    header = _skip_varints(block.data, position, 9)
    limit = page + usable
    end = header + _local_size(payload, usable)
    length = block.data[header]
    body = header + length
    if len(end) and (end.max() > limit[-1] or (end > limit).any() or (body > end).any()):
        raise UnsupportedError("record outside the page")
    if len(length) and (length.max() >= 0x80 or length.min() < 1):
        raise UnsupportedError("header of unusual length")
    return Records(header, body, end, int(length.min(initial=127)))


def _local_size(payload: I64, usable: int) -> I64:
    """Return how many bytes of each payload are in its leaf; the rest is on overflow pages."""
    largest = usable - 35
    if not len(payload) or payload.max() <= largest:
        return payload
    smallest = (usable - 12) * 32 // 255 - 23
    kept = smallest + (payload - smallest) % (usable - 4)
    return np.where(payload <= largest, payload, np.where(kept <= largest, kept, smallest))


def _varints(data: U8, position: I64) -> tuple[I64, I64]:
    """Return the small variable-length integers at ``position``, and the positions after them."""
    value = data[position].astype(np.int64)
    after = position + 1
    more = value >= 0x80
    if not more.any():
        return value, after
    value &= 0x7F
    for _ in range(4):
        byte = data[after].astype(np.int64)
        value = np.where(more, (value << 7) | (byte & 0x7F), value)
        after = after + more
        more = more & (byte >= 0x80)
        if not more.any():
            return value, after
    raise UnsupportedError("integer of more than five bytes")


def _skip_varints(data: U8, position: I64, longest: int) -> I64:
    """Return the positions after the integers of one to ``longest`` bytes at ``position``."""
    for used in range(1, longest):
        more = data[position] >= 0x80
        position = position + 1
        if not more.any():
            return position
        if not more.all():
            rest = np.flatnonzero(more)
            position[rest] = _skip_varints(data, position[rest], longest - used)
            return position
    return position + 1  # the ninth byte has no continuation bit


def serial_types(block: Block, records: Records, count: int) -> npt.NDArray[np.uint8 | np.int64]:
    """Return the serial types of the first ``count`` columns, shape (records, count or more).

    A record that is too short to have a column has type 0 (NULL) there.
    """
    if count > MAX_COLUMNS:
        raise UnsupportedError("many columns")
    words = np.empty((len(records), -(-count // 8)), ">i8")
    for index in range(words.shape[1]):
        words[:, index] = block.words[records.header + (1 + 8 * index)]
    types = words.view(np.uint8)
    if records.shortest > count and types[:, :count].max(initial=0) < 0x80:
        return types
    return _long_serial_types(block.data, records, count)


def _long_serial_types(data: U8, records: Records, count: int) -> I64:
    types = np.zeros((len(records), count), np.int64)
    position = records.header + 1
    for column in range(count):
        there = position < records.body
        value, after = _varints(data, position)
        position = np.where(there, after, position)
        if (position > records.body).any():
            raise UnsupportedError("header that ends inside a serial type")
        types[:, column] = np.where(there, value, 0)
    return types


def sizes(types: npt.NDArray[np.uint8 | np.int64]) -> I64:
    """Return the bytes that values of these serial types take."""
    if types.dtype == np.uint8 or types.max(initial=0) < len(_SIZE):
        return _SIZE[types]
    wide: I64 = (types.astype(np.int64) - 12) >> 1
    return np.where(types < len(_SIZE), _SIZE[np.minimum(types, len(_SIZE) - 1)], wide)


class FieldReader:
    """Reads columns of a block's records, in ascending order of their index."""

    def __init__(self, block: Block, records: Records, count: int) -> None:
        """Prepare to read among the first ``count`` columns."""
        self._block = block
        self._records = records
        self._types = serial_types(block, records, count)
        self._room = int((records.end - records.body).min(initial=block.page_size))
        self._offset: I64 | int = 0  # of column self._next in the body: one number while all records agree
        self._next = 0

    def present(self, column: int) -> I64 | int:
        """Return 1 where ``column`` is not NULL, else 0; one number when all records agree."""
        types = self._types[:, column]
        if types.min() or not types.max():
            return int(types[0] != 0)
        there: I64 = (types != 0).astype(np.int64)
        return there

    def integers(self, column: int) -> I64 | int:
        """Return the values of ``column``, NULL as -1; one number when the types tell that all agree."""
        types = self._types[:, column]
        low, high = int(types.min()), int(types.max())
        if high > 9 or low == _REAL:
            raise UnsupportedError("not an integer")
        if low == high and low in (0, 8, 9):
            return NULL if low == 0 else low - 8
        if low == high:
            return self._same_size(column, int(_SIZE[low]))
        return self._mixed(column, types)

    def _same_size(self, column: int, size: int) -> I64:
        offset = self._offset_of(column)
        self._check(offset, size)
        value: I64 = self._block.words[self._records.body + (offset + (size - 8))].astype(np.int64)
        if size < 8:  # drop the bytes before the value, then extend its sign
            shift = 64 - 8 * size
            value <<= shift
            value >>= shift
        return value

    def _mixed(self, column: int, types: npt.NDArray[np.uint8 | np.int64]) -> I64:
        if (types == _REAL).any():
            raise UnsupportedError("not an integer")
        size = sizes(types)
        constant: I64 = np.where(types == 0, NULL, types == 9).astype(np.int64)
        if not size.any():
            return constant
        offset = self._offset_of(column)
        self._check(offset, size)
        value = self._block.words[self._records.body + (offset + size - 8)].astype(np.int64)
        shift = np.where(size == 0, 0, 64 - 8 * size)
        value <<= shift
        value >>= shift
        return np.where(size == 0, constant, value)

    def _offset_of(self, column: int) -> I64 | int:
        for passed in range(self._next, column):
            types = self._types[:, passed]
            first = types[:1]
            step = int(sizes(first)[0]) if (types == first).all() else sizes(types)
            self._offset = self._offset + step
        self._next = column
        return self._offset

    def _check(self, offset: I64 | int, size: I64 | int) -> None:
        last = offset + size
        if np.max(last) > self._room and (last > self._records.end - self._records.body).any():
            raise UnsupportedError("value outside the page")
