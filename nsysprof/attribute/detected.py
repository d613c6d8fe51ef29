"""Steps where no range marks them: found in the sequence of launches, then handled like those of NVTX."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.buckets import GRAPH, WORK_CODE
from nsysprof.attribute.detect import DetectedSteps, detect_steps
from nsysprof.attribute.detect_anchors import spread
from nsysprof.attribute.detect_choice import LAYER
from nsysprof.attribute.detected_teams import Launched, Team, join_teams
from nsysprof.attribute.steps import Steps, no_steps
from nsysprof.attribute.submissions import Submissions
from nsysprof.attribute.tally import scrambled
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64, process_id

_SMALLEST_PART = 0.1  # of the launches, for a process to have steps of its own
_BUSIEST_PART = 0.3  # of its process's launches, for a thread to have steps of its own
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
    by: Launched
    """When operations were launched, and by which thread."""


def steps_from_launches(trace: Trace, submissions: Submissions) -> Steps:
    """Find steps in the launches of every process that launches a good part of the kernels and graphs.

    Where its threads have no common step, those count that launch much and have steps of their own, and what
    other threads launched meanwhile belongs to the busiest one's. Processes, or threads, whose steps overlap
    one by one (the ranks of one job) share them; all others have their own. Without a period the result has
    no steps; the notes say why, and what is left out.

    A step lasts on the CPU from its first launch call to that of the next step. What the host did before its
    first launch (loading a batch, a progress bar) is thus the end of the step before: launches do not tell
    where it began, and nothing is left out or counted twice.
    """
    ops = submissions.ops
    launches = _launches(trace, submissions)
    process_of = ops.process[: ops.kernels] if launches.rows is None else ops.process[launches.rows]
    if not len(process_of):
        return no_steps(len(ops))
    share = np.bincount(process_of + 1) / len(process_of)
    teams: list[Team] = []
    reasons: list[str] = []
    left_out: list[str] = []
    for process in (np.argsort(-share, kind="stable") - 1).tolist():
        if share[process + 1] < _SMALLEST_PART:
            break
        found = _of_process(launches, np.flatnonzero(process_of == process))
        if len(found[0].first):
            teams += found
        else:
            reasons.append(found[0].found.reason)
            left_out.append(_left_out(trace, process, float(share[process + 1]), found[0].found.reason))
    if not teams:
        return no_steps(len(ops), tuple(reasons[:1]))
    return join_teams(trace, launches.by, teams, tuple(left_out))


def _left_out(trace: Trace, process: int, share: float, reason: str) -> str:
    name = (
        f"process {process_id(trace.processes[process])}" if process >= 0 else "a process that is not known"
    )
    return f"left out: {name}, which made {min(share, 0.99):.0%} of the launches ({reason})"


def _launches(trace: Trace, submissions: Submissions) -> _Launches:
    ops, code = submissions.ops, _launch_codes(trace)
    at = np.where(submissions.times >= 0, submissions.times, ops.start_ns)
    thread = np.full(len(ops), -1, np.int32)
    if len(trace.api_calls):
        thread = np.where(ops.launch >= 0, trace.api_calls.thread[ops.launch], np.int32(-1))
    by = Launched(ops, at, thread, trace.api_calls)
    if not len(trace.graphs):
        return _Launches(None, code, None, by)
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
    return _Launches(rows, np.concatenate([code, first[each].astype(np.int32)]), length, by)


def _launch_codes(trace: Trace) -> I32:
    """Number kernels by name and launch geometry."""
    details = trace.kernel_details()
    (weights,) = scrambled(1, 7)  # one sum for each kernel sorts much faster than rows of seven numbers
    key = trace.kernels.name * weights[0]
    for axis in range(3):
        key += details.grid[:, axis] * weights[1 + axis]
        key += details.block[:, axis] * weights[4 + axis]
    return np.unique(key, return_inverse=True)[1].astype(np.int32)


def _of_process(launches: _Launches, chosen: I64) -> list[Team]:
    """Return the steps of some launches of one process, or else of its threads that have any, busiest first.

    A single team without steps says why there are none.
    """
    team = _iterations(launches, chosen, -1)
    if len(team.first):
        return [team]
    thread = launches.by.thread[team.rows]
    counts = np.bincount(thread + 1)
    counts[0] = 0
    busy = np.flatnonzero((counts >= _BUSIEST_PART * len(thread)) & (counts < len(thread)))
    by_row = launches.by.thread[chosen if launches.rows is None else launches.rows[chosen]]
    found = []
    for one in busy[np.argsort(-counts[busy], kind="stable")].tolist():
        alone = _iterations(launches, chosen[by_row == one - 1], one - 1)
        found += [alone] if len(alone.first) else []
    return found or [team]


def _iterations(launches: _Launches, chosen: I64, thread: int) -> Team:
    rows = chosen if launches.rows is None else launches.rows[chosen]
    ops = launches.by.ops
    begun, launched = ops.start_ns[rows], launches.by.at[rows]
    later = (launched[1:] > launched[:-1]) | ((launched[1:] == launched[:-1]) & (begun[1:] >= begun[:-1]))
    if not later.all():
        order = np.lexsort((begun, launched))
        rows, chosen = rows[order], chosen[order]
    found, bounds = _detect(launches, rows, chosen)
    first, until = bounds[:-1][~found.interludes], bounds[1:][~found.interludes]
    start, end = _cpu_windows(launches.by, rows, first, until)
    return Team(int(ops.process[rows[0]]), thread, first, until, rows, start, end, found)


def _cpu_windows(by: Launched, rows: I64, first: I64, until: I64) -> tuple[I64, I64]:
    """Return from each step's first launch to the launch that follows its last one, or the end of that."""
    at, last = by.at[rows], rows[until - 1]
    launch, returned = by.ops.launch[last], by.ops.end_ns[last]
    known = launch >= 0
    returned[known] = by.calls.end_ns[launch[known]]
    following = np.minimum(until, len(at) - 1)
    return at[first], np.where(until < len(at), at[following], returned)


def _detect(launches: _Launches, rows: I64, chosen: I64) -> tuple[DetectedSteps, I64]:
    """Return the steps found in some launches, and their boundaries among these."""
    code = launches.code[chosen]
    if launches.length is None:
        found = detect_steps(code, launches.by.at[rows])
        return found, found.boundaries
    entry = spread(np.zeros(len(rows), np.int64), launches.length[chosen])
    of = np.repeat(np.arange(len(rows)), launches.length[chosen])
    found = detect_steps((code[of] + entry).astype(np.int32), launches.by.at[rows][of])
    return found, np.append(of, len(rows))[found.boundaries]
