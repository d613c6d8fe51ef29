"""The page reader against SQLite itself: random tables, then damaged ones."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trace_builder import TraceBuilder

from nsysprof.errors import TraceError
from nsysprof.trace import open_trace, pages, source
from nsysprof.trace.btree import PageFile
from nsysprof.trace.columns import Columns, Span, select_columns
from nsysprof.trace.database import read_header
from nsysprof.trace.records import UnsupportedError
from nsysprof.trace.schema import Column, Kind

PAGE_SIZES = [512, 1024, 4096, 65536]
RELAXED = settings(
    derandomize=True,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
WIDTHS = [0, 1, 7, 8, 15, 16, 23, 24, 31, 32, 47, 48, 63]

integers = st.one_of(
    st.none(),
    st.integers(0, 1),
    *(st.integers(-(2**width), 2**width - 1) for width in WIDTHS),
)
texts = st.one_of(st.none(), st.text(max_size=5), st.text(min_size=40, max_size=90))
kinds = st.sampled_from([Kind.INT64, Kind.INT32, Kind.CODE])


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[tuple[str, Kind]], list[list[object]]]:
    """Return columns (name, kind; PRESENT is a text column) and rows, some of which repeat many times."""
    layout = draw(st.lists(st.one_of(kinds, st.just(Kind.PRESENT)), min_size=1, max_size=30))
    pools = [
        draw(st.lists(texts if kind is Kind.PRESENT else integers, min_size=1, max_size=4)) for kind in layout
    ]
    rows = draw(st.lists(st.tuples(*(st.sampled_from(pool) for pool in pools)), max_size=30))
    repeats = draw(st.integers(1, 60))
    return [(f"c{i}", kind) for i, kind in enumerate(layout)], [list(row) for row in rows] * repeats


def create(path: Path, layout: Sequence[tuple[str, Kind]], page_size: int = 4096) -> sqlite3.Connection:
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA page_size = {page_size}")
    declared = ", ".join(f"{name} {'TEXT' if kind is Kind.PRESENT else 'INTEGER'}" for name, kind in layout)
    connection.execute(f"CREATE TABLE t ({declared})")
    return connection


def insert(connection: sqlite3.Connection, rows: Sequence[Sequence[object]]) -> None:
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO t VALUES ({marks})", rows)


def read_both(path: Path, columns: Sequence[Column]) -> tuple[Columns, Columns]:
    """Return what the page reader and what SQLite read; raises UnsupportedError."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        file = PageFile(path, read_header(path))
        try:
            return pages.read_columns(file, connection, "t", columns), select_columns(
                connection, "t", columns
            )
        finally:
            file.close()


def assert_same(fast: Columns, slow: Columns) -> None:
    assert fast.rows == slow.rows
    assert fast.integers.keys() == slow.integers.keys()
    for name, values in slow.integers.items():
        assert fast.integers[name].dtype == values.dtype, name
        np.testing.assert_array_equal(fast.integers[name], values, name)
    assert fast.coded.keys() == slow.coded.keys()
    for name, coded in slow.coded.items():
        np.testing.assert_array_equal(fast.coded[name].codes, coded.codes, name)
        np.testing.assert_array_equal(fast.coded[name].values, coded.values, name)


def _most_bytes(value: object) -> int:
    return 4 + len(value.encode()) if isinstance(value, str) else 10


@RELAXED
@given(tables(), st.sampled_from(PAGE_SIZES), st.data())
def test_any_table_of_integers_and_texts(
    tmp_path: Path,
    table: tuple[list[tuple[str, Kind]], list[list[object]]],
    page_size: int,
    data: st.DataObject,
) -> None:
    layout, rows = table
    wanted = data.draw(st.lists(st.sampled_from(layout), min_size=1, unique=True))
    deleted = data.draw(st.sampled_from(["", "rowid % 3 = 0", "rowid > 7", "rowid < 5", "1"]))
    added = data.draw(st.booleans())
    path = tmp_path / "t.sqlite"
    with closing(create(path, layout, page_size)) as connection:
        insert(connection, rows)
        if added:  # rows written before have no such column
            connection.execute("ALTER TABLE t ADD COLUMN late INTEGER")
            insert(connection, [[*row, 2**33] for row in rows[:5]])
            wanted.append(("late", Kind.INT64))
        if deleted:
            connection.execute(f"DELETE FROM t WHERE {deleted}")
        connection.commit()
    columns = [Column(name, kind) for name, kind in wanted]
    longest = max((sum(_most_bytes(value) for value in row) for row in rows), default=0)
    try:
        fast, slow = read_both(path, columns)
    except UnsupportedError:
        assert longest > page_size - 100  # values on overflow pages
    else:
        assert_same(fast, slow)


@pytest.mark.parametrize("page_size", PAGE_SIZES)
def test_many_pages_on_two_threads(tmp_path: Path, page_size: int) -> None:
    layout = [("time", Kind.INT64), ("same", Kind.INT32), ("thread", Kind.CODE), ("name", Kind.INT32)]
    rows = [[i * 977_777, 7, 2**48 + i // 25_000, i % 300] for i in range(60_000)]
    path = tmp_path / "t.sqlite"
    with closing(create(path, layout, page_size)) as connection:
        insert(connection, rows)
        connection.commit()
    fast, slow = read_both(path, [Column(name, kind) for name, kind in layout])
    assert_same(fast, slow)
    assert fast.integers["time"].tolist() == [row[0] for row in rows]
    assert fast.coded["thread"].values.tolist() == [2**48, 2**48 + 1, 2**48 + 2]
    assert fast.integers["same"].strides == (0,)  # one value takes no memory per row


@pytest.mark.parametrize(
    "rowids", [range(-40, 40), range(2**40, 2**40 + 90), [1, 2**62, -(2**63), 2**63 - 1]]
)
def test_any_rowids(tmp_path: Path, rowids: Sequence[int]) -> None:
    path = tmp_path / "t.sqlite"
    with closing(create(path, [("a", Kind.INT64)], 512)) as connection:
        connection.executemany("INSERT INTO t (rowid, a) VALUES (?, ?)", ((id_, -id_ // 3) for id_ in rowids))
        connection.commit()
    fast, slow = read_both(path, [Column("a", Kind.INT64)])
    assert_same(fast, slow)
    assert fast.integers["a"].tolist() == [-id_ // 3 for id_ in sorted(rowids)]


@pytest.mark.parametrize("gap", [0, 1])
@pytest.mark.parametrize("page_size", PAGE_SIZES)
@pytest.mark.parametrize(("start", "stop"), [(0, 1), (5_000, 5_001), (3_000, 21_000), (29_998, 30_000)])
def test_some_of_the_rows(tmp_path: Path, page_size: int, gap: int, start: int, stop: int) -> None:
    path = tmp_path / "t.sqlite"
    with closing(create(path, [("a", Kind.INT64)], page_size)) as connection:
        rowids = (row + gap * (row > 4_000) - 9 for row in range(30_000))
        connection.executemany("INSERT INTO t (rowid, a) VALUES (?, ?)", ((id_, 3 * id_) for id_ in rowids))
        connection.commit()
        everything = [value for (value,) in connection.execute("SELECT a FROM t ORDER BY rowid")]
        file = PageFile(path, read_header(path))
        found = pages.read_columns(
            file, connection, "t", [Column("a", Kind.INT64)], Span(start, stop, 30_000)
        )
        file.close()
    assert found.rows == stop - start
    assert found.integers["a"].tolist() == everything[start:stop]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(2**31 - 1, np.int32), (2**31, np.int64), (-(2**31), np.int32), (-(2**31) - 1, np.int64)],
)
def test_values_that_do_not_fit_widen_their_column(tmp_path: Path, value: int, dtype: type) -> None:
    path = tmp_path / "t.sqlite"
    with closing(create(path, [("a", Kind.INT32), ("b", Kind.INT32)])) as connection:
        insert(connection, [[1, 2], [value, 3]])
        connection.commit()
    fast, slow = read_both(path, [Column("a", Kind.INT32), Column("b", Kind.INT32)])
    assert_same(fast, slow)
    assert fast.integers["a"].tolist() == [1, value]
    assert fast.integers["a"].dtype == dtype
    assert fast.integers["b"].dtype == np.int32


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (7)",
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO t VALUES (7, 8)",
        "CREATE TABLE t (a INTEGER DEFAULT 5); INSERT INTO t VALUES (7)",
        "CREATE TABLE t (b INTEGER, a INTEGER AS (b + 1)); INSERT INTO t VALUES (7)",
        "CREATE TABLE t (b TEXT, a INTEGER); INSERT INTO t VALUES (hex(zeroblob(9999)), 7)",
        "CREATE TABLE t (rowid INTEGER, a INTEGER); INSERT INTO t VALUES (7, 8)",
        "CREATE TABLE t (a REAL); INSERT INTO t VALUES (7)",
        "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES ('seven')",
        "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (7.5)",
        "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (7), (x'00')",
        "CREATE VIEW t AS SELECT 1 AS a",
    ],
)
def test_what_is_left_to_sqlite(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "t.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    with pytest.raises(UnsupportedError):
        read_both(path, [Column("a", Kind.INT64)])


def test_text_on_overflow_pages_after_the_columns_needed(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    with closing(create(path, [("a", Kind.INT64), ("b", Kind.PRESENT)])) as connection:
        insert(connection, [[7, "x" * 10_000], [8, None], [9, "y" * 5_000]])
        connection.commit()
    fast, slow = read_both(path, [Column("a", Kind.INT64), Column("b", Kind.PRESENT)])
    assert_same(fast, slow)
    assert (fast.integers["a"].tolist(), fast.integers["b"].tolist()) == ([7, 8, 9], [1, 0, 1])


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a trace of small pages, so that damage hits every part of the format."""
    builder = TraceBuilder()
    for i in range(300):
        builder.launch(
            f"kernel_{i % 7}", (i * 100, i * 100 + 10), (i * 100 + 20, i * 100 + 90), correlation=i
        )
        builder.nvtx(f"step {i}", i * 100, i * 100 + 99, registered=i % 2 == 0)
    return builder.write(tmp_path_factory.mktemp("healthy") / "t.sqlite", page_size=512)


def _load(path: Path) -> list[list[object]] | str:
    """Return every column of the trace as lists, or what is wrong with it."""
    try:
        with open_trace(path) as trace:
            loaded = [trace.kernels, trace.api_calls, trace.ranges]
            columns = [
                getattr(rows, name).tolist()
                for rows in loaded
                for kind in type(rows).__mro__[:-1]
                for name in getattr(kind, "__slots__", ())
            ]
            return [*columns, list(trace.range_texts), trace.threads.tolist(), trace.processes.tolist()]
    except TraceError as error:
        return error.message


damage = st.lists(
    st.tuples(st.integers(0, 2**40), st.integers(0, 255) | st.sampled_from([0, 5, 10, 13, 127, 128, 255])),
    min_size=1,
    max_size=6,
)


@settings(RELAXED, max_examples=300)
@given(damage)
def test_damaged_pages_give_what_sqlite_gives_or_one_error(
    tmp_path: Path, healthy: Path, damage: list[tuple[int, int]]
) -> None:
    damaged = bytearray(healthy.read_bytes())
    for place, byte in damage:
        damaged[place % len(damaged)] = byte
    path = tmp_path / "damaged.sqlite"
    path.write_bytes(damaged)
    fast = _load(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "read_columns", _unsupported)
        slow = _load(path)
    # SQLite also refuses damage to columns that nobody asked for.
    assert fast == slow or isinstance(slow, str)


def _unsupported(*_: object) -> Columns:
    raise UnsupportedError("left to SQLite")
