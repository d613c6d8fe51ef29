"""What the tests of faults share: a small disk, a user without a home, a command that is under way."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

NSYSPROF = [sys.executable, "-m", "nsysprof"]


def python(code: str) -> list[str]:
    """Return the command that runs ``code``."""
    return [sys.executable, "-c", code]


def start(*words: str | Path, cwd: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    """Start nsysprof with ``words``, its output in pipes."""
    return subprocess.Popen(
        [*NSYSPROF, *map(str, words)],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_signals,
    )


def _heed_signals() -> None:
    """Take signals as a program in a terminal does, whatever the tests were started from."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


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
