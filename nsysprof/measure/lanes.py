"""Rows of the timeline: a lane for each stream of a GPU and each thread, and exact sums for each in bins."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.attribute.buckets import WORK
from nsysprof.attribute.ranges import closed_ends
from nsysprof.attribute.tally import blocks, code, cuts_until, sums
from nsysprof.classify.categories import API_CLASSES
from nsysprof.measure.steps import StepInputs
from nsysprof.measure.timeline_model import Bins, Lane
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64, process_id, thread_id

MOST_LANES = 24
"""Lanes of one kind; the busiest are shown."""
BINS = 8192
_START_END = (60, 71)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LaneRows:
    """Which lane every row of the trace is in, -1 for those without one."""

    op_lane: I32
    call_lane: I32
    range_lane: I32
    range_end_ns: I64
    """Ends of ranges, the trace's end for those that never closed."""
    range_depth: I32
    """How many ranges of the lane were open when each began."""
    labels: tuple[tuple[str, str], ...]
    """Kind and label of each lane: NVTX, then API, then GPU."""
    left_out: str


def gather_lanes(inputs: StepInputs, end_ns: int) -> LaneRows:
    """Give every operation, call and range of a trace its lane."""
    trace, ranges = inputs.trace, inputs.trace.ranges

    def range_name(key: int) -> str:
        return f"NVTX, {_thread(trace, key // 2)}{', start/end' if key % 2 else ''}"

    range_key = ranges.thread * 2 + np.isin(ranges.kind, _START_END)
    range_lane, range_labels, fewer = _number(range_key, range_name, 0)
    call_lane, call_labels, less = _number(
        inputs.calls.rows.thread, lambda key: f"CUDA API, {_thread(trace, key)}", len(range_labels)
    )
    op_key, op_name = _streams(inputs)
    op_lane, op_labels, left = _number(op_key, op_name, len(range_labels) + len(call_labels))
    range_end = closed_ends(ranges.end_ns, end_ns)
    labels = [("nvtx", label) for label in range_labels]
    labels += [("api", label) for label in call_labels] + [("gpu", label) for label in op_labels]
    missing = [text for text in (fewer, less, left) if text]
    return LaneRows(
        op_lane,
        call_lane,
        range_lane,
        range_end,
        _depth(range_lane, ranges.start_ns, range_end),
        tuple(labels),
        f"The busiest {MOST_LANES} rows of a kind are shown; {', '.join(missing)}." if missing else "",
    )


def _streams(inputs: StepInputs) -> tuple[I32, Callable[[int], str]]:
    """Return a key of each operation for its process, device and stream, and what names a key."""
    trace, ops = inputs.trace, inputs.ops
    tables = [table for table in (trace.kernels, trace.memcpys, trace.memsets, trace.graphs) if len(table)]
    stream = code(np.concatenate([table.stream for table in tables]) if tables else np.zeros(0, np.int32))
    several = len(trace.processes) > 1

    def name(key: int) -> str:
        place, which = divmod(key, len(stream.values))
        process, device = divmod(place, len(ops.devices))
        text = f"GPU {ops.devices[device]}, stream {int(stream.values[which])}"
        if several and process >= 0:
            text += f", process {process_id(trace.processes[process])}"
        return text

    key = (ops.process * len(ops.devices) + ops.device) * len(stream.values) + stream.codes
    return key.astype(np.int32), name


def _thread(trace: Trace, index: int) -> str:
    return f"thread {thread_id(trace.threads[index])}"


def _number(key: I32, name: Callable[[int], str], offset: int) -> tuple[I32, list[str], str]:
    """Return the lane of each row, the lanes' labels, and what has none."""
    if not len(key):
        return np.zeros(0, np.int32), [], ""
    coded = code(key)
    values = coded.values
    if len(values) == 1:
        return np.broadcast_to(np.int32(offset), (len(key),)), [name(int(values[0]))], ""
    counts = np.bincount(coded.codes)
    keep = np.sort(np.argsort(-counts, kind="stable")[:MOST_LANES])
    lane = np.full(len(values), -1, np.int32)
    lane[keep] = np.arange(len(keep), dtype=np.int32) + offset
    labels = [name(value) for value in values[keep].tolist()]
    lost = len(values) - len(keep)
    kind = labels[0].split(",")[0].split()[0]
    note = (
        f"{lost} more of {kind} with {int(counts.sum() - counts[keep].sum()):,} events are not"
        if lost
        else ""
    )
    return lane[coded.codes], labels, note


def _depth(lane: I32, start_ns: I64, end_ns: I64) -> I32:
    """Return how many earlier ranges of the same lane were open when each range began."""
    depth = np.zeros(len(lane), np.int32)
    for which in np.unique(lane).tolist():
        mine = np.flatnonzero(lane == which)
        mine = mine[np.lexsort((-end_ns[mine], start_ns[mine]))]
        closed = np.searchsorted(np.sort(end_ns[mine]), start_ns[mine], side="right")
        depth[mine] = np.maximum(np.arange(len(mine)) - closed, 0)
    return depth


def in_order(lane: I32, start_ns: I64, among: Mask, then: I64 | None = None) -> I64:
    """Return the rows of a mask that have a lane, by lane, then by start, then by ``then``."""
    rows = np.flatnonzero(among)
    rows = rows[lane[rows] >= 0]
    columns: list[I64 | I32] = [start_ns[rows], lane[rows]]
    if then is not None:
        columns.insert(0, then[rows])
    elif (np.diff(lane[rows]) >= 0).all() and (np.diff(start_ns[rows]) >= 0).all():
        return rows
    return rows[np.lexsort(tuple(columns))]


def cut(rows: LaneRows, ops: I64, calls: I64, ranges: I64) -> tuple[Lane, ...]:
    """Return the lanes with the rows of picked events that each one has."""
    found = []
    numbers = {"nvtx": rows.range_lane[ranges], "api": rows.call_lane[calls], "gpu": rows.op_lane[ops]}
    for number, (kind, label) in enumerate(rows.labels):
        first, last = np.searchsorted(numbers[kind], [number, number + 1])
        found.append(Lane(kind, label, int(first), int(last)))
    return tuple(found)


def binned(inputs: StepInputs, rows: LaneRows, start_ns: int, end_ns: int) -> Bins:
    """Return the time of each lane by category or class in ``BINS`` equal bins over the whole trace."""
    width = -(-(end_ns - start_ns) // BINS)
    edges = start_ns + np.arange(BINS + 1, dtype=np.int64) * width
    ops, calls = inputs.ops, inputs.calls
    classes = np.array([API_CLASSES.index(kind.key) for kind in calls.kinds], np.int32)
    call_class = classes[calls.coded.codes] if len(classes) else np.zeros(0, np.int32)
    tables = (
        (rows.op_lane, ops.start_ns, ops.end_ns, ops.code, WORK),
        (rows.call_lane, calls.rows.start_ns, calls.rows.end_ns, call_class, API_CLASSES),
    )
    lane: list[int] = []
    key: list[str] = []
    sums_: list[I64] = []
    for lanes, starts, ends, codes, names in tables:
        groups = (int(lanes.max(initial=-1)) + 1) * len(names)
        found = time_in_bins(lanes * len(names) + codes, groups, starts, ends, edges)
        for group in np.flatnonzero(found.any(axis=1)).tolist():
            which, name = divmod(group, len(names))
            lane.append(which)
            key.append(names[name])
            sums_.append(found[group])
    table = np.stack(sums_) if sums_ else np.zeros((0, BINS), np.int64)
    return Bins(start_ns, width, np.array(lane, np.int32), tuple(key), table)


def time_in_bins(group: I32, groups: int, start_ns: I64, end_ns: I64, edges: I64) -> I64:
    """Return how much of the given intervals lies between each edge and the next, shape (groups, bins).

    Intervals may overlap; each counts. They begin and end between the edges, which are equally far apart.
    Those of a negative group do not count.
    """
    width, bins = int(edges[1] - edges[0]), len(edges) - 1
    total, whole = np.zeros((bins, groups), np.int64), np.zeros((bins + 1, groups), np.int64)
    for part in blocks(len(group), groups * bins // 8):
        rows = slice(None) if group[part].min() >= 0 else np.flatnonzero(group[part] >= 0)
        kind, start, end = group[part][rows], start_ns[part][rows], end_ns[part][rows]
        if not len(kind):
            continue
        first = np.minimum(cuts_until(edges, start) - 1, bins - 1)
        inside = np.minimum(end, edges[first + 1]) - start
        _add(total, first, kind, inside)
        on = np.flatnonzero(end > edges[first + 1])  # into further bins, most of which are filled whole
        last, kind = (end[on] - 1 - edges[0]) // width, kind[on]
        _add(total, last, kind, end[on] - edges[last])
        np.add.at(whole, (first[on] + 1, kind), 1)
        np.subtract.at(whole, (last, kind), 1)
    total += np.cumsum(whole[:-1], axis=0) * width
    return total.T


def _add(total: I64, row: I64, column: I32, ns: I64) -> None:
    """Add times to the cells of a table; neighbours mostly fall into the same few rows."""
    if not len(row):
        return
    low = int(row.min())
    near = total[low : int(row.max()) + 1]
    near += sums((row - low) * total.shape[1] + column, ns, near.size).reshape(near.shape)
