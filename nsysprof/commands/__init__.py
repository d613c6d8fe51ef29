"""The command line: a command parses, calls one function of the core, hands the result to a renderer."""

import gc
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from nsysprof import __version__
from nsysprof.commands import capture, classify, demo, doctor, export, hotspots, query, share, sweep
from nsysprof.commands.output import checked_output
from nsysprof.errors import MemoryLimitError, NsysprofError

app = typer.Typer(
    name="nsysprof",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From an Nsight Systems capture of a diffusion run to why a step takes as long as it does.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nsysprof {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    del version


app.command(
    "capture",
    cls=capture.ProgramCommand,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)(capture.capture)
app.command("export")(export.export)
app.command("hotspots")(hotspots.hotspots)
app.command("classify")(classify.classify)
app.command("query")(query.query)
app.command("share")(share.share)
app.command("sweep", cls=capture.ProgramCommand, context_settings={"ignore_unknown_options": True})(
    sweep.sweep
)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)


_BROKEN_PIPE = 141  # 128 + SIGPIPE
_OBJECTS = 200_000
"""Starting makes fewer objects, which all stay: looking for garbage among them is in vain."""


def _end(number: int, _frame: FrameType | None) -> None:
    """End as after an error: what is half done is removed, and what was started is ended."""
    sys.exit(128 + number)


def main() -> None:
    """Run the command line; expected failures become one line on stderr and an exit code."""
    gc.set_threshold(_OBJECTS)
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:  # else, under nohup, it is not heeded
            signal.signal(number, _end)
    try:
        with checked_output():
            app()
    except NsysprofError as error:
        from nsysprof.render.text import plain  # a message may quote the trace

        sys.stderr.write(f"nsysprof: error: {plain(str(error))}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("nsysprof: interrupted\n")
        sys.exit(130)
    except MemoryError:
        sys.stderr.write("nsysprof: error: there is not enough memory: ask for less at once\n")
        sys.exit(MemoryLimitError.exit_code)
    except SystemExit:
        if type(sys.stdout).__name__ == "PacifyFlushWrapper":  # typer's mark where it met the broken pipe
            sys.exit(_BROKEN_PIPE)
        raise
    except BrokenPipeError:  # the reader of our output (head, less) is gone
        sys.stderr.close()
        sys.exit(_BROKEN_PIPE)
    finally:
        gc.freeze()  # the interpreter is about to end; its last look for garbage takes longer than a command
