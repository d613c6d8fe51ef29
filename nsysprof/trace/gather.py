"""Collect a column from chunks that arrive in any order, some of which hold a single value."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nsysprof.trace.columns import INT32_MAX, INT32_MIN, NULL, Coded, encode
from nsysprof.trace.model import I32, I64
from nsysprof.trace.schema import Column, Kind

_FEW = 16


class TooWideError(Exception):
    """A value does not fit the 32 bits that its column was given."""

    def __init__(self, column: str) -> None:
        """Remember the column's name."""
        super().__init__(column)
        self.column = column


@dataclass(frozen=True, slots=True)
class _Chunk:
    start: int
    count: int
    constant: int | None
    """The value of every row; None when the rows are in the array. Codes are of ``values``."""
    values: tuple[int, ...] = ()


class ColumnGatherer:
    """One column of a table, filled by several threads that own different rows."""

    def __init__(self, column: Column, rows: int) -> None:
        """Make room for ``rows`` values; memory is used only once it is written."""
        self._column = column
        self._rows = rows
        self._array: npt.NDArray[np.int64 | np.int32] = np.empty(
            rows, np.int64 if column.kind is Kind.INT64 else np.int32
        )
        self._chunks: list[_Chunk] = []

    def put(self, start: int, count: int, values: I64 | I32 | int) -> None:
        """Store ``count`` values from row ``start`` on; one number stands for all; raises TooWideError."""
        if isinstance(values, np.ndarray) and values[0] == values[-1] and (values == values[0]).all():
            values = int(values[0])
        if self._column.kind is Kind.CODE:
            self._put_codes(start, count, values)
            return
        if self._column.kind is Kind.INT32 and _too_wide(values):
            raise TooWideError(self._column.name)
        if isinstance(values, np.ndarray):
            self._array[start : start + count] = values
        self._chunks.append(_Chunk(start, count, None if isinstance(values, np.ndarray) else values))

    def _put_codes(self, start: int, count: int, values: I64 | I32 | int) -> None:
        if isinstance(values, int):
            known = () if values == NULL else (values,)
            self._chunks.append(_Chunk(start, count, len(known) - 1, known))
            return
        coded = _encode_few(values)
        self._array[start : start + count] = coded.codes
        self._chunks.append(_Chunk(start, count, None, tuple(coded.values.tolist())))

    def integers(self) -> npt.NDArray[Any]:
        """Return the values by row."""
        return self._filled({chunk.start: chunk.constant for chunk in self._chunks})

    def coded(self) -> Coded:
        """Return the codes by row and the values in the order in which the rows name them."""
        index: dict[int, int] = {}
        constants: dict[int, int | None] = {}
        for chunk in sorted(self._chunks, key=lambda chunk: chunk.start):
            codes = [index.setdefault(value, len(index)) for value in chunk.values]
            if chunk.constant is not None:
                constants[chunk.start] = codes[0] if codes else NULL
            elif codes != list(range(len(codes))):
                rows = slice(chunk.start, chunk.start + chunk.count)
                self._array[rows] = np.array([*codes, NULL], np.int32)[self._array[rows]]
        return Coded(self._filled(constants), np.fromiter(index, np.int64, len(index)))

    def _filled(self, constants: dict[int, int | None]) -> npt.NDArray[Any]:
        distinct = {constants.get(chunk.start) for chunk in self._chunks}
        only = distinct.pop() if len(distinct) == 1 else None
        if only is not None:
            return np.broadcast_to(self._array.dtype.type(only), (self._rows,))  # no memory per row
        for chunk in self._chunks:
            constant = constants.get(chunk.start)
            if constant is not None:
                self._array[chunk.start : chunk.start + chunk.count] = constant
        return self._array


def _too_wide(values: I64 | I32 | int) -> bool:
    if isinstance(values, int):
        return not INT32_MIN <= values <= INT32_MAX
    return values.itemsize > 4 and bool(values.max() > INT32_MAX or values.min() < INT32_MIN)


def _encode_few(values: I64 | I32) -> Coded:
    """Dictionary-code values of which few are distinct, without sorting them."""
    codes: I32 = np.full(len(values), NULL, np.int32)
    distinct: list[int] = []
    rest = np.flatnonzero(values != NULL)
    while len(rest):
        if len(distinct) == _FEW:
            return encode(values.astype(np.int64, copy=False))
        value = values[rest[0]]
        same = values[rest] == value
        codes[rest[same]] = len(distinct)
        distinct.append(int(value))
        rest = rest[~same]
    return Coded(codes, np.array(distinct, np.int64))
