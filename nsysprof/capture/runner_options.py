"""Ask a runner about its own options before anything is captured: are these right, which are there."""

import json
import os
import subprocess
from pathlib import Path

from nsysprof.capture.request import Target
from nsysprof.errors import UsageError

_PARSE = """
import importlib, importlib.util, json, os, sys
folder, file = os.path.split(sys.argv[1])
sys.path[:0] = [folder]
sys.path.append(sys.argv[2])
name = file.removesuffix(".py") + "_options"
if importlib.util.find_spec(name):
    from nsysprof.errors import UsageError
    try:
        importlib.import_module(name).parse(sys.argv[3:])
    except UsageError as error:
        print(json.dumps([error.message, error.hint]))
        sys.exit(2)
"""
"""A runner's options are those that ``parse`` of the module ``RUNNER_options`` beside it takes."""


def check_options(target: Target, *, show_help: bool = False) -> str:
    """Raise UsageError when a runner does not know its options, or when there is no runner to ask for help.

    Returns the runner's help where that was asked for, here or among its options; else nothing.
    """
    if not target.is_runner:
        if show_help:
            raise UsageError("--runner-help is about runners", "ask the program itself: PROGRAM --help")
        return ""
    interpreter, script, *options = target.program
    words = ["--help"] if show_help else options
    package = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [interpreter, "-c", _PARSE, script, package, *words],
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode == 2:
        message, hint = json.loads(done.stdout.splitlines()[-1])
        own = f"see nsysprof capture --runner {target.name} --runner-help"
        raise UsageError(message, own if hint.endswith("--help") else hint)
    if done.returncode:
        words = done.stderr.strip().splitlines() or ["it says nothing"]
        raise UsageError(f"the runner {target.name} does not read its options: {words[-1]}")
    return done.stdout
