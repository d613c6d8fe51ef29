"""The runner of a sweep and what options it has, asked of its own parser wherever that can be had.

A runner ``NAME.py`` may keep its options in ``NAME_options.py`` beside it: ``build_parser()`` gives its
argparse parser, and ``parse(words)`` checked options, or raises UsageError. Of any other script the names are
known that its ``--help`` lists, and its values are checked by the run alone.
"""

import argparse
import hashlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from nsysprof import ranges
from nsysprof.capture.request import Target, runner_target
from nsysprof.errors import UsageError

_HELP_SECONDS = 120
OUT = "out"
"""The option that says where a runner writes; a sweep gives each run a folder of its own."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a runner."""

    name: str
    """As on the command line, without dashes: ``channels-last``."""
    dest: str
    """Its name among the parsed options: ``channels_last``."""
    takes: str = "any"
    """``value``; ``switch``: nothing; ``on/off``: nothing, and --no-NAME exists; ``any``: both are fine."""
    default: object = None
    """What it is when it is left out."""
    choices: tuple[str, ...] = ()
    """The values it takes, empty when they are not listed."""

    def words(self, value: str) -> tuple[str, ...] | None:
        """Return the command line words that give the option ``value``; None when it has no such value.

        ``on`` and ``off`` are the values of a switch; ``none`` leaves an option out that has no default.
        """
        flag = f"--{self.name}"
        leaves_out = value in ("off", "none") and value not in self.choices
        if self.takes in ("switch", "on/off"):
            off = (f"--no-{self.name}",) if self.takes == "on/off" else ()
            return {"on": (flag,), "off": off}.get(value)
        if leaves_out and self.default is None and (self.takes == "any" or value == "none"):
            return ()
        if value == "on" and self.takes == "any" and value not in self.choices:
            return (flag,)
        return (f"{flag}={value}",)


@dataclass(frozen=True, slots=True)
class Runner:
    """A script that runs once a configuration and writes a run record."""

    name: str
    """Such as ``sdxl``."""
    target: Target
    """What is launched, without options."""
    options: Mapping[str, Option]
    """By name."""
    version: str
    """Tells two scripts apart that nsysprof does not ship; empty for its own."""
    parse: Callable[[Sequence[str]], Any] | None = field(default=None, compare=False)
    """Checks words and returns the options' values; None where only the run itself can tell."""

    def check(self, words: Sequence[str]) -> tuple[dict[str, object], dict[str, object]]:
        """Return the options that ``words`` stand for: as they are, and as a run record shows them.

        Both are empty where the script alone can tell. Raises UsageError for words that make no sense.
        """
        if self.parse is None:
            return {}, {}
        options = self.parse(words)
        values = {name: getattr(options, name) for name in _fields(options)}
        shown = options.as_record() if hasattr(options, "as_record") else values
        return values, dict(shown)

    def command(self, words: Sequence[str]) -> Target:
        """Return what to launch for ``words``."""
        target = self.target
        return Target((*target.program, *words), target.name, target.range_name, target.is_runner)


def find_runner(name: str) -> Runner:
    """Return the runner ``name``: one of nsysprof's, or the path of a script.

    Raises UsageError when there is none, or when it does not say which options it has.
    """
    path, version = Path(name), ""
    if path.suffix == ".py":
        if not path.is_file():
            raise UsageError(f"no such runner: {name}", "give a runner's name, or the path of a script")
        target = Target((sys.executable, str(path)), path.stem, ranges.CAPTURE, True)
        version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    else:
        target = runner_target(name, ())
        path = Path(target.program[1])
    module = _options_module(path)
    if module is None:
        return Runner(target.name, target, _listed_options(target), version)
    options = _parser_options(module.build_parser())
    return Runner(target.name, target, options, version, module.parse)


def _fields(options: object) -> list[str]:
    named = getattr(options, "__dataclass_fields__", None)
    return list(named if named is not None else vars(options))


def _options_module(script: Path) -> ModuleType | None:
    """Load ``NAME_options.py`` beside ``NAME.py``; None when it is not there or has not what it takes."""
    path = script.with_name(f"{script.stem}_options.py")
    if not path.is_file():
        return None
    name = f"nsysprof_runner_{script.stem}_options"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - a .py file has both
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    with _importable(path.parent):
        spec.loader.exec_module(module)
    known = all(callable(getattr(module, part, None)) for part in ("build_parser", "parse"))
    return module if known else None


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let modules of ``folder`` be imported, as they can be when its script runs."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _parser_options(parser: argparse.ArgumentParser) -> dict[str, Option]:
    found = {}
    for action in parser._actions:  # argparse has no public way to list them
        long = [word[2:] for word in action.option_strings if word.startswith("--")]
        if not long or action.dest == "help":
            continue
        takes = "any" if action.nargs == "?" else "switch" if action.nargs == 0 else "value"
        if isinstance(action, argparse.BooleanOptionalAction):
            takes = "on/off"
        choices = tuple(str(choice) for choice in action.choices or ())
        found[long[0]] = Option(long[0], action.dest, takes, action.default, choices)
    return found


def _listed_options(target: Target) -> dict[str, Option]:
    """Return the options that the script's --help names."""
    try:
        done = subprocess.run(
            [*target.program, "--help"], capture_output=True, text=True, timeout=_HELP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise UsageError(f"{target.name} --help does not end", "a runner lists its options there") from None
    names = dict.fromkeys(re.findall(r"(?<![\w-])--([a-z][a-z0-9_-]*)", done.stdout))
    names.pop("help", None)
    if done.returncode or not names:
        raise UsageError(f"{target.name} --help lists no options", "a runner lists its options there")
    return {name: Option(name, name.replace("-", "_")) for name in names}
