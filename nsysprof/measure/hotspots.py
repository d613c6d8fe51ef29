"""Where the time of a trace went: steps, kernels, CUDA API calls and the causes of idleness."""

import numpy as np

from nsysprof.attribute.buckets import WORK, WORK_CODE
from nsysprof.attribute.operations import Operations, gather
from nsysprof.attribute.steps import Launches, Steps, Timeline, no_steps, steps_from_ranges
from nsysprof.attribute.tally import Coded, code, spread
from nsysprof.attribute.windows import gpu_windows
from nsysprof.classify import KernelClass, classify_names
from nsysprof.errors import MissingDataError
from nsysprof.measure.calls import Calls, class_totals, load_calls, summarise
from nsysprof.measure.results import CategoryShare, Hotspots, KernelHotspot, TraceInfo
from nsysprof.measure.steps import StepInputs, measure_steps, partition_devices, work_by_step
from nsysprof.trace import Trace


def measure_hotspots(trace: Trace, steps: str = "auto") -> Hotspots:
    """Measure a trace.

    steps: ``auto`` (NVTX, else detection), ``nvtx``, ``detect``, or a regular expression for range texts.

    Raises MissingDataError when the trace holds no GPU work, API call or step, or no range that was asked
    for; UsageError for a bad expression; TraceError when the file turns out to be damaged.
    """
    return hotspots_of(examine(trace, steps))


def examine(trace: Trace, steps: str = "auto") -> StepInputs:
    """Attribute everything in a trace; see ``measure_hotspots`` for the arguments and errors."""
    calls = load_calls(trace)
    coded, classes = _kernel_classes(trace)
    work_code = np.array([WORK_CODE[kind.category] for kind in classes], np.int8)
    ops = gather(trace, work_code[coded.codes])
    found = find_steps(trace, ops, calls, steps)
    if not len(ops) and not len(calls.rows) and not len(found):
        raise MissingDataError(
            f"{trace.path} holds no GPU work, no CUDA API calls and no steps",
            "capture with `nsys profile -t cuda,nvtx`, and check that the program used the GPU",
        )
    return StepInputs(trace, ops, calls, found, work_by_step(ops, found))


def hotspots_of(inputs: StepInputs) -> Hotspots:
    """Measure what was attributed."""
    trace, ops, calls, found, work = inputs.trace, inputs.ops, inputs.calls, inputs.steps, inputs.work
    coded, classes = _kernel_classes(trace)
    windows = gpu_windows(ops, found.of_op, found.chain)
    parts = partition_devices(inputs, windows)
    api_calls = summarise(calls)
    categories = _categories(work.ns.sum(axis=0).tolist(), work.count.sum(axis=0).tolist())
    total = sum(amount.ns for amount in categories.values())
    return Hotspots(
        trace=_info(trace, ops),
        steps_source=found.source,
        steps_confidence=found.confidence,
        steps=measure_steps(inputs, windows, parts),
        categories=categories,
        kernels=_kernels(trace, coded, classes, total),
        api=class_totals(api_calls),
        api_calls=api_calls,
        unclassified_share=categories["unknown"].share if "unknown" in categories else 0.0,
        warnings=(*trace.warnings, *_doubts(ops, calls, found), *found.notes),
    )


def _kernel_classes(trace: Trace) -> tuple[Coded, list[KernelClass]]:
    coded = code(trace.kernels.name)
    return coded, classify_names([trace.strings.get(id_, "") for id_ in coded.values.tolist()])


def find_steps(trace: Trace, ops: Operations, calls: Calls, wanted: str) -> Steps:
    """Return the steps of a trace, found in the way that ``measure_hotspots`` was asked for."""
    launches = _launches(ops, calls)
    pattern = "" if wanted in ("auto", "nvtx", "detect") else wanted
    if wanted == "detect":
        return no_steps(len(ops))
    timeline = Timeline(
        trace.ranges, trace.range_texts, trace.thread_process, len(trace.processes), _info(trace, ops).end_ns
    )
    marked = steps_from_ranges(timeline, launches, pattern)
    if marked is not None:
        return marked
    if wanted != "auto":
        what = f"no NVTX range matching {pattern!r}" if pattern else "no NVTX ranges that count steps"
        raise MissingDataError(f"{trace.path} has {what}", _range_hint(trace))
    return no_steps(len(ops))


def _range_hint(trace: Trace) -> str:
    if not trace.range_texts:
        return "it has no NVTX ranges at all; use --steps detect, or capture with `nsys profile -t cuda,nvtx`"
    some = ", ".join(repr(text[:40]) for text in trace.range_texts[:5])
    more = ", ..." if len(trace.range_texts) > 5 else ""
    return f"its ranges are {some}{more}; --steps takes a regular expression"


def _launches(ops: Operations, calls: Calls) -> Launches:
    lasted = ops.end_ns - ops.start_ns
    if len(ops) and ops.launch.min() >= 0:
        return Launches(calls.rows.start_ns[ops.launch], calls.rows.thread[ops.launch], lasted)
    known = ops.launch >= 0
    start, thread = np.full(len(ops), -1, np.int64), np.full(len(ops), -1, np.int32)
    start[known] = calls.rows.start_ns[ops.launch[known]]
    thread[known] = calls.rows.thread[ops.launch[known]]
    return Launches(start, thread, lasted)


def _info(trace: Trace, ops: Operations) -> TraceInfo:
    tables = [(ops.start_ns, ops.end_ns), (trace.api_calls.start_ns, trace.api_calls.end_ns)]
    filled = [(start, end) for start, end in tables if len(start)]
    if not filled:
        filled = [(trace.ranges.start_ns, trace.ranges.end_ns)] if len(trace.ranges) else []
    names = dict.fromkeys(device.name for device in trace.devices if device.name)
    return TraceInfo(
        path=str(trace.path),
        gpu=", ".join(names),
        schema_version=str(trace.schema),
        start_ns=min((int(start.min()) for start, _ in filled), default=0),
        end_ns=max((int(end.max()) for _, end in filled), default=0),
    )


def _categories(ns: list[int], count: list[int]) -> dict[str, CategoryShare]:
    total = sum(ns)
    shares = {
        key: CategoryShare(ns[i], count[i], ns[i] / total if total else 0.0)
        for i, key in enumerate(WORK)
        if count[i]
    }
    return dict(sorted(shares.items(), key=lambda item: -item[1].ns))


def _kernels(trace: Trace, coded: Coded, classes: list[KernelClass], total: int) -> tuple[KernelHotspot, ...]:
    found = spread(coded.codes, trace.kernels.start_ns, trace.kernels.end_ns, len(coded.values))
    entries = [
        KernelHotspot(
            name=trace.strings.get(id_, ""),
            category=kind.category,
            library=kind.library,
            family=kind.family,
            count=count,
            total_ns=ns,
            mean_ns=ns / count,
            min_ns=shortest,
            max_ns=longest,
            share=ns / total if total else 0.0,
        )
        for id_, kind, count, ns, shortest, longest in zip(
            coded.values.tolist(),
            classes,
            found.count.tolist(),
            found.ns.tolist(),
            found.shortest_ns.tolist(),
            found.longest_ns.tolist(),
            strict=True,
        )
    ]
    return tuple(sorted(entries, key=lambda entry: (-entry.total_ns, entry.name)))


def _doubts(ops: Operations, calls: Calls, found: Steps) -> tuple[str, ...]:
    """Say what a reader must know before trusting the figures."""
    doubts = []
    if not len(ops):
        doubts.append("the trace holds no GPU work: kernels, copies and memory sets are absent")
    elif not len(calls.rows):
        doubts.append(
            "the trace holds no CUDA API calls, so GPU work cannot be tied to steps or idle time explained"
        )
    else:
        lost = int(np.count_nonzero(ops.launch < 0))
        if lost:
            doubts.append(f"{lost:,} of {len(ops):,} GPU operations have no API call that submitted them")
    if not len(found):
        doubts.append("no steps were found")
    return tuple(doubts)
