"""No command speaks to another machine; what it starts in Python does not either."""

import subprocess
import sys
from pathlib import Path

import fake_nsys
import fake_runner
import pytest
from command_line import environment, nsysprof
from test_capture import HELLO
from trace_builder import TraceBuilder

WATCH = '''
"""Refuses every connection to another machine, and writes it down."""
import os
import sys

LOCAL = ("127.", "::1", "localhost")


def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if isinstance(address, tuple) and not str(address[0]).startswith(LOCAL):
            refuse(event, address)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        if arguments[0] is not None and not str(arguments[0]).startswith(LOCAL):
            refuse(event, arguments[0])


def refuse(event, address):
    with open(os.environ["NETWORK_LOG"], "a") as log:
        log.write(f"{event} {address}\\n")
    raise OSError(f"{event} {address}: no network here")


with open(os.environ["NETWORK_LOG"] + ".started", "a") as log:
    log.write(f"{sys.argv}\\n")
sys.addaudithook(watch)
'''
COMMANDS = {
    "capture": ["capture", "--name", "x", "--", *HELLO],
    "export": ["export", "run.nsys-rep"],
    "hotspots": ["hotspots", "trace.sqlite", "--html", "page.html"],
    "classify": ["classify", "nvjet_sm90_hsh_128x256_64x4_2x1_v_bz_coopA_TNT"],
    "query": ["query", "kernel_summary", "trace.sqlite"],
    "share": ["share", "trace.sqlite", "-o", "copy.sqlite", "--anonymize"],
    "sweep": ["sweep", "batch=1,2", "--runner", fake_runner.__file__, "-o", "out"],
    "doctor": ["doctor"],
    "demo": ["demo"],
    "help": ["--help"],
}


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which every Python refuses to leave the machine."""
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch/sitecustomize.py").write_text(WATCH)
    fake = fake_nsys.install(tmp_path / "nsys")
    return environment(fake, PYTHONPATH=str(tmp_path / "watch"), NETWORK_LOG=str(tmp_path / "network"))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_stays_on_this_machine(command: str, tmp_path: Path, watched: dict[str, str]) -> None:
    (tmp_path / "run.nsys-rep").write_text("report")
    builder = TraceBuilder().nvtx("step 0", 0, 90).nvtx("step 1", 100, 190)
    builder.launch("gemm", (10, 20), (30, 80), correlation=1)
    builder.launch("gemm", (110, 120), (130, 180), correlation=2).write(tmp_path / "trace.sqlite")
    done = nsysprof(*COMMANDS[command], cwd=tmp_path, env=watched)
    # doctor says that something is missing here
    assert done.code == 0 or command == "doctor", done.err
    assert "Traceback" not in done.err
    assert (tmp_path / "network.started").read_text().count("\n") >= 1
    assert not (tmp_path / "network").exists(), (tmp_path / "network").read_text()


def test_the_watch_sees_what_leaves(tmp_path: Path, watched: dict[str, str]) -> None:
    code = "import urllib.request; urllib.request.urlopen('http://192.0.2.1/')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=watched, capture_output=True, text=True, check=False
    )
    assert "no network here" in done.stderr
    assert "192.0.2.1" in (tmp_path / "network").read_text()
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    )
    (tmp_path / "network").unlink()
    subprocess.run([sys.executable, "-c", code], env=watched, check=True)
    assert not (tmp_path / "network").exists()


def test_every_command_is_watched() -> None:
    from nsysprof.commands import app

    assert {command.name for command in app.registered_commands} <= COMMANDS.keys()
