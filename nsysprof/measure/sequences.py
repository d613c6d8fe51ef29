"""What a thread calls from one launch to the next: the most frequent sequences of CUDA API functions."""

import numpy as np

from nsysprof.measure.calls import Calls
from nsysprof.measure.timeline_model import Sequence
from nsysprof.trace.model import I64

MOST = 12
"""Sequences that are returned."""
_LONGEST = 64
"""Calls of a sequence that are told apart; what comes before them does not count."""
_LAUNCHES = ("launch", "graph_launch")


def frequent_sequences(calls: Calls, among: I64) -> tuple[Sequence, ...]:
    """Return the most frequent sequences of the thread that launches most; empty without launches.

    among: the rows of ``calls`` to look at.
    """
    launches = np.zeros(len(calls.rows), bool)
    launches[among] = calls.is_class(*_LAUNCHES)[among]
    if not launches.any():
        return ()
    thread = np.bincount(calls.rows.thread[launches]).argmax()
    rows = among[calls.rows.thread[among] == thread]
    if not (np.diff(calls.rows.start_ns[rows]) >= 0).all():
        rows = rows[np.argsort(calls.rows.start_ns[rows], kind="stable")]
    ends = np.flatnonzero(launches[rows])
    rows = rows[: ends[-1] + 1]
    first = np.concatenate([[0], ends[:-1] + 1])
    functions = calls.coded.codes[rows]
    length = ends - first + 1
    # a random number for each function at each position from the end: their sum tells sequences apart
    # (two different ones agree with a chance of 2**-64)
    back = np.minimum(np.repeat(ends, length) - np.arange(len(rows)), _LONGEST)
    weights = np.random.default_rng(0).integers(1, 2**63, (_LONGEST + 1, len(calls.kinds)), np.int64)
    weights[_LONGEST] = 0
    key = np.add.reduceat(weights[back, functions], first)
    _, example, which, times = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    inside = np.add.reduceat(calls.rows.end_ns[rows] - calls.rows.start_ns[rows], first)
    done = calls.rows.end_ns[rows[ends]]
    begun = np.concatenate([calls.rows.start_ns[rows[:1]], done[:-1]])
    api_ns = np.bincount(which, weights=inside).astype(np.int64)
    span_ns = np.bincount(which, weights=done - begun).astype(np.int64)
    found = []
    for entry in np.argsort(-times, kind="stable")[:MOST].tolist():
        low, high = int(first[example[entry]]), int(ends[example[entry]]) + 1
        names = tuple(calls.kinds[code].name for code in functions[max(low, high - _LONGEST) : high].tolist())
        found.append(Sequence(names, int(times[entry]), int(api_ns[entry]), int(span_ns[entry])))
    return tuple(found)
