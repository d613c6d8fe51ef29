"""What one GPU ran at every moment: operations of all its streams, flattened by priority."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.trace.model import I32, I64, ApiRows

Codes = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Spans:
    """Disjoint spans of time in which one kind of work had priority; touching ones may share a kind."""

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

    Operations are sorted by start (see ``start_order``). Where several run at once, the lowest code gets the
    time.
    """
    reach = np.maximum.accumulate(end_ns)
    opens = np.ones(len(start_ns), bool)  # nothing earlier runs when the operation starts
    opens[1:] = start_ns[1:] >= reach[:-1]
    first = np.flatnonzero(opens)
    gap_start, gap_end = reach[first[1:] - 1], start_ns[first[1:]]
    real = np.flatnonzero(gap_end > gap_start)
    gaps = Gaps(gap_start[real], gap_end[real], launch[first[1:][real]])
    if len(first) == len(start_ns):
        return Spans(start_ns, end_ns, code), gaps
    alone = opens.copy()
    alone[:-1] &= opens[1:]
    crowd = np.flatnonzero(~alone)
    contested = _by_priority(start_ns[crowd], end_ns[crowd], code[crowd])
    alone_at = np.flatnonzero(alone)
    return Spans(
        np.concatenate([start_ns[alone_at], contested.start_ns]),
        np.concatenate([end_ns[alone_at], contested.end_ns]),
        np.concatenate([code[alone_at], contested.code]),
    ), gaps


def start_order(start_ns: I64, launch: I32, api: ApiRows) -> I64 | None:
    """Return the order by start, None where it is given already; ties go to the call that returned first."""
    if (start_ns[1:] > start_ns[:-1]).all():
        return None
    order: I64 = np.argsort(start_ns, kind="stable")
    in_order = start_ns[order]
    if (in_order[1:] == in_order[:-1]).any():
        known = launch >= 0
        returned, thread = np.full(len(launch), -1, np.int64), np.full(len(launch), -1, np.int32)
        returned[known], thread[known] = api.end_ns[launch[known]], api.thread[launch[known]]
        order = np.lexsort((thread, returned, start_ns))
    return order


def _by_priority(start_ns: I64, end_ns: I64, code: Codes) -> Spans:
    """Give every moment to the lowest code running then."""
    edges = np.unique(np.concatenate([start_ns, end_ns]))
    first, last = np.searchsorted(edges, start_ns), np.searchsorted(edges, end_ns)
    winner = np.full(len(edges), -1, np.int8)  # of the stretch from this edge to the next
    for kind in np.unique(code):
        mine = code == kind
        depth = np.bincount(first[mine], minlength=len(edges)) - np.bincount(last[mine], minlength=len(edges))
        running = np.cumsum(depth) > 0
        running &= winner < 0
        winner[running] = kind
    at = np.flatnonzero(winner >= 0)
    return Spans(edges[at], edges[at + 1], winner[at])
