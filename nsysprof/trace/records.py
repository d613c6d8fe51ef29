"""Decode the records of many SQLite table leaves at once with NumPy.

The format is https://www.sqlite.org/fileformat2.html: a leaf lists its cells, a cell is payload size, rowid
and a record, a record is a header of serial types and a body of values. Every position is checked against the
page before it is read; what does not fit, or is unexpected here, raises UnsupportedError and SQLite decides.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.trace.model import I64

U8 = npt.NDArray[np.uint8]

FRONT, BACK = 16, 256
"""Spare bytes before and after the pages of a block, so that no read of a few bytes too many leaves it."""
MAX_COLUMNS = 100
"""Record columns that are looked at; keeps every header position inside the spare bytes."""
LEAF, INTERIOR = 13, 5
_LEAF_HEADER = 8
# What is copied of each record: 8 bytes before its header, so that the 8 bytes up to any value are there, and
# enough after it for most values. One wide copy costs as much as one of 8 bytes.
BEFORE, WINDOW = 8, 72


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
        self._windows = self._at_any_byte(f"V{WINDOW}", WINDOW)
        self.words = self._at_any_byte(">i8", 8)
        """The 8 bytes from each position on, as a big-endian integer."""

    def _at_any_byte(self, dtype: str, size: int) -> npt.NDArray[np.generic]:
        return np.ndarray((len(self.data) - size + 1,), dtype, self.data, strides=(1,))

    def pages(self, count: int) -> U8:
        """Return the first ``count`` pages, shape (count, page_size)."""
        return self.data[FRONT : FRONT + count * self.page_size].reshape(count, self.page_size)

    def windows(self, position: I64) -> U8:
        """Return a copy of the bytes round each position, shape (positions, WINDOW)."""
        return self._windows[position - BEFORE].view(np.uint8).reshape(len(position), WINDOW)


@dataclass(frozen=True, slots=True)
class Records:
    """Where the records of a block lie; positions are indices into ``Block.data``."""

    header: I64
    """First byte of each header, which holds the header's length."""
    length: U8
    """Bytes of each header."""
    payload: I64
    """Bytes of each record, the header included."""
    size: I64
    """Bytes of each record that its page holds; the rest is on overflow pages."""

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.header)


def find_records(block: Block, count: int, usable: int) -> Records:
    """Find the records of the first ``count`` pages of ``block``, all of which must be table leaves."""
    page, offset = _cells(block, count, usable)
    if not len(page):
        return Records(page, np.empty(0, np.uint8), page, page)
    payload, position = _varints(block.data, page + offset)
    header = _skip_varints(block.data, position, 9)
    size = _local_size(payload, usable)
    length = block.data[header]
    if (header + size > page + usable).any() or (length > size).any():
        raise UnsupportedError("record outside the page")
    if length.max() >= 0x80 or not length.min():
        raise UnsupportedError("header of unusual length")
    return Records(header, length, payload, size)


def _cells(block: Block, count: int, usable: int) -> tuple[I64, I64]:
    """Return each cell's page, as the index of its first byte, and its offset in the page."""
    pages = block.pages(count)
    cells = (pages[:, 3].astype(np.int64) << 8) | pages[:, 4]
    if (pages[:, 0] != LEAF).any() or (_LEAF_HEADER + 2 * cells > usable).any():
        raise UnsupportedError("no table leaf")
    most = int(cells.max(initial=0))
    grid = pages[:, _LEAF_HEADER : _LEAF_HEADER + 2 * most].view(">u2").astype(np.int64)
    used = np.arange(most) < cells[:, None]
    if (used & ((grid < (_LEAF_HEADER + 2 * cells)[:, None]) | (grid >= usable))).any():
        raise UnsupportedError("cell outside the page")
    first = FRONT + np.arange(count, dtype=np.int64) * block.page_size
    return np.repeat(first, cells), grid[used]


def _local_size(payload: I64, usable: int) -> I64:
    """Return how many bytes of each payload are in its leaf; the rest is on overflow pages."""
    largest = usable - 35
    if payload.max() <= largest:
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


def serial_types(block: Block, records: Records, window: U8, count: int) -> npt.NDArray[np.uint8 | np.int64]:
    """Return the serial types of the first ``count`` columns, shape (records, count).

    A record that is too short to have a column has type 0 (NULL) there. ``window`` is ``block``'s round the
    records' headers.
    """
    if count > MAX_COLUMNS:
        raise UnsupportedError("many columns")
    types: npt.NDArray[np.uint8 | np.int64] = window[:, BEFORE + 1 : BEFORE + 1 + count]
    if types.shape[1] < count or records.length.min() <= count or _long_type(window, count):
        types = _long_serial_types(block.data, records, count)
    elif records.length.min() == count + 1:
        _check_whole(records, types, records.length == count + 1)
    return types


def sizes(types: npt.NDArray[np.uint8 | np.int64]) -> I64:
    """Return the bytes that values of these serial types take."""
    if types.max() < len(_SIZE):
        return _SIZE[types]
    text: I64 = (types.astype(np.int64) - 12) >> 1
    return np.where(types < len(_SIZE), _SIZE[np.minimum(types, len(_SIZE) - 1)], text)


def _check_whole(
    records: Records, types: npt.NDArray[np.uint8 | np.int64], ended: npt.NDArray[np.bool_]
) -> None:
    """Like SQLite, insist that records whose header has ``ended`` with ``types`` take their whole payload."""
    if (records.length[ended] + sizes(types[ended]).sum(axis=1) != records.payload[ended]).any():
        raise UnsupportedError("record that is longer or shorter than its values")


def _long_type(window: U8, count: int) -> bool:
    """Tell whether any of the ``count`` serial types takes more than a byte, eight of them at a time."""
    for first in range(0, count, 8):
        start = min(BEFORE + 1 + first, WINDOW - 8)
        used = range(start, start + 8)
        wanted = range(BEFORE + 1 + first, BEFORE + 1 + min(first + 8, count))
        mask = np.array([0x80 if at in wanted else 0 for at in used], np.uint8).view(np.uint64)[0]
        if (window[:, start : start + 8].view(np.uint64) & mask).any():
            return True
    return False


def _long_serial_types(data: U8, records: Records, count: int) -> I64:
    types = np.zeros((len(records), count), np.int64)
    position, body = records.header + 1, records.header + records.length
    for column in range(count):
        there = position < body
        value, after = _varints(data, np.where(there, position, records.header))  # the latter is small
        position = np.where(there, after, position)
        if (position > body).any():
            raise UnsupportedError("header that ends inside a serial type")
        types[:, column] = np.where(there, value, 0)
    ended = position == body
    if ended.any():
        _check_whole(records, types, ended)
    return types
