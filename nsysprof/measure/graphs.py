"""CUDA graphs: launches whose work the trace shows, and those whose work it hides."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.operations import Operations
from nsysprof.attribute.steps import Steps
from nsysprof.attribute.submissions import Submissions
from nsysprof.attribute.tally import distinct
from nsysprof.attribute.windows import Windows
from nsysprof.measure.calls import Calls
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64, Bools

_NEVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class HiddenGraphs:
    """Launches of graphs whose work the trace hides, and when that work can have run on a GPU."""

    launched_ns: I64
    """When each was launched."""
    process: I32
    """Index into ``Trace.processes``, -1 when unknown."""
    earliest_ns: I64
    """When the graph can have begun: not before its launch, nor before what was before it in any stream."""
    latest_ns: I64
    """When it must have ended: what was next in every stream of its thread had begun by then."""
    reach: Bools
    """Whether each device can have run it, as its process uses the device; shape (launches, devices)."""

    def __len__(self) -> int:
        """Return the number of launches."""
        return len(self.launched_ns)

    def by_step(self, steps: Steps, windows: Windows) -> I64:
        """Return how many make a step's busy time unknown: launched in its CPU window or run in its GPU's."""
        found = np.zeros(len(steps), np.int64)
        for process in distinct(self.process).tolist() if len(steps) else ():
            mine = self.process == process
            theirs = steps.processes[:, process] if process >= 0 else np.ones(len(steps), bool)
            launched = np.sort(self.launched_ns[mine])
            begun = np.searchsorted(launched, [steps.start_ns[theirs], steps.end_ns[theirs]])
            found[theirs] += begun[1] - begun[0]
        for device in range(self.reach.shape[1]):
            there = np.flatnonzero(windows.present[:, device])
            mine = self.reach[:, device]
            begun = np.searchsorted(np.sort(self.earliest_ns[mine]), windows.end_ns[there, device])
            over = np.searchsorted(
                np.sort(self.latest_ns[mine]), windows.start_ns[there, device], side="right"
            )
            found[there] = np.maximum(found[there], begun - over)
        return found


def hidden_graphs(trace: Trace, calls: Calls, submissions: Submissions) -> HiddenGraphs:
    """Return the graph launches to which no operation belongs.

    nsys hides the kernels of a graph under ``--cuda-graph-trace=graph``; what it records of the graph as a
    whole counts as an operation.
    """
    ops = submissions.ops
    rows = np.zeros(0, np.int64)
    if any(kind.key == "graph_launch" for kind in calls.kinds):
        launches = calls.is_class("graph_launch")
        launches[ops.launch[ops.launch >= 0]] = False
        rows = np.flatnonzero(launches)
    launched, thread = calls.rows.start_ns[rows], calls.rows.thread[rows]
    process = np.append(trace.thread_process, np.int32(-1))[thread]
    earliest, latest = launched.copy(), np.full(len(rows), _NEVER)
    if len(rows):
        parts = (trace.kernels, trace.memcpys, trace.memsets, trace.graphs)  # as the operations follow
        stream = np.concatenate([part.stream for part in parts])
        for one in distinct(thread[thread >= 0]).tolist():
            mine = np.flatnonzero(thread == one)
            earliest[mine], latest[mine] = _between(launched[mine], submissions, one, stream)
    return HiddenGraphs(launched, process, earliest, latest, _reach(process, ops))


def _between(launched: I64, submissions: Submissions, thread: int, stream: I32) -> tuple[I64, I64]:
    """Return when what a thread submitted before each launch had ended, and what it did after had begun.

    A stream runs what is submitted to it in turn; as the graph's own is unknown, it may be any that the
    thread uses.
    """
    ops, place = submissions.ops, submissions.by_time(launched)
    least, most = np.full(len(launched), _NEVER), launched + 1
    groups = [(np.arange(len(ops))[group.rows], group.place) for group in submissions.of_thread(thread)]
    used = distinct(np.concatenate([np.zeros(0, np.int32), *(stream[rows] for rows, _ in groups)]))
    for one in used.tolist():
        before, behind = np.full(len(launched), -1), np.full(len(launched), _NEVER)
        for rows, places in groups:
            mine = stream[rows] == one
            at = np.searchsorted(places[mine], place)
            before = np.maximum(before, np.append(ops.end_ns[rows[mine]], -1)[at - 1])
            behind = np.minimum(behind, np.append(ops.start_ns[rows[mine]], _NEVER)[at])
        least, most = np.minimum(least, before), np.maximum(most, behind)
    if not len(used):
        return launched, np.full(len(launched), _NEVER)
    earliest = np.maximum(launched, least)
    return earliest, np.maximum(most, earliest + 1)


def _reach(process: I32, ops: Operations) -> Bools:
    """Return which devices may have run the work of each process: those it used, all where it used none."""
    reach = np.ones((len(process), len(ops.devices)), bool)
    for one in distinct(process).tolist() if len(ops.devices) > 1 else ():
        used = np.bincount(ops.device[ops.process == one], minlength=len(ops.devices)) > 0
        if used.any():
            reach[process == one] = used
    return reach
