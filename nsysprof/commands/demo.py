"""``nsysprof demo``: a real H200 trace that ships with the package, through the same path as ``hotspots``."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from nsysprof.commands.hotspots import hotspots

_Out = Annotated[Path, typer.Option(help="Folder for the unpacked trace and the page.")]
_Open = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]


def demo(out: _Out = Path("nsysprof-out"), open_page: _Open = False) -> None:
    """Show the hotspots of a real capture: SDXL at 1024x1024 on an H200."""
    from nsysprof.assets import demo_trace, unpack_demo

    trace = unpack_demo(out)
    sys.stderr.write(f"demo: {demo_trace().name}, unpacked to {trace}\n")
    hotspots(trace, html=out / f"{trace.stem}.html", open_page=open_page)
