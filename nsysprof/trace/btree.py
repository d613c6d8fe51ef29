"""Find and read the leaves of an SQLite table."""

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from nsysprof.trace.database import Header, has_log
from nsysprof.trace.model import I64
from nsysprof.trace.records import FRONT, INTERIOR, LEAF, U8, Block, UnsupportedError

_INTERIOR_HEADER = 12
_DEEPEST = 20
_LONGEST_CELL = 4 + 9  # child page, rowid


@dataclass(frozen=True, slots=True)
class Leaves:
    """The leaves of a table in the order of their rows."""

    numbers: I64
    """Page numbers, from 1."""
    last_rowids: I64
    """Largest rowid of each leaf; of the last leaf unknown and -1."""


class PageFile:
    """The pages of an SQLite file, read without SQLite."""

    def __init__(self, path: Path, header: Header) -> None:
        """Open ``path`` read-only. Close it after SQLite's connection: closing drops the process's locks."""
        if has_log(path, header):
            raise UnsupportedError("the newest pages are in a log")
        self.header = header
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise UnsupportedError(str(error)) from None
        self.size = os.fstat(self._file).st_size
        """Bytes of the file."""
        self.bytes_read = 0
        """Bytes read so far, about."""
        self._count = self.size // header.page_size

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def read(self, numbers: I64, block: Block) -> None:
        """Fill the first pages of ``block`` with pages ``numbers``."""
        size = self.header.page_size
        self._check(numbers)
        room = block.data[FRONT : FRONT + len(numbers) * size].data
        cuts = np.flatnonzero(np.diff(numbers) != 1) + 1
        bounds = [0, *cuts.tolist(), len(numbers)]
        for first, last in pairwise(bounds):
            wanted = room[first * size : last * size]
            try:
                count = os.preadv(self._file, [wanted], (int(numbers[first]) - 1) * size)
            except OSError as error:
                raise UnsupportedError(str(error)) from None
            if count != len(wanted):
                raise UnsupportedError("short read")
        self.bytes_read += len(room)

    def _check(self, numbers: I64) -> None:
        if numbers.min() < 1 or numbers.max() > self._count:
            raise UnsupportedError("page outside the file")

    def leaves(self, root: int) -> Leaves:
        """Return the leaves of the table whose root page is ``root``."""
        block = Block(1, self.header.page_size)
        numbers, rowids = np.array([root], np.int64), np.array([-1], np.int64)
        for _ in range(_DEEPEST):
            self._check(numbers)
            self.read(numbers[:1], block)
            kind = block.pages(1)[0, 0]
            if kind == LEAF:
                if np.bincount(numbers).max() > 1:
                    raise UnsupportedError("page used twice")
                return Leaves(numbers, rowids)
            children = [
                self._children(number, rowid, block) for number, rowid in zip(numbers, rowids, strict=True)
            ]
            numbers = np.concatenate([number for number, _ in children])
            rowids = np.concatenate([rowid for _, rowid in children])
            if len(numbers) > self._count:
                raise UnsupportedError("page used twice")
        raise UnsupportedError("deep tree")

    def _children(self, number: np.int64, last_rowid: np.int64, block: Block) -> tuple[I64, I64]:
        self.read(np.array([number]), block)
        page = block.pages(1)[0]
        cells = int(page[3]) << 8 | int(page[4])
        start = _INTERIOR_HEADER + 2 * cells
        if page[0] != INTERIOR or start > self.header.usable:
            raise UnsupportedError("no interior table page")
        offset = page[_INTERIOR_HEADER:start].view(">u2").astype(np.int64)
        if cells and (offset.min() < start or offset.max() >= self.header.usable):
            raise UnsupportedError("cell outside the page")
        cell = block.data[(FRONT + offset)[:, None] + np.arange(_LONGEST_CELL)]
        child = np.ascontiguousarray(cell[:, :4]).view(">u4")[:, 0].astype(np.int64)
        rightmost = int.from_bytes(page[8:12].tobytes(), "big")
        return np.append(child, rightmost), np.append(_rowids(cell[:, 4:]), last_rowid)


def _rowids(encoded: U8) -> I64:
    """Decode variable-length integers, one a row of nine bytes."""
    value = np.zeros(len(encoded), np.int64)
    more = np.ones(len(encoded), bool)
    for index in range(8):
        byte = encoded[:, index].astype(np.int64)
        value = np.where(more, (value << 7) | (byte & 0x7F), value)
        more &= byte >= 0x80
    return np.where(more, (value << 8) | encoded[:, 8], value)
