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
    return as_text(zlib.compress(data, 9))


def as_text(data: bytes) -> str:
    """Return ``data`` as text; the first two characters say how many padding bits end it."""
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    padding = -len(bits) % 13
    groups = np.concatenate([bits, np.zeros(padding, np.uint8)]).reshape(-1, 13)
    values = np.concatenate([[padding], groups @ (1 << np.arange(12, -1, -1))])
    pairs = np.stack(np.divmod(values, 91), axis=1).ravel()
    letters = np.frombuffer(ALPHABET.encode(), np.uint8)[pairs]
    return str(letters.tobytes(), "ascii")


def varints(values: npt.NDArray[np.integer]) -> bytes:
    """Return non-negative integers, seven bits a byte, low bits first; the high bit says that more follow."""
    rest = values.astype(np.uint64)
    sizes = np.ones(len(rest), np.int64)
    limit = np.uint64(1 << 7)
    while (more := rest >= limit).any():
        sizes += more
        if limit >= np.uint64(1 << 56):
            break
        limit = np.uint64(int(limit) << 7)
    starts = np.cumsum(sizes) - sizes
    out = np.zeros(int(sizes.sum()), np.uint8)
    for byte in range(int(sizes.max(initial=0))):
        there = np.flatnonzero(sizes > byte)
        part = (rest[there] >> np.uint64(7 * byte)) & np.uint64(0x7F)
        out[starts[there] + byte] = part.astype(np.uint8) | ((sizes[there] > byte + 1) << 7).astype(np.uint8)
    return out.tobytes()
