"""The timeline of a trace: which events and sums the page gets, so that its size stays bounded."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.tally import code, count_and_sum
from nsysprof.measure import curves, lanes
from nsysprof.measure.results import Hotspots, Step
from nsysprof.measure.steps import StepInputs
from nsysprof.measure.timeline_model import (
    ApiEvents,
    Function,
    GpuEvents,
    Kind,
    RangeEvents,
    Span,
    StepKernels,
    Timeline,
)
from nsysprof.threads import Beside
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64

MOST_EVENTS = 600_000
"""Traces of up to so many operations, calls and ranges are shown event by event, all of them."""
SPAN_EVENTS = 150_000
"""Larger ones only in chosen spans, of at most so many events each."""
MOST_RANGES = 60_000
"""NVTX ranges of larger traces are shown everywhere up to so many."""
_MOST_CELLS = 2_000_000
_FAR = 1 << 16  # kernels between two that are shown, from which on it is quicker to read each one's pages

_COPY_NAMES = {1: "host to device", 2: "device to host", 8: "device to device", 10: "peer to peer"}


@dataclass(frozen=True, slots=True)
class _Kinds:
    """What every operation was."""

    of_op: I32
    """Position in ``Hotspots.kernels``, then in ``others``."""
    others: tuple[Kind, ...]


def measure_timeline(inputs: StepInputs, hotspots: Hotspots) -> Timeline:
    """Return what the page shows over time.

    inputs: what ``hotspots`` was measured from.
    """
    trace, ops, calls = inputs.trace, inputs.ops, inputs.calls
    start, end = _extent(inputs, hotspots)
    queue = Beside(lambda: curves.queue(ops, calls.rows))
    kinds = _kinds(inputs, hotspots)
    everything = len(ops) + len(calls.rows) + len(trace.ranges) <= MOST_EVENTS
    spans = (Span("all", -1, start, end),) if everything else _spans(inputs, hotspots)
    rows = lanes.gather_lanes(inputs, end)
    bins = Beside(lambda: None if everything else lanes.binned(inputs, rows, start, end))
    picked = _pick(inputs, spans, rows)
    shape, shapes = _shapes(trace, picked.ops)
    return Timeline(
        start_ns=start,
        end_ns=end,
        lanes=lanes.cut(rows, picked.ops, picked.calls, picked.ranges),
        left_out=rows.left_out,
        other_kinds=kinds.others,
        functions=tuple(Function(kind.name, kind.key) for kind in calls.kinds),
        texts=trace.range_texts,
        shapes=shapes,
        gpu=GpuEvents(
            start_ns=ops.start_ns[picked.ops],
            end_ns=ops.end_ns[picked.ops],
            kind=kinds.of_op[picked.ops],
            shape=shape,
            step=inputs.steps.of_op[picked.ops],
            launch=_positions(ops.launch[picked.ops], picked.calls, len(calls.rows)),
            bytes=_bytes(trace, picked.ops),
        ),
        api=ApiEvents(
            calls.rows.start_ns[picked.calls],
            calls.rows.end_ns[picked.calls],
            calls.coded.codes[picked.calls],
        ),
        ranges=RangeEvents(
            trace.ranges.start_ns[picked.ranges],
            rows.range_end_ns[picked.ranges],
            trace.ranges.text[picked.ranges],
            rows.range_depth[picked.ranges],
        ),
        spans=spans,
        all_ranges=everything or len(trace.ranges) <= MOST_RANGES,
        step_kernels=_step_kernels(inputs, kinds, len(hotspots.kernels)),
        queue=queue.result(),
        bins=bins.result(),
    )


def _extent(inputs: StepInputs, hotspots: Hotspots) -> tuple[int, int]:
    """Return the time that the page shows: GPU work, API calls and ranges."""
    ranges = inputs.trace.ranges
    start, end = hotspots.trace.start_ns, hotspots.trace.end_ns
    if len(ranges):
        start, end = min(start, int(ranges.start_ns.min())), max(end, int(ranges.end_ns.max()))
    return start, max(end, start + 1)


def _kinds(inputs: StepInputs, hotspots: Hotspots) -> _Kinds:
    """Number what operations were: kernels in the order of the result, then copies, sets, graphs."""
    trace = inputs.trace
    coded = code(trace.kernels.name)
    names = [trace.strings.get(id_, "") for id_ in coded.values.tolist()]
    position = {kernel.name: index for index, kernel in enumerate(hotspots.kernels)}
    order = np.array([position[name] for name in names], np.int32)
    parts = [order[coded.codes] if len(names) else np.zeros(0, np.int32)]
    others: list[Kind] = []
    if len(trace.memcpys):
        copies = code(trace.memcpys.kind)
        parts.append((copies.codes + len(position)).astype(np.int32))
        others += [
            Kind(f"memcpy, {_COPY_NAMES.get(kind, f'kind {kind}')}", "memcpy")
            for kind in copies.values.tolist()
        ]
    for rows, key in ((trace.memsets, "memset"), (trace.graphs, "graph")):
        if len(rows):
            parts.append(np.full(len(rows), len(position) + len(others), np.int32))
            others.append(Kind("memset" if key == "memset" else "whole CUDA graph", key))
    return _Kinds(np.concatenate(parts), tuple(others))


def _spans(inputs: StepInputs, hotspots: Hotspots) -> tuple[Span, ...]:
    """Choose the first, the median and the slowest step, or the beginning where there are no steps."""
    steps = hotspots.steps
    if not steps:
        start, end = hotspots.trace.start_ns, hotspots.trace.end_ns
        return (_bounded(inputs, Span("start", -1, start, end)),)
    chosen: dict[int, tuple[str, Step]] = {}
    for label, step in (
        ("first", steps[0]),
        ("median", steps[hotspots.typical]),
        ("slowest", max(steps, key=lambda step: (step.wall_ns, step.index))),
    ):
        chosen.setdefault(step.index, (label, step))
    return tuple(
        _bounded(
            inputs,
            Span(
                label,
                step.index,
                min(step.cpu_start_ns, step.gpu_start_ns),
                max(step.cpu_end_ns, step.gpu_end_ns),
            ),
        )
        for label, step in chosen.values()
    )


def _bounded(inputs: StepInputs, span: Span) -> Span:
    """Cut the end of a span until it holds no more events than may be shown."""
    starts = np.concatenate(
        [
            rows.start_ns[_within(rows.start_ns, rows.end_ns, span)]
            for rows in (inputs.ops, inputs.calls.rows, inputs.trace.ranges)
        ]
    )
    if len(starts) <= SPAN_EVENTS:
        return span
    end = int(np.partition(starts, SPAN_EVENTS)[SPAN_EVENTS])
    return Span(span.label, span.step, span.start_ns, max(end, span.start_ns + 1))


def _within(start_ns: I64, end_ns: I64, span: Span) -> lanes.Mask:
    within: lanes.Mask = (start_ns < span.end_ns) & (end_ns > span.start_ns)
    return within


@dataclass(frozen=True, slots=True)
class _Picked:
    """Rows to show, by lane and then by start."""

    ops: I64
    calls: I64
    ranges: I64


def _pick(inputs: StepInputs, spans: tuple[Span, ...], rows: lanes.LaneRows) -> _Picked:
    """Take the events of the spans, and the calls that submitted those operations."""
    ops, calls, ranges = inputs.ops, inputs.calls.rows, inputs.trace.ranges
    if spans[0].label == "all":
        some_ops, some_calls, some_ranges = (np.ones(len(table), bool) for table in (ops, calls, ranges))
    else:
        some_ops = _in_any(ops.start_ns, ops.end_ns, spans)
        some_calls = _in_any(calls.start_ns, calls.end_ns, spans)
        some_calls[ops.launch[some_ops & (ops.launch >= 0)]] = True
        some_ranges = _in_any(ranges.start_ns, rows.range_end_ns, spans)
        some_ranges |= len(ranges) <= MOST_RANGES
    return _Picked(
        lanes.in_order(rows.op_lane, ops.start_ns, some_ops),
        lanes.in_order(rows.call_lane, calls.start_ns, some_calls),
        lanes.in_order(rows.range_lane, ranges.start_ns, some_ranges, -rows.range_end_ns),
    )


def _in_any(start_ns: I64, end_ns: I64, spans: tuple[Span, ...]) -> lanes.Mask:
    inside = np.zeros(len(start_ns), bool)
    for span in spans:
        inside |= _within(start_ns, end_ns, span)
    return inside


def _positions(rows: I32, picked: I64, size: int) -> I32:
    """Return where each row stands among the picked ones, -1 where it does not."""
    position = np.full(size + 1, -1, np.int32)  # the last one answers for row -1
    position[picked] = np.arange(len(picked), dtype=np.int32)
    return position[rows]


def _shapes(trace: Trace, picked: I64) -> tuple[I32, I32]:
    """Return the geometry of each picked operation as a row of the distinct ones, and those."""
    kernels = picked < len(trace.kernels)
    shape = np.full(len(picked), -1, np.int32)
    if not kernels.any():
        return shape, np.zeros((0, 8), np.int32)
    table = _geometry(trace, picked[kernels])
    # rows are told apart by a random sum, which sorts much faster (two different ones agree with 2**-64)
    weights = np.random.default_rng(0).integers(1, 2**62, table.shape[1], np.int64)
    _, example, inverse = np.unique(table @ weights, return_index=True, return_inverse=True)
    shape[kernels] = inverse
    return shape, table[example]


def _geometry(trace: Trace, rows: I64) -> I32:
    """Return grid, block, registers and shared memory of some kernels, shape (rows, 8)."""
    order = np.argsort(rows, kind="stable")
    table = np.empty((len(rows), 8), np.int32)
    for near in np.split(order, np.flatnonzero(np.diff(rows[order]) > _FAR) + 1):
        first, last = int(rows[near[0]]), int(rows[near[-1]])
        detail = trace.kernel_details(slice(first, last + 1))
        columns = [detail.grid, detail.block, detail.registers[:, None], detail.shared_bytes[:, None]]
        table[near] = np.concatenate(columns, axis=1)[rows[near] - first]
    return table


def _bytes(trace: Trace, picked: I64) -> I64:
    sizes = [np.zeros(len(trace.kernels), np.int64), trace.memcpys.bytes, trace.memsets.bytes]
    return np.concatenate([*sizes, np.zeros(len(trace.graphs), np.int64)])[picked]


def _step_kernels(inputs: StepInputs, kinds: _Kinds, kernels: int) -> StepKernels:
    steps = len(inputs.steps)
    if not steps:
        return StepKernels(np.zeros((0, 1), np.int64), np.zeros((0, 1), np.int64))
    shown = min(kernels, max(_MOST_CELLS // steps, 50))
    ops = slice(inputs.ops.kernels)
    kind = np.minimum(kinds.of_op[ops], shown)
    key = (inputs.steps.of_op[ops] % (steps + 1)).astype(np.int64) * (shown + 1) + kind
    size = (steps + 1) * (shown + 1)
    count, ns = count_and_sum(key, inputs.ops.start_ns[ops], inputs.ops.end_ns[ops], size)
    return StepKernels(ns.reshape(steps + 1, shown + 1)[:-1], count.reshape(steps + 1, shown + 1)[:-1])
