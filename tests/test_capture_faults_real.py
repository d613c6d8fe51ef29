"""Captures whose program, nsys or disk fails, with the real nsys."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from captures import WHOLE, names, own_mounts, python, temp, wait_for
from command_line import environment, nsysprof, real_nsys, start, still_running

from nsysprof.trace import open_trace

STEPS = """
import nvtx, os, sys, time
for i in range(3):
    nvtx.push_range(f"step {i}"); time.sleep(0.001); nvtx.pop_range()
print("ready", flush=True)
"""


def range_texts(path: Path) -> list[str]:
    with open_trace(path) as trace:
        return sorted(trace.range_texts[code] for code in trace.ranges.text)


@contextmanager
def hanging(tmp_path: Path, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """Capture a program that wrote its ranges and does not end."""
    words = ["capture", "-o", "out", "--name", "x", "--", *python(STEPS + "time.sleep(600)"), str(tmp_path)]
    with start(*words, cwd=tmp_path, env=environment(TMPDIR=str(temporary))) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


@pytest.mark.parametrize(
    ("ending", "code"), [("os.kill(os.getpid(), 9)", 137), ("os.abort()", 134), ("raise SystemExit(3)", 3)]
)
def test_the_program_crashes(tmp_path: Path, ending: str, code: int) -> None:
    real_nsys()
    program = STEPS.replace("range(3)", "range(200)") + f"time.sleep(0.2)\n{ending}"
    words = ["capture", "-o", "out", "--name", "x", "--", *python(program)]
    done = nsysprof(*words, cwd=tmp_path, env=environment(TMPDIR=str(temp(tmp_path))))
    assert done.code == code
    assert names(tmp_path / "out") == WHOLE
    assert "step 0" in range_texts(tmp_path / "out/x.sqlite")  # nsys may lose the last ones
    assert names(tmp_path / "temp") == []


def test_the_program_hangs(tmp_path: Path) -> None:
    real_nsys()
    words = ["capture", "--timeout", "1", "-o", "out", "--name", "x", "--"]
    done = nsysprof(
        *words, *python(STEPS + "time.sleep(600)"), str(tmp_path), cwd=tmp_path, env=environment()
    )
    assert done.code == 124
    assert range_texts(tmp_path / "out/x.sqlite") == ["step 0", "step 1", "step 2"]
    assert not still_running(tmp_path)


def test_children_that_outlive_the_program(tmp_path: Path) -> None:
    real_nsys()
    code = STEPS + (
        "import subprocess\n"
        f"child = [sys.executable, '-c', 'import time; time.sleep(600)', {str(tmp_path)!r}]\n"
        "for alone in (False, True): subprocess.Popen(child, start_new_session=alone)\n"
    )
    words = ["capture", "-o", "out", "--name", "x", "--", *python(code)]
    done = nsysprof(*words, cwd=tmp_path, env=environment())
    assert done.code == 0
    assert "note: 2 processes did not end when the program did: ended now" in done.out
    assert range_texts(tmp_path / "out/x.sqlite") == ["step 0", "step 1", "step 2"]
    assert not still_running(tmp_path)


def agents(folder: Path) -> list[int]:
    """Return the agents of the nsys whose temporary files lie below ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            agent = b"--start-agent" in (entry / "cmdline").read_bytes()
            if agent and f"TMPDIR={folder}/".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def test_nsys_loses_its_agent(tmp_path: Path) -> None:
    real_nsys()
    mine = temp(tmp_path)
    with hanging(tmp_path, mine) as process:
        for agent in agents(mine):
            os.kill(agent, signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
    assert process.returncode in (1, 6)  # 6 where nsys itself says 0
    assert out.count("ready") == 0  # once, above
    assert "problem: nsys wrote no report; the last words: Connection to Agent lost." in out
    assert names(tmp_path / "out") == []
    assert not still_running(tmp_path)
    assert names(mine) == []


def test_nsys_is_killed(tmp_path: Path) -> None:
    real_nsys()
    mine = temp(tmp_path)
    with hanging(tmp_path, mine) as process:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            if b"profile" in Path("/proc", child, "cmdline").read_bytes().split(b"\0"):
                os.kill(int(child), signal.SIGKILL)
        process.communicate(timeout=60)
    assert process.returncode == 137
    assert set(names(tmp_path / "out")) <= set(WHOLE)  # its agent may have the time to write a report
    assert not still_running(tmp_path)
    assert names(mine) == []


def test_two_ctrl_c_leave_nothing(tmp_path: Path) -> None:
    real_nsys()
    mine = temp(tmp_path)
    code = STEPS + (
        "import signal\n"
        "signal.signal(signal.SIGINT, lambda *_: os.write(1, b'no\\n'))\n"
        "print('deaf', flush=True)\nwhile True: time.sleep(0.05)"
    )
    words = ["capture", "-o", "out", "--name", "x", "--", *python(code), str(tmp_path)]
    with start(*words, cwd=tmp_path, env=environment(TMPDIR=str(mine))) as process:
        assert process.stdout is not None
        for expected in ("ready\n", "deaf\n"):
            assert process.stdout.readline() == expected
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "no\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 137
    assert not still_running(tmp_path)
    assert names(mine) == []


FULL = """
mkdir -p disk
mount -t tmpfs -o size=600m none disk
{nsysprof} capture -o disk/out --name x -- {python} -c "$PROGRAM" {disk} || echo exit $?
find disk -type f -printf '%P\\n'
mount -o remount,size=600m disk
"""
FILL = STEPS + (
    "import subprocess\n"
    "subprocess.run(['mount', '-o', 'remount,size=' + os.environ['SIZE'], sys.argv[1]], check=True)"
)


@pytest.mark.parametrize(
    ("size", "code", "files"),
    [
        ("64k", 7, []),  # nsys's importer fails, then its copy of what it collected
        ("300k", 6, ["out/x.nsys-rep", "out/x.run.json"]),  # the export fails
    ],
)
def test_a_full_disk(tmp_path: Path, size: str, code: int, files: list[str]) -> None:
    real_nsys()
    mine = temp(tmp_path)
    script = FULL.format(
        nsysprof=f"{sys.executable} -m nsysprof", python=sys.executable, disk=tmp_path / "disk"
    )
    env = environment(PROGRAM=FILL, SIZE=size, TMPDIR=str(mine))
    done = subprocess.run(
        own_mounts(script), cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "ready"
    at = lines.index(f"exit {code}")
    assert sorted(lines[at + 1 :]) == files
    assert "disk is full" in lines[at - 1] if files else "No space left on device" in lines[at - 1]
    kept = list(mine.rglob("*.qdstrm"))
    assert len(kept) == (0 if files else 1)
    for stream in kept:  # as the message advises
        advised = f"nsysprof export {stream} -o disk/out/x.sqlite"
        assert advised in lines[at - 1]
        again = nsysprof("export", stream, "-o", "x.sqlite", cwd=tmp_path, env=environment())
        assert again.code == 0
        assert range_texts(tmp_path / "x.sqlite") == ["step 0", "step 1", "step 2"]


def test_two_captures_at_once(tmp_path: Path) -> None:
    real_nsys()
    gate = tmp_path / "gate"
    code = STEPS + f"while not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    both = [
        start("capture", "-o", "out", "--name", name, "--", *python(code), cwd=tmp_path, env=environment())
        for name in ("a", "b")
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    third = nsysprof("capture", "-o", "out", "--name", "a", "--", "true", cwd=tmp_path, env=environment())
    assert third.code == 7
    assert "out/a is being captured already: give another --name" in third.err
    gate.touch()
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    wait_for(lambda: len(names(tmp_path / "out")) == 6)
    for name in ("a", "b"):
        assert range_texts(tmp_path / f"out/{name}.sqlite") == ["step 0", "step 1", "step 2"]
