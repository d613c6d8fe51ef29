"""``nsysprof query``: SQL over a trace."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsysprof.errors import UsageError

if TYPE_CHECKING:
    from nsysprof.trace.queries import Query
    from nsysprof.trace.session import RunningQuery

_What = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME|SQL|FILE.sql",
        help="A query that --list shows, SQL of your own in quotes, or a file that holds some.",
        show_default=False,
    ),
]
_TraceFile = Annotated[
    Path | None, typer.Argument(metavar="TRACE", help="SQLite export of an nsys capture.", show_default=False)
]
_List = Annotated[bool, typer.Option("--list", help="Show the queries that come with nsysprof, and exit.")]
_Json = Annotated[bool, typer.Option("--json", help="Print a JSON array with one object a row.")]
_Csv = Annotated[bool, typer.Option("--csv", help="Print CSV with a header line.")]
_Limit = Annotated[
    int | None,
    typer.Option(min=0, help="Rows to print; 0 is all.", show_default="50 in a table, else all"),
]
_Rules = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="TOML file of your own rules for kernels; they come first."),
]
_Timeout = Annotated[float, typer.Option(help="Seconds that the query may take; 0 is any.")]

_LONGEST_SECONDS = 1e8  # three years; not any number is a time to a clock


def query(
    what: _What = None,
    trace: _TraceFile = None,
    list_queries: _List = False,
    as_json: _Json = False,
    as_csv: _Csv = False,
    limit: _Limit = None,
    timeout: _Timeout = 60.0,
    rules: _Rules = None,
) -> None:
    """Ask a trace with SQL: a documented query by name, or SQL of your own.

    The trace is only read. Beside SQLite's own functions there are
    kernel_category(name) and kernel_library(name) for the demangled name of a
    kernel, and api_class(name) for a CUDA API function. queries/README.md
    describes every query and its columns; their files show how the tables
    hang together.

    nsysprof query kernel_summary trace.sqlite --limit 20

    nsysprof query "SELECT value FROM StringIds WHERE kernel_category(value) = 'gemm'" trace.sqlite --csv
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other", "choose one")
    if not 0 <= timeout <= _LONGEST_SECONDS:
        raise UsageError(f"--timeout {timeout:g} is no time", "give seconds, or 0 for any")
    if list_queries:
        _print_list()
        return
    if what is None or trace is None:
        raise UsageError("a query and a trace are needed", "nsysprof query kernel_summary trace.sqlite")
    from nsysprof.render.text import plain
    from nsysprof.trace.queries import query_or_sql
    from nsysprof.trace.session import Limits, start_query

    rows = limit if limit is not None else 0 if as_json or as_csv else 50
    wanted = query_or_sql(what)
    with start_query(trace, wanted, _functions(rules), Limits(rows, timeout)) as running:
        for warning in running.warnings:
            sys.stderr.write(f"warning: {plain(warning)}\n")
        _print(wanted, running, as_json, as_csv)
        if running.cut:
            sys.stderr.write(f"there are more than these {rows:,} rows; --limit 0 prints all\n")


def _print(wanted: "Query | str", running: "RunningQuery", as_json: bool, as_csv: bool) -> None:
    from nsysprof.render.query_table import print_rows, write_csv, write_json

    if as_json or as_csv:
        (write_json if as_json else write_csv)(running.columns, running, sys.stdout)
    else:
        from rich.console import Console

        print_rows(wanted, running.columns, running, Console())


def _functions(rules: Path | None) -> dict[str, Callable[[str], str]]:
    from nsysprof.classify import classify_api, classify_kernel, rule_set

    chosen = rule_set(rules)
    return {
        "kernel_category": lambda name: classify_kernel(name, chosen).category,
        "kernel_library": lambda name: classify_kernel(name, chosen).library,
        "api_class": lambda name: classify_api(name).key,
    }


def _print_list() -> None:
    from nsysprof.trace.queries import load_query, query_names

    width = max(map(len, query_names()))
    for name in query_names():
        sys.stdout.write(f"{name:{width}}  {load_query(name).title}\n")
