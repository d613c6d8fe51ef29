"""What one GPU ran at every moment: operations of all its streams, flattened by priority."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.operations import Codes
from nsysprof.trace.model import I32, I64


@dataclass(frozen=True, slots=True)
class Spans:
    """Disjoint spans of time in which one kind of work had priority, in any order."""

    start_ns: I64
    end_ns: I64
    code: Codes
    """Index into ``buckets.WORK``."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Spans between a device's first and last operation in which nothing ran."""

    start_ns: I64
    end_ns: I64
    launch: I32
    """API row that submitted the operation that ended the gap, -1 when unknown."""


def flatten(start_ns: I64, end_ns: I64, code: Codes, launch: I32) -> tuple[Spans, Gaps]:
    """Split a device's time into spans of work and gaps.

    Operations are sorted by start. Where several run at once, the lowest code gets the time.
    """
    reach = np.maximum.accumulate(end_ns)
    opens = np.ones(len(start_ns), bool)  # nothing earlier runs when the operation starts
    np.greater_equal(start_ns[1:], reach[:-1], out=opens[1:])
    first = np.flatnonzero(opens)[1:]
    real = first[start_ns[first] > reach[first - 1]]
    gaps = Gaps(reach[real - 1], start_ns[real], launch[real])
    if len(first) + 1 == len(start_ns):
        return Spans(start_ns, end_ns, code), gaps
    del reach
    alone = opens.copy()
    alone[:-1] &= opens[1:]
    crowd = np.flatnonzero(~alone)
    contested = _by_priority(start_ns[crowd], end_ns[crowd], code[crowd])
    at = np.flatnonzero(alone)
    return Spans(
        np.concatenate([start_ns[at], contested.start_ns]),
        np.concatenate([end_ns[at], contested.end_ns]),
        np.concatenate([code[at], contested.code]),
    ), gaps


def _by_priority(start_ns: I64, end_ns: I64, code: Codes) -> Spans:
    """Give every moment to the lowest code running then."""
    edges = np.unique(np.concatenate([start_ns, end_ns]))
    first, last = np.searchsorted(edges, start_ns), np.searchsorted(edges, end_ns)
    winner = np.full(len(edges), -1, np.int8)  # of the stretch from this edge to the next
    for kind in np.flatnonzero(np.bincount(code)):
        mine = code == kind
        depth = np.bincount(first[mine], minlength=len(edges)) - np.bincount(last[mine], minlength=len(edges))
        running = np.cumsum(depth) > 0
        running &= winner < 0
        winner[running] = kind
    at = np.flatnonzero(winner >= 0)
    return Spans(edges[at], edges[at + 1], winner[at])
