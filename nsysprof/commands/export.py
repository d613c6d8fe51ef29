"""``nsysprof export``: a report to SQLite."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    report: Annotated[
        Path, typer.Argument(metavar="REPORT", help="A .nsys-rep, or a .qdstrm that was never imported.")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The SQLite file; by default beside the report.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    nsys: Annotated[str | None, typer.Option("--nsys", help="The nsys to use.")] = None,
) -> None:
    """Turn an nsys report into the SQLite file that the other commands read."""
    from rich.console import Console

    from nsysprof.capture.export import export_report
    from nsysprof.capture.locate import find_nsys
    from nsysprof.render.capture_report import export_bar

    out = output or report.with_suffix(".sqlite")
    with export_bar(Console(stderr=True)) as progress:
        export_report(find_nsys(nsys), report, out, force=force, progress=progress)
    typer.echo(str(out))
