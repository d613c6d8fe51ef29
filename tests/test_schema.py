"""Every command gives the same on a trace of any schema version, and says what an unknown one lacks."""

import gc
import json
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from command_line import real_nsys
from trace_builder import PID, TraceBuilder
from trace_shapes import Shape, parse_version, shapes, versions

from nsysprof.commands import main
from nsysprof.errors import MissingDataError, TraceError
from nsysprof.render import page_file
from nsysprof.trace import Trace, open_trace
from nsysprof.trace.model import SchemaVersion
from nsysprof.trace.queries import Query, load_query, query_names
from nsysprof.trace.schema import NEWEST, OLDEST, TABLES, Table, named
from nsysprof.trace.session import Limits, Value, start_query

FUNCTIONS: dict[str, Callable[[str], str]] = {
    "kernel_category": str.upper,
    "kernel_library": str.title,
    "api_class": str.lower,
}
GRAPHS_SINCE = (3, 8, 4)
"""The first schema that records CUDA graphs as a whole."""


def some_steps(schema: str | None, graphs: bool = False) -> TraceBuilder:
    """Return three steps of two kernels each, with a row in every table that nsysprof reads.

    ``graphs`` adds a whole graph launch, which exports before 3.8.4 cannot hold.
    """
    builder = TraceBuilder(schema).graph_node(70, 2).graph_node(71, 3, original=70).graph_made(7, 4)
    for step in range(3):
        begin, id_ = 10_000 * step, 10 * step
        builder.nvtx(f"step {step}", begin, begin + 9_000, registered=step == 1, domain="sdxl")
        builder.launch("gemm", (begin + 10, begin + 20), (begin + 30, begin + 530), correlation=id_ + 1)
        builder.api("cudaGraphLaunch_v10000", begin + 40, begin + 50, id_ + 2)
        builder.kernel("relu", begin + 600, begin + 700, correlation=id_ + 2, graph_node=71)
        builder.api("cudaMallocAsync_v11020", begin + 60, begin + 90, id_ + 3)
        builder.memory(begin + 61, 2**20, correlation=id_ + 3, pool=(2**25, 2**20 * (step + 1)))
        builder.api("cudaMemcpyAsync_v3020", begin + 100, begin + 140, id_ + 4)
        builder.memcpy(begin + 800, begin + 900, correlation=id_ + 4)
        builder.api("cudaMemsetAsync_v3020", begin + 141, begin + 149, id_ + 5)
        builder.memset(begin + 950, begin + 960, correlation=id_ + 5)
        builder.api("cudaStreamSynchronize_v3020", begin + 150, begin + 8_000, id_ + 6)
        builder.wait(begin + 160, begin + 7_900, correlation=id_ + 6)
        builder.overhead(begin + 8_100, begin + 8_200)
        if graphs:
            builder.api("cudaGraphLaunch_v10000", begin + 8_300, begin + 8_350, id_ + 7)
            builder.graph(begin + 8_400, begin + 8_700, graph_id=7, correlation=id_ + 7)
    return builder


def ask(path: Path, query: Query) -> list[tuple[Value, ...]] | str:
    """Return the rows of ``query``, or what the trace lacks for it."""
    try:
        with start_query(path, query, FUNCTIONS, Limits()) as running:
            return list(running)
    except MissingDataError as error:
        return str(error)


def run(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """Run a command here; return its exit code and what it wrote."""
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["nsysprof", *map(str, words)])
        patch.setenv("COLUMNS", "200")
        for module, name in ((gc, "freeze"), (gc, "set_threshold"), (signal, "signal")):
            patch.setattr(module, name, lambda *_: None)  # right for a process that ends after this
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def hotspots(capsys: pytest.CaptureFixture[str], path: Path, schema: str, *words: str) -> tuple[str, str]:
    """Return the output and the notes of ``hotspots``, without the schema's version."""
    code, out, err = run(capsys, "hotspots", path, *words)
    assert code == 0, err
    return out.replace(schema, "VERSION"), err


# What follows is the declaration against what exports of each version hold.


def columns_at(schema: str) -> dict[str, dict[str, Shape]]:
    """Return table -> column -> its shape as an export of this version has them."""
    version = parse_version(schema)
    return {
        table: {column.name: column for column in columns if column.exists(version)}
        for table, (shape, columns) in shapes().items()
        if shape.exists(version)
    }


@pytest.mark.parametrize("schema", versions())
def test_what_is_declared_is_there_from_its_version_on(schema: str) -> None:
    there = columns_at(schema)
    version = SchemaVersion(*parse_version(schema))
    for table in TABLES:
        name = table.name if version >= table.since else table.formerly
        declared = {column.name for column in table.columns}
        if name and declared:
            assert declared <= set(there[name]), f"{schema} {name}"
        if version < table.since:
            assert table.name not in there


def test_versions_span_what_is_supported() -> None:
    assert (versions()[0], versions()[-1]) == (str(OLDEST), str(NEWEST))
    assert {str(table.since) for table in TABLES} <= set(versions())


@pytest.mark.parametrize("name", query_names())
def test_queries_name_only_what_is_declared(name: str) -> None:
    for need in load_query(name).needs:
        declared = {column.name for table in TABLES if table.name == need.table for column in table.columns}
        assert {*need.columns, *need.optional_columns} <= declared, need.table
        table = named(need.table)
        came_later = table is not None and table.since > OLDEST and not table.formerly
        assert need.optional or not came_later or need.table == "CUPTI_ACTIVITY_KIND_GRAPH_TRACE"


def test_the_shapes_are_those_of_the_real_nsys(tmp_path: Path) -> None:
    nsys = real_nsys().path
    report = ["profile", "--sample=none", "--cpuctxsw=none", "--trace=nvtx", "--output=r", "true"]
    export = ["export", "--type=sqlite", "--lazy=false", "--output=r.sqlite", "r.nsys-rep"]
    for words in (report, export):
        subprocess.run([nsys, *words], cwd=tmp_path, check=True, capture_output=True)
    with closing(sqlite3.connect(tmp_path / "r.sqlite")) as connection:
        found = connection.execute("SELECT value FROM META_DATA_EXPORT WHERE name = 'EXPORT_SCHEMA_VERSION'")
        schema = str(found.fetchone()[0])
        real = {
            table: {name: (type_, bool(needed)) for _, name, type_, needed, *_ in rows}
            for table in shapes()
            if (rows := connection.execute(f"PRAGMA table_info({table})").fetchall())
        }
    expected = {
        table: {name: (column.type, column.required) for name, column in columns.items()}
        for table, columns in columns_at(schema).items()
    }
    real["TARGET_INFO_GPU"] = {name: real["TARGET_INFO_GPU"][name] for name in expected["TARGET_INFO_GPU"]}
    assert real == expected


# What follows is every command on a trace of each version.


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the trace that the others are compared with."""
    return some_steps(str(NEWEST)).write(tmp_path_factory.mktemp("newest") / "t.sqlite")


@pytest.mark.parametrize("schema", versions())
@pytest.mark.parametrize("form", ["--json", "--csv", "--no-html"])
def test_hotspots_are_the_same(
    tmp_path: Path, newest: Path, capsys: pytest.CaptureFixture[str], schema: str, form: str
) -> None:
    path = some_steps(schema).write(tmp_path / newest.name)
    shown, notes = hotspots(capsys, path, schema, form)
    expected, no_notes = hotspots(capsys, newest, str(NEWEST), form)
    assert shown.replace(str(path), "PATH") == expected.replace(str(newest), "PATH")
    assert (notes, no_notes) == ("", "")
    if form == "--json":
        assert json.loads(shown)["trace"]["gpu"] == "NVIDIA H200"
        assert [step["kernels"] for step in json.loads(shown)["steps"]] == [2, 2, 2]


@pytest.mark.parametrize("schema", versions())
def test_pages_are_the_same(
    tmp_path: Path,
    newest: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    schema: str,
) -> None:
    monkeypatch.setattr(page_file, "packed", lambda data: data.decode("latin-1"))  # to see the version in it
    path = some_steps(schema).write(tmp_path / newest.name)
    pages = {}
    for trace, version in ((path, schema), (newest, str(NEWEST))):
        page = tmp_path / f"{version}.html"
        hotspots(capsys, trace, version, "--json", "--html", str(page))
        text = page.read_text("utf-8").replace(str(trace), "PATH").replace(version, "VERSION")
        pages[version] = re.sub("<!-- trace [0-9a-f]+ -->", "", text)  # a hash of the path
    assert "NVIDIA H200" in pages[schema]
    assert pages[schema] == pages[str(NEWEST)]


@pytest.mark.parametrize("schema", versions())
def test_queries_give_the_same(tmp_path: Path, newest: Path, schema: str) -> None:
    path = some_steps(schema).write(tmp_path / "t.sqlite")
    maps_ordinals = parse_version(schema) >= (3, 16, 4)
    differ: dict[str, list[tuple[Value, ...]]] = {
        "export_info": [("EXPORT_SCHEMA_VERSION", schema)],
        "devices": [
            (PID if maps_ordinals else None, 0, "NVIDIA H200", "9.0", 132, 150_109_880_320, None, None)
        ],
    }
    for name in query_names():
        query = load_query(name)
        rows = ask(path, query)
        assert rows == differ.get(name, ask(newest, query)), name
        assert isinstance(rows, list) == (name != "graph_launches")


@pytest.mark.parametrize("schema", versions())
def test_shared_copies_are_the_same(
    tmp_path: Path, newest: Path, capsys: pytest.CaptureFixture[str], schema: str
) -> None:
    path, copy = some_steps(schema).write(tmp_path / "whole.sqlite"), tmp_path / newest.name
    assert run(capsys, "share", path, "-o", copy)[0] == 0
    shown, notes = hotspots(capsys, copy, schema, "--json")
    expected, _ = hotspots(capsys, newest, str(NEWEST), "--json")
    assert shown.replace(str(copy), "PATH") == expected.replace(str(newest), "PATH")
    assert notes == ""
    for name in query_names():
        assert ask(copy, load_query(name)) == ask(path, load_query(name)), name


@pytest.mark.parametrize("schema", [text for text in versions() if parse_version(text) >= GRAPHS_SINCE])
def test_whole_graphs(tmp_path: Path, capsys: pytest.CaptureFixture[str], schema: str) -> None:
    path = some_steps(schema, graphs=True).write(tmp_path / "t.sqlite")
    rows = ask(path, load_query("graph_launches"))
    assert [row[:4] for row in rows] == [
        (begin + 8_400, begin + 8_700, 300, 0) for begin in (0, 10**4, 2 * 10**4)
    ]
    assert "graph" in hotspots(capsys, path, schema, "--json")[0]


# What follows is versions that nobody knew when this was written.


@pytest.fixture(params=["3.28.2", "3.29.0", "4.0.0"])
def unknown(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Return a trace of a version to come, with columns and a table more."""
    schema = str(request.param)
    path = some_steps(schema).write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE CUPTI_ACTIVITY_KIND_KERNEL ADD COLUMN newThing TEXT")
        connection.execute("CREATE TABLE NEW_THINGS (start INTEGER NOT NULL)")
        connection.commit()
    return path, schema


@pytest.mark.parametrize(
    "words",
    [
        ("hotspots", "TRACE", "--json"),
        ("hotspots", "TRACE", "--csv"),
        ("hotspots", "TRACE", "--no-html"),
        ("hotspots", "TRACE", "--html", "PAGE"),
        ("share", "TRACE", "-o", "COPY"),
        ("query", "kernel_summary", "TRACE"),
        ("query", "SELECT count(*) FROM NEW_THINGS", "TRACE", "--json"),
    ],
)
def test_a_newer_schema_works_with_one_warning(
    tmp_path: Path, unknown: tuple[Path, str], capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    path, schema = unknown
    places = {"TRACE": str(path), "PAGE": str(tmp_path / "p.html"), "COPY": str(tmp_path / "c.sqlite")}
    code, out, err = run(capsys, *(places.get(word, word) for word in words))
    assert code == 0
    said = " ".join((err if "--json" in words else out + err).split())  # the object has it, too
    assert said.count("is newer than") == 1
    assert f"the export's schema {schema} is newer than 3.28.1" in said


def drop(path: Path, table: str, column: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.commit()


def load_everything(trace: Trace) -> None:
    _ = trace.kernels, trace.memcpys, trace.memsets, trace.graphs, trace.graph_nodes, trace.api_calls
    _ = trace.ranges, trace.overheads, trace.memory, trace.kernel_details()


REQUIRED = [(table, column.name) for table in TABLES for column in table.loaded if column.required]


@pytest.mark.parametrize(("table", "column"), REQUIRED, ids=lambda item: getattr(item, "name", item))
def test_a_missing_column_is_named(tmp_path: Path, table: Table, column: str) -> None:
    path = some_steps("3.29.0", graphs=True).write(tmp_path / "t.sqlite")
    drop(path, table.name, column)
    with open_trace(path) as trace, pytest.raises(TraceError) as caught:
        load_everything(trace)
    assert str(caught.value) == (
        f"{path} has {table.name} without the column {column}: nsysprof knows schemas up to 3.28.1: "
        "update it, or export with an older nsys"
    )


@pytest.mark.parametrize(
    ("schema", "remedy"),
    [
        ("3.20.3", "export the report again with a current nsys"),
        ("4.0.0", "nsysprof knows schemas up to 3.28.1: update it, or export with an older nsys"),
    ],
)
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("hotspots", "TRACE", "--json"), 3, "TRACE has TABLE without the column demangledName"),
        (("query", "kernel_summary", "TRACE"), 4, "this trace's TABLE has no column demangledName"),
    ],
)
def test_the_command_says_what_to_do(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    schema: str,
    remedy: str,
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    path = some_steps(schema).write(tmp_path / "t.sqlite")
    drop(path, "CUPTI_ACTIVITY_KIND_KERNEL", "demangledName")
    ended, out, err = run(capsys, *(word.replace("TRACE", str(path)) for word in words))
    message = message.replace("TRACE", str(path)).replace("TABLE", "CUPTI_ACTIVITY_KIND_KERNEL")
    assert (ended, out, err.splitlines()[-1]) == (code, "", f"nsysprof: error: {message}: {remedy}")
