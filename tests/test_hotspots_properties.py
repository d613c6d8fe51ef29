"""What holds for every trace: nothing is lost, everything adds up, the order of rows does not matter."""

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from trace_builder import TraceBuilder

from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Hotspots
from nsysprof.trace import open_trace

KERNELS = ("layer_norm_kernel", "gemm_kernel", "who_knows")
MEMORY = ("cudaMalloc_v3020", "cudaFree_v3020", "cudaDeviceSynchronize_v3020", "cudaEventRecord_v3020")


@dataclass(frozen=True)
class Call:
    pid: int
    tid: int
    start: int
    end: int
    name: str
    work: tuple[str, int, int, int, int] | None
    """Kind (kernel name, memcpy or memset), start, end, device and stream of what it submits."""
    correlation: int


@dataclass(frozen=True)
class Case:
    calls: tuple[Call, ...]
    steps: tuple[tuple[int, int, int, int], ...]
    """pid, tid, start and end of ``step 0``, ``step 1``, ... of each process, one after the other."""
    others: tuple[tuple[str, int, int, int | None], ...]
    """Text, tid, start and end of further ranges of the first process; None where one never closed."""


@st.composite
def cases(draw: st.DrawFn) -> Case:
    random = draw(st.randoms(use_true_random=False))
    processes = draw(st.integers(1, 2))
    times = list(range(1, 4_000))  # of the CPU, each used once, so that no two events tie
    calls: list[Call] = []
    for process in range(processes):
        for thread in range(draw(st.integers(1, 2))):
            points = sorted(random.sample(times, 2 * draw(st.integers(0, 15))))
            times = [time for time in times if time not in set(points)]
            for start, end in zip(points[::2], points[1::2], strict=True):
                calls.append(_call(random, 1000 * (process + 1), thread, start, end, len(calls) + 1))
    steps = []
    for process in range(processes):
        points = sorted(random.sample(times, draw(st.integers(0, 4)) + 1))
        times = [time for time in times if time not in set(points)]
        pid = 1000 * (process + 1)
        steps += [(pid, pid, start, end) for start, end in pairwise(points)]
    others = []
    for at in range(draw(st.integers(0, 4))):
        start, end = sorted(random.sample(times, 2))
        times = [time for time in times if time not in (start, end)]
        others.append(
            (f"module.{at}", 1000 + random.randrange(2), start, end if random.random() < 0.8 else None)
        )
    return Case(tuple(calls), tuple(steps), tuple(others))


def _call(random: Random, pid: int, thread: int, start: int, end: int, number: int) -> Call:
    # the second process counts its correlation ids from 1 again, as real ones do
    correlation = number
    if random.random() < 0.3:
        return Call(pid, pid + thread, start, end, random.choice(MEMORY), None, correlation)
    name, kind = random.choice(
        [
            ("cudaLaunchKernel_v7000", random.choice(KERNELS)),
            ("cudaMemcpyAsync_v3020", "memcpy"),
            ("cudaMemsetAsync_v3020", "memset"),
        ]
    )
    begin = start + random.randrange(200)
    work = (kind, begin, begin + random.randrange(1, 120), random.randrange(2), random.choice([7, 13]))
    return Call(pid, pid + thread, start, end, name, work, correlation)


Row = tuple[str, tuple[object, ...], dict[str, object]]
"""A method of ``TraceBuilder`` and what to call it with."""


def rows(case: Case) -> list[Row]:
    found: list[Row] = []
    for call in case.calls:
        found.append(
            ("api", (call.name, call.start, call.end, call.correlation, call.tid), {"pid": call.pid})
        )
        if call.work:
            kind, start, end, device, stream = call.work
            place: dict[str, object] = {
                "correlation": call.correlation,
                "pid": call.pid,
                "device": device,
                "stream": stream,
            }
            if kind in ("memcpy", "memset"):
                found.append((kind, (start, end), place))
            else:
                found.append(("kernel", (kind, start, end), place))
    numbers: dict[int, int] = {}
    for pid, tid, start, end in case.steps:
        numbers[pid] = numbers.get(pid, -1) + 1
        found.append(("nvtx", (f"step {numbers[pid]}", start, end, tid), {"pid": pid}))
    found += [("nvtx", (text, start, closes, tid), {}) for text, tid, start, closes in case.others]
    return found


def measure(case: Case, shuffle: Random | None = None) -> Hotspots:
    """Measure the trace of a case; its rows may come in any order."""
    todo = rows(case)
    if shuffle is not None:
        shuffle.shuffle(todo)
    builder = TraceBuilder()
    for method, arguments, options in todo:
        getattr(builder, method)(*arguments, **options)
    with TemporaryDirectory() as folder, open_trace(builder.write(Path(folder) / "trace.sqlite")) as trace:
        found = measure_hotspots(trace)
    return replace(found, trace=replace(found.trace, path=""))


def worth_it(case: Case) -> bool:
    return bool(case.calls or case.steps)


@settings(max_examples=50)
@given(cases().filter(worth_it))
def test_no_time_is_lost(case: Case) -> None:
    found = measure(case)
    work = [call.work for call in case.calls if call.work]
    assert sum(share.ns for share in found.categories.values()) == sum(
        end - start for _, start, end, *_ in work
    )
    assert sum(share.count for share in found.categories.values()) == len(work)
    kernels = [(start, end) for kind, start, end, *_ in work if kind in KERNELS]
    assert sum(kernel.total_ns for kernel in found.kernels) == sum(end - start for start, end in kernels)
    assert sum(call.total_ns for call in found.api_calls) == sum(call.end - call.start for call in case.calls)
    assert sum(amount.count for amount in found.api.values()) == len(case.calls)


@settings(max_examples=50)
@given(cases().filter(worth_it))
def test_every_partition_adds_up(case: Case) -> None:
    found = measure(case)
    for step in found.steps:
        assert sum(step.partition.values()) == step.wall_ns == step.gpu_end_ns - step.gpu_start_ns
        assert step.busy_ns + step.idle_ns == step.wall_ns
        assert 0 <= step.busy_ns <= step.wall_ns
        assert step.overlap_ns >= 0
        assert all(ns > 0 for part in step.partitions.values() for ns in part.values())
    for device, partition in found.partitions.items():
        work = [call.work for call in case.calls if call.work and call.work[3] == int(device)]
        assert sum(partition.values()) == max(end for _, _, end, *_ in work) - min(
            start for _, start, *_ in work
        )


def step_of(case: Case, call: Call) -> int | None:
    """The definition: the step that the thread is in, or the process if the thread opens none."""
    of_process = [step for step in case.steps if step[0] == call.pid]
    own = [step for step in of_process if step[1] == call.tid] or of_process
    inside = [of_process.index(step) for step in own if step[2] <= call.start < step[3]]
    return inside[0] if inside else None


@settings(max_examples=50)
@given(cases().filter(lambda case: bool(case.steps)))
def test_work_belongs_to_the_step_that_submitted_it(case: Case) -> None:
    found = measure(case, None)
    for pid in {step[0] for step in case.steps}:
        expected: dict[str, int] = {}
        for call in case.calls:
            step = step_of(case, call)
            if call.work and call.pid == pid and step is not None:
                label = f"step {step}"
                expected[label] = expected.get(label, 0) + call.work[2] - call.work[1]
        if len({step[0] for step in case.steps}) == 1:
            mine = {
                step.label: sum(amount.ns for amount in step.categories.values())
                for step in found.steps
                if step.categories
            }
            assert mine == {label: ns for label, ns in expected.items() if ns}
    total = sum(amount.ns for step in found.steps for amount in step.categories.values())
    assert total == sum(
        call.work[2] - call.work[1] for call in case.calls if call.work and step_of(case, call) is not None
    )


@settings(max_examples=50)
@given(cases().filter(worth_it), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(case: Case, random: Random) -> None:
    assert measure(case, random) == measure(case)


@settings(max_examples=50)
@given(cases().filter(lambda case: bool(case.calls and case.others)))
def test_ranges_hold_what_their_thread_submitted_while_they_were_open(case: Case) -> None:
    found = {one.text: one for one in measure(case).ranges}
    for text, tid, start, closes in case.others:
        inside = [
            call.work
            for call in case.calls
            if call.work
            and call.tid == tid
            and call.start >= start
            and (closes is None or call.start < closes)
        ]
        assert (text in found) == bool(inside)
        if inside:
            assert found[text].operations == len(inside)
            assert found[text].work_ns == sum(end - begin for _, begin, end, *_ in inside)
            assert found[text].gpu_ns == max(work[2] for work in inside) - min(work[1] for work in inside)
