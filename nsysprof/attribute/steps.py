"""Steps as the CPU saw them, read from NVTX ranges."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from nsysprof.attribute import families
from nsysprof.attribute.ranges import closed_ends, intervals
from nsysprof.attribute.submissions import Submissions
from nsysprof.attribute.tally import distinct
from nsysprof.errors import UsageError
from nsysprof.trace.model import I32, I64, RangeRows
from nsysprof.units import number_of

_IN_STEP = 0.8  # of the steps, which all processes must take part in, for them to be the ranks of one job
_MOST = 0.5  # a family tiles the run when it holds at least this part of the GPU time


@dataclass(frozen=True, slots=True)
class Steps:
    """Iterations in the order in which they began on the CPU."""

    labels: tuple[str, ...]
    start_ns: I64
    """Start on the CPU."""
    end_ns: I64
    """End on the CPU."""
    chain: I32
    """Steps of one chain follow each other: each one's GPU time ends where the next one's begins."""
    processes: npt.NDArray[np.bool_]
    """Which processes run the step, shape (steps, processes)."""
    of_op: I32
    """Step of each GPU operation, -1 outside all steps."""
    source: str
    """``nvtx``, ``detected`` or ``none``."""
    confidence: float
    """0..1."""
    notes: tuple[str, ...] = ()
    """What a reader should know about how steps were found."""
    thread: I32 | None = None
    """Thread of each step where the threads do not keep in step, else None."""

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The NVTX side of a trace."""

    rows: RangeRows
    texts: tuple[str, ...]
    thread_process: I32
    """Process index by thread index, -1 when unknown."""
    processes: int
    """Number of processes."""
    end_ns: int
    """End of the trace, where ranges that never closed are taken to end."""

    def process_of(self, thread: I32) -> I32:
        """Return the process of each thread, -1 when unknown."""
        return np.append(self.thread_process, np.int32(-1))[thread]


@dataclass(frozen=True, slots=True)
class _Group:
    """Step candidates: member ranges, and the steps they form."""

    row: I64
    """Rows of the member ranges."""
    step: I64
    """Step of each member."""
    number: I64
    """Number of each step, -1 without numbers."""
    start_ns: I64
    end_ns: I64
    by_thread: bool = False
    """Whether each thread has steps of its own."""


def no_steps(operations: int, notes: tuple[str, ...] = ()) -> Steps:
    """Return the answer for a trace in which no steps were found."""
    none = np.zeros(0, np.int64)
    outside = np.full(operations, -1, np.int32)
    return Steps((), none, none, none.astype(np.int32), np.zeros((0, 0), bool), outside, "none", 0.0, notes)


def steps_from_ranges(timeline: Timeline, submissions: Submissions, pattern: str = "") -> Steps | None:
    """Return the steps that NVTX ranges mark, None when no ranges do.

    pattern: a regular expression that range texts must hold; empty finds the family of counted ranges that
    best tiles the GPU time. Ranges of one text that overlap in time (two domains, two kinds of range, several
    ranks) are one step; those inside a warm-up range do not count while others remain.

    Raises UsageError when the pattern is no regular expression.
    """
    group = _matching(timeline, pattern) if pattern else _best_family(timeline, submissions)
    if group is None:
        return None
    group, dropped = _without_warmup(timeline, group)
    note = f"left out: {number_of(dropped, 'step')} inside a warm-up range"
    first_member = np.full(len(group.number), len(timeline.rows), np.int64)
    np.minimum.at(first_member, group.step, group.row)
    processes = _processes(timeline, group)
    return Steps(
        labels=tuple(timeline.texts[text] for text in timeline.rows.text[first_member]),
        start_ns=group.start_ns,
        end_ns=group.end_ns,
        chain=_chains(group.number, _teams(timeline, group, processes)),
        thread=timeline.rows.thread[first_member] if group.by_thread else None,
        processes=processes[:, :-1],
        of_op=_steps_of_ops(timeline, group, submissions),
        source="nvtx",
        confidence=1.0,
        notes=(note,) if dropped else (),
    )


def _matching(timeline: Timeline, pattern: str) -> _Group | None:
    try:
        wanted = re.compile(pattern)
    except re.error as error:
        raise UsageError(f"{pattern!r} is no regular expression ({error})") from error
    numbers = {index: -1 for index, text in enumerate(timeline.texts) if wanted.search(text)}
    return _group(timeline, numbers, by_text=True)


def _best_family(timeline: Timeline, submissions: Submissions) -> _Group | None:
    """Choose by name first, then by the GPU time that a family holds, then the one of the longest ranges."""
    by_rank: dict[int, list[_Group]] = {}
    for family, numbers in families.by_family(timeline.texts).items():
        rank = families.rank(family)
        group = _group(timeline, numbers, by_text=False)
        if group is not None and (rank <= families.CERTAIN_RANK or len(group.number) > 1):
            by_rank.setdefault(rank, []).append(group)
    work = _GpuTime(submissions)
    for rank, groups in sorted(by_rank.items()):
        if rank <= families.CERTAIN_RANK and len(groups) == 1:
            return groups[0]
        scored = [(work.share_within(group.start_ns, group.end_ns), group) for group in groups]
        enough = [pair for pair in scored if rank <= families.CERTAIN_RANK or pair[0] >= _MOST]
        if enough:
            return min(enough, key=lambda pair: (-round(pair[0], 1), len(pair[1].number)))[1]
    return None


class _GpuTime:
    """GPU time by when it was submitted."""

    def __init__(self, submissions: Submissions) -> None:
        self._submissions = submissions

    @cached_property
    def _through(self) -> tuple[I64, I64]:
        """Return when operations were submitted, ascending, and GPU time up to each."""
        at, ops = self._submissions.times, self._submissions.ops
        lasted = ops.end_ns - ops.start_ns
        if not (at[1:] >= at[:-1]).all():
            order = np.argsort(at, kind="stable")
            at, lasted = at[order], lasted[order]
        return at, np.concatenate([[0], np.cumsum(lasted)])

    def share_within(self, start_ns: I64, end_ns: I64) -> float:
        """Return the part of the GPU time submitted within the given spans; 1 when there is none at all."""
        at, through = self._through
        reach = np.maximum.accumulate(end_ns)
        start = np.concatenate([start_ns[:1], np.maximum(start_ns[1:], reach[:-1])])
        first, last = np.searchsorted(at, start), np.searchsorted(at, np.maximum(end_ns, start))
        inside = int((through[last] - through[first]).sum())
        return inside / int(through[-1]) if through[-1] else 1.0


def _group(timeline: Timeline, numbers: Mapping[int, int], by_text: bool) -> _Group | None:
    """Form steps of the ranges with the given texts; those of one number (or text) that overlap are one."""
    wanted = np.zeros(len(timeline.texts), bool)
    wanted[list(numbers)] = True
    row = np.flatnonzero(wanted[timeline.rows.text])
    if not len(row):
        return None
    number_of = np.full(len(timeline.texts), -1, np.int64)
    number_of[list(numbers)] = list(numbers.values())
    number = number_of[timeline.rows.text[row]]
    same = timeline.rows.text[row].astype(np.int64) if by_text else number
    group = _form(timeline, row, number, same)
    for by_thread, owner in ((False, _process(timeline, row)), (True, timeline.rows.thread[row])):
        # where processes or threads do not keep in step, what overlaps does so by chance
        if not _in_step(group, owner[np.searchsorted(row, group.row)]):
            same = same * (int(owner.max()) + 2) + owner
            group = replace(_form(timeline, row, number, same), by_thread=by_thread)
    return group


def _in_step(group: _Group, owner: I32) -> bool:
    """Tell whether all that take steps (``owner`` of each member) take most of them together."""
    owners = int(owner.max()) + 2  # one more for the unknown, -1
    together = np.bincount(distinct(group.step * owners + owner + 1) // owners)
    return bool((together == together.max()).mean() >= _IN_STEP)


def _form(timeline: Timeline, row: I64, number: I64, same: I64) -> _Group:
    """Form steps of ranges; of those with one value of ``same``, the ones that overlap are one step."""
    start = timeline.rows.start_ns[row]
    end = closed_ends(timeline.rows.end_ns[row], timeline.end_ns)
    order = np.lexsort((end, start, same))
    row, number, start, end, same = row[order], number[order], start[order], end[order], same[order]
    opens = np.ones(len(row), bool)
    reach = _running_end(end, same)
    opens[1:] = (same[1:] != same[:-1]) | (start[1:] >= reach[:-1])
    first = np.flatnonzero(opens)
    step_start, step_end = start[first], np.maximum.reduceat(end, first)
    by_time = np.lexsort((step_end, step_start))
    position = np.empty(len(first), np.int64)
    position[by_time] = np.arange(len(first))
    step = position[np.cumsum(opens) - 1]
    return _Group(row, step, number[first][by_time], step_start[by_time], step_end[by_time])


def _process(timeline: Timeline, row: I64) -> I32:
    return timeline.process_of(timeline.rows.thread[row])


def _processes(timeline: Timeline, group: _Group) -> npt.NDArray[np.bool_]:
    """Return which processes run each step, shape (steps, processes + 1); the last one is unknown."""
    found = np.zeros((len(group.number), timeline.processes + 1), bool)
    found[group.step, _process(timeline, group.row)] = True
    return found


def _running_end(end: I64, same: I64) -> I64:
    """Return the running maximum of ends, begun afresh wherever ``same`` changes."""
    values, rank = np.unique(end, return_inverse=True)
    _, block = np.unique(same, return_inverse=True)
    lift = block * len(values)
    return values[np.maximum.accumulate(rank + lift) - lift]


def _without_warmup(timeline: Timeline, group: _Group) -> tuple[_Group, int]:
    """Drop the steps inside warm-up ranges, unless that leaves none; returns how many went."""
    warm = [index for index, text in enumerate(timeline.texts) if families.is_warmup(text)]
    rows = np.flatnonzero(np.isin(timeline.rows.text, warm))
    ends = closed_ends(timeline.rows.end_ns[rows], timeline.end_ns)
    inside = np.zeros(len(group.number), bool)
    for start, end in zip(timeline.rows.start_ns[rows].tolist(), ends.tolist(), strict=True):
        inside |= (group.start_ns >= start) & (group.end_ns <= end)
    if inside.all() or not inside.any():
        return group, 0
    keep = np.flatnonzero(~inside)
    renumber = np.full(len(inside), -1, np.int64)
    renumber[keep] = np.arange(len(keep))
    step = renumber[group.step]
    member = step >= 0
    kept = replace(
        group,
        row=group.row[member],
        step=step[member],
        number=group.number[keep],
        start_ns=group.start_ns[keep],
        end_ns=group.end_ns[keep],
    )
    return kept, int(inside.sum())


def _teams(timeline: Timeline, group: _Group, processes: npt.NDArray[np.bool_]) -> I64:
    """Number who takes each step: the thread or process where these do not keep in step, else all."""
    if group.by_thread:
        team = np.zeros(len(group.number), np.int64)
        team[group.step] = timeline.rows.thread[group.row] + 1
        return team
    if len(processes) and processes.sum(axis=1).max() > 1:
        return np.zeros(len(processes), np.int64)
    return np.unique(processes, axis=0, return_inverse=True)[1].astype(np.int64)


def _chains(number: I64, team: I64) -> I32:
    """Number the chains: steps of one team; a new count starts one."""
    chain = np.zeros(len(number), np.int32)
    used = 0
    for which in distinct(team).tolist():
        mine = np.flatnonzero(team == which)
        restarts = (number[mine][1:] <= number[mine][:-1]) & (number[mine][1:] >= 0)
        chain[mine] = used + np.concatenate([[0], np.cumsum(restarts)])
        used = int(chain[mine[-1]]) + 1
    return chain


def _steps_of_ops(timeline: Timeline, group: _Group, submissions: Submissions) -> I32:
    """Return the step of each operation by the thread that submitted it, or else by its process.

    A thread that opens no step itself (PyTorch's autograd thread) works for the step that its process is in.
    """
    of_op = np.full(len(submissions.ops), -1, np.int32)
    thread = timeline.rows.thread[group.row]
    process = _process(timeline, group.row)
    ends = closed_ends(timeline.rows.end_ns[group.row], timeline.end_ns)
    starts = timeline.rows.start_ns[group.row]
    for which in submissions.threads():
        member = thread == which
        if not member.any() and timeline.thread_process[which] >= 0:
            member = process == timeline.thread_process[which]
        if member.any():
            submissions.fill(of_op, which, intervals(starts[member], ends[member], group.step[member]))
    return of_op
