"""Bytes as text inside a page: deflated, then 13 bits in every two characters.

The page stays plain ASCII and so survives any server, editor or mail; the text is 23 % longer than the bytes
(base64: 33 %). ``assets/js/unpack.js`` reads it back.
"""

import zlib

import numpy as np
import numpy.typing as npt

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%()*+,./:;=?@[]^_`{|}~-'\">"
"""91 printable characters without ``<`` and ``&``, by which a script element could end or be misread."""


def packed(data: bytes) -> str:
    """Return ``data`` deflated and as text."""
    return as_text(zlib.compress(data))  # the highest level makes pages 1 % smaller, in three times the time


def as_text(data: bytes) -> str:
    """Return ``data`` as text; the first two characters say how many padding bits end it."""
    groups = -(-len(data) // 13)  # of 13 bytes, which are 8 numbers of 13 bits
    bytes_ = np.zeros((groups, 14), np.uint32)
    bytes_[:, :13] = np.frombuffer(data.ljust(13 * groups, b"\0"), np.uint8).reshape(-1, 13)
    values = np.empty(8 * groups + 1, np.uint32)
    values[0] = 8 * (13 * groups - len(data))
    for number in range(8):
        byte, bit = divmod(13 * number, 8)
        window = bytes_[:, byte] << 16 | bytes_[:, byte + 1] << 8 | bytes_[:, min(byte + 2, 13)]
        values[1 + number :: 8] = (window >> (11 - bit)) & 0x1FFF
    pairs = np.stack(np.divmod(values, 91), axis=1)
    letters = np.frombuffer(ALPHABET.encode(), np.uint8)[pairs]
    return str(letters.tobytes(), "ascii")


def planes(values: npt.NDArray[np.integer]) -> list[bytes]:
    """Return integers as planes: all low bytes, then all second bytes, and so on, as many as are needed.

    Signs go into the lowest bit (0, -1, 1, -2 become 0, 1, 2, 3). Bytes of one weight compress well together.
    """
    wide = values.astype(np.int64)
    rest = ((wide << 1) ^ (wide >> 63)).view(np.uint64)
    found = []
    while rest.any():
        found.append(rest.astype(np.uint8).tobytes())
        rest = rest >> np.uint64(8)
    return found


class Columns:
    """Columns of integers, as planes in one run of bytes, with a directory of what is where."""

    def __init__(self) -> None:
        """Begin without columns."""
        self.directory: dict[str, dict[str, object]] = {}
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, name: str, values: npt.NDArray[np.integer], delta: bool = False) -> None:
        """Add a column; ``delta`` keeps the difference of each value from the one before."""
        flat = values.ravel()
        parts = planes(np.diff(flat, prepend=flat.dtype.type(0)) if delta and len(flat) else flat)
        self.directory[name] = {"at": self._size, "rows": len(flat), "planes": len(parts), "delta": delta}
        self._parts += parts
        self._size += len(flat) * len(parts)

    def bytes(self) -> bytes:
        """Return all planes, one after another."""
        return b"".join(self._parts)
