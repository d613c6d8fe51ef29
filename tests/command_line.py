"""Run nsysprof as a user does: a process of its own, with an nsys of the test's choice on PATH."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from nsysprof.capture.locate import Nsys, find_nsys


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str


def environment(fake: Path | None = None, **more: str) -> dict[str, str]:
    """Return an environment in which ``fake`` (a folder with bin/nsys) comes first on PATH, if given."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("NSYSPROF_")}
    path = os.environ["PATH"] if fake is None else f"{fake / 'bin'}:/usr/bin:/bin"
    return {**kept, "PATH": path, "COLUMNS": "200", **more}


def nsysprof(*words: str | Path, cwd: Path, env: dict[str, str]) -> Done:
    """Run ``nsysprof`` with ``words``."""
    command = [sys.executable, "-m", "nsysprof", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def start(
    *words: str | Path, cwd: Path, env: dict[str, str], under: tuple[str, ...] = ()
) -> subprocess.Popen[str]:
    """Start nsysprof with ``words``, its output in pipes; ``under`` is what runs it, such as nohup."""
    return subprocess.Popen(
        [*under, sys.executable, "-m", "nsysprof", *map(str, words)],
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


def real_nsys() -> Nsys:
    """Return the real nsys; `make test` installs one and puts it on PATH."""
    nsys = find_nsys()
    assert nsys.version >= (2023, 4, 0), f"{nsys.path} is not the nsys that the tests need; run `make test`"
    return nsys


def still_running(mark: Path) -> list[str]:
    """Return the command lines of the processes that name ``mark``."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if any(str(mark) in word for word in words):
                lines.append(" ".join(words))
    return lines
