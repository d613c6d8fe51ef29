"""``nsysprof capture``: run a runner, or any program, under nsys."""

import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

PROGRAM = "nsysprof.program"
"""Where the words after ``--`` lie in the context's ``meta``."""


class ProgramCommand(TyperCommand):
    """Keeps what stands after ``--`` apart: that is a program, what comes before are options."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what comes before ``--``."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[PROGRAM] = args[at + 1 :]
            args = args[:at]
        return list(super().parse_args(ctx, args))


def capture(
    context: typer.Context,
    runner: Annotated[
        str | None, typer.Option("--runner", help="The runner: runners/NAME.py; sdxl unless given.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the results.")] = Path(
        "nsysprof-out"
    ),
    name: Annotated[str | None, typer.Option("--name", help="File name of the results.")] = None,
    whole_process: Annotated[
        bool, typer.Option("--whole-process", help="Record load and warm-up too.")
    ] = False,
    capture_range: Annotated[
        str | None,
        typer.Option("--capture-range", metavar="nvtx:NAME", help="Record only this NVTX range."),
    ] = None,
    delay: Annotated[
        float, typer.Option("--delay", min=0, metavar="S", help="Start recording after S seconds.")
    ] = 0,
    duration: Annotated[
        float,
        typer.Option("--duration", min=0, metavar="S", help="End the program after S seconds of recording."),
    ] = 0,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            min=1,
            metavar="SECONDS",
            help="End the program after that long, and keep what was recorded; exit code 124.",
            show_default="as long as it takes",
        ),
    ] = math.inf,
    pytorch_nvtx: Annotated[
        bool, typer.Option("--pytorch-nvtx", help="Mark PyTorch's operators or modules in a program.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace results of the same name.")] = False,
    nsys: Annotated[str | None, typer.Option("--nsys", help="The nsys to use.")] = None,
    runner_help: Annotated[
        bool, typer.Option("--runner-help", help="Show the runner's own options, and exit.")
    ] = False,
) -> None:
    """Run a runner under nsys, or any program: capture -- PROGRAM ...

    Options that are not listed here go to the runner, as --steps 20 does;
    nsysprof capture --runner sdxl --runner-help lists them.
    """
    from rich.console import Console

    from nsysprof.capture.process import Patience
    from nsysprof.capture.request import Request, choose_target, chosen_range, with_images_in, with_window
    from nsysprof.capture.runner_options import check_options
    from nsysprof.capture.session import END_SECONDS, run_capture
    from nsysprof.measure.verdict import judge_capture
    from nsysprof.render.capture_report import export_bar, print_verdict, streams

    target = choose_target(runner, context.args, context.meta.get(PROGRAM))
    if help_text := check_options(target, show_help=runner_help):
        typer.echo(help_text, nl=False)
        return
    chosen = chosen_range(target, capture_range, whole_process=whole_process)
    name = name or target.name
    target = replace(target, range_name=chosen, pytorch_nvtx=pytorch_nvtx)
    target = with_window(with_images_in(target, output / name), delay, duration)
    request = Request(target, output, name, force, nsys, Patience(timeout, END_SECONDS))
    with export_bar(Console(stderr=True)) as progress:
        done = run_capture(request, streams(sys.stdout.buffer, sys.stderr.buffer, progress), progress)
    verdict = judge_capture(done)
    print_verdict(done, verdict, Console(highlight=False))
    raise typer.Exit(done.exit_code(useless=bool(verdict and verdict.problems)))
