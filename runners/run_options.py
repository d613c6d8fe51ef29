"""What the runners' command lines share: raised errors, help with defaults, checked numbers, signals."""

import argparse
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from nsysprof.errors import UsageError

DEFAULT_PROMPT = "a photograph of an astronaut riding a horse on the moon"
LARGEST_SEED = 2**64 - 1
"""What PyTorch's and ComfyUI's generators take at most."""


def unwind_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the program as an error does, so that it cleans up and writes its record."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)


def _leave(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of exiting, so that every error of a run looks the same."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError."""
        raise UsageError(message, f"see {self.prog} --help")


class Help(argparse.HelpFormatter):
    """Help that shows a default where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = not isinstance(action.default, bool | None) and action.default != argparse.SUPPRESS
        return f"{action.help} (default: {action.default})" if shown else action.help


def number(
    kind: Callable[[str], Any], least: float, most: float | None = None, multiple: int = 1
) -> Callable[[str], Any]:
    """Return what parses a finite number from ``least`` to ``most`` that ``multiple`` divides."""

    def parse(text: str) -> Any:
        value = kind(text)
        too_large = value == float("inf") or (most is not None and value > most)
        if not value >= least or too_large or (multiple > 1 and value % multiple):
            rule = f"at least {least:g}"
            rule += f" and at most {most}" if value >= least and most is not None else ""
            rule += f" and a multiple of {multiple}" if multiple > 1 else ""
            raise argparse.ArgumentTypeError(f"must be {rule}, not {text}")
        return value

    parse.__name__ = kind.__name__  # argparse names it when the text is no number at all
    return parse
