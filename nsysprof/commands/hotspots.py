"""``nsysprof hotspots``: where the time of a trace went."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsysprof.errors import UsageError

if TYPE_CHECKING:
    from nsysprof.measure.results import Hotspots
    from nsysprof.measure.steps import StepInputs

_TraceFile = Annotated[
    Path, typer.Argument(metavar="TRACE", help="SQLite export of an nsys capture.", show_default=False)
]
_Steps = Annotated[
    str,
    typer.Option(
        metavar="auto|nvtx|detect|REGEX",
        help="Steps from NVTX ranges, by detection, or from ranges that match; auto: NVTX, else detect.",
    ),
]
_Html = Annotated[
    Path | None, typer.Option(help="Where to write the page.", show_default="nsysprof-out/<trace>.html")
]
_NoHtml = Annotated[bool, typer.Option("--no-html", help="Write no page.")]
_Open = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]
_Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, and write no page unless --html.")
]
_Rules = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="TOML file of your own rules for kernels; they come first."),
]
_Csv = Annotated[bool, typer.Option("--csv", help="Print CSV records, and write no page unless --html.")]


def hotspots(
    trace: _TraceFile,
    steps: _Steps = "auto",
    html: _Html = None,
    no_html: _NoHtml = False,
    open_page: _Open = False,
    as_json: _Json = False,
    as_csv: _Csv = False,
    rules: _Rules = None,
) -> None:
    """Say where the time went: steps, kernels by kind, CUDA API calls, and why the GPU idled."""
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other", "choose one")
    if no_html and (html or open_page):
        raise UsageError("--no-html leaves no page to write or open", "drop it, or --html and --open")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads spin, and nothing here needs them
    from nsysprof.classify import rule_set
    from nsysprof.measure.footprint import within_memory
    from nsysprof.measure.hotspots import examine, hotspots_of
    from nsysprof.render.progress import working
    from nsysprof.render.text import plain
    from nsysprof.trace import open_trace

    chosen = rule_set(rules)
    draws = bool(html or open_page or not (no_html or as_json or as_csv))
    with open_trace(trace) as opened, within_memory(opened, draws):
        with working(f"reading {trace}", lambda: opened.part_read):
            inputs = examine(opened, steps, chosen)
            result = hotspots_of(inputs)
        _print(result, as_json, as_csv)
        if draws:
            page = html or Path("nsysprof-out") / f"{trace.stem}.html"
            note = _write_page(inputs, result, page)
            sys.stderr.write(f"page: {plain(str(page))}{note}\n")
            if open_page:
                typer.launch(str(page))


def _write_page(inputs: "StepInputs", result: "Hotspots", path: Path) -> str:
    """Write the page; return what is to be said of the file that it replaced."""
    from nsysprof.measure.timeline import measure_timeline
    from nsysprof.render.page import replaces_another, write_page

    another = replaces_another(path, Path(result.trace.path))
    write_page(result, path, measure_timeline(inputs, result))
    return " (in place of a page of another trace; --html names another file)" if another else ""


def _print(result: "Hotspots", as_json: bool, as_csv: bool) -> None:
    if as_json or as_csv:
        from nsysprof.render.records import to_csv, to_json
        from nsysprof.render.text import plain

        for warning in result.warnings:
            sys.stderr.write(f"warning: {plain(warning)}\n")
        sys.stdout.write(to_json(result) + "\n" if as_json else to_csv(result))
    else:
        from rich.console import Console

        from nsysprof.render.tables import print_hotspots

        print_hotspots(result, Console())
