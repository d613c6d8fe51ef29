"""What one GPU ran where streams overlap: every moment goes to the operation of the highest priority."""

from collections.abc import Iterator

import numpy as np

from nsysprof.attribute.operations import Codes
from nsysprof.attribute.tally import distinct
from nsysprof.trace.model import I64

_AT_ONCE = 1 << 15  # operations whose scratch arrays stay in the processor's cache


def clusters(start_ns: I64, end_ns: I64) -> Iterator[slice]:
    """Yield slices of operations, sorted by start, that no operation of another slice overlaps.

    A slice is longer than a block of scratch arrays only where that many operations overlap in a chain.
    """
    reach = np.maximum.accumulate(end_ns)
    opens = np.append(np.flatnonzero(start_ns[1:] >= reach[:-1]) + 1, len(start_ns))
    low = 0
    while low < len(start_ns):
        at = max(int(np.searchsorted(opens, low + _AT_ONCE, side="right")) - 1, 0)
        high = int(opens[at])
        if high <= low:
            high = int(opens[at + 1])
        yield slice(low, high)
        low = high


def by_priority(start_ns: I64, end_ns: I64, code: Codes) -> tuple[I64, I64, Codes]:
    """Give every moment to the lowest code running then; returns starts, ends and codes of disjoint spans."""
    edges = distinct(np.concatenate([start_ns, end_ns]))
    first, last = np.searchsorted(edges, start_ns), np.searchsorted(edges, end_ns)
    winner = np.full(len(edges), -1, np.int8)  # of the stretch from this edge to the next
    for kind in np.flatnonzero(np.bincount(code)):
        mine = code == kind
        depth = np.bincount(first[mine], minlength=len(edges)) - np.bincount(last[mine], minlength=len(edges))
        running = np.cumsum(depth) > 0
        running &= winner < 0
        winner[running] = kind
    at = np.flatnonzero(winner >= 0)
    return edges[at], edges[at + 1], winner[at]
