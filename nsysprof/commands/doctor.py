"""``nsysprof doctor``: what a capture needs, and what of it is here."""

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
    install_nsys: Annotated[
        Path | None,
        typer.Option(
            "--install-nsys",
            metavar="DIR",
            help="Fetch nsys from the Debian archive that apt is set up for into DIR, without root.",
        ),
    ] = None,
    nsys: Annotated[str | None, typer.Option("--nsys", help="The nsys to look at.")] = None,
) -> None:
    """Say what a capture needs, what of it is here, and what to do; exit code 0 when one would work."""
    from rich.console import Console

    from nsysprof.capture.doctor import diagnose
    from nsysprof.render.capture_report import diagnosis_json, export_bar, print_diagnosis

    if install_nsys is not None:
        from nsysprof.capture.install import install

        with export_bar(Console(stderr=True)) as progress:
            nsys = str(install(install_nsys, progress).path)
    diagnosis = diagnose(nsys)
    if json:
        typer.echo(diagnosis_json(diagnosis))
    else:
        print_diagnosis(diagnosis, Console(highlight=False))
    raise typer.Exit(0 if diagnosis.can_capture else 1)
