"""The documented queries, the guard round SQL of one's own, and the command."""

import json
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from command_line import environment, nsysprof
from trace_builder import PID, TraceBuilder, global_pid

from nsysprof import assets
from nsysprof.errors import MissingDataError, NsysprofError, TraceError, UsageError
from nsysprof.trace import open_trace
from nsysprof.trace.queries import Need, load_query, parse_query, query_names, query_or_sql, reference
from nsysprof.trace.session import Limits, Value, start_query

FUNCTIONS: dict[str, Callable[[str], str]] = {
    "kernel_category": lambda name: f"category of {name}",
    "kernel_library": lambda name: f"library of {name}",
    "api_class": lambda name: f"class of {name}",
}
LAUNCH = "cudaLaunchKernel_v7000"


def ask(
    path: Path, query: str, rows: int = 0, seconds: float = 60
) -> tuple[tuple[str, ...], list[tuple[Value, ...]], bool]:
    """Return the columns and rows of a query by name or of SQL, and whether the limit cut them."""
    with start_query(path, query_or_sql(query), FUNCTIONS, Limits(rows, seconds)) as running:
        return running.columns, list(running), running.cut


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a trace in which every table that a query needs has rows."""
    builder = (
        TraceBuilder()
        .api("cudaLaunchKernel_v7000", 10, 14, 1)
        .kernel("gemm", 20, 50, correlation=1, shared=(16, 32))
        .launch("gemm", api=(15, 19), gpu=(50, 60), correlation=2)
        .launch("relu", api=(62, 64), gpu=(70, 75), correlation=3, stream=8)
        .memcpy(80, 90, 4096, correlation=4)
        .memset(90, 91, 64)
        .api("cudaGraphLaunch_v10000", 90, 93, 5)
        .graph(95, 99, graph_id=7, correlation=5)
        .nvtx("step 0", 5, 16, domain="sdxl")
        .nvtx("step 1", 60, 65, registered=True)
        .nvtx("denoise", 4, None, kind=60, end_tid=PID + 1)
        .memory(1, 2**20)
        .memory(2, 2**10, pool=(2**25, 2**10))
        .memory(3, 2**20, release=True)
        .overhead(0, 3)
        .row("CUPTI_ACTIVITY_KIND_SYNCHRONIZATION", start=60, end=70, streamId=7, syncType=3)
    )
    return builder.write(tmp_path_factory.mktemp("whole") / "t.sqlite")


EXPECTED: dict[str, list[tuple[Value, ...]]] = {
    "kernels": [
        (20, 50, 30, 0, 7, "gemm", "1x1x1", "128x1x1", 32, 48, PID, 1, None),
        (50, 60, 10, 0, 7, "gemm", "1x1x1", "128x1x1", 32, 0, PID, 2, None),
        (70, 75, 5, 0, 8, "relu", "1x1x1", "128x1x1", 32, 0, PID, 3, None),
    ],
    "kernel_summary": [("gemm", 2, 40, 20.0, 10, 30, 40 / 45), ("relu", 1, 5, 5.0, 5, 5, 5 / 45)],
    "kernel_categories": [
        ("category of gemm", "library of gemm", 1, 2, 40, 40 / 45),
        ("category of relu", "library of relu", 1, 1, 5, 5 / 45),
    ],
    "api_calls": [
        (10, 14, 4, LAUNCH, f"class of {LAUNCH}", PID, PID, 1, 0),
        (15, 19, 4, LAUNCH, f"class of {LAUNCH}", PID, PID, 2, 0),
        (62, 64, 2, LAUNCH, f"class of {LAUNCH}", PID, PID, 3, 0),
        (90, 93, 3, "cudaGraphLaunch_v10000", "class of cudaGraphLaunch_v10000", PID, PID, 5, 0),
    ],
    "api_summary": [
        (LAUNCH, f"class of {LAUNCH}", 3, 10, 10 / 3, 2, 4, 10 / 13),
        ("cudaGraphLaunch_v10000", "class of cudaGraphLaunch_v10000", 1, 3, 3.0, 3, 3, 3 / 13),
    ],
    "memcpys": [(80, 90, 10, 0, 7, "Host-to-Device", 4096, 409.6e9, None, None, PID, 4)],
    "memcpy_summary": [("Host-to-Device", 1, 4096, 10, 10.0, 10, 409.6e9)],
    "memsets": [(90, 91, 1, 0, 7, 64, 0, "Device", PID, 0)],
    "nvtx_ranges": [
        (4, None, None, "denoise", "", "start/end", PID, PID, PID + 1),
        (5, 16, 11, "step 0", "sdxl", "push/pop", PID, PID, None),
        (60, 65, 5, "step 1", "", "push/pop", PID, PID, None),
    ],
    "nvtx_summary": [("step 0", 1, 11, 11.0, 11, 11), ("step 1", 1, 5, 5.0, 5, 5)],
    "steps": [("step 0", 5, 11, 2, 20, 60, 40, 40), ("step 1", 60, 5, 1, 70, 75, 5, 5)],
    "memory_usage": [
        (1, 0, "allocate", "Device", 2**20, 2**20, None, None, 0x7F0000000000, PID, None),
        (2, 0, "allocate", "Device", 2**10, 2**20 + 2**10, 2**25, 2**10, 0x7F0000000000, PID, None),
        (3, 0, "release", "Device", 2**20, 2**10, None, None, 0x7F0000000000, PID, None),
    ],
    "memory_summary": [(PID, 0, "Device", 2, 1, 2**20 + 2**10, 2**20 + 2**10, 2**10)],
    "graph_launches": [(95, 99, 4, 0, 7, 7, PID, 5, 90, 2)],
    "launches": [
        (10, 4, LAUNCH, PID, PID, 20, 30, 6, 0, 7, "gemm"),
        (15, 4, LAUNCH, PID, PID, 50, 10, 31, 0, 7, "gemm"),
        (62, 2, LAUNCH, PID, PID, 70, 5, 6, 0, 8, "relu"),
    ],
    "launch_latency": [("gemm", 2, 18.5, 6, 31, 4.0, 2), ("relu", 1, 6.0, 6, 6, 2.0, 1)],
    "gpu_gaps": [(0, 60, 70, 10), (0, 75, 80, 5), (0, 91, 95, 4)],
    "streams": [(PID, 0, 7, 2, 1, 1, 1, 55, 20, 99), (PID, 0, 8, 1, 0, 0, 0, 5, 70, 75)],
    "devices": [(PID, 0, "NVIDIA H200", "9.0", 132, 150_109_880_320, None, None)],
    "synchronizations": [(60, 70, 10, "Stream sync", 0, 7, None, None)],
    "profiler_overhead": [("CUDA profiling data flush overhead", 1, 3, 3)],
    "export_info": [("EXPORT_SCHEMA_VERSION", "3.20.3")],
}


def test_every_query_has_an_expected_result() -> None:
    assert set(query_names()) == set(EXPECTED)


@pytest.mark.parametrize("name", query_names())
def test_results(whole: Path, name: str) -> None:
    columns, rows, _ = ask(whole, name)
    assert columns == tuple(column.name for column in load_query(name).columns)
    assert len(rows) == len(EXPECTED[name])
    for row, expected in zip(rows, EXPECTED[name], strict=True):
        assert row == pytest.approx(expected, nan_ok=False)


@pytest.mark.parametrize("name", query_names())
def test_needs_are_what_sqlite_reads(whole: Path, name: str) -> None:
    read: dict[str, set[str]] = {}

    def authorize(action: int, table: str | None, column: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ and table in tables:
            read.setdefault(str(table), set()).update({str(column)} - {"", "ROWID"})
        return sqlite3.SQLITE_OK

    query = load_query(name)
    with closing(sqlite3.connect(f"file:{whole}?mode=ro", uri=True)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        for function in FUNCTIONS:
            connection.create_function(function, 1, str)
        connection.set_authorizer(authorize)
        connection.execute(query.sql).fetchall()
    assert read == {need.table: {*need.columns, *need.optional_columns} for need in query.needs}


@pytest.mark.parametrize("name", ["kernel_categories", "kernel_summary"])
def test_shares_of_kernels_alone_are_called_so(name: str) -> None:
    # the shares of `hotspots` are of copies and memory sets, too
    assert load_query(name).columns[-1].name == "kernel_share"


def test_the_reference_is_up_to_date() -> None:
    written = (assets.folder("queries") / "README.md").read_text("utf-8")
    assert written == reference(), "run: python -m nsysprof.trace.queries > queries/README.md"


def _required(need: Need) -> bool:
    return not need.optional


@pytest.mark.parametrize("name", query_names())
@pytest.mark.parametrize("schema", ["3.7.2", "3.28.1"])
def test_optional_tables_and_columns_may_be_absent(tmp_path: Path, name: str, schema: str) -> None:
    path = tmp_path / "t.sqlite"
    query = load_query(name)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE ANALYSIS_DETAILS (duration INTEGER)")
        for need in filter(_required, query.needs):
            declared = ", ".join(f'"{column}"' for column in need.columns)
            connection.execute(f'CREATE TABLE "{need.table}" ({declared})')
        connection.commit()
    columns, rows, _ = ask(path, name)
    assert columns == tuple(column.name for column in query.columns)
    assert rows == []
    required = [need.table for need in query.needs if not need.optional]
    missing = TraceBuilder(schema, gpu=None).write(tmp_path / "missing.sqlite")
    if required and required[0] not in ("StringIds", "META_DATA_EXPORT"):
        with pytest.raises(MissingDataError, match="this trace has no "):
            ask(missing, name)


def test_rows_with_absent_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE StringIds (id, value);"
            "CREATE TABLE NVTX_EVENTS (start, end, eventType, text, globalTid);"
            f"INSERT INTO NVTX_EVENTS VALUES (1, 5, 59, 'step 3', {global_pid(7) + 9})"
        )
    assert ask(path, "nvtx_ranges")[1] == [(1, 5, 4, "step 3", "", "push/pop", 7, 9, None)]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("SELECT 1", "a header is a title"),
        ("-- T.\n--\n-- One row is: r\n--\n-- Needs: t[a]\n--\n-- Columns:\n--   a  ns  b", "is not TABLE"),
        ("-- T.\n--\n-- One row is: r\n--\n-- Needs: t(a)\n--\n-- Columns:\n--   a  miles  b", "no unit"),
        ("-- T.\n--\n-- One row is: r\n--\n-- Needs: t(a)\n--\n-- Columns:\n--   a  ns", "no description"),
    ],
)
def test_headers_that_are_not_laid_out(header: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_query("q", header)


def test_names_and_files(tmp_path: Path) -> None:
    mine = tmp_path / "mine.sql"
    mine.write_text("SELECT 1")
    assert query_or_sql("kernels") == load_query("kernels")
    assert query_or_sql(str(mine)) == "SELECT 1"
    assert query_or_sql("SELECT 2") == "SELECT 2"
    with pytest.raises(UsageError, match="no query called kernel_sumary: did you mean kernel_summary"):
        query_or_sql("kernel_sumary")
    with pytest.raises(UsageError, match=r"absent\.sql cannot be read"):
        query_or_sql("absent.sql")


def test_functions_in_own_sql(whole: Path) -> None:
    sql = "SELECT kernel_category(value), kernel_library(NULL) FROM StringIds WHERE value = 'relu'"
    assert ask(whole, sql)[1] == [("category of relu", None)]


def test_limits(whole: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    assert ask(whole, endless, rows=3)[1:] == ([(1,), (2,), (3,)], True)
    assert ask(whole, "SELECT start FROM NVTX_EVENTS LIMIT 3", rows=3)[2] is False
    with pytest.raises(UsageError, match=r"took longer than 0\.05 s: narrow it"):
        ask(whole, endless, seconds=0.05)


def test_columns_of_the_same_name_are_numbered(whole: Path) -> None:
    assert ask(whole, "SELECT 1 AS a, 2 AS a, 3 AS a_2")[0] == ("a", "a_2", "a_2_2")


@pytest.mark.parametrize(
    ("sql", "error", "message"),
    [
        ("DELETE FROM StringIds", UsageError, "SQLite refuses: not authorized: a trace can only be read"),
        ("ATTACH 'other.sqlite' AS other", UsageError, "a trace can only be read"),
        ("PRAGMA journal_mode = WAL", UsageError, "a trace can only be read"),
        ("CREATE TEMP TABLE t (a)", UsageError, "a trace can only be read"),
        ("ROLLBACK TRANSACTION", UsageError, "SQLite refuses"),
        ("SELECT load_extension('x')", UsageError, "SQLite refuses"),
        ("SELECT fts3_tokenizer('simple')", UsageError, "SQLite"),
        ("VACUUM INTO 'copy.sqlite'", UsageError, "SQLite"),
        ("SELECT 1; SELECT 2", UsageError, "one statement at a time"),
        ("SELEC 1", UsageError, 'SQLite says: near "SELEC": syntax error'),
        ("SELECT * FROM cats", UsageError, "SQLite says: no such table: cats"),
        ("SELECT 1 \0", UsageError, "SQLite says: "),
        ("-- nothing at all", UsageError, "gives no rows: only SELECT"),
        ("SELECT length(zeroblob(100000000))", UsageError, "string or blob too big"),
        ("SELECT randomblob(1000000000)", UsageError, "string or blob too big"),
        ("SELECT replace(hex(zeroblob(8000000)), '0', '000')", UsageError, "string or blob too big"),
        (
            "SELECT group_concat(hex(zeroblob(7000000))) FROM sqlite_master",
            UsageError,
            "string or blob too big",
        ),
        ("SELECT like('%' || hex(zeroblob(50000)) || '%', 'a')", UsageError, "pattern too complex"),
        ("SELECT writefile('x', 'y')", UsageError, "no such function: writefile"),
        ("SELECT readfile('t.sqlite')", UsageError, "no such function: readfile"),
        ("SELECT * FROM pragma_database_list", UsageError, "a trace can only be read"),
        ("PRAGMA query_only = 0", UsageError, "a trace can only be read"),
        ("PRAGMA temp_store_directory = 'here'", UsageError, "a trace can only be read"),
        ("DETACH main", UsageError, "a trace can only be read"),
        ("CREATE VIRTUAL TABLE temp.t USING fts5(a)", UsageError, "a trace can only be read"),
        ("SAVEPOINT here", UsageError, "a trace can only be read"),
        ("EXPLAIN QUERY PLAN DELETE FROM StringIds", UsageError, "a trace can only be read"),
        ("WITH a AS (SELECT 1) INSERT INTO StringIds SELECT 9, 'x' FROM a", UsageError, "can only be read"),
        (
            "SELECT * FROM CUPTI_ACTIVITY_KIND_GRAPH_TRACE",
            MissingDataError,
            "this trace has no CUDA graphs recorded as a whole",
        ),
    ],
)
def test_sql_that_is_refused(
    tmp_path: Path, sql: str, error: type[NsysprofError], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = TraceBuilder().kernel("k", 1, 2).write(tmp_path / "t.sqlite")
    before = path.read_bytes()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        ask(path, sql)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.sqlite"]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n) SELECT max(i) FROM n",
        "WITH RECURSIVE n(b) AS (SELECT zeroblob(4000000) UNION ALL SELECT b FROM n) "
        "SELECT b FROM n ORDER BY b",
        "SELECT count(*) FROM StringIds a, StringIds b, StringIds c, StringIds d "
        "WHERE a.value || b.value || c.value = 'x' || d.value",
    ],
)
def test_sql_that_never_ends_is_ended(tmp_path: Path, sql: str) -> None:
    builder = TraceBuilder()
    for number in range(300):
        builder.string(f"name {number}")
    with pytest.raises(UsageError, match=r"took longer than 0\.2 s"):
        ask(builder.write(tmp_path / "t.sqlite"), sql, seconds=0.2)


def test_a_width_beyond_all_memory(tmp_path: Path) -> None:
    path = TraceBuilder().write(tmp_path / "t.sqlite")
    assert ask(path, "SELECT length(printf('%2000000000d', 1))")[1] == [(None,)]


@pytest.mark.parametrize(
    "made",
    [
        "CREATE VIEW StringIds AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) "
        "SELECT id, hex(zeroblob(9000)) AS value FROM n",
        "CREATE VIRTUAL TABLE StringIds USING fts5(id, value)",
        "CREATE TABLE StringIds (id INTEGER, value TEXT AS (hex(zeroblob(30000000 + id))))",
    ],
)
def test_a_trace_that_brings_code_along(tmp_path: Path, made: str) -> None:
    path = TraceBuilder().kernel("k", 1, 5).write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE StringIds")
        connection.execute(made)
        if "AS (hex" in made:
            connection.execute("INSERT INTO StringIds VALUES (1)")
        elif "fts5" in made:
            connection.execute("INSERT INTO StringIds VALUES (1, 'text')")
        connection.commit()
    with open_trace(path) as trace:
        if "AS (hex" in made:
            with pytest.raises(TraceError, match="has StringIds without the column value"):
                _ = trace.strings
        else:
            assert dict(trace.strings) == {}


def test_the_tables_of_a_trace_can_be_looked_at(whole: Path) -> None:
    assert ask(whole, "PRAGMA table_info(StringIds)")[1][1][1] == "value"
    assert ("NVTX_EVENTS",) in ask(whole, "SELECT name FROM sqlite_master")[1]


def test_a_damaged_trace(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for i in range(500):
        builder.kernel("k", i, i + 1)
    path = builder.write(tmp_path / "t.sqlite", page_size=512)
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'CUPTI_ACTIVITY_KIND_KERNEL'"
        ).fetchone()
    content = bytearray(path.read_bytes())
    content[(root - 1) * 512 : root * 512] = b"\xff" * 512
    path.write_bytes(content)
    with pytest.raises(TraceError, match="is damaged"):
        ask(path, "kernels")


def test_the_command(tmp_path: Path) -> None:
    TraceBuilder().launch("=gemm\x1b[31m", (1, 2), (3, 9)).write(tmp_path / "t.sqlite")
    env = environment()

    def run(*words: str) -> tuple[int, str, str]:
        done = nsysprof("query", *words, cwd=tmp_path, env=env)
        return done.code, done.out, done.err

    code, out, err = run("kernel_summary", "t.sqlite")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].rstrip() == "GPU time by kernel name, the most expensive first."
    assert "=gemm\\x1b[31m      1         6" in out
    code, out, err = run("kernels", "t.sqlite", "--json")
    assert (code, err) == (0, "")
    assert [row["name"] for row in json.loads(out)] == ["=gemm\x1b[31m"]
    sql = "SELECT value, kernel_category('ampere_sgemm_128x64_tn') AS kind FROM StringIds ORDER BY 1"
    code, out, err = run(sql, "t.sqlite", "--csv", "--limit", "2")
    assert (code, out) == (0, "value,kind\n'=gemm\x1b[31m,gemm\n" + "cudaLaunchKernel_v7000,gemm\n")
    assert run("SELECT 1 AS '=cmd', 2 AS 'a\x1b'", "t.sqlite", "--csv")[1] == "'=cmd,a\x1b\n1,2\n"
    assert run("SELECT 1 WHERE 0", "t.sqlite")[1].endswith("no rows\n")
    assert run("SELECT 1 WHERE 0", "t.sqlite", "--json")[1] == "[]\n"
    code, out, err = run("SELECT id FROM StringIds", "t.sqlite", "--csv", "--limit", "1")
    assert (out, err) == ("id\n1\n", "there are more than these 1 rows; --limit 0 prints all\n")
    code, out, err = run("--list")
    assert [line.split()[0] for line in out.splitlines()] == list(query_names())


def test_a_table_of_very_many_rows_comes_as_the_rows_do(tmp_path: Path) -> None:
    TraceBuilder().write(tmp_path / "t.sqlite")
    counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 3000) "
    sql = counted + "SELECT i, 'row ' || i AS row FROM n"
    done = nsysprof("query", sql, "t.sqlite", "--limit", "0", cwd=tmp_path, env=environment())
    assert (done.code, done.err) == (0, "")
    assert [line.split() for line in done.out.splitlines()[2:]] == [
        [str(at), "row", str(at)] for at in range(1, 3001)
    ]
    endless = sql.replace(" LIMIT 3000", "")
    done = nsysprof(
        "query", endless, "t.sqlite", *("--limit", "0", "--timeout", "1"), cwd=tmp_path, env=environment()
    )
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "took longer than 1 s" in done.err
    assert done.out.splitlines()[1_500].split()[1] == "row"


def test_texts_that_come_late_have_room(tmp_path: Path) -> None:
    TraceBuilder().write(tmp_path / "t.sqlite")
    sql = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1500) "
        "SELECT i, CASE WHEN i > 1200 THEN 'a longer text of row ' || i END AS text, i * i AS square FROM n"
    )
    words = ("query", sql, "t.sqlite", "--limit", "0")
    done = nsysprof(*words, cwd=tmp_path, env=environment(COLUMNS="80"))
    lines = done.out.splitlines()
    assert lines[-1].split() == ["1500", "a", "longer", "text", "of", "row", "1500", "2250000"]
    assert len({line.index("a longer") for line in lines if "a longer" in line}) == 1


def test_a_full_folder_of_temporary_files_is_named(tmp_path: Path) -> None:
    TraceBuilder().write(tmp_path / "t.sqlite")
    sql = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300) "
        "SELECT i, randomblob(1000000) AS b FROM n ORDER BY b"
    )
    words = ["query", sql, "t.sqlite"]
    command = f"ulimit -f 20000; exec {sys.executable} -m nsysprof {shlex.join(words)}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=environment(SQLITE_TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7
    assert done.stderr.startswith(
        f"nsysprof: error: the query needs more room for temporary files than {tmp_path} has: narrow it"
    )


def test_own_rules_decide_first(tmp_path: Path) -> None:
    TraceBuilder().write(tmp_path / "t.sqlite")
    (tmp_path / "mine.toml").write_text(
        "[[rule]]\npattern = 'ampere_'\ncategory = 'loss'\nlibrary = 'mine'\n"
    )
    name = "'ampere_sgemm_128x64_tn'"
    sql = f"SELECT kernel_category({name}) AS kind, kernel_library({name}) AS library"
    done = nsysprof(
        "query", sql, "t.sqlite", "--csv", "--rules", "mine.toml", cwd=tmp_path, env=environment()
    )
    assert (done.code, done.out) == (0, "kind,library\nloss,mine\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["SELECT 1", "t.sqlite", "--rules", "absent.toml"], 2, "cannot read the rules in absent.toml"),
        ([], 2, "a query and a trace are needed"),
        (["kernels", "t.sqlite", "--json", "--csv"], 2, "--json and --csv exclude each other"),
        (["kernel", "t.sqlite"], 2, "there is no query called kernel: did you mean kernels?"),
        ([" ", "t.sqlite"], 2, "the query is empty: `nsysprof query --list` shows all"),
        (["kernels", "absent.sqlite"], 3, "absent.sqlite does not exist"),
        (["kernels", "t.sqlite"], 4, "this trace has no kernels: capture with"),
        (["SELECT colour", "t.sqlite"], 2, "SQLite says: no such column: colour"),
        (["SELECT 1", "t.sqlite", "--timeout", "nan"], 2, "--timeout nan is no time"),
        (["SELECT 1", "t.sqlite", "--timeout", "1e18"], 2, "--timeout 1e+18 is no time"),
    ],
)
def test_what_the_command_refuses(tmp_path: Path, words: list[str], code: int, message: str) -> None:
    TraceBuilder().write(tmp_path / "t.sqlite")
    done = nsysprof("query", *words, cwd=tmp_path, env=environment())
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith(f"nsysprof: error: {message}")
    assert len(done.err.splitlines()) == 1


def test_functions_take_names_that_are_no_utf_8(tmp_path: Path) -> None:
    path = TraceBuilder().launch("gemm", (1, 2), (3, 9)).write(tmp_path / "t.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE StringIds SET value = CAST(x'ff67' AS TEXT) WHERE value = 'gemm'")
        connection.commit()
    sql = "SELECT kernel_category(value) FROM StringIds WHERE id = (SELECT min(demangledName) FROM "
    assert ask(path, sql + "CUPTI_ACTIVITY_KIND_KERNEL)")[1] == [("category of \N{REPLACEMENT CHARACTER}g",)]
    columns, rows, _ = ask(path, "kernel_categories")
    assert dict(zip(columns, rows[0], strict=True))["category"] == "category of \N{REPLACEMENT CHARACTER}g"


def test_documented_queries_say_what_is_wrong_with_the_trace(tmp_path: Path) -> None:
    path = (
        TraceBuilder().kernel("k", -(2**61), 2**61).kernel("k", -(2**61), 2**61).write(tmp_path / "t.sqlite")
    )
    with pytest.raises(TraceError, match="holds times too large to be added up"):
        ask(path, "kernel_summary")
    with pytest.raises(UsageError, match="SQLite says: integer overflow"):
        ask(path, "SELECT sum(end - start) FROM CUPTI_ACTIVITY_KIND_KERNEL")
    with closing(sqlite3.connect(TraceBuilder().memory(1, 2).write(path))) as connection:
        table = "CUDA_GPU_MEMORY_USAGE_EVENTS"
        columns = ", ".join(f'"{row[1]}"' for row in connection.execute(f"PRAGMA table_info({table})"))
        connection.execute(f"DROP TABLE {table}")
        connection.execute(f"CREATE TABLE {table} (number PRIMARY KEY, {columns}) WITHOUT ROWID")
    with pytest.raises(TraceError, match="is laid out in another way: no such column"):
        ask(path, "memory_usage")
