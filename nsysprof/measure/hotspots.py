"""Where the time of a trace went: steps, kernels, CUDA API calls and the causes of idleness."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from nsysprof.attribute.operations import Operations, gather, memory_by_gpu
from nsysprof.attribute.steps import Steps, Timeline, steps_from_ranges
from nsysprof.attribute.submissions import Submissions
from nsysprof.attribute.windows import gpu_windows
from nsysprof.classify import RuleSet
from nsysprof.errors import MissingDataError, TraceError
from nsysprof.measure.calls import Calls, CallWindows, load_calls, summarise
from nsysprof.measure.compare import compare_steps, typical_step
from nsysprof.measure.distortion import distortion_beside, ran_beside
from nsysprof.measure.footprint import within_memory
from nsysprof.measure.graphs import hidden_graphs
from nsysprof.measure.headline import headline
from nsysprof.measure.kernel_tree import kernel_tree
from nsysprof.measure.kernels import category_shares, kernel_hotspots, load_names, work_by_step
from nsysprof.measure.memory import device_memory, memory_by_step
from nsysprof.measure.patterns import call_patterns, kernels_around, sample
from nsysprof.measure.phases import Operators, range_hotspots
from nsysprof.measure.queue import queue_delays
from nsysprof.measure.results import Hotspots, TraceInfo
from nsysprof.measure.steps import (
    StepColumns,
    StepInputs,
    busy_ns,
    launch_bound,
    measure_steps,
    named,
    overhead_within,
    partition_devices,
)
from nsysprof.threads import Beside
from nsysprof.trace import Trace
from nsysprof.trace.diagnostics import Diagnostic, load_diagnostics
from nsysprof.units import number_of


def measure_hotspots(trace: Trace, steps: str = "auto", rules: RuleSet | None = None) -> Hotspots:
    """Measure a trace.

    steps: ``auto`` (NVTX, else detection), ``nvtx``, ``detect``, or a regular expression for range texts.
    rules: what kernels are, from ``classify.rule_set``; without it the package's own rules decide, behind
    those in the user's config folder.

    Raises MissingDataError when the trace holds no GPU work, API call or step, or no range that was asked
    for; UsageError for a bad expression; TraceError when the file turns out to be damaged;
    MemoryLimitError when it takes more memory than there is, which is estimated before anything is loaded.
    """
    with within_memory(trace):
        return hotspots_of(examine(trace, steps, rules))


def examine(trace: Trace, steps: str = "auto", rules: RuleSet | None = None) -> StepInputs:
    """Attribute everything in a trace; see ``measure_hotspots`` for the arguments and errors."""
    _ = trace.kernels, trace.strings  # loaded here, as the file belongs to this thread
    named = Beside(lambda: load_names(trace, rules))
    rows = trace.api_calls
    called = Beside(lambda: load_calls(trace))
    names = named.result()
    ops = gather(trace, names.kinds())
    submissions = Submissions(ops, rows)
    found = find_steps(trace, submissions, steps)
    calls = called.result()
    if not len(ops) and not len(calls.rows) and not len(found):
        if trace.left_out:
            tables = ", ".join(trace.left_out)
            raise TraceError(
                f"{trace.path} is damaged: no row of {tables} has possible times", "export the report again"
            )
        raise MissingDataError(
            f"{trace.path} holds no GPU work, no CUDA API calls and no steps",
            "capture with `nsys profile -t cuda,nvtx`, and check that the program used the GPU",
        )
    return StepInputs(trace, ops, calls, found, work_by_step(ops, found), names, submissions)


def hotspots_of(inputs: StepInputs) -> Hotspots:
    """Measure what was attributed."""
    trace, ops, calls, found = inputs.trace, inputs.ops, inputs.calls, inputs.steps
    info = _info(trace, ops)
    hidden = hidden_graphs(trace, calls, inputs.submissions)
    windows = gpu_windows(ops, found.of_op, found.chain)
    overheads = trace.overheads
    partitioned = Beside(lambda: partition_devices(inputs, windows, overheads))
    cpu_windows = CallWindows(found.start_ns, found.end_ns, found.processes, trace.thread_process)
    table = summarise(calls, cpu_windows)
    delays = queue_delays(ops, calls.rows, found.of_op, len(found))
    operators = Operators(trace, inputs.submissions, inputs.names.coded, info.end_ns)
    ranges = range_hotspots(trace, inputs.submissions, info.end_ns)
    categories = category_shares(inputs.work)
    total = sum(share.ns for share in categories.values())
    kernels = kernel_hotspots(
        trace, inputs.names, found.of_op[: ops.kernels] >= 0, operators.of_names(), total
    )
    chosen = sample(calls, ops, found.start_ns, found.end_ns)
    parts = partitioned.result()
    memory = memory_by_gpu(trace)
    memory_in_steps = memory_by_step(memory, found.start_ns, found.end_ns, found.processes)
    columns = StepColumns(delays.by_step, hidden.by_step(found, windows), table, memory_in_steps)
    steps = measure_steps(inputs, windows, parts, columns)
    partitions = {
        str(device): named(part.through[-1], len(hidden) > 0)
        for device, part in zip(ops.devices, parts, strict=True)
    }
    busiest = max(partitions.values(), key=busy_ns, default={})
    whole = np.array([info.start_ns]), np.array([info.end_ns])
    comparison = compare_steps(steps)
    result = Hotspots(
        trace=info,
        steps_source=found.source,
        steps_confidence=found.confidence,
        steps=steps,
        categories=categories,
        kernels=kernels,
        api=table.by_class(),
        api_calls=table.by_function,
        unclassified_share=categories["unknown"].share if "unknown" in categories else 0.0,
        warnings=(
            *trace.warnings,
            *lost_events(load_diagnostics(trace)),
            *_doubts(trace, ops, calls, found, len(hidden)),
            *unclosed_ranges(trace),
            *found.notes,
        ),
        partition=busiest,
        partitions=partitions,
        launch_bound=-1.0 if len(hidden) else launch_bound(busiest),
        queue_ns=delays.overall_ns,
        overlap_ns=sum(int(part.overlap(part.cuts[:1], part.cuts[-1:])[0]) for part in parts),
        profiler_ns=int(overhead_within(trace.overheads, *whole)[0]),
        comparison=comparison,
        typical=typical_step(steps, comparison),
        distortion=distortion_beside(trace.path),
        ran=ran_beside(trace.path),
        devices=trace.devices,
        ranges=ranges,
        operators=operators.hotspots(inputs.names.classes),
        memory=device_memory(memory, info.start_ns),
        tree=kernel_tree(kernels, total),
        patterns=call_patterns(calls, chosen),
        around=kernels_around(calls, chosen),
        hidden_graphs=len(hidden),
    )
    return replace(result, headline=headline(result))


def find_steps(trace: Trace, submissions: Submissions, wanted: str) -> Steps:
    """Return the steps of a trace, found in the way that ``measure_hotspots`` was asked for."""
    pattern = "" if wanted in ("auto", "nvtx", "detect") else wanted
    if wanted != "detect":
        end = _info(trace, submissions.ops).end_ns
        processes = len(trace.processes)
        timeline = Timeline(trace.ranges, trace.range_texts, trace.thread_process, processes, end)
        marked = steps_from_ranges(timeline, submissions, pattern)
        if marked is not None:
            return marked
    if wanted not in ("auto", "detect"):
        what = f"no NVTX range matching {pattern!r}" if pattern else "no NVTX ranges that count steps"
        raise MissingDataError(f"{trace.path} has {what}", _range_hint(trace))
    from nsysprof.attribute.detected import steps_from_launches  # most traces do without

    return steps_from_launches(trace, submissions)


def _range_hint(trace: Trace) -> str:
    if not trace.range_texts:
        return "it has no NVTX ranges at all; use --steps detect, or capture with `nsys profile -t cuda,nvtx`"
    some = ", ".join(repr(text[:40]) for text in trace.range_texts[:5])
    more = ", ..." if len(trace.range_texts) > 5 else ""
    return f"its ranges are {some}{more}; --steps takes a regular expression"


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


def _doubts(trace: Trace, ops: Operations, calls: Calls, found: Steps, hidden: int) -> tuple[str, ...]:
    """Say what a reader must know before trusting the figures."""
    doubts = []
    if hidden:
        doubts.append(
            f"{number_of(hidden, 'CUDA graph launch', 'es')} ran work that the trace does not show, so the "
            "GPU's busy and idle time there are unknown; capture with `nsys profile --cuda-graph-trace=node`"
        )
    if len(trace.graphs):
        doubts.append(
            f"of {number_of(len(trace.graphs), 'CUDA graph launch', 'es')} only start and end were recorded: "
            "all between counts as busy, the kernels are unknown; capture with `nsys profile "
            "--cuda-graph-trace=node`"
        )
    if not len(ops):
        doubts.append(
            "the trace holds no GPU work: no kernels, copies or memory sets; capture with `nsys profile "
            "-t cuda,nvtx` while the program uses the GPU, and see `nsysprof doctor`"
        )
    elif not len(calls.rows):
        doubts.append(
            "the trace holds no CUDA API calls, so GPU work cannot be tied to steps or idle time explained"
        )
    else:
        lost = int(np.count_nonzero(ops.launch < 0))
        if lost:
            doubts.append(f"{lost:,} of {len(ops):,} GPU operations have no API call that submitted them")
    if not len(found) and not found.notes:
        doubts.append("no steps were found")
    return tuple(doubts)


def lost_events(diagnostics: Iterable[Diagnostic]) -> tuple[str, ...]:
    """Say what nsys itself says of events that are missing from the trace."""
    return tuple(f"nsys lost events: {item.text}" for item in diagnostics if item.is_loss)


def unclosed_ranges(trace: Trace) -> tuple[str, ...]:
    """Say that ranges never closed, and which; nothing where all did."""
    rows = np.flatnonzero(trace.ranges.end_ns < 0)
    if not len(rows):
        return ()
    first = rows[np.argsort(trace.ranges.start_ns[rows], kind="stable")[:100]]
    names = tuple(dict.fromkeys(trace.range_texts[text] for text in trace.ranges.text[first].tolist()))
    some = ", ".join(repr(name[:40]) for name in names[:3]) + (", ..." if len(names) > 3 else "")
    return (f"{number_of(len(rows), 'NVTX range')} never closed ({some}): counted up to the trace's end",)
