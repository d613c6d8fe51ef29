"""A trace that takes more memory than there is, is refused in words before it is loaded."""

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest
from bench.grow import grow
from bench.processes import run
from command_line import environment
from real_trace import THREE_STEPS, unpack
from trace_builder import TraceBuilder

from nsysprof import measure_hotspots, open_trace
from nsysprof.errors import MemoryLimitError
from nsysprof.free_memory import Free, free_memory
from nsysprof.measure import footprint
from nsysprof.measure.footprint import memory_needed, within_memory
from nsysprof.trace.extent import Extent, OwnTexts

MB = 10**6
NOTHING = Extent(0, 0, 0, 0, 0, 0)


def some_work() -> TraceBuilder:
    builder = TraceBuilder().nvtx("step 0", 0, 90).nvtx("step 1", 100, 190, registered=True).memory(1, 64)
    return builder.launch("gemm", (1, 2), (3, 9)).launch("relu", (11, 12), (13, 19)).memcpy(20, 30)


def test_the_extent_of_a_trace(tmp_path: Path) -> None:
    with open_trace(some_work().write(tmp_path / "t.sqlite")) as trace:
        names = ("step 1", "cudaLaunchKernel_v7000", "gemm", "relu")
        own = OwnTexts(1, len("step 0"), 1, len("step 0"))
        assert trace.extent == Extent(3, 2, 1, 2, len(names), sum(map(len, names)), own)
    with open_trace(TraceBuilder(gpu=None).write(tmp_path / "none.sqlite")) as trace:
        assert trace.extent == NOTHING


@pytest.mark.parametrize("far", [2**40, 2**63 - 1])
def test_gaps_between_row_ids_are_no_rows(tmp_path: Path, far: int) -> None:
    path = some_work().write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE CUPTI_ACTIVITY_KIND_KERNEL SET rowid = {far} WHERE rowid = 2")
        connection.execute("UPDATE CUPTI_ACTIVITY_KIND_RUNTIME SET rowid = -5 WHERE rowid = 1")
        connection.commit()
    with open_trace(path) as trace:
        assert (trace.extent.operations, trace.extent.api_calls) == (3, 8)  # from -5 to 2: near enough


def test_a_table_that_cannot_be_looked_at_counts_as_empty(tmp_path: Path) -> None:
    path = TraceBuilder().write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER PRIMARY KEY) WITHOUT ROWID"
        )
    with open_trace(path) as trace:
        assert trace.extent.operations == 0


@pytest.mark.parametrize(
    ("extent", "page", "expected"),
    [
        (NOTHING, False, 72 * MB),
        (NOTHING, True, 130 * MB),
        (Extent(10**6, 0, 0, 0, 0, 0), False, 202 * MB),
        (Extent(0, 10**6, 0, 0, 0, 0), False, 112 * MB),
        (Extent(0, 0, 10**6, 0, 0, 0), False, 190 * MB),
        (Extent(0, 0, 10**6, 0, 0, 0), True, 190 * MB),  # more than the page needs
        (Extent(0, 0, 0, 10**6, 0, 0), False, 272 * MB),
        (Extent(0, 0, 0, 0, 10**6, 50 * 10**6), False, 472 * MB),
        (Extent(0, 0, 0, 0, 10**6, 50 * 10**6), True, 580 * MB),
        (Extent(10**6, 10**6, 10**6, 0, 0, 0), True, 360 * MB),
        (Extent(0, 0, 0, 0, 0, 0, OwnTexts(10**6, 100 * MB, 1, 100)), False, 217 * MB),
        (Extent(0, 0, 0, 0, 0, 0, OwnTexts(10**6, 100 * MB, 10**6, 100 * MB)), False, 417 * MB),
        (Extent(0, 0, 0, 0, 0, 0, OwnTexts(10**6, 100 * MB, 10**6, 100 * MB)), True, 625 * MB),
    ],
)
def test_what_is_needed(extent: Extent, page: bool, expected: int) -> None:
    assert memory_needed(extent, page) == pytest.approx(expected, abs=MB / 100)


@pytest.mark.parametrize("page", [False, True])
def test_the_estimate_is_near_the_truth(tmp_path: Path, page: bool) -> None:
    path = tmp_path / "grown.sqlite"
    grow(unpack(THREE_STEPS, tmp_path), path, 25)
    words = ["--html", str(tmp_path / "p.html")] if page else ["--json"]
    peak = run([sys.executable, "-m", "nsysprof", "hotspots", str(path), *words]).peak_bytes
    with open_trace(path) as trace:
        needed = memory_needed(trace.extent, page)
    assert 0.9 < needed / peak < 1.4


def with_own_texts(path: Path, texts: Iterable[str]) -> Path:
    """Write a trace with a range for each text, which NVTX_EVENTS holds itself, as PyTorch does."""
    some_work().write(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO NVTX_EVENTS (start, end, eventType, text, globalTid) VALUES (?, ?, 59, ?, 1)",
            ((at, at + 1, text) for at, text in enumerate(texts)),
        )
        connection.commit()
    return path


@pytest.mark.parametrize("page", [False, True])
@pytest.mark.parametrize(
    ("rows", "length", "distinct"), [(200_000, 100, 200_000), (50_000, 2_000, 50_000), (50_000, 2_000, 50)]
)
def test_texts_of_ranges_are_counted(
    tmp_path: Path, rows: int, length: int, distinct: int, page: bool
) -> None:
    texts = (f"aten::mm, seq = {at % distinct} ".ljust(length, "x") for at in range(rows))
    path = with_own_texts(tmp_path / "t.sqlite", texts)
    words = ["--html", str(tmp_path / "p.html")] if page else ["--json"]
    peak = run([sys.executable, "-m", "nsysprof", "hotspots", str(path), *words]).peak_bytes
    with open_trace(path) as trace:
        needed = memory_needed(trace.extent, page)
    assert 0.9 < needed / peak < 1.6


def test_the_texts_of_ranges_by_a_sample(tmp_path: Path) -> None:
    """Rows are sampled: how many texts, how long they are, how many of them are unique."""
    texts = [f"unique {at:05}" if at % 2 else "the same" for at in range(40_000)]
    with open_trace(with_own_texts(tmp_path / "t.sqlite", texts)) as trace:
        own = trace.extent.own_texts
    assert own.rows == pytest.approx(40_000, rel=0.01)
    assert own.size == pytest.approx(sum(map(len, texts)), rel=0.1)
    assert own.distinct == pytest.approx(20_000, rel=0.1)
    assert own.distinct_size == pytest.approx(12 * 20_000, rel=0.1)


def test_the_texts_of_ranges_in_memory(tmp_path: Path) -> None:
    """Letters that take several bytes count so; of long texts, few are read; what is no text is none."""
    texts = ["я" * 20_000] * 300
    path = with_own_texts(tmp_path / "t.sqlite", texts)
    with open_trace(path) as trace:
        own = trace.extent.own_texts
    assert own.size == pytest.approx(300 * 40_000, rel=0.2)
    assert own.distinct <= 20
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE NVTX_EVENTS SET text = NULL")
        connection.commit()
    with open_trace(path) as trace:
        assert trace.extent.own_texts == OwnTexts()


@pytest.fixture
def grant(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let there be so many megabytes for all of the process."""

    def allow(megabytes: int) -> None:
        monkeypatch.setattr(footprint, "resident_bytes", lambda: 0)
        monkeypatch.setattr(footprint, "free_memory", lambda: Free(megabytes * MB, "on this machine"))

    return allow


def test_too_little_memory_is_refused(tmp_path: Path, grant: Callable[[int], None]) -> None:
    path = some_work().write(tmp_path / "t.sqlite")
    grant(72)
    with open_trace(path) as trace, pytest.raises(MemoryLimitError) as caught:
        measure_hotspots(trace)
    assert caught.value.exit_code == 8
    assert str(caught.value).startswith(f"{path} takes about 72.0 MB of memory, and 72.0 MB is free")
    grant(73)
    with open_trace(path) as trace:
        assert measure_hotspots(trace).trace.path == str(path)


@pytest.mark.parametrize(
    ("megabytes", "hint"), [(60, "free some, use"), (100, "--no-html takes less, and fits")]
)
def test_what_to_do_about_it(tmp_path: Path, grant: Callable[[int], None], megabytes: int, hint: str) -> None:
    grant(megabytes)
    with open_trace(TraceBuilder().write(tmp_path / "t.sqlite")) as trace:
        with pytest.raises(MemoryLimitError) as caught, within_memory(trace, page=True):
            pytest.fail("it began")
        assert caught.value.hint.startswith(hint)


def test_where_the_system_tells_nothing_all_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footprint, "free_memory", lambda: None)
    with open_trace(TraceBuilder().write(tmp_path / "t.sqlite")) as trace, within_memory(trace):
        pass


def test_memory_that_runs_out_all_the_same(tmp_path: Path) -> None:
    path = TraceBuilder().write(tmp_path / "t.sqlite")
    with (
        open_trace(path) as trace,
        pytest.raises(MemoryLimitError, match="more memory"),
        within_memory(trace),
    ):
        raise MemoryError


def limited(megabytes: int, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run nsysprof with so much address space."""
    limit = megabytes * MB
    program = "import resource, sys; from nsysprof.commands import main; "
    program += f"resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit})); main()"
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)


def test_a_limit_of_the_shell(tmp_path: Path) -> None:
    path = some_work().write(tmp_path / "t.sqlite")
    refused = limited(270, "hotspots", path, "--json")
    assert (refused.returncode, refused.stdout) == (8, "")
    assert refused.stderr.startswith(f"nsysprof: error: {path} takes about 72.0 MB of memory, and ")
    assert refused.stderr.count("\n") == 1
    assert " is free under `ulimit -v`: free some" in refused.stderr
    allowed = limited(2000, "hotspots", path, "--json")
    assert allowed.returncode == 0


def files(root: Path, contents: dict[str, str]) -> Path:
    """Write small files under ``root``."""
    for name, text in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MACHINE = {
    "proc/meminfo": "MemTotal:  9000 kB\nMemAvailable:  8000 kB\n",
    "proc/self/status": "VmSize: 5 kB\n",
}
VERSION_2 = {
    "proc/self/cgroup": "0::/slice/job\n",
    "sys/fs/cgroup/slice/job/memory.max": "max\n",
    "sys/fs/cgroup/slice/job/memory.current": "700000\n",
    "sys/fs/cgroup/slice/memory.max": "4096000\n",
    "sys/fs/cgroup/slice/memory.current": "1096000\n",
    "sys/fs/cgroup/slice/memory.stat": "anon 96000\ninactive_file 500000\n",
}
VERSION_1 = {
    "proc/self/cgroup": "3:cpu,cpuacct:/x\n2:memory:/docker/1234\n",  # which a container does not see
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "2000000\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": "1500000\n",
    "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 200000\n",
}
GROUP = "in this container or control group"


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ({}, None),
        (MACHINE, Free(8_192_000, "on this machine")),
        (MACHINE | VERSION_2, Free(3_500_000, GROUP)),
        (MACHINE | VERSION_1, Free(700_000, GROUP)),
        (VERSION_1 | {"sys/fs/cgroup/memory/memory.usage_in_bytes": "9000000\n"}, Free(0, GROUP)),
        (MACHINE | {"proc/self/cgroup": "0::/../..\nnonsense\n"}, Free(8_192_000, "on this machine")),
        ({"proc/meminfo": "MemAvailable: lots\n"}, None),
    ],
)
def test_free_memory(tmp_path: Path, contents: dict[str, str], expected: Free | None) -> None:
    assert resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY
    assert free_memory(files(tmp_path, contents)) == expected


def test_this_machine_tells() -> None:
    free = free_memory()
    assert free is not None
    assert free.bytes > 0
