"""Detected steps of several processes and threads: shared where they are taken together, else their own."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.detect import DetectedSteps
from nsysprof.attribute.operations import Operations
from nsysprof.attribute.steps import Steps
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64, ApiRows, Bools, process_id, thread_id

_TOGETHER, _IN_STEP = 0.5, 0.8  # of two steps' time together; of the steps of two teams that are one job
_MUCH = 0.2  # of the GPU time outside the steps


@dataclass(frozen=True, slots=True)
class Launched:
    """Operations and their launches."""

    ops: Operations
    at: I64
    """When each was launched, or began where that is not known."""
    thread: I32
    """Thread that launched it, -1 when unknown."""
    calls: ApiRows
    """Calls of the CUDA API, to which ``ops.launch`` points."""


@dataclass(frozen=True, slots=True)
class Team:
    """Steps of one process, or of one of its threads, in order."""

    process: int
    thread: int
    """Thread whose steps they are, -1 for the whole process."""
    first: I64
    """Position of each step's first launch in ``rows``."""
    until: I64
    """Position behind its last launch."""
    rows: I64
    """Operations that the process, or the thread, launched, in launch order."""
    start_ns: I64
    """When each step began on the CPU: at its first launch."""
    end_ns: I64
    """At the launch that follows its last one, or the end of that."""
    found: DetectedSteps


@dataclass(frozen=True, slots=True)
class _Group:
    """Teams that take each step together."""

    teams: list[Team]
    start_ns: I64
    """Of each step, on the CPU."""
    end_ns: I64


def join_teams(trace: Trace, launched: Launched, teams: list[Team], notes: tuple[str, ...]) -> Steps:
    """Return the steps of all teams, in the order in which they began.

    teams: those of one process one after the other, busiest first.
    """
    groups = _grouped(teams)
    sizes = [len(group.start_ns) for group in groups]
    start = np.concatenate([group.start_ns for group in groups])
    order = np.argsort(start, kind="stable")
    number = np.argsort(order).astype(np.int32)
    of_op = np.full(len(launched.ops), -1, np.int32)
    processes = np.zeros((len(order), len(trace.processes)), bool)
    for group, numbers in zip(groups, np.split(number, np.cumsum(sizes)[:-1]), strict=True):
        for team in group.teams:
            _assign(of_op, launched, team, teams, numbers)
            if team.process >= 0:
                processes[numbers, team.process] = True
    count = np.concatenate([np.arange(size) for size in sizes])
    return Steps(
        labels=tuple(f"step {index}" for index in count[order].tolist()),
        start_ns=start[order],
        end_ns=np.concatenate([group.end_ns for group in groups])[order],
        chain=_chains(groups)[order],
        processes=processes,
        of_op=of_op,
        source="detected",
        confidence=float(min(group.teams[0].found.confidence for group in groups)),
        notes=(_how_found(trace, groups), *notes, *_much_outside(launched.ops, of_op)),
        thread=_threads(groups, launched.thread)[order] if _by_thread(groups) else None,
    )


def _grouped(teams: list[Team]) -> list[_Group]:
    """Put teams together that take as many steps at the same times."""
    groups: list[_Group] = []
    for team in teams:
        for index, group in enumerate(groups):
            if _in_step(team, group):
                start = np.minimum(team.start_ns, group.start_ns)
                groups[index] = _Group([*group.teams, team], start, np.maximum(team.end_ns, group.end_ns))
                break
        else:
            groups.append(_Group([team], team.start_ns, team.end_ns))
    return groups


def _in_step(team: Team, group: _Group) -> bool:
    """Return whether most steps overlap the other one of the same number in more than half of their time."""
    if len(team.start_ns) != len(group.start_ns):
        return False
    common = np.minimum(team.end_ns, group.end_ns) - np.maximum(team.start_ns, group.start_ns)
    either = np.maximum(team.end_ns, group.end_ns) - np.minimum(team.start_ns, group.start_ns)
    return bool(np.mean(common > _TOGETHER * either) >= _IN_STEP)


def _assign(of_op: I32, launched: Launched, team: Team, teams: list[Team], numbers: I32) -> None:
    """Set the step of a team's own launches, and of what goes with them."""
    lengths = team.until - team.first
    position = np.repeat(team.first - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
    of_op[team.rows[position]] = np.repeat(numbers, lengths)
    others = _others(launched, teams, team)
    at = launched.at[others]
    step = np.searchsorted(team.start_ns, at, side="right") - 1
    within = (step >= 0) & (at < team.end_ns[step])
    of_op[others[within]] = numbers[step[within]]


def _others(launched: Launched, teams: list[Team], team: Team) -> I64:
    """Return the operations that go with a team's steps by time: its copies, and what no team launched."""
    apart: Bools = launched.ops.process == team.process
    beside = [one for one in teams if one.process == team.process]
    for one in beside:
        apart[one.rows] = False
    if team is not beside[0]:
        apart &= launched.thread == team.thread
    elif len(beside) > 1:
        apart &= ~np.isin(launched.thread, [one.thread for one in beside[1:]])
    return np.flatnonzero(apart)


def _chains(groups: list[_Group]) -> I32:
    """Number the chains: steps of one group; an interlude ends one."""
    chains, used = [], 0
    for group in groups:
        lead = group.teams[0]
        broken = np.concatenate([[False], lead.first[1:] > lead.until[:-1]])
        chains.append(used + np.cumsum(broken))
        used = int(chains[-1][-1]) + 1
    return np.concatenate(chains).astype(np.int32)


def _by_thread(groups: list[_Group]) -> bool:
    """Return whether threads of one process have steps of their own."""
    leads = [group.teams[0].process for group in groups]
    return len(set(leads)) < len(leads)


def _threads(groups: list[_Group], thread: I32) -> I32:
    """Return the thread of each step: the busiest one where all of a process take it."""
    found = []
    for group in groups:
        lead = group.teams[0]
        busiest = int(np.argmax(np.bincount(thread[lead.rows] + 1))) - 1
        found.append(np.full(len(group.start_ns), lead.thread if lead.thread >= 0 else busiest, np.int32))
    return np.concatenate(found)


def _how_found(trace: Trace, groups: list[_Group]) -> str:
    """Say that steps were detected, and how, for all that have their own."""
    by_thread = _by_thread(groups)
    leads = [group.teams[0] for group in groups]
    reasons = [lead.found.reason for lead in leads]
    if len(leads) > 1:
        reasons = [f"{_name(trace, lead, by_thread)}: {lead.found.reason}" for lead in leads]
    doubts = dict.fromkeys(doubt for lead in leads for doubt in lead.found.doubts)
    said = f"steps were detected, not marked by the program ({'; '.join(reasons)})"
    return "; ".join([said, *doubts])


def _name(trace: Trace, team: Team, by_thread: bool) -> str:
    if by_thread and team.thread >= 0:
        return f"thread {thread_id(trace.threads[team.thread])}"
    return f"process {process_id(trace.processes[team.process])}" if team.process >= 0 else "a process"


def _much_outside(ops: Operations, of_op: I32) -> tuple[str, ...]:
    """Say how much of the GPU's work lies outside the steps where that is much."""
    lasts = ops.end_ns - ops.start_ns
    share = float(lasts[of_op < 0].sum()) / max(int(lasts.sum()), 1)
    if share <= _MUCH:
        return ()
    return (
        f"{min(share, 0.99):.0%} of the GPU time is outside the detected steps: other work, or a second loop",
    )
