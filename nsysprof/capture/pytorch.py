"""Mark what PyTorch does in a program that marks nothing: by nsys's own option, or by a launcher of ours."""

import re
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path

from nsysprof.errors import UsageError

OPTION = "--pytorch"
"""The option of nsys profile, in versions that have one."""

_PYTHON = re.compile(r"(python|pypy)[\d.]*")
_TAKES_A_WORD = ("-W", "-X", "--check-hash-based-pycs")


def marked_program(program: Sequence[str], known: Collection[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return nsys's options and the command line that run ``program`` with ranges.

    ``known``: the options of the nsys at hand. Raises UsageError where it has none for this, and ``program``
    is no Python program.
    """
    if OPTION in known:
        return (f"{OPTION}=autograd-nvtx",), tuple(program)
    return (), with_launcher(program)


def with_launcher(program: Sequence[str]) -> tuple[str, ...]:
    """Return ``program`` started through module_ranges.py. Raises UsageError when it is not in Python."""
    launcher = str(Path(__file__).with_name("module_ranges.py"))
    words = list(program)
    if not _PYTHON.fullmatch(Path(words[0]).name):
        words = [*_interpreter(words[0]), *words[1:]]
    at = _first_of_program(words)
    return (*words[:at], launcher, *words[at:])


def _first_of_program(words: Sequence[str]) -> int:
    """Return where Python's own options end."""
    at = 1
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-c", "-m", "-"):
        at += 2 if words[at] in _TAKES_A_WORD else 1
    if at == len(words) or words[at] == "-":
        raise UsageError("--pytorch-nvtx needs a Python program", "capture --pytorch-nvtx -- python train.py")
    return at


def _interpreter(name: str) -> list[str]:
    """Return the Python that a script's first line names, and the script's path."""
    path = shutil.which(name)
    if path is not None:
        with Path(path).open("rb") as file:
            line = file.readline(512).decode("utf-8", "replace")
        words = line.removeprefix("#!").split() if line.startswith("#!") else []
        if words and Path(words[0]).name == "env":
            words = words[1:]
        if words and _PYTHON.fullmatch(Path(words[0]).name):
            return [*words, path]
    raise UsageError(
        f"--pytorch-nvtx: {name} is no Python program", "with an nsys that knows --pytorch it need not be one"
    )
