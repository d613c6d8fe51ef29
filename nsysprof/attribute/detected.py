"""Steps where no range marks them: found in the sequence of launches, then handled like those of NVTX."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.buckets import GRAPH, WORK_CODE
from nsysprof.attribute.detect import DetectedSteps, detect_steps
from nsysprof.attribute.detect_anchors import spread
from nsysprof.attribute.detect_choice import LAYER
from nsysprof.attribute.operations import Operations
from nsysprof.attribute.steps import Steps, no_steps
from nsysprof.attribute.submissions import Submissions
from nsysprof.attribute.tally import scrambled
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64

_SMALLEST_PART = 0.1  # of the launches, for a process to have steps of its own
_BUSIEST_PART = 0.3  # of its process's launches, for a thread to have the steps of all
_GRAPH_LAUNCHES = (LAYER, 500)  # that a whole graph counts for: more than a layer, less than all the rest
_MOST_ENTRIES = 1 << 22


@dataclass(frozen=True, slots=True)
class _Launches:
    """Kernels and whole graphs, what was launched and when."""

    rows: I64 | None
    """Operations, None for all kernels."""
    code: I32
    """Number of the kernel and its launch geometry, or of the graph."""
    length: I64 | None
    """Launches that each counts for; None where each is a kernel."""


@dataclass(frozen=True, slots=True)
class _Iterations:
    """Steps of one process, in order."""

    process: int
    first: I64
    """Position of each step's first launch in ``rows``."""
    until: I64
    """Position behind its last launch."""
    rows: I64
    """Operations that the process, or its busiest thread, launched, in launch order."""
    found: DetectedSteps


def steps_from_launches(trace: Trace, submissions: Submissions) -> Steps:
    """Find steps in the launches of the process that launches most kernels and graphs.

    Where its threads have no common step, those of the thread that launches most count, and what other
    threads launched meanwhile belongs to them. Other processes that launch as many iterations (the ranks of
    one job) share the steps. Without a period the result has no steps, and its notes say why.

    A step lasts on the CPU from its first launch call to that of the next step. What the host did before its
    first launch (loading a batch, a progress bar) is thus the end of the step before: launches do not tell
    where it began, and nothing is left out or counted twice.
    """
    ops = submissions.ops
    launches = _launches(trace, ops)
    process_of = ops.process[: ops.kernels] if launches.rows is None else ops.process[launches.rows]
    if not len(process_of):
        return no_steps(len(ops))
    at = np.where(submissions.times >= 0, submissions.times, ops.start_ns)
    share = np.bincount(process_of + 1) / len(process_of)
    teams: list[_Iterations] = []
    for process in (np.argsort(-share, kind="stable") - 1).tolist():
        if share[process + 1] < _SMALLEST_PART:
            break
        team = _of_process(trace, ops, at, launches, np.flatnonzero(process_of == process))
        if not teams and not len(team.first):
            return no_steps(len(ops), (team.found.reason,))
        if not teams or len(team.first) == len(teams[0].first):
            teams.append(team)
    return _steps(trace, ops, at, teams)


def _launches(trace: Trace, ops: Operations) -> _Launches:
    code = _launch_codes(trace)
    if not len(trace.graphs):
        return _Launches(None, code, None)
    graphs = ops.kernels + np.flatnonzero(ops.code[ops.kernels :] == WORK_CODE[GRAPH])
    rows = np.concatenate([np.arange(ops.kernels), graphs])
    number, each = np.unique(trace.graphs.graph, return_inverse=True)
    lasts = ops.end_ns[rows] - ops.start_ns[rows]
    usual_ns = max(float(np.median(lasts[: ops.kernels])) if ops.kernels else 0.0, 1.0)
    graph_ns = np.array([np.median(lasts[ops.kernels :][each == one]) for one in range(len(number))])
    most = max(min(_GRAPH_LAUNCHES[1], _MOST_ENTRIES // len(graphs)), 1)
    size = np.clip(graph_ns / usual_ns, min(_GRAPH_LAUNCHES[0], most), most).astype(np.int64)
    length = np.concatenate([np.ones(ops.kernels, np.int64), size[each]])
    first = int(code.max(initial=-1)) + 1 + np.cumsum(size) - size
    return _Launches(rows, np.concatenate([code, first[each].astype(np.int32)]), length)


def _launch_codes(trace: Trace) -> I32:
    """Number kernels by name and launch geometry."""
    details = trace.kernel_details()
    (weights,) = scrambled(1, 7)  # one sum for each kernel sorts much faster than rows of seven numbers
    key = trace.kernels.name * weights[0]
    for axis in range(3):
        key += details.grid[:, axis] * weights[1 + axis]
        key += details.block[:, axis] * weights[4 + axis]
    return np.unique(key, return_inverse=True)[1].astype(np.int32)


def _of_process(trace: Trace, ops: Operations, at: I64, launches: _Launches, chosen: I64) -> _Iterations:
    """Return the steps of some launches of one process, or else of the thread that made most of them."""
    team = _iterations(ops, at, launches, chosen)
    call = ops.launch[team.rows]
    if len(team.first) or not len(trace.api_calls):
        return team
    thread = np.where(call >= 0, trace.api_calls.thread[call], -1)
    counts = np.bincount(thread + 1)
    busiest = int(np.argmax(counts))
    if not busiest or not _BUSIEST_PART * len(thread) <= counts[busiest] < len(thread):
        return team
    by_row = ops.launch[chosen] if launches.rows is None else ops.launch[launches.rows[chosen]]
    mine = (by_row >= 0) & (trace.api_calls.thread[by_row] == busiest - 1)
    alone = _iterations(ops, at, launches, chosen[mine])
    return alone if len(alone.first) else team


def _iterations(ops: Operations, at: I64, launches: _Launches, chosen: I64) -> _Iterations:
    rows = chosen if launches.rows is None else launches.rows[chosen]
    begun, launched = ops.start_ns[rows], at[rows]
    later = (launched[1:] > launched[:-1]) | ((launched[1:] == launched[:-1]) & (begun[1:] >= begun[:-1]))
    if not later.all():
        order = np.lexsort((begun, launched))
        rows, chosen = rows[order], chosen[order]
    code = launches.code[chosen]
    process = int(ops.process[rows[0]])
    if launches.length is None:
        found = detect_steps(code, at[rows])
        bounds = found.boundaries
    else:
        entry = spread(np.zeros(len(rows), np.int64), launches.length[chosen])
        of = np.repeat(np.arange(len(rows)), launches.length[chosen])
        found = detect_steps((code[of] + entry).astype(np.int32), at[rows][of])
        bounds = np.append(of, len(rows))[found.boundaries]
    first, until = bounds[:-1][~found.interludes], bounds[1:][~found.interludes]
    return _Iterations(process, first, until, rows, found)


def _steps(trace: Trace, ops: Operations, at: I64, teams: list[_Iterations]) -> Steps:
    lead = teams[0]
    steps = len(lead.first)
    start, end = np.full(steps, np.iinfo(np.int64).max), np.zeros(steps, np.int64)
    of_op = np.full(len(ops), -1, np.int32)
    processes = np.zeros((steps, len(trace.processes)), bool)
    for team in teams:
        begins, ends = _cpu_windows(trace, ops, at, team)
        start, end = np.minimum(start, begins), np.maximum(end, ends)
        if team.process >= 0:
            processes[:, team.process] = True
        lengths = team.until - team.first
        position = np.repeat(team.first - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        of_op[team.rows[position]] = np.repeat(np.arange(steps, dtype=np.int32), lengths)
        apart = ops.process == team.process
        apart[team.rows] = False
        others = np.flatnonzero(apart)
        step = np.searchsorted(begins, at[others], side="right") - 1
        of_op[others] = np.where((step >= 0) & (at[others] < ends[step]), step, -1)
    broken = np.concatenate([[False], lead.first[1:] > lead.until[:-1]])
    return Steps(
        labels=tuple(f"step {index}" for index in range(steps)),
        start_ns=start,
        end_ns=end,
        chain=np.cumsum(broken).astype(np.int32),
        processes=processes,
        of_op=of_op,
        source="detected",
        confidence=float(lead.found.confidence),
        notes=(f"steps were detected, not marked by the program ({lead.found.reason})",),
    )


def _cpu_windows(trace: Trace, ops: Operations, at: I64, team: _Iterations) -> tuple[I64, I64]:
    """Return from each step's first launch to the launch that follows its last one, or the end of that."""
    launched = at[team.rows]
    last = team.rows[team.until - 1]
    launch, returned = ops.launch[last], ops.end_ns[last]
    known = launch >= 0
    returned[known] = trace.api_calls.end_ns[launch[known]]
    following = np.minimum(team.until, len(launched) - 1)
    return launched[team.first], np.where(team.until < len(launched), launched[following], returned)
