"""The documented queries of the folder ``queries``: found by name, their headers read.

``python -m nsysprof.trace.queries`` prints their reference, which is queries/README.md.
"""

import re
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path

from nsysprof import assets
from nsysprof.errors import UsageError

UNITS = ("ns", "bytes", "count", "id", "0..1", "text", "Hz")
"""What a result column may be measured in."""

_INTRODUCTION = """\
`nsysprof query NAME trace.sqlite` runs one of these; `--json` and `--csv` print records. The files are plain
SQL for SQLite, and a header says what they need and what they give. Times are integer nanoseconds on the
trace's clock, the same for CPU and GPU. A table or column with a question mark may be absent: nsys creates
tables only when it has rows for them.

nsysprof adds three functions: `kernel_category(name)` and `kernel_library(name)` of a demangled kernel name,
and `api_class(name)` of a CUDA API function. They work in your own SQL too.

This page is made from the headers: `python -m nsysprof.trace.queries > queries/README.md`."""

_NEED = re.compile(r"(\w+)(\??)\(([^)]*)\)")


@dataclass(frozen=True, slots=True)
class Need:
    """A table that a query reads."""

    table: str
    """As nsys calls it."""
    optional: bool
    """True when the query also makes sense without the table."""
    columns: tuple[str, ...]
    """Columns that must be there."""
    optional_columns: tuple[str, ...]
    """Columns that are NULL where the export lacks them."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a query's result."""

    name: str
    """As SQL names it."""
    unit: str
    """One of UNITS."""
    text: str
    """What it holds."""


@dataclass(frozen=True, slots=True)
class Query:
    """A file of the folder ``queries``."""

    name: str
    """The file's name without its suffix."""
    title: str
    """What it shows, as a sentence."""
    row: str
    """What one row of the result is, and what else there is to know."""
    needs: tuple[Need, ...]
    """Every table that it reads."""
    columns: tuple[ResultColumn, ...]
    """Every column of the result, in order."""
    sql: str
    """The whole file."""


def query_names() -> tuple[str, ...]:
    """Return the names of all queries in alphabetical order."""
    return tuple(sorted(path.stem for path in assets.folder("queries").glob("*.sql")))


@cache
def load_query(name: str) -> Query:
    """Return the query ``name``; raises UsageError when there is none."""
    names = query_names()
    if name not in names:
        close = get_close_matches(name, names, 1)
        hint = f"did you mean {close[0]}?" if close else "`nsysprof query --list` shows all"
        raise UsageError(f"there is no query called {name}", hint)
    path: Path = assets.folder("queries") / f"{name}.sql"
    return parse_query(name, path.read_text("utf-8"))


def query_or_sql(text: str) -> Query | str:
    """Return the documented query that ``text`` names, the SQL of the file that it names, or ``text`` as SQL.

    Raises UsageError for a single word that names neither, and for none at all.
    """
    if not text.strip():
        raise UsageError("the query is empty", "`nsysprof query --list` shows all")
    if text in query_names():
        return load_query(text)
    if text.endswith(".sql"):
        try:
            return Path(text).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{text} cannot be read: {error}") from None
    return text if len(text.split()) > 1 else load_query(text)


def parse_query(name: str, sql: str) -> Query:
    """Read the header of a query; raises ValueError where it is not laid out as all headers are."""
    header = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        header.append(line[2:].removeprefix(" "))
    title, row, needs, columns = _parts(name, "\n".join(header))
    return Query(name, title, row, needs, columns, sql)


def _parts(name: str, header: str) -> tuple[str, str, tuple[Need, ...], tuple[ResultColumn, ...]]:
    found = re.fullmatch(
        r"(?P<title>.+?)\n\nOne row is: (?P<row>.+?)\n\n(?P<needs>Needs: .+?)\n\nColumns:\n(?P<columns>.+)",
        header.strip(),
        re.DOTALL,
    )
    if not found:
        raise ValueError(f"{name}: a header is a title, One row is:, Needs: and Columns:")
    needs = tuple(_need(name, text) for text in re.split(r"\n?^Needs: ", found["needs"], flags=re.M) if text)
    columns = []
    for line in found["columns"].splitlines():
        column, unit, text = [*line.split(maxsplit=2), "", ""][:3]
        if unit not in UNITS or not text:
            raise ValueError(f"{name}: the column {column} has no unit or no description")
        columns.append(ResultColumn(column, unit, text))
    return " ".join(found["title"].split()), " ".join(found["row"].split()), needs, tuple(columns)


def _need(name: str, text: str) -> Need:
    found = _NEED.fullmatch(" ".join(text.split()))
    if not found:
        raise ValueError(f"{name}: {text!r} is not TABLE(column, column?)")
    columns = [column.strip() for column in found[3].split(",")]
    return Need(
        found[1],
        bool(found[2]),
        tuple(column for column in columns if not column.endswith("?")),
        tuple(column.rstrip("?") for column in columns if column.endswith("?")),
    )


def reference() -> str:
    """Return queries/README.md: every query with what it needs and what its columns mean."""
    queries = [load_query(name) for name in query_names()]
    lines = [
        "# Queries over an nsys export",
        "",
        *_INTRODUCTION.splitlines(),
        "",
        "| query | shows |",
        "| --- | --- |",
        *(f"| [{query.name}](#{query.name}) | {query.title} |" for query in queries),
    ]
    for query in queries:
        lines += ["", f"## {query.name}", "", query.title, f"One row is {query.row}", ""]
        lines += [f"- needs {_shown(need)}" for need in query.needs]
        lines += ["", "| column | unit | |", "| --- | --- | --- |"]
        lines += [f"| `{column.name}` | {column.unit} | {column.text} |" for column in query.columns]
    return "\n".join(lines) + "\n"


def _shown(need: Need) -> str:
    columns = [*need.columns, *(f"{column}?" for column in need.optional_columns)]
    return f"`{need.table}{'?' * need.optional}`: {', '.join(columns)}"


if __name__ == "__main__":
    sys.stdout.write(reference())
