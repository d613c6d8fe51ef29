"""Read columns of the records of a block."""

import numpy as np
import numpy.typing as npt

from nsysprof.trace.columns import NULL
from nsysprof.trace.model import I32, I64
from nsysprof.trace.records import BEFORE, WINDOW, Block, Records, UnsupportedError, serial_types, sizes

Types = npt.NDArray[np.uint8 | np.int64]

_REAL = 7
_SIZE = sizes(np.arange(10, dtype=np.uint8))  # of integers by serial type


class FieldReader:
    """Reads columns of a block's records, in ascending order of their index.

    While all records agree about a column's type, so they do about the next one's place, which is then one
    number; and a column whose type says its value (NULL, 0 or 1) needs no place at all.
    """

    def __init__(self, block: Block, records: Records, count: int) -> None:
        """Prepare to read among the first ``count`` columns of at least one record."""
        self._block = block
        self._records = records
        self._window = block.windows(records.header)
        self._types = serial_types(block, records, self._window, count)
        self._smallest = int(records.size.min())
        length = records.length
        # Where column self._next starts, counted from the header's first byte.
        self._offset: I64 | int = int(length[0]) if (length == length[0]).all() else length.astype(np.int64)
        self._next = 0
        self._sizes: dict[int, int] = {}  # of columns that were read and have one size

    def present(self, column: int) -> I64 | int:
        """Return 1 where ``column`` is not NULL, else 0; one number when all records agree."""
        types = self._types[:, column]
        if ((types == 10) | (types == 11)).any():
            raise UnsupportedError("reserved type")
        there: I64 = (types != 0).astype(np.int64)
        return int(there[0]) if (there == there[0]).all() else there

    def integers(self, column: int) -> I64 | I32 | int:
        """Return the values of ``column``, NULL as -1; one number where it is easily told that all agree."""
        types = self._types[:, column]
        common = int(types[0])
        if (types != common).any():
            return self._mixed(column, types)
        if common > 9 or common == _REAL:
            raise UnsupportedError("not an integer")
        size = self._sizes[column] = int(_SIZE[common])
        if not size:
            return NULL if common == 0 else common - 8
        return self._same_size(column, size)

    def _same_size(self, column: int, size: int) -> I64 | I32 | int:
        offset = self._place(column, size)
        last = offset + size
        value: I64 | I32
        if isinstance(last, int) and BEFORE + last <= WINDOW:
            width = 4 if size <= 4 else 8
            encoded = self._window[:, BEFORE + last - width : BEFORE + last]
            native = encoded.view(f"u{width}")[:, 0]
            if size == width and native[0] == native[-1] and (native == native[0]).all():
                return int.from_bytes(encoded[0].tobytes(), "big", signed=True)
            value = encoded.view(f">i{width}")[:, 0].astype(f"i{width}")
        else:
            value = self._block.words[self._records.header + (last - 8)].astype(np.int64)
        shift = 8 * (value.itemsize - size)
        if shift:  # drop the bytes before the value, then extend its sign
            value <<= shift
            value >>= shift
        return value

    def _mixed(self, column: int, types: Types) -> I64:
        if types.max() > 9 or (types == _REAL).any():
            raise UnsupportedError("not an integer")
        size = _SIZE[types]
        constant: I64 = np.where(types == 0, NULL, types == 9).astype(np.int64)
        if not size.any():
            return constant
        last = self._place(column, size) + size
        value = self._block.words[self._records.header + (last - 8)].astype(np.int64)
        shift = np.where(size == 0, 0, 64 - 8 * size)
        value <<= shift
        value >>= shift
        return np.where(size == 0, constant, value)

    def _place(self, column: int, size: I64 | int) -> I64 | int:
        """Return where ``column`` starts, counted from the header; its ``size`` bytes are inside the page."""
        for passed in range(self._next, column):
            step = self._sizes.pop(passed, None)
            self._offset = self._offset + (_same_or_each(self._types[:, passed]) if step is None else step)
        self._next = column
        last = self._offset + size
        if np.max(last) > self._smallest and (last > self._records.size).any():
            raise UnsupportedError("value outside the page")
        return self._offset


def _same_or_each(types: Types) -> I64 | int:
    """Return the bytes that values of these serial types take; one number where all take as many."""
    low, high = int(types.min()), int(types.max())
    if low == high or (low, high) == (8, 9):
        return int(sizes(np.array([low]))[0])
    size = sizes(types)
    return int(size[0]) if (size == size[0]).all() else size
