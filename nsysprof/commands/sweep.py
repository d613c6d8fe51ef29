"""``nsysprof sweep``: a runner over a grid of its options."""

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nsysprof.commands.capture import PROGRAM
from nsysprof.errors import UsageError

if TYPE_CHECKING:
    from nsysprof.sweep.results import Sweep
    from nsysprof.sweep.sweep import Request

_Axes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=V1,V2,...",
        help="An option of the runner and its values; size=512,1280x768 sets width and height.",
        show_default=False,
    ),
]
_Runner = Annotated[str, typer.Option(help="The runner: runners/NAME.py, or the path of a script.")]
_Each = Annotated[
    bool, typer.Option("--each", help="One axis at a time round the defaults, not all at once.")
]
_Repeat = Annotated[int, typer.Option(min=1, help="Runs of each configuration.")]
_Profile = Annotated[
    bool, typer.Option("--profile", help="Capture each run with nsys, and keep its hotspots.")
]
_Nsys = Annotated[str | None, typer.Option(help="The nsys to use.")]
_Timeout = Annotated[
    float, typer.Option(min=1, help="Seconds that a run may take.", show_default="as long as it takes")
]
_Fresh = Annotated[bool, typer.Option("--fresh", help="Run everything again, also what is done.")]
_Output = Annotated[Path, typer.Option("--output", "-o", help="Folder of the database and the runs.")]
_Html = Annotated[
    Path | None, typer.Option(help="Where to write the page.", show_default="OUTPUT/sweep.html")
]
_NoHtml = Annotated[bool, typer.Option("--no-html", help="Write no page.")]
_Open = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]
_Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object, and write no page unless --html.")
]
_Csv = Annotated[bool, typer.Option("--csv", help="Print a line a run, and write no page unless --html.")]


def sweep(
    context: typer.Context,
    axes: _Axes = None,
    runner: _Runner = "sdxl",
    each: _Each = False,
    repeat: _Repeat = 1,
    profile: _Profile = False,
    nsys: _Nsys = None,
    timeout: _Timeout = math.inf,
    fresh: _Fresh = False,
    output: _Output = Path("nsysprof-out/sweep"),
    html: _Html = None,
    no_html: _NoHtml = False,
    open_page: _Open = False,
    as_json: _Json = False,
    as_csv: _Csv = False,
) -> None:
    """Run a runner over a grid of its options: memory, time and images of each, as a table and a page.

    What stands after -- goes to every run. A run that is in the database is
    not repeated, so that the same command goes on where it was interrupted; a
    run is the same while its options and all versions are.

    nsysprof sweep batch=1,2,4,8,16,32 -- --random-weights --width 512 --height 512

    nsysprof sweep --each size=512,768,1024 cfg=7,8,11 compile=none,default --repeat 5

    Runs that fail or find too little memory are rows of the table. The exit
    code is 0 when any configuration has figures, 1 when none has, and 130
    after Ctrl-C, which keeps the runs that are done.
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other", "choose one")
    if no_html and (html or open_page):
        raise UsageError("--no-html leaves no page to write or open", "drop it, or --html and --open")
    for word in axes or ():
        if word.startswith("-"):
            raise UsageError(f"unknown option {word}", "options of the runner come after --")
    from nsysprof.render.text import plain
    from nsysprof.sweep.sweep import Request

    rest = tuple(context.meta.get(PROGRAM, ()))
    request = Request(tuple(axes or ()), output, runner, rest, each, repeat, profile, nsys, timeout, fresh)
    result = _run(request)
    _print(result, as_json, as_csv)
    sys.stderr.write(f"results: {plain(str(result.database))}\n")
    if html or open_page or not (no_html or as_json or as_csv):
        from nsysprof.render.sweep_page import write_sweep_page

        page = write_sweep_page(result, html or output / "sweep.html")
        sys.stderr.write(f"page: {plain(str(page))}\n")
        if open_page:
            typer.launch(str(page))
    raise typer.Exit(result.exit_code)


def _run(request: "Request") -> "Sweep":
    from rich.console import Console

    from nsysprof.render.sweep_progress import SweepProgress
    from nsysprof.sweep.sweep import run_sweep

    with SweepProgress(Console(stderr=True, highlight=False), request.repeat) as progress:
        return run_sweep(request, progress)


def _print(result: "Sweep", as_json: bool, as_csv: bool) -> None:
    if as_json or as_csv:
        from nsysprof.render.sweep_records import to_csv, to_json

        sys.stdout.write(to_json(result) + "\n" if as_json else to_csv(result))
    else:
        from rich.console import Console

        from nsysprof.render.sweep_tables import print_sweep

        print_sweep(result, Console(highlight=False))
