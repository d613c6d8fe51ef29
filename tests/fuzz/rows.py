"""Mutations of the rows of a healthy trace: values that no program produces."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from random import Random

from trace_builder import PID, global_pid, global_tid

OPERATIONS = ("CUPTI_ACTIVITY_KIND_KERNEL", "CUPTI_ACTIVITY_KIND_MEMCPY", "CUPTI_ACTIVITY_KIND_MEMSET")
CALLS, RANGES = "CUPTI_ACTIVITY_KIND_RUNTIME", "NVTX_EVENTS"
TIMED = (*OPERATIONS, CALLS, RANGES, "CUPTI_ACTIVITY_KIND_GRAPH_TRACE", "PROFILER_OVERHEAD")
EDGES = tuple(
    value for bit in (7, 15, 31, 32, 47, 53, 61, 62, 63) for value in (2**bit - 1, -(2**bit), 2**bit)
)[:-1]
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "=HYPERLINK(\"http://x\")",
    "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\ufeff=1", " =1", "\uff1d1",
    "'; DROP TABLE StringIds; --",
    '"quoted" and \\ back\\slash',
    "\x1b[2J\x1b]0;title\x07\x1b[31mred",
    "\x9b31m",
    "right\u202eleft\u2066iso\u2069",
    "\u2028\u2029line",
    "[bold red]markup[/] [link=x]",
    "{{data}} {0} %s %(x)s $x ${x}",
    "\ud7ff\ue000\uffff\U0010ffff",
    "zero\u200bwidth\u200d",
    "step \u0663", "step 99999999999999999999999999", "step -1", "step 1e9",
    "(" * 3_000, "<" * 3_000, "a<" * 500 + ">" * 499,
    "step " + "1" * 5_000,
)  # fmt: skip


class Rows:
    """The rows of a trace under change."""

    def __init__(self, connection: sqlite3.Connection, random: Random) -> None:
        self.connection = connection
        self.random = random
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        self.tables = [name for (name,) in found]

    def columns(self, table: str) -> list[str]:
        return [row[1] for row in self.connection.execute(f'PRAGMA table_info("{table}")')]

    def some(self, *tables: str) -> str:
        """Return a table of those given that the trace has."""
        return self.random.choice([table for table in tables if table in self.tables] or ["StringIds"])

    def ids(self, table: str, share: float | None = None) -> list[int]:
        """Return some of the rowids of a table, at least one."""
        everything = [id_ for (id_,) in self.connection.execute(f'SELECT rowid FROM "{table}"')]
        share = self.random.choice((0.0, 0.1, 0.5, 1.0)) if share is None else share
        count = max(1, int(share * len(everything)))
        return self.random.sample(everything, min(count, len(everything)))

    def put(self, table: str, column: str, value: Callable[[], object], share: float | None = None) -> None:
        """Set a column of some rows; nothing where the table lacks it."""
        if column not in self.columns(table):
            return
        with suppress(sqlite3.IntegrityError):  # a primary key takes no text
            self.connection.executemany(
                f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?',
                [(value(), id_) for id_ in self.ids(table, share)],
            )

    def string(self, text: object) -> int:
        """Add a string and return its id."""
        (top,) = self.connection.execute("SELECT max(id) FROM StringIds").fetchone()
        id_ = int(top or 0) + 1
        self.connection.execute("INSERT INTO StringIds (id, value) VALUES (?, ?)", (id_, text))
        return id_


def wrong_types(rows: Rows) -> None:
    values = ("text", "12", "0x10", "", b"\0\xff", 1.5, 2.0, 1e300, float("inf"), -0.0, "9" * 30)
    for _ in range(rows.random.randint(1, 3)):
        table = rows.random.choice(rows.tables)
        column = rows.random.choice(rows.columns(table))
        rows.connection.execute("PRAGMA writable_schema = ON")
        if (
            rows.random.random() < 0.5 and column != "id"
        ):  # without its type the column keeps what it is given
            rows.connection.execute(
                f"UPDATE sqlite_master SET sql = replace(sql, '\"{column}\" INTEGER', '\"{column}\"') "
                "WHERE name = ?",
                (table,),
            )
            rows.connection.execute("PRAGMA writable_schema = RESET")
        rows.put(table, column, lambda: rows.random.choice(values))


def nulls(rows: Rows) -> None:
    for _ in range(rows.random.randint(1, 4)):
        table = rows.random.choice(rows.tables)
        rows.put(table, rows.random.choice(rows.columns(table)), lambda: None)


def negative_times(rows: Rows) -> None:
    for _ in range(rows.random.randint(1, 3)):
        rows.put(
            rows.some(*TIMED), rows.random.choice(("start", "end")), lambda: -rows.random.randrange(2_000)
        )


def huge_times(rows: Rows) -> None:
    edges = (*EDGES, 2**62 + 1, 2**61, 2**60, 2**58, 2**56)
    for _ in range(rows.random.randint(1, 3)):
        column = rows.random.choice(("start", "end", "end"))
        rows.put(rows.some(*TIMED), column, lambda: rows.random.choice(edges))


def end_before_start(rows: Rows) -> None:
    table = rows.some(*TIMED)
    if "end" not in rows.columns(table):
        return
    for id_ in rows.ids(table):
        rows.connection.execute(f'UPDATE "{table}" SET "start" = "end", "end" = "start" WHERE rowid = {id_}')


def one_moment(rows: Rows) -> None:
    moment = rows.random.choice((0, 5_000, 2**62))
    for table in rows.random.sample(TIMED, rows.random.randint(1, 4)):
        if table in rows.tables:
            for column in ("start", "end"):
                rows.put(table, column, lambda: moment, share=1.0)


def correlations(rows: Rows) -> None:
    """Ids that are missing, that several have, or that none can have."""
    value = rows.random.choice((None, 0, -1, 1, 7, *EDGES))
    for table in rows.random.sample((*OPERATIONS, CALLS), 2):
        if table in rows.tables:
            rows.put(table, "correlationId", lambda: value)


def orphans(rows: Rows) -> None:
    """Names, threads, processes and graph nodes that nothing else knows."""
    columns = ("demangledName", "nameId", "textId", "globalTid", "globalPid", "graphNodeId", "domainId")
    for _ in range(rows.random.randint(1, 3)):
        edge = rows.random.choice((-1, 0, 10**6, *EDGES))
        rows.put(rows.some(*TIMED), rows.random.choice(columns), lambda: edge)  # noqa: B023
    if rows.random.random() < 0.3:
        rows.connection.execute("DELETE FROM StringIds WHERE id % 3 = 0")


def places(rows: Rows) -> None:
    """Devices, streams, sizes and kinds that do not exist."""
    columns = ("deviceId", "streamId", "bytes", "copyKind", "eventType", "memKind", "graphId", "gridX")
    for _ in range(rows.random.randint(1, 3)):
        table = rows.some(*TIMED, "CUDA_GPU_MEMORY_USAGE_EVENTS", "CUDA_GRAPH_NODE_EVENTS")
        rows.put(table, rows.random.choice(columns), lambda: rows.random.choice((0, 1, 59, 70, 75, *EDGES)))


def small_tables(rows: Rows) -> None:
    """What describes GPUs, schema and labels."""
    table = rows.some(
        "TARGET_INFO_GPU", "TARGET_INFO_CUDA_DEVICE", "META_DATA_EXPORT", "ENUM_CUDA_MEMCPY_OPER"
    )
    values = (None, -1, "", "3.99.1", "3.x.1", "9" * 400, "NVIDIA\x1b[31m\nH200", "<b>", b"\xff\xfe", *EDGES)
    rows.put(table, rows.random.choice(rows.columns(table)), lambda: rows.random.choice(values))


def rowids(rows: Rows) -> None:
    """Rowids with gaps, huge and negative."""
    table = rows.some(*TIMED)
    used = {id_ for (id_,) in rows.connection.execute(f'SELECT rowid FROM "{table}"')}
    for id_ in rows.ids(table):
        new = rows.random.choice((*EDGES, rows.random.randrange(-(2**62), 2**62), 10**6 + id_))
        if new not in used and new <= 2**63 - 1:
            used.add(new)
            rows.connection.execute(f'UPDATE "{table}" SET rowid = ? WHERE rowid = ?', (new, id_))


def names(rows: Rows) -> None:
    """Names made to break what shows them."""
    for _ in range(rows.random.randint(1, 4)):
        _name(rows, rows.random.choice(HOSTILE))
    if rows.random.random() < 0.2 and "TARGET_INFO_GPU" in rows.tables:
        rows.connection.execute("UPDATE TARGET_INFO_GPU SET name = ?", (rows.random.choice(HOSTILE),))


def bad_text(rows: Rows) -> None:
    """Invalid UTF-8, embedded NUL, and nothing at all."""
    texts = (
        b"\xff\xfe\xfd",
        b"a\0b",
        b"\0",
        b"step \xc3\x28",
        b"\xed\xa0\x80",
        b"step 1\0",
        b"",
        b"\xf0\x9f",
    )
    for _ in range(rows.random.randint(1, 3)):
        id_ = _name(rows, "")
        rows.connection.execute(
            "UPDATE StringIds SET value = CAST(? AS TEXT) WHERE id = ?", (rows.random.choice(texts), id_)
        )
    if rows.random.random() < 0.5 and RANGES in rows.tables:
        rows.connection.execute(f"UPDATE {RANGES} SET text = CAST(? AS TEXT)", (rows.random.choice(texts),))


def megabytes(rows: Rows) -> None:
    """Strings of 1 MB."""
    filling = rows.random.choice(("a", "<", "(", "é", "\x1b", "step 1 ", "void f<int, ", "::", "0", " "))
    _name(rows, (filling * 2**20)[: 2**20])


def _name(rows: Rows, text: object) -> int:
    """Let kernels, calls or ranges have a name."""
    id_ = rows.string(text)
    table, column = rows.random.choice(
        ((OPERATIONS[0], "demangledName"), (CALLS, "nameId"), (RANGES, "textId"), (RANGES, "textId"))
    )
    if table in rows.tables:
        rows.put(table, column, lambda: id_, share=0.1)
    return id_


def _ranges(rows: Rows, found: list[tuple[int, int | None, str, int]]) -> None:
    """Add ranges of start, end, text and thread."""
    if RANGES not in rows.tables:
        rows.tables.append(RANGES)
        rows.connection.execute(
            f"CREATE TABLE {RANGES} (start INTEGER, end INTEGER, eventType INTEGER, text TEXT, "
            "globalTid INTEGER, endGlobalTid INTEGER, textId INTEGER, domainId INTEGER)"
        )
    rows.connection.executemany(
        f"INSERT INTO {RANGES} (start, end, eventType, text, globalTid, domainId) VALUES (?, ?, 59, ?, ?, 0)",
        ((start, end, text, tid) for start, end, text, tid in found),
    )


def crossing_ranges(rows: Rows) -> None:
    """Push/pop ranges that cut across each other, or are the same."""
    random, tid = rows.random, global_tid()
    times = [random.randrange(20_000) for _ in range(random.choice((2, 10, 60)))]
    _ranges(
        rows,
        [
            (at, at + random.choice((0, 1, 500, 9_000)), f"{random.choice('ab')} {i % 7}", tid)
            for i, at in enumerate(times)
        ],
    )


def unclosed_ranges(rows: Rows) -> None:
    if RANGES in rows.tables:
        rows.put(RANGES, "end", lambda: None)
    _ranges(rows, [(100 * i, None, f"open {i}", global_tid()) for i in range(rows.random.randrange(30))])


def nested_ranges(rows: Rows) -> None:
    """Ranges in ranges in ranges; of the same text, or of texts that count."""
    depth = rows.random.choice((300, 3_000, 30_000))
    text = rows.random.choice(("level", "level {}", "step {}", "{}"))
    tid = global_tid(PID)
    _ranges(rows, [(i, 10**6 - i, text.format(i), tid) for i in range(depth)])


def million_ranges(rows: Rows) -> None:
    """As above, a million deep."""
    tid = global_tid(PID)
    counted = rows.random.random() < 0.5
    _ranges(rows, [(i, 10**8 - i, f"level {i % 5_000}" if counted else "level", tid) for i in range(10**6)])


def crowds(rows: Rows) -> None:
    """Very many processes, threads, functions, kernels, devices, streams and steps."""
    count = rows.random.choice((100, 300, 1_000))
    alike = rows.random.sample(range(6), rows.random.randint(0, 4))
    for number in range(count):
        process, thread, function, kernel, device, step = (
            0 if place in alike else number for place in range(6)
        )
        pid, at = PID + process, 1_000 * number
        call, work = rows.string(f"cudaFunction{function}"), rows.string(f"kernel_{kernel}")
        rows.connection.execute(
            f"INSERT INTO {OPERATIONS[0]} (start, end, deviceId, contextId, streamId, correlationId, "
            "globalPid, "
            "demangledName, gridX, gridY, gridZ, blockX, blockY, blockZ, registersPerThread, "
            "staticSharedMemory, dynamicSharedMemory) "
            "VALUES (?, ?, ?, 1, ?, ?, ?, ?, 1, 1, 1, 1, 1, 1, 1, 1, 1)",
            (at + 100, at + 600, device, number, 10**6 + number, global_pid(pid), work),
        )
        if CALLS in rows.tables:
            rows.connection.execute(
                f"INSERT INTO {CALLS} (start, end, globalTid, correlationId, nameId) VALUES (?, ?, ?, ?, ?)",
                (at, at + 50, global_tid(pid + thread, pid), 10**6 + number, call),
            )
        _ranges(rows, [(at, at + 900, f"step {step}", global_tid(pid + thread, pid))])


def layout(rows: Rows) -> None:
    """Tables and columns that went, are views, or have other names and keys."""
    table = rows.random.choice(rows.tables)
    columns = rows.columns(table)
    kind = rows.random.randrange(10)
    execute = rows.connection.execute
    column = rows.random.choice(columns)
    if kind == 0:
        execute(f'DROP TABLE "{table}"')
    elif kind == 1 and len(columns) > 1 and column != "id":
        execute(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')
    elif kind == 2:
        new = rows.random.choice((column.upper(), "rowid", "other", "=1+1", "\x1b[31m", "<b>"))
        if new.lower() not in (name.lower() for name in columns):
            execute(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "{new}"')
    elif kind == 3:
        execute(f'ALTER TABLE "{table}" RENAME TO "hidden"')
        execute(f'CREATE VIEW "{table}" AS SELECT * FROM hidden')
    elif kind == 4:
        execute(f'ALTER TABLE "{table}" RENAME TO "hidden"')
        types = ", ".join(
            f'"{name}" {rows.random.choice(("INT", "TEXT", "REAL", "BLOB", ""))}' for name in columns
        )
        execute(f'CREATE TABLE "{table}" ({types})')
        execute(f'INSERT INTO "{table}" SELECT * FROM hidden')
    elif kind == 5:
        execute(f'ALTER TABLE "{table}" ADD COLUMN "more" INTEGER DEFAULT 7')
        execute(f'CREATE INDEX i ON "{table}" ("{column}")')
    elif kind == 6:
        execute(f'ALTER TABLE "{table}" RENAME TO "hidden"')
        declared = ", ".join(f'"{name}"' for name in columns)
        execute(f'CREATE TABLE "{table}" (number INTEGER, {declared}, PRIMARY KEY (number)) WITHOUT ROWID')
        execute(f'INSERT INTO "{table}" SELECT rowid, * FROM hidden')
    elif kind == 7:
        execute(f'ALTER TABLE "{table}" RENAME TO "hidden"')
        bomb = rows.random.choice(("hex(zeroblob(30000000))", "1", "printf('%9000000d', 1)"))
        declared = ", ".join(f'"{name}" INTEGER' for name in columns if name != column)
        execute(f'CREATE TABLE "{table}" ({declared + ", " if declared else "b, "}"{column}" AS ({bomb}))')
        execute(f'INSERT INTO "{table}" DEFAULT VALUES')
    elif kind == 8:
        execute(f'DROP TABLE "{table}"')
        declared = ", ".join(f'"{name}"' for name in columns if name.lower() not in ("rowid", "rank"))
        execute(f'CREATE VIRTUAL TABLE "{table}" USING fts5({declared})')
    else:
        execute(f'DELETE FROM "{table}" WHERE rowid % {rows.random.randint(1, 4)} = 0')


def shuffled(rows: Rows) -> None:
    """Rows in another order: the same answers are right."""
    for table in TIMED:
        if table in rows.tables:
            rows.connection.execute(f'CREATE TEMP TABLE kept AS SELECT * FROM "{table}"')
            rows.connection.execute(f'DELETE FROM "{table}"')
            ids = [id_ for (id_,) in rows.connection.execute("SELECT rowid FROM kept")]
            rows.random.shuffle(ids)
            for id_ in ids:
                rows.connection.execute(f'INSERT INTO "{table}" SELECT * FROM kept WHERE rowid = {id_}')
            rows.connection.execute("DROP TABLE kept")


def untouched(_: Rows) -> None:
    """Nothing changes: the answer is right."""


ANSWERS = frozenset({0})
"""Values that no program produces, yet there is an answer."""
OR_IMPOSSIBLE = frozenset({0, 3})
"""There may be no row left whose times are possible."""
ANY = frozenset({0, 3, 4})

CHANGES: dict[str, tuple[int, frozenset[int], Callable[[Rows], None]]] = {
    "untouched": (1, ANSWERS, untouched),
    "shuffled rows": (2, ANSWERS, shuffled),
    "wrong types": (6, ANY, wrong_types),
    "NULLs": (5, ANY, nulls),
    "negative times": (4, OR_IMPOSSIBLE, negative_times),
    "overflowing times": (6, OR_IMPOSSIBLE, huge_times),
    "end before start": (4, OR_IMPOSSIBLE, end_before_start),
    "all at one moment": (2, ANSWERS, one_moment),
    "correlation ids": (5, ANSWERS, correlations),
    "orphan ids": (5, ANSWERS, orphans),
    "devices, sizes, kinds": (4, ANSWERS, places),
    "small tables": (3, ANSWERS, small_tables),
    "rowids": (4, ANSWERS, rowids),
    "hostile names": (5, ANSWERS, names),
    "invalid UTF-8, NUL": (4, ANSWERS, bad_text),
    "names of 1 MB": (1, ANSWERS, megabytes),
    "crossing ranges": (4, ANSWERS, crossing_ranges),
    "unclosed ranges": (3, ANSWERS, unclosed_ranges),
    "nested ranges": (1, ANSWERS, nested_ranges),
    "crowds": (1, ANY, crowds),
    "tables and columns": (5, ANY, layout),
}
"""How often each is tried, the exit codes that are right, and what it does."""
