"""Every ns of a device goes to exactly one bucket: checked ns by ns against the definition."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nsysprof.attribute.buckets import BUCKETS, CAUSE_CODE, IDLE, WORK, WORK_CODE
from nsysprof.attribute.idle import Cpu
from nsysprof.attribute.operations import DeviceOps
from nsysprof.attribute.partition import partition_device
from nsysprof.trace.model import ApiRows, OverheadRows

END = 60


@dataclass(frozen=True)
class Call:
    start: int
    end: int
    cause: str
    thread: int = 0


@dataclass(frozen=True)
class Op:
    start: int
    end: int
    work: str
    call: int = -1
    """Index of the submitting call."""


@dataclass(frozen=True)
class Overhead:
    start: int
    end: int
    thread: int = 0


@dataclass(frozen=True)
class Case:
    ops: tuple[Op, ...]
    calls: tuple[Call, ...] = ()
    overheads: tuple[Overhead, ...] = ()


def partition(case: Case, windows: list[tuple[int, int]]) -> list[dict[str, int]]:
    """The partition under test."""
    api = ApiRows(
        start_ns=np.array([c.start for c in case.calls], np.int64),
        end_ns=np.array([c.end for c in case.calls], np.int64),
        thread=np.array([c.thread for c in case.calls], np.int32),
        correlation=np.arange(len(case.calls), dtype=np.int32),
        name=np.zeros(len(case.calls), np.int32),
    )
    cause = np.array([CAUSE_CODE[c.cause] for c in case.calls], np.int8)
    overheads = OverheadRows(
        np.array([o.start for o in case.overheads], np.int64),
        np.array([o.end for o in case.overheads], np.int64),
        np.array([o.thread for o in case.overheads], np.int32),
    )
    by_start = sorted(case.ops, key=lambda op: (op.start, *waited_for(case, op)))
    ops = DeviceOps(
        np.array([op.start for op in by_start], np.int64),
        np.array([op.end for op in by_start], np.int64),
        np.array([WORK_CODE[op.work] for op in by_start], np.int8),
        np.array([op.call for op in by_start], np.int32),
    )
    bounds = np.array(windows, np.int64).reshape(-1, 2)
    found = partition_device(ops, Cpu(api, cause, overheads), bounds.ravel())
    table = found.window(bounds[:, 0], bounds[:, 1])
    return [{key: ns for key, ns in zip(BUCKETS, row, strict=True) if ns} for row in table.tolist()]


def waited_for(case: Case, op: Op) -> tuple[int, int]:
    """Of operations that start together, the one whose call returned first ends the gap."""
    return (case.calls[op.call].end, case.calls[op.call].thread) if op.call >= 0 else (-1, -1)


def bucket_at(case: Case, time: int) -> str | None:
    """The definition: where the nanosecond from ``time`` belongs; None outside the device's time."""
    running = [op for op in case.ops if op.start <= time < op.end]
    if running:
        return min((op.work for op in running), key=WORK.index)
    later = [op for op in case.ops if op.start > time]
    if not later or all(op.start > time for op in case.ops):
        return None
    first = min(op.start for op in later)
    op = min((op for op in later if op.start == first), key=lambda op: waited_for(case, op))
    if op.call < 0:
        return "idle:unknown"
    call = case.calls[op.call]
    if time >= call.end:
        return "idle:queued"
    if any(o.start <= time < o.end and o.thread in (call.thread, -1) for o in case.overheads):
        return "idle:profiler"
    inside = [c for c in case.calls if c.thread == call.thread and c.start <= time < c.end]
    return f"idle:{min(inside, key=lambda c: c.start).cause}" if inside else "idle:host"


def expected(case: Case, window: tuple[int, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for time in range(*window):
        bucket = bucket_at(case, time)
        if bucket:
            found[bucket] = found.get(bucket, 0) + 1
    return found


@pytest.mark.parametrize(
    ("case", "found"),
    [
        pytest.param(
            Case((Op(0, 10, "gemm"), Op(10, 15, "norm"))), {"gemm": 10, "norm": 5}, id="back to back"
        ),
        pytest.param(
            Case((Op(0, 10, "memcpy"), Op(5, 20, "gemm"), Op(12, 14, "norm"))),
            {"memcpy": 5, "gemm": 15},
            id="streams overlap: compute hides copies, gemm comes before norm",
        ),
        pytest.param(
            Case((Op(0, 10, "communication"), Op(2, 8, "elementwise"))),
            {"communication": 4, "elementwise": 6},
            id="communication counts only where it is exposed",
        ),
        pytest.param(
            Case(
                (Op(0, 10, "gemm", 0), Op(40, 50, "norm", 1)), (Call(0, 5, "launch"), Call(30, 36, "launch"))
            ),
            {"gemm": 10, "norm": 10, "idle:host": 20, "idle:launch": 6, "idle:queued": 4},
            id="the CPU was late",
        ),
        pytest.param(
            Case(
                (Op(0, 10, "gemm", 0), Op(20, 30, "norm", 1)), (Call(0, 2, "launch"), Call(2, 4, "launch"))
            ),
            {"gemm": 10, "norm": 10, "idle:queued": 10},
            id="the work had been submitted before the GPU fell idle",
        ),
        pytest.param(
            Case(
                (Op(0, 10, "gemm", 0), Op(28, 30, "norm", 4)),
                (
                    Call(0, 2, "launch"),
                    Call(3, 12, "sync"),
                    Call(12, 15, "alloc"),
                    Call(16, 20, "memop"),
                    Call(24, 40, "launch"),
                ),
            ),
            {
                "gemm": 10,
                "norm": 2,
                "idle:sync": 2,
                "idle:alloc": 3,
                "idle:host": 5,
                "idle:memop": 4,
                "idle:launch": 4,
            },
            id="several causes in one gap, and a kernel that starts before its launch call returns",
        ),
        pytest.param(
            Case(
                (Op(0, 10, "gemm"), Op(30, 40, "gemm", 0)),
                (Call(18, 25, "launch"), Call(5, 30, "sync", thread=1)),
                (Overhead(12, 20), Overhead(21, 22, thread=1), Overhead(14, 15, thread=-1)),
            ),
            {"gemm": 20, "idle:host": 2, "idle:profiler": 8, "idle:launch": 5, "idle:queued": 5},
            id="the profiler's time on the submitting thread, another thread's calls do not matter",
        ),
        pytest.param(
            Case((Op(0, 10, "gemm"), Op(30, 40, "gemm"))), {"gemm": 20, "idle:unknown": 20}, id="no call"
        ),
        pytest.param(
            Case(
                (Op(0, 5, "gemm"), Op(30, 40, "gemm", 1)), (Call(6, 28, "alloc"), Call(10, 20, "launch"))
            ),
            {"gemm": 15, "idle:host": 1, "idle:alloc": 14, "idle:queued": 10},
            id="a call inside a call is part of it",
        ),
    ],
)  # fmt: skip
def test_buckets(case: Case, found: dict[str, int]) -> None:
    end = max(op.end for op in case.ops)
    assert partition(case, [(0, end)]) == [found]
    assert expected(case, (0, end)) == found


def test_windows_cut_operations_and_gaps() -> None:
    case = Case((Op(0, 10, "gemm", 0), Op(40, 50, "norm", 1)), (Call(0, 5, "launch"), Call(30, 36, "launch")))
    assert partition(case, [(0, 5), (5, 20), (5, 33), (33, 50), (7, 7)]) == [
        {"gemm": 5},
        {"gemm": 5, "idle:host": 10},
        {"gemm": 5, "idle:host": 20, "idle:launch": 3},
        {"idle:launch": 3, "idle:queued": 4, "norm": 10},
        {},
    ]


def test_a_device_without_operations() -> None:
    assert partition(Case(()), [(0, 10)]) == [{}]


@st.composite
def calls_of_thread(draw: st.DrawFn, thread: int) -> list[Call]:
    """Calls in order that do not overlap, some with another call inside."""
    points = sorted(draw(st.lists(st.integers(0, END), unique=True, max_size=12)))
    calls = []
    for start, end in zip(points[::2], points[1::2], strict=False):
        calls.append(
            Call(start, end, draw(st.sampled_from(["launch", "sync", "alloc", "memop", "api"])), thread)
        )
        if end - start > 3 and draw(st.booleans()):
            calls.append(Call(start + 1, end - 1, "launch", thread))
    return calls


@st.composite
def cases(draw: st.DrawFn) -> Case:
    calls = draw(calls_of_thread(0)) + draw(calls_of_thread(1))
    span = st.tuples(st.integers(0, END), st.integers(0, END)).map(sorted)
    work = st.sampled_from(["gemm", "norm", "elementwise", "communication", "memcpy", "unknown"])
    made = st.tuples(span, work, st.integers(-1, len(calls) - 1))
    ops = [
        Op(start, end, kind, call)
        for (start, end), kind, call in draw(st.lists(made, min_size=1, max_size=12))
    ]
    spent = draw(st.lists(st.tuples(span, st.integers(-1, 1)), max_size=4))
    return Case(
        tuple(ops), tuple(calls), tuple(Overhead(start, end, thread) for (start, end), thread in spent)
    )


@given(cases(), st.lists(st.tuples(st.integers(0, END), st.integers(0, END)).map(sorted), max_size=5))
def test_equals_the_definition_ns_by_ns(case: Case, spans: list[list[int]]) -> None:
    windows = [(0, END), *((start, end) for start, end in spans)]
    assert partition(case, windows) == [expected(case, window) for window in windows]


@st.composite
def one_busy_thread(draw: st.DrawFn) -> Case:
    """Calls of one thread in the order of rows, none inside another, after a few that matter to no gap."""
    early = [Call(2 * at - 40, 2 * at - 39, "sync") for at in range(8)]
    calls = early + [
        call for call in draw(calls_of_thread(0)) if call.cause != "launch" or draw(st.booleans())
    ]
    calls = [call for at, call in enumerate(calls) if not at or call.start >= max(c.end for c in calls[:at])]
    span = st.tuples(st.integers(0, END), st.integers(0, END)).map(sorted)
    made = st.tuples(span, st.sampled_from(["gemm", "memcpy"]), st.integers(len(early) - 1, len(calls) - 1))
    ops = [
        Op(start, end, kind, call)
        for (start, end), kind, call in draw(st.lists(made, min_size=1, max_size=9))
    ]
    return Case(tuple(ops), tuple(calls))


@settings(max_examples=300)
@given(one_busy_thread())
def test_one_busy_thread_equals_the_definition(case: Case) -> None:
    assert partition(case, [(0, END)]) == [expected(case, (0, END))]


@given(cases())
def test_the_parts_sum_to_the_devices_time(case: Case) -> None:
    first, last = min(op.start for op in case.ops), max(op.end for op in case.ops)
    (found,) = partition(case, [(first, last)])
    assert sum(found.values()) == last - first
    busy = sum(any(op.start <= time < op.end for op in case.ops) for time in range(first, last))
    assert sum(ns for key, ns in found.items() if key not in IDLE) == busy
