"""What the runners' command lines share: errors that are raised, help with defaults, checked numbers."""

import argparse
from collections.abc import Callable
from typing import Any, NoReturn

from nsysprof.errors import UsageError

DEFAULT_PROMPT = "a photograph of an astronaut riding a horse on the moon"


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


def number(kind: Callable[[str], Any], least: float, multiple: int = 1) -> Callable[[str], Any]:
    """Return what parses a finite number of at least ``least`` that ``multiple`` divides."""

    def parse(text: str) -> Any:
        value = kind(text)
        if not value >= least or value == float("inf") or (multiple > 1 and value % multiple):
            rule = f"at least {least:g}" + (f" and a multiple of {multiple}" if multiple > 1 else "")
            raise argparse.ArgumentTypeError(f"must be {rule}, not {text}")
        return value

    parse.__name__ = kind.__name__  # argparse names it when the text is no number at all
    return parse
