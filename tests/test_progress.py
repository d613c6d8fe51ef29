"""The bar that a terminal sees while a trace is read; a file or a pipe sees nothing of it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from command_line import environment, nsysprof
from real_trace import THREE_STEPS, unpack

from nsysprof.trace import open_trace


def test_a_terminal_sees_a_bar(tmp_path: Path) -> None:
    unpack(THREE_STEPS, tmp_path).rename(tmp_path / "a[b].sqlite")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "nsysprof", "hotspots", "a[b].sqlite", "--json"]
    env = environment(TERM="xterm", COLUMNS="80")
    with (tmp_path / "out.json").open("wb") as out:
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stdout=out, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
    assert process.wait() == 0
    assert (tmp_path / "out.json").read_bytes().startswith(b'{"schema"')
    os.close(ours)
    assert b"reading a[b].sqlite" in seen
    assert "━".encode() in seen


def test_a_pipe_sees_none(tmp_path: Path) -> None:
    trace = unpack(THREE_STEPS, tmp_path)
    assert nsysprof("hotspots", trace, "--json", cwd=tmp_path, env=environment(TERM="xterm")).err == ""


def test_how_much_has_been_read(tmp_path: Path) -> None:
    with open_trace(unpack(THREE_STEPS, tmp_path)) as trace:
        assert trace.part_read == 0
        _ = trace.kernels
        some = trace.part_read
        _ = trace.api_calls
        assert 0 < some < trace.part_read <= 1
