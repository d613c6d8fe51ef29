"""Opening traces: what is loaded from a good one, what a bad one gets."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from trace_builder import PID, TraceBuilder, global_pid, global_tid

from nsysprof.errors import TraceError
from nsysprof.trace import open_trace
from nsysprof.trace.model import Device, SchemaVersion
from nsysprof.trace.strings import UNNAMED

OTHER = PID + 1


def test_rows_of_every_table(tmp_path: Path) -> None:
    path = (
        TraceBuilder()
        .launch("gemm", api=(10, 14), gpu=(20, 50), correlation=1, stream=7)
        .launch("relu", api=(15, 19), gpu=(50, 55), correlation=2, stream=8, pid=OTHER)
        .kernel("in a graph", 60, 61, correlation=3, graph_node=2**40, grid=(2, 3, 4), shared=(16, 32))
        .memcpy(70, 80, 4096, kind=2, correlation=4)
        .memset(81, 82, 64, device=1)
        .graph(90, 99, graph_id=5, correlation=6)
        .memory(5, 2**21, address=0x7F00, pool=(2**25, 2**21))
        .memory(95, 2**21, release=True, kind=5)
        .overhead(1, 2)
        .overhead(3, 4, tid=None)
        .write(tmp_path / "t.sqlite")
    )
    with open_trace(path) as trace:
        kernels, api = trace.kernels, trace.api_calls
        assert [trace.strings[name] for name in kernels.name] == ["gemm", "relu", "in a graph"]
        assert kernels.start_ns.tolist() == [20, 50, 60]
        assert kernels.end_ns.tolist() == [50, 55, 61]
        assert kernels.stream.tolist() == [7, 8, 7]
        assert kernels.correlation.tolist() == [1, 2, 3]
        assert kernels.graph_node.tolist() == [-1, -1, 2**40]
        assert trace.processes[kernels.process].tolist() == [global_pid(), global_pid(OTHER), global_pid()]
        assert trace.kernel_details().grid.tolist() == [[1, 1, 1], [1, 1, 1], [2, 3, 4]]
        assert trace.kernel_details().block.tolist() == [[128, 1, 1]] * 3
        assert trace.kernel_details().shared_bytes.tolist() == [0, 0, 48]
        assert trace.kernel_details(slice(1, 3)).grid.tolist() == [[1, 1, 1], [2, 3, 4]]
        assert [trace.strings[name] for name in api.name] == ["cudaLaunchKernel_v7000"] * 2
        assert (api.start_ns.tolist(), api.end_ns.tolist()) == ([10, 15], [14, 19])
        assert trace.threads[api.thread].tolist() == [global_tid(), global_tid(PID, OTHER)]
        assert trace.thread_process[api.thread].tolist() == kernels.process[:2].tolist()
        assert (trace.memcpys.bytes.tolist(), trace.memcpys.kind.tolist()) == ([4096], [2])
        assert (trace.memsets.bytes.tolist(), trace.memsets.device.tolist()) == ([64], [1])
        assert (trace.graphs.graph.tolist(), trace.graphs.correlation.tolist()) == ([5], [6])
        assert trace.memory.operation.tolist() == [0, 1]
        assert trace.memory.kind.tolist() == [2, 5]
        assert trace.memory.pool_bytes.tolist() == [2**25, -1]
        assert trace.overheads.thread.tolist() == [0, -1]
        assert (len(kernels), len(api), len(trace.memory), len(trace.graphs)) == (3, 2, 2, 1)
        assert trace.warnings == ()


def test_ranges_texts_and_domains(tmp_path: Path) -> None:
    path = (
        TraceBuilder()
        .nvtx("step 0", 10, 20)
        .nvtx("step 1", 20, 30, registered=True)
        .nvtx("step 1", 30, None, domain="sdxl")
        .nvtx("elsewhere", 30, 40, domain="torch", pid=OTHER)  # also domain 1, of another process
        .nvtx("step 0", 40, 60, kind=60, end_tid=PID + 5)
        .nvtx("a mark", 45, None, kind=34)
        .row("NVTX_EVENTS", start=50, end=51, eventType=59, globalTid=global_tid())
        .row("NVTX_EVENTS", start=52, end=53, eventType=59, text="?", domainId=77, textId=999)
        .write(tmp_path / "t.sqlite")
    )
    with open_trace(path) as trace:
        ranges = trace.ranges
        texts = [trace.range_texts[text] for text in ranges.text]
        assert texts == ["step 0", "step 1", "step 1", "elsewhere", "step 0", "", "?"]
        domains = [trace.domains[domain] for domain in ranges.domain]
        assert domains == ["", "", "sdxl", "torch", "", "", "domain 77"]
        assert sorted(trace.range_texts) == ["", "?", "elsewhere", "step 0", "step 1"]
        assert trace.domains[0] == ""
        assert ranges.end_ns.tolist() == [20, 30, -1, 40, 60, 51, 53]
        assert ranges.kind.tolist() == [59, 59, 59, 59, 60, 59, 59]
        assert ranges.thread.tolist()[-1] == -1


@pytest.mark.parametrize("schema", ["3.7.2", "3.20.3", "3.28.1"])
def test_schema_versions_give_the_same_rows(tmp_path: Path, schema: str) -> None:
    builder = TraceBuilder(schema).launch("gemm", api=(10, 14), gpu=(20, 50), correlation=1).nvtx("a", 0, 60)
    with open_trace(builder.write(tmp_path / "t.sqlite")) as trace:
        assert str(trace.schema) == schema
        assert trace.warnings == ()
        assert trace.devices == (Device(0, "NVIDIA H200", 132, 150_109_880_320, "9.0"),)
        assert trace.kernels.end_ns.tolist() == [50]
        assert trace.range_texts == ("a",)


@pytest.mark.parametrize(
    ("schema", "version", "warning"),
    [
        ("3.99.0", SchemaVersion(3, 99, 0), "the export's schema 3.99.0 is newer than 3.28.1"),
        ("2.9.1", SchemaVersion(2, 9, 1), "the export's schema 2.9.1 is older than 3.0.0"),
        (None, SchemaVersion(0, 0, 0), "the export does not say which schema it has"),
    ],
)
def test_unknown_schemas_work_with_one_warning(
    tmp_path: Path, schema: str | None, version: SchemaVersion, warning: str
) -> None:
    path = TraceBuilder(schema).kernel("gemm", 20, 50).write(tmp_path / "t.sqlite")
    with open_trace(path) as trace:
        assert (trace.schema, len(trace.kernels)) == (version, 1)
        assert [text.startswith(warning) for text in trace.warnings] == [True]


def test_devices_are_found_by_their_cuda_ordinal(tmp_path: Path) -> None:
    builder = TraceBuilder(gpu=None).gpu(1, "A100", number=0, multiprocessors=108).gpu(0, "H200", number=6)
    with open_trace(builder.write(tmp_path / "t.sqlite")) as trace:
        assert [(device.index, device.name) for device in trace.devices] == [(0, "H200"), (1, "A100")]
        assert trace.devices[1].multiprocessors == 108
    with open_trace(TraceBuilder(gpu=None).write(tmp_path / "none.sqlite")) as trace:
        assert trace.devices == ()


def test_absent_tables_have_no_rows(tmp_path: Path) -> None:
    with open_trace(TraceBuilder().write(tmp_path / "t.sqlite")) as trace:
        loaded = [trace.kernels, trace.memcpys, trace.memsets, trace.graphs]
        assert [len(rows) for rows in loaded] == [0, 0, 0, 0]
        assert [len(trace.api_calls), len(trace.ranges), len(trace.overheads), len(trace.memory)] == [0] * 4
        assert trace.kernel_details().grid.shape == (0, 3)
        assert (trace.threads.tolist(), trace.processes.tolist()) == ([], [])
        assert (trace.range_texts, trace.domains) == ((), ("",))
        assert not trace.has_table("CUPTI_ACTIVITY_KIND_KERNEL")
        assert trace.has_table("StringIds")


def test_impossible_times_are_left_out_with_a_warning(tmp_path: Path) -> None:
    builder = TraceBuilder().kernel("good", 10, 20, grid=(7, 1, 1))
    for start, end in [(20, 10), (-5, 10), (10, 2**63 - 1), (-(2**63), 2**62)]:
        builder.kernel("bad", start, end)
    builder.kernel("good", 30, 40, grid=(8, 1, 1)).kernel("good", 50, 60, grid=(9, 1, 1))
    with open_trace(builder.write(tmp_path / "t.sqlite")) as trace:
        assert trace.kernels.start_ns.tolist() == [10, 30, 50]
        assert trace.kernel_details().grid[:, 0].tolist() == [7, 8, 9]
        assert trace.kernel_details(slice(0, 2)).grid[:, 0].tolist() == [7, 8]
        assert trace.warnings == (
            "4 of 7 rows of CUPTI_ACTIVITY_KIND_KERNEL have impossible times and are left out",
        )


@pytest.mark.parametrize("id_", [999, -7, 2**31, 2**62])
def test_names_that_no_string_has(tmp_path: Path, id_: int) -> None:
    builder = TraceBuilder().kernel("gemm", 10, 20)
    builder.row("CUPTI_ACTIVITY_KIND_KERNEL", start=30, end=40, demangledName=id_, globalPid=global_pid())
    with open_trace(builder.write(tmp_path / "t.sqlite")) as trace:
        assert [trace.strings[name] for name in trace.kernels.name.tolist()] == ["gemm", UNNAMED]
        assert trace.kernels.name.max() < 100


def test_huge_string_ids_are_renumbered(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for id_ in (2**40, 5, -3):
        builder.row("CUPTI_ACTIVITY_KIND_KERNEL", start=1, end=2, demangledName=id_)
    path = builder.write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO StringIds VALUES (?, ?)", [(2**40, "far"), (-3, "negative"), (5, "near")]
        )
        connection.commit()
    with open_trace(path) as trace:
        assert [trace.strings[name] for name in trace.kernels.name.tolist()] == ["far", "near", "negative"]
        assert sorted(trace.strings) == [0, 1, 2]


def test_hostile_text(tmp_path: Path) -> None:
    path = TraceBuilder().nvtx("nul\0inside", 1, 2).kernel("k", 1, 2).write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE StringIds SET value = CAST(x'ff41' AS TEXT)")
        connection.commit()
    with open_trace(path) as trace:
        assert trace.range_texts == ("nul\0inside",)
        assert trace.strings[int(trace.kernels.name[0])] == "\ufffdA"


def test_values_of_more_than_32_bits_are_kept(tmp_path: Path) -> None:
    path = (
        TraceBuilder()
        .kernel("k", 1, 2, correlation=2**32 - 1)
        .kernel("k", 3, 4, correlation=5)
        .write(tmp_path / "t")
    )
    with open_trace(path) as trace:
        assert trace.kernels.correlation.tolist() == [2**32 - 1, 5]


def test_text_where_an_integer_belongs(tmp_path: Path) -> None:
    builder = TraceBuilder().row("CUPTI_ACTIVITY_KIND_KERNEL", start="soon", end=5)
    with open_trace(builder.write(tmp_path / "t.sqlite")) as trace, pytest.raises(TraceError) as caught:
        _ = trace.kernels
    assert caught.value.message == (
        "the trace is damaged: CUPTI_ACTIVITY_KIND_KERNEL.start holds text instead of integers"
    )


def test_a_table_without_a_needed_column(tmp_path: Path) -> None:
    path = TraceBuilder().write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INTEGER, end INTEGER)")
    with open_trace(path) as trace, pytest.raises(TraceError, match="without the column deviceId"):
        _ = trace.kernels


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _directory(path: Path) -> None:
    path.mkdir()


def _cut(size: int) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        TraceBuilder().nvtx("x" * 20_000, 0, 1).write(path)
        os.truncate(path, size)

    return write


def _other_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE cats (name TEXT)")


def _bytes(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


@pytest.mark.parametrize(
    ("name", "write", "message", "hint"),
    [
        ("t.sqlite", lambda _: None, "PATH does not exist", ""),
        ("t" * 300, lambda _: None, "PATH cannot be read: File name too long", ""),
        ("t", _directory, "PATH is a directory", "give the .sqlite file"),
        ("t", os.mkfifo, "PATH is not a regular file", "give the .sqlite file"),
        ("t", _bytes(b""), "PATH is empty", "export the report again"),
        ("t", _bytes(b"hello"), "PATH is not an SQLite file", "give the .sqlite file"),
        ("t", _bytes(b"SQLite format 3\0"), "PATH has a damaged SQLite header", "export the report again"),
        ("r.nsys-rep", _bytes(b"\x88"), "PATH is an nsys report, not", "run `nsysprof export PATH` first"),
        ("t.xz", _bytes(b"\xfd7zXZ\0.."), "PATH is compressed", "unpack it first: xz -dk PATH"),
        ("t", _cut(5000), "PATH is cut off: 5,000 of ", "copy it again, or export the report again"),
        ("t", _cut(8192), "PATH is cut off: 8,192 of ", "copy it again, or export the report again"),
        ("t", _other_database, "PATH is an SQLite file, but no nsys export", "give the file that"),
    ],
)
def test_files_that_are_no_trace(
    tmp_path: Path, name: str, write: Callable[[Path], None], message: str, hint: str
) -> None:
    path = tmp_path / name
    write(path)
    with pytest.raises(TraceError) as caught:
        open_trace(path)
    assert caught.value.message.startswith(message.replace("PATH", str(path)))
    assert caught.value.hint.startswith(hint.replace("PATH", str(path)))
    assert caught.value.exit_code == 3


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = TraceBuilder().write(tmp_path / "t.sqlite")
    monkeypatch.setattr(Path, "open", refuse)  # permissions mean nothing to root
    with pytest.raises(TraceError, match="may not be read: check its permissions"):
        open_trace(path)


def test_a_trace_that_is_being_written(tmp_path: Path) -> None:
    path = TraceBuilder().kernel("k", 1, 2).write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TraceError, match="is locked: another program writes it"):
            open_trace(path)
        writer.execute("ROLLBACK")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM CUPTI_ACTIVITY_KIND_KERNEL")
        with open_trace(path) as trace:
            assert len(trace.kernels) == 1
            assert trace.warnings == ("another program is writing the trace; it may be incomplete",)


@pytest.mark.parametrize("name", ["plain.sqlite", "a b?c#d%20&e.sqlite", "été-\u65e5\u672c.sqlite", "-wal"])
def test_nothing_is_written_beside_a_trace(tmp_path: Path, name: str) -> None:
    path = TraceBuilder().kernel("k", 1, 2).write(tmp_path / name)
    before = path.read_bytes()
    with open_trace(path) as trace:
        assert len(trace.kernels) == 1
    assert path.read_bytes() == before
    assert _names(tmp_path) == [name]


def test_write_ahead_logs(tmp_path: Path) -> None:
    path = TraceBuilder().kernel("k", 1, 2).write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL SELECT * FROM CUPTI_ACTIVITY_KIND_KERNEL")
        writer.commit()
        with open_trace(path) as trace:  # the second row is in the log only
            assert len(trace.kernels) == 2
        left = tmp_path / "left"
        left.mkdir()
        for suffix in ("", "-wal"):
            (left / f"t.sqlite{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    with open_trace(path) as trace:  # still in that mode, its log gone
        assert len(trace.kernels) == 2
    assert _names(tmp_path) == ["left", "t.sqlite"]
    with pytest.raises(TraceError, match="was left half-written"):
        open_trace(left / "t.sqlite")
    assert _names(left) == ["t.sqlite", "t.sqlite-wal"]


def test_rows_outlive_the_trace_and_are_read_only(tmp_path: Path) -> None:
    with open_trace(TraceBuilder().launch("k", (1, 2), (1, 2)).write(tmp_path / "t.sqlite")) as trace:
        kernels = trace.kernels
    assert kernels.end_ns.tolist() == [2]
    assert trace.kernels is kernels
    with pytest.raises(ValueError, match="read-only"):
        kernels.end_ns[0] = 3
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        _ = trace.api_calls


def test_reading_a_trace_imports_nothing_heavy() -> None:
    program = (
        "import sys, nsysprof.trace; "
        "print([name for name in ('pandas', 'torch', 'plotly', 'typer', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("log", [b"no log" * 500, b"\x37\x7f\x06\x82" + b"x" * 3_000, b""])
def test_what_is_no_log_is_not_waited_for(tmp_path: Path, log: bytes) -> None:
    path = TraceBuilder().kernel("k", 1, 2).write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE more (a)")
        writer.commit()
        index = Path(f"{path}-shm").read_bytes()
    Path(f"{path}-wal").write_bytes(log)
    Path(f"{path}-shm").write_bytes(index)
    with open_trace(path) as trace:
        assert len(trace.kernels) == 1


def test_an_export_without_the_column_that_tells_its_version(tmp_path: Path) -> None:
    path = TraceBuilder().write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("ALTER TABLE META_DATA_EXPORT DROP COLUMN value")
    with pytest.raises(TraceError, match="has META_DATA_EXPORT without the column value"):
        open_trace(path)


class _Forgetful:
    def setlimit(self, *_: int) -> None: ...

    def execute(self, _: str) -> None:
        raise MemoryError  # as for a row whose length is nonsense


def test_what_sqlite_takes_for_a_lack_of_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = TraceBuilder().kernel("k", 1, 2).write(tmp_path / "t.sqlite")
    with open_trace(path) as trace:
        monkeypatch.setattr(trace._source, "connection", _Forgetful())
        with pytest.raises(TraceError, match="is damaged, or takes more memory than there is"):
            _ = trace.strings
        monkeypatch.undo()
    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: _Forgetful())
    with pytest.raises(TraceError, match="is damaged, or takes more memory than there is"):
        open_trace(path)
