"""What to capture: one of nsysprof's runners, or any program, and which part of its run."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nsysprof import assets, ranges
from nsysprof.capture.process import FOREVER, Patience
from nsysprof.errors import UsageError

DEFAULT_RUNNER = "sdxl"

_MAIN = 'if __name__ == "__main__":'
_RANGE = re.compile(r"nvtx:(.+)")


@dataclass(frozen=True, slots=True)
class Target:
    """What nsys launches and which part of it is recorded."""

    program: tuple[str, ...]
    """The command line."""
    name: str
    """Name of the runner or program, for the results."""
    range_name: str | None
    """The NVTX range to record, None for the whole process."""
    is_runner: bool
    """True for nsysprof's own runners: they open the range, and write a run record."""
    delay_s: float = 0.0
    """Seconds after which recording starts."""
    duration_s: float = 0.0
    """Seconds for which it lasts; then the program is ended. 0: to the program's end."""
    pytorch_nvtx: bool = False
    """Mark what PyTorch does in it."""


@dataclass(frozen=True, slots=True)
class Request:
    """A target and where its results go."""

    target: Target
    """What to capture."""
    folder: Path
    """Where the results go; made when absent."""
    name: str
    """File name of the results, without suffix."""
    force: bool = False
    """Replace results of the same name."""
    nsys: str | None = None
    """The nsys that was asked for."""
    patience: Patience = FOREVER
    """How long it may take."""


def choose_target(runner: str | None, options: Sequence[str], program: Sequence[str] | None) -> Target:
    """Return a runner, or a program; ``program`` is what stood after ``--``, None without ``--``.

    Where a runner was named, what stood after ``--`` goes to it too. Raises UsageError.
    """
    if program is not None and runner is None:
        return program_target(program, options)
    rest = () if program is None else ("--", *program)
    return runner_target(runner or DEFAULT_RUNNER, [*options, *rest])


def runner_target(runner: str, options: Sequence[str]) -> Target:
    """Return runners/``runner``.py with ``options``; raises UsageError for an unknown one."""
    folder = assets.folder("runners")
    path = folder / f"{runner}.py"
    if "/" in runner or not path.is_file():
        known = [file.stem for file in folder.glob("*.py") if _MAIN in file.read_text(encoding="utf-8")]
        raise UsageError(f"there is no runner {runner!r}", f"there are: {', '.join(sorted(known)) or 'none'}")
    return Target((sys.executable, str(path), *options), runner, ranges.CAPTURE, True)


def program_target(program: Sequence[str], options: Sequence[str]) -> Target:
    """Return any program, all of it recorded; ``options`` stood before ``--`` and belong to nobody."""
    if options:
        raise UsageError(f"unknown option {options[0]}", "options of the program come after its name")
    if not program:
        raise UsageError("no program after --", "nsysprof capture -- python train.py")
    scripts = [word for word in program[1:] if word.endswith(".py")]
    interpreted = Path(program[0]).name.startswith("python")
    name = Path(scripts[0] if interpreted and scripts else program[0]).stem
    return Target(tuple(program), name, None, False)


def with_images_in(target: Target, folder: Path) -> Target:
    """Return a runner told to put its images into ``folder``, unless its options say where; else the same."""
    if not target.is_runner:
        return target
    interpreter, script, *options = target.program
    return replace(target, program=(interpreter, script, "--out", str(folder), *options))


def with_window(target: Target, delay_s: float, duration_s: float) -> Target:
    """Return ``target`` recorded in a window of time; raises UsageError where a range says when."""
    if (delay_s or duration_s) and target.range_name is not None:
        hint = "add --whole-process" if target.is_runner else "leave --capture-range out"
        raise UsageError("--delay and --duration do not go with the recording of a range", hint)
    return replace(target, delay_s=delay_s, duration_s=duration_s)


def chosen_range(target: Target, capture_range: str | None, *, whole_process: bool) -> str | None:
    """Return the range to record: the one asked for (``nvtx:NAME``), else the target's own."""
    if capture_range is None:
        return None if whole_process else target.range_name
    found = _RANGE.fullmatch(capture_range)
    if not found:
        raise UsageError(f"--capture-range {capture_range!r}", "write nvtx:NAME or nvtx:NAME@DOMAIN")
    if whole_process:
        raise UsageError("--capture-range and --whole-process exclude each other", "give one of them")
    return found[1]
