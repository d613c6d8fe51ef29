"""What the tests of captures share: a trace to capture, what is left, a small disk."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from trace_builder import TraceBuilder

WHOLE = ["x.nsys-rep", "x.run.json", "x.sqlite"]
"""What a capture called x leaves."""


def names(folder: Path) -> list[str]:
    """Return what lies in ``folder``."""
    return sorted(path.name for path in folder.iterdir())


def temp(tmp_path: Path) -> Path:
    """Return a folder for temporary files, to see what is left in it."""
    folder = tmp_path / "temp"
    folder.mkdir()
    return folder


def write_steps(path: Path) -> Path:
    """Write a trace with a GPU, two steps and a kernel in each."""
    builder = TraceBuilder("3.7.2")
    for number in (0, 1):
        at = number * 1000
        builder.nvtx(f"step {number}", at, at + 900)
        builder.launch("gemm", api=(at + 10, at + 20), gpu=(at + 30, at + 400), correlation=number + 1)
    builder.write(path)
    return path


def python(code: str) -> list[str]:
    """Return the command that runs ``code``."""
    return [sys.executable, "-c", code]


def wait_for(what: Callable[[], object], seconds: float = 30) -> None:
    """Wait until ``what`` is true; a test fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def own_mounts(script: str) -> list[str]:
    """Return a command that runs the shell's ``script`` where it may mount what nobody else sees."""
    unshare = shutil.which("unshare")
    assert unshare, "the tests need unshare (util-linux)"
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return [unshare, "--mount", *user, "sh", "-ec", script]
