"""Steps where no range marks them: found in the sequence of launches, then handled like those of NVTX."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect import DetectedSteps, detect_steps
from nsysprof.attribute.operations import Operations
from nsysprof.attribute.steps import Steps, no_steps
from nsysprof.attribute.submissions import Submissions
from nsysprof.attribute.tally import scrambled
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64

_SMALLEST_PART = 0.1  # of the kernels, for a process to have steps of its own


@dataclass(frozen=True, slots=True)
class _Iterations:
    """Steps of one process, in order."""

    process: int
    first: I64
    """Position of each step's first kernel in ``kernels``."""
    until: I64
    """Position behind its last kernel."""
    kernels: I64
    """Kernels of the process in launch order."""
    found: DetectedSteps


def steps_from_launches(trace: Trace, submissions: Submissions) -> Steps:
    """Find steps in the launches of the process that launches most kernels.

    Other processes that launch as many iterations (the ranks of one job) share its steps. Without a period
    the result has no steps, and its notes say why.
    """
    ops = submissions.ops
    if not ops.kernels:
        return no_steps(len(ops))
    at = np.where(submissions.times >= 0, submissions.times, ops.start_ns)
    share = np.bincount(ops.process[: ops.kernels] + 1) / ops.kernels
    code = _launch_codes(trace)
    teams: list[_Iterations] = []
    for process in (np.argsort(-share, kind="stable") - 1).tolist():
        if share[process + 1] < _SMALLEST_PART:
            break
        team = _iterations(ops, at, code, process)
        if not teams and not len(team.first):
            return no_steps(len(ops), (team.found.reason,))
        if not teams or len(team.first) == len(teams[0].first):
            teams.append(team)
    return _steps(trace, ops, at, teams)


def _launch_codes(trace: Trace) -> I32:
    """Number kernels by name and launch geometry."""
    details = trace.kernel_details()
    (weights,) = scrambled(1, 7)  # one sum for each kernel sorts much faster than rows of seven numbers
    key = trace.kernels.name * weights[0]
    for axis in range(3):
        key += details.grid[:, axis] * weights[1 + axis]
        key += details.block[:, axis] * weights[4 + axis]
    return np.unique(key, return_inverse=True)[1].astype(np.int32)


def _iterations(ops: Operations, at: I64, code: I32, process: int) -> _Iterations:
    kernels = np.flatnonzero(ops.process[: ops.kernels] == process)
    begun, launched = ops.start_ns[kernels], at[kernels]
    later = (launched[1:] > launched[:-1]) | ((launched[1:] == launched[:-1]) & (begun[1:] >= begun[:-1]))
    if not later.all():
        kernels = kernels[np.lexsort((begun, launched))]
    found = detect_steps(code[kernels], at[kernels])
    first, until = found.boundaries[:-1], found.boundaries[1:]
    if found.interludes is not None:
        first, until = first[~found.interludes], until[~found.interludes]
    return _Iterations(process, first, until, kernels, found)


def _steps(trace: Trace, ops: Operations, at: I64, teams: list[_Iterations]) -> Steps:
    lead = teams[0]
    steps = len(lead.first)
    start, end = np.full(steps, np.iinfo(np.int64).max), np.zeros(steps, np.int64)
    of_op = np.full(len(ops), -1, np.int32)
    processes = np.zeros((steps, len(trace.processes)), bool)
    for team in teams:
        begins, ends = _cpu_windows(trace, ops, at, team)
        start, end = np.minimum(start, begins), np.maximum(end, ends)
        processes[:, team.process] = True
        lengths = team.until - team.first
        position = np.repeat(team.first - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
        of_op[team.kernels[position]] = np.repeat(np.arange(steps, dtype=np.int32), lengths)
        others = ops.kernels + np.flatnonzero(ops.process[ops.kernels :] == team.process)
        step = np.searchsorted(begins, at[others], side="right") - 1
        of_op[others] = np.where((step >= 0) & (at[others] < ends[step]), step, -1)
    apart = np.concatenate([[False], lead.first[1:] > lead.until[:-1]])
    return Steps(
        labels=tuple(f"step {index}" for index in range(steps)),
        start_ns=start,
        end_ns=end,
        chain=np.cumsum(apart).astype(np.int32),
        processes=processes,
        of_op=of_op,
        source="detected",
        confidence=float(lead.found.confidence),
        notes=(f"steps were detected, not marked by the program ({lead.found.reason})",),
    )


def _cpu_windows(trace: Trace, ops: Operations, at: I64, team: _Iterations) -> tuple[I64, I64]:
    """Return from each step's first launch to the launch that follows its last one, or the end of that."""
    launched = at[team.kernels]
    last = team.kernels[team.until - 1]
    launch, returned = ops.launch[last], ops.end_ns[last]
    known = launch >= 0
    returned[known] = trace.api_calls.end_ns[launch[known]]
    following = np.minimum(team.until, len(launched) - 1)
    return launched[team.first], np.where(team.until < len(launched), launched[following], returned)
