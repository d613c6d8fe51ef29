"""Captures whose program, nsys or disk fails, with a fake nsys: nothing is left behind or half-written."""

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import fake_nsys
import pytest
from captures import WHOLE, names, own_mounts, python, temp, wait_for
from comfyui_server import ComfyUIError
from command_line import environment, nsysprof, start, still_running

from nsysprof.capture import options
from nsysprof.capture.locate import find_nsys
from nsysprof.capture.process import Patience, Streams
from nsysprof.capture.relay import NsysTalk, Relay
from nsysprof.capture.request import Request, program_target
from nsysprof.capture.session import run_capture
from nsysprof.errors import NsysError, NsysprofError

SLEEP = "import sys, time; print('ready', flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {SLEEP}"


# The program


@pytest.mark.parametrize(
    ("ending", "code", "said"),
    [
        ("raise SystemExit(3)", 3, "the program ended with exit code 3\n"),
        ("import os; os.kill(os.getpid(), 11)", 139, "the program ended with exit code 139\n"),
        (
            "import os; os.kill(os.getpid(), 9)",
            137,
            "the program ended with exit code 137 (killed; often for want of memory)\n",
        ),
    ],
)
def test_the_program_crashes(tmp_path: Path, ending: str, code: int, said: str) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    words = ["capture", "-o", "out", "--name", "x", "--", *python(ending)]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake))
    assert done.code == code
    assert said in done.out
    assert names(tmp_path / "out") == WHOLE


@pytest.mark.parametrize(("code", "note"), [(SLEEP, False), (DEAF, True)])
def test_the_program_hangs(tmp_path: Path, code: str, note: bool) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="leaves")  # as nsys does when it is asked to end
    words = ["capture", "--timeout", "1", "-o", "out", "--name", "x", "--", *python(code), str(tmp_path)]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake, TMPDIR=str(temp(tmp_path))))
    assert done.code == 124
    assert "no end in the time given; what was recorded until then is kept" in done.out
    assert ("note: 1 process did not end when the program did: ended now" in done.out) is note
    assert names(tmp_path / "out") == WHOLE
    manifest = json.loads((tmp_path / "out/x.run.json").read_text())
    assert manifest["timed_out"] is True
    assert not still_running(tmp_path)
    assert names(tmp_path / "temp") == []


@pytest.mark.parametrize("session", [False, True])
def test_children_that_outlive_the_program(tmp_path: Path, session: bool) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    code = (
        "import subprocess, sys\n"
        f"subprocess.Popen(['sleep', '600', {str(tmp_path)!r}][:2], cwd={str(tmp_path)!r},"
        f" start_new_session={session})\n"
    )
    done = nsysprof(
        "capture", "-o", "out", "--name", "x", "--", *python(code), cwd=tmp_path, env=environment(fake)
    )
    assert done.code == 0
    assert "note: 1 process did not end when the program did: ended now" in done.out
    assert names(tmp_path / "out") == WHOLE
    assert not working_in(tmp_path)


def working_in(folder: Path) -> list[str]:
    """Return the processes whose working folder is ``folder``."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cwd").readlink() == folder:
                found.append((entry / "cmdline").read_text())
        except OSError:
            continue
    return found


def test_the_program_is_told_to_use_the_temporary_folder_that_it_would_have_used(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    program = python("import os; print(os.environ['TMPDIR'])")
    words = ["capture", "-o", "out", "--name", "x", "--", *program]
    mine = temp(tmp_path)
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake, TMPDIR=str(mine)))
    assert done.out.splitlines()[0] == str(mine)
    assert names(mine) == []


# Ctrl-C and other signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_keeps_the_capture(tmp_path: Path, number: int) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    words = ["capture", "-o", "out", "--name", "x", "--", *python(SLEEP), str(tmp_path)]
    with start(*words, cwd=tmp_path, env=environment(fake)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "interrupted; what was recorded until then is kept" in out
    assert names(tmp_path / "out") == WHOLE
    assert not still_running(tmp_path)


def test_nohup_is_heeded(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    gate = tmp_path / "gate"
    wait = f"while not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    code = f"import os, time\nprint('ready', flush=True)\n{wait}"
    words = ["capture", "-o", "out", "--name", "x", "--", *python(code)]
    with start(*words, cwd=tmp_path, env=environment(fake), under=("nohup",)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        gate.touch()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "interrupted" not in out


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(
    ("behaviour", "file", "message"),
    [
        (
            {"export": "wait"},
            "x.nsys-rep",
            "problem: the export was interrupted: `nsysprof export out/x.nsys-rep`",
        ),
        (
            {"importer": "wait"},
            "x.qdstrm",
            "problem: the import was interrupted: `nsysprof export out/x.qdstrm`",
        ),
    ],
)
def test_a_signal_after_the_program_s_end(
    tmp_path: Path, behaviour: dict[str, str], file: str, message: str, number: int, code: int
) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", **behaviour)
    words = ["capture", "-o", "out", "--name", "x", "--", *python("")]
    with start(*words, cwd=tmp_path, env=environment(fake)) as process:
        wait_for((fake / "target-linux-x64/waiting").exists)
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert message in out
    assert names(tmp_path / "out") == [file, "x.run.json"]
    assert not still_running(tmp_path)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_export_that_is_interrupted(tmp_path: Path, number: int, code: int) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", export="wait")
    (tmp_path / "x.nsys-rep").write_text("report")
    with start("export", "x.nsys-rep", cwd=tmp_path, env=environment(fake)) as process:
        wait_for((fake / "target-linux-x64/waiting").exists)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode == code
    assert names(tmp_path) == ["nsys", "x.nsys-rep"]
    assert not still_running(tmp_path)


def test_nsysprof_itself_is_killed(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    words = ["capture", "-o", "out", "--name", "x", "--", *python(SLEEP), str(tmp_path)]
    with start(*words, cwd=tmp_path, env=environment(fake, TMPDIR=str(temp(tmp_path)))) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
        process.communicate(timeout=60)
    wait_for(lambda: not still_running(tmp_path))
    assert [name for name in names(tmp_path / "out") if not name.startswith(".")] == []
    again = ["capture", "--force", "-o", "out", "--name", "x", "--", "true"]  # nsys may have saved a report
    assert nsysprof(*again, cwd=tmp_path, env=environment(fake)).code == 0
    assert names(tmp_path / "out") == WHOLE


# nsys


def test_nsys_crashes_with_all_collected(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="crash")
    mine = temp(tmp_path)
    words = ["capture", "-o", "out", "--name", "x", "--", *python("")]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake, TMPDIR=str(mine)))
    assert done.code == 139
    assert names(tmp_path / "out") == WHOLE
    assert (tmp_path / "out/x.nsys-rep").read_text() != "half of"  # nsysprof imported it again
    assert names(mine) == []


@pytest.mark.parametrize("importer", ["broken", "absent", "failing"])
def test_an_import_that_fails_can_be_repeated(tmp_path: Path, importer: str) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="crash", importer=importer)
    words = ["capture", "-o", "out", "--name", "x", "--", *python("")]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake))
    assert done.code == 139
    assert "problem: nsys's importer " in done.out
    assert ".capture-" not in done.out
    assert names(tmp_path / "out") == ["x.qdstrm", "x.run.json"]
    assert (tmp_path / "out/x.qdstrm").read_text() == "all that was collected"
    mended = fake_nsys.install(tmp_path / "mended")
    again = nsysprof("export", "out/x.qdstrm", cwd=tmp_path, env=environment(mended))
    assert (again.code, again.out) == (0, "out/x.sqlite\n")
    assert names(tmp_path / "out") == ["x.qdstrm", "x.run.json", "x.sqlite"]


def test_nsys_loses_its_agent_while_the_program_runs(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="agent")
    code = f"open({str(tmp_path / 'runs')!r}, 'a').write('run '); import time; time.sleep(600)"
    words = ["capture", "-o", "out", "--name", "x", "--", *python(code), str(tmp_path)]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake))
    assert (tmp_path / "runs").read_text() == "run "  # a program that says nothing is not started twice
    assert done.code == 1
    assert "nsys wrote no report; the last words: Connection to Agent lost." in done.out
    assert not still_running(tmp_path)


def test_nsys_never_ends(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="stuck")
    quiet = Streams(io.BytesIO(), io.BytesIO(), lambda _: None, lambda _: None)
    target = program_target([*python(SLEEP), str(tmp_path)], [])
    nsys = str(fake / "bin/nsys")
    request = Request(target, tmp_path / "out", "x", nsys=nsys, patience=Patience(0.5, 0.5))
    done = run_capture(request, quiet, lambda _what, _part: None)
    assert (done.ended.killed, done.ended.timed_out, done.report) == (True, True, None)
    assert done.exit_code(useless=False) == 124
    assert names(tmp_path / "out") == []
    assert not still_running(tmp_path)


@pytest.mark.parametrize("what", ["half", "text", "fail"])
def test_an_export_that_is_not_whole(tmp_path: Path, what: str) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", export=what)
    words = ["capture", "-o", "out", "--name", "x", "--", *python("")]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake))
    assert done.code == 6
    assert "problem: nsys 2023.4.4 cannot export x.nsys-rep: " in done.out
    assert names(tmp_path / "out") == ["x.nsys-rep", "x.run.json"]


@pytest.mark.parametrize("fault", ["silent", "gone"])
def test_an_nsys_that_stops_working(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    nsys = find_nsys(str(fake_nsys.install(tmp_path / "nsys")))
    if fault == "silent":
        nsys.path.resolve().write_text("#!/bin/sh\nexec sleep 600\n")
        monkeypatch.setattr(options, "_HELP_SECONDS", 0.2)
    else:
        nsys.path.resolve().unlink()
    with pytest.raises(NsysError, match="does not answer `profile --help`: see `nsysprof doctor`"):
        options.known_options(nsys)


# The disk


FULL = """
mkdir -p disk
mount -t tmpfs -o size=600m none disk
{python} -m nsysprof capture -o disk/out --name x -- mount -o remount,size={size} {disk} || echo exit $?
find disk -type f -printf '%P\\n'
"""
"""On a disk of its own, which has {size} when the program has ended."""


def test_a_full_disk(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    script = FULL.format(python=sys.executable, size="4k", disk=tmp_path / "disk")
    done = subprocess.run(
        own_mounts(script), cwd=tmp_path, env=environment(fake), capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "  disk/out/x.nsys-rep"
    assert "cannot export x.nsys-rep: sqlite3.OperationalError: database or disk is full" in lines[1]
    assert lines[2:] == ["exit 6", "out/x.nsys-rep"]
    assert done.stderr == ""


def test_a_full_disk_under_the_output() -> None:
    class Full(io.BytesIO):
        def write(self, _data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    ours, theirs = os.pipe()
    relay = Relay(os.fdopen(ours, "rb"), Full(), NsysTalk("x", lambda _: None))
    with os.fdopen(theirs, "wb") as program:
        for _ in range(100):
            program.write(b"line\n" * 10_000)  # more than a pipe holds: it would block if nobody read
    relay.join(30)
    assert not relay.is_alive()


FULL_TEMP = """
mkdir -p disk
mount -t tmpfs -o size=600m none disk
export TMPDIR={disk}
{python} -m nsysprof capture -o out --name x -- \\
    sh -c "mount -o remount,size=4k {disk} && echo full > {disk}/full" || echo exit $?
rm disk/full
find disk -mindepth 1
"""


def test_a_full_disk_under_the_temporary_folder(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="crash")
    script = FULL_TEMP.format(python=sys.executable, disk=tmp_path / "disk")
    done = subprocess.run(
        own_mounts(script), cwd=tmp_path, env=environment(fake), capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1] == "exit 1"
    problem = next(line for line in done.stdout.splitlines() if line.startswith("problem: "))
    assert problem.endswith(f"{tmp_path / 'disk'} is full: make room there, or set TMPDIR")
    assert names(tmp_path / "out") == []


# Exit codes


def test_the_readme_has_every_exit_code() -> None:
    readme = " ".join((Path(__file__).parent.parent / "README.md").read_text().split())
    waiting, codes = [NsysprofError], {1}
    assert ComfyUIError in NsysprofError.__subclasses__()  # the runners' own count, too
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        codes.add(kind.exit_code)
    said = readme[readme.index("Exit codes: ") : readme.index("ran out.")]
    assert {int(word) for word in re.findall(r"\b\d+\b", said)} == codes | {0, 124, 128, 141, 143}
