"""Captures and analyses at the same time, under odd names, on read-only media, and without a home."""

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import fake_nsys
import pytest
from captures import WHOLE, names, own_mounts, python, write_steps
from command_line import environment, nsysprof, real_nsys, start

from nsysprof.capture.manifest import portable

# Two at once


def waiting(gate: Path) -> list[str]:
    """Return a program that runs until ``gate`` is there."""
    wait = f"while not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    return python(f"import os, time\nprint('ready', flush=True)\n{wait}")


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_two_captures_of_one_name(tmp_path: Path, force: list[str]) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    words = ["capture", "-o", "out", "--name", "x", *force, "--"]
    with start(*words, *waiting(tmp_path / "gate"), cwd=tmp_path, env=environment(fake)) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "ready\n"
        second = nsysprof(*words, "true", cwd=tmp_path, env=environment(fake))
        (tmp_path / "gate").touch()
        first.communicate(timeout=60)
    assert (second.code, second.out) == (7, "")
    assert second.err == "nsysprof: error: out/x is being captured already: give another --name\n"
    assert first.returncode == 0
    assert names(tmp_path / "out") == WHOLE


def test_captures_of_other_names_in_the_same_folder(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    gate = tmp_path / "gate"
    both = [
        start(
            "capture", "-o", "out", "--name", name, "--", *waiting(gate), cwd=tmp_path, env=environment(fake)
        )
        for name in ("x", "y")
    ]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    gate.touch()
    for process in both:
        process.communicate(timeout=60)
    assert [process.returncode for process in both] == [0, 0]
    assert names(tmp_path / "out") == [*WHOLE, "y.nsys-rep", "y.run.json", "y.sqlite"]


def test_the_report_of_a_capture_that_was_killed_is_not_lost(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    left = tmp_path / "out/.capture-x/nsysprof-capture.nsys-rep"
    left.parent.mkdir(parents=True)
    left.write_text("report")
    words = ["capture", "-o", "out", "--name", "x"]
    refused = nsysprof(*words, "--", "true", cwd=tmp_path, env=environment(fake))
    assert (refused.code, refused.out) == (7, "")
    assert f"a capture called x was killed and left {left.relative_to(tmp_path)}: move it away" in refused.err
    assert left.read_text() == "report"
    assert nsysprof(*words, "--force", "--", "true", cwd=tmp_path, env=environment(fake)).code == 0
    assert names(tmp_path / "out") == WHOLE


# Traces that others write


@pytest.mark.parametrize("command", [["hotspots", "--json"], ["query", "SELECT count(*) FROM StringIds"]])
def test_a_trace_that_is_locked_or_being_written(tmp_path: Path, command: list[str]) -> None:
    trace = write_steps(tmp_path / "t.sqlite")
    before = trace.read_bytes()
    writer = sqlite3.connect(trace, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    done = nsysprof(*command, trace, cwd=tmp_path, env=environment())
    assert (done.code, done.out) == (3, "")
    assert done.err == (
        f"nsysprof: error: {trace} is locked: another program writes it; wait until the export has ended\n"
    )
    writer.execute("INSERT INTO StringIds VALUES (9999, 'x')")
    writer.execute("ROLLBACK")
    writer.close()
    assert nsysprof(*command, trace, cwd=tmp_path, env=environment()).code == 0
    assert trace.read_bytes() == before


# Names


ODD = ["\u00fcn\u00ef \u2603", "new\nline\t", "-dash", "100%x?#&;$(x)'\"", "\udce9"]


@pytest.mark.parametrize("odd", ODD)
def test_odd_names_with_every_command(tmp_path: Path, odd: str) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", trace=str(write_steps(tmp_path / "steps.sqlite")))
    env = environment(fake)
    captured = nsysprof("capture", "-o", odd, "--name", odd, "--", *python(""), cwd=tmp_path, env=env)
    assert captured.code == 0
    assert captured.out.startswith("captured: 2 kernels")
    last = captured.out.splitlines()[-1]
    assert last.startswith("next: nsysprof hotspots ")
    stem = f"{odd}/{odd}"
    shown = subprocess.run(
        ["bash", "-c", f"printf %s {last.removeprefix('next: nsysprof hotspots ')}"],
        capture_output=True,
        check=True,
    )
    if odd.isascii():
        assert os.fsdecode(shown.stdout) == f"{stem}.sqlite"
    for words in (
        ["export", "-o", f"{stem}2.sqlite", "--", f"{stem}.nsys-rep"],
        ["hotspots", "--json", "--html", f"{stem}.html", "--", f"{stem}.sqlite"],
        ["query", "--", "SELECT count(*) FROM StringIds", f"{stem}2.sqlite"],
    ):
        done = nsysprof(*words, cwd=tmp_path, env=env)
        assert (done.code, "Traceback" in done.err) == (0, False)
    ends = (".html", ".nsys-rep", ".run.json", ".sqlite", "2.sqlite")
    assert names(tmp_path / odd) == [f"{odd}{end}" for end in ends]


@pytest.mark.parametrize(("odd", "temporary"), [("-new\nline \u2603", "."), ("x", "100%x?#, \u2603")])
def test_odd_names_with_the_real_nsys(tmp_path: Path, odd: str, temporary: str) -> None:
    real_nsys()
    (tmp_path / temporary).mkdir(exist_ok=True)
    env = environment(TMPDIR=str(tmp_path / temporary))
    program = python("import nvtx\nfor i in range(2): nvtx.push_range('step 0'); nvtx.pop_range()")
    done = nsysprof("capture", "-o", odd, "--name", odd, "--", *program, cwd=tmp_path, env=env)
    assert done.code == 0
    assert done.out.startswith("captured: 0 kernels, 0 CUDA API calls, 2 NVTX ranges")
    ends = (".nsys-rep", ".run.json", ".sqlite")
    assert names(tmp_path / odd) == [f"{odd}{end}" for end in ends]
    words = ["export", "--force", "--", f"{odd}.nsys-rep"]
    again = nsysprof(*words, cwd=tmp_path / odd, env=env)
    assert (again.code, again.out) == (0, f"{odd}.sqlite\n")


@pytest.mark.parametrize("name", [".hidden", "a/b", "", "x" * 300])
def test_what_is_no_name(tmp_path: Path, name: str) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    done = nsysprof(
        "capture", f"--name={name}", "-o", "out", "--", "true", cwd=tmp_path, env=environment(fake)
    )
    assert done.code == (7 if len(name) == 300 else 0 if not name else 2)
    assert len(done.err.splitlines()) == (0 if not name else 1)


# Read-only media


READ_ONLY = """
mount --bind media media
mount -o remount,bind,ro media
{command}
"""


def on_read_only(tmp_path: Path, *words: str, cwd: str = ".") -> subprocess.CompletedProcess[str]:
    """Run nsysprof where ``media`` is read-only."""
    script = READ_ONLY.format(command=f'cd {cwd} && exec "$@"')
    command = [*own_mounts(script), "sh", sys.executable, "-m", "nsysprof", *words]
    fake = tmp_path / "nsys"
    if not fake.exists():
        fake_nsys.install(fake)
    return subprocess.run(
        command, cwd=tmp_path, env=environment(fake), capture_output=True, text=True, check=False
    )


def fill_media(tmp_path: Path) -> Path:
    media = tmp_path / "media"
    media.mkdir()
    write_steps(media / "t.sqlite")
    (media / "r.nsys-rep").write_text("report")
    return media


@pytest.mark.parametrize(
    ("words", "cwd", "code", "message"),
    [
        (["hotspots", "--json", "media/t.sqlite"], ".", 0, ""),
        (["hotspots", "media/t.sqlite"], ".", 0, "page: nsysprof-out/t.html"),
        (["hotspots", "t.sqlite"], "media", 7, "(Read-only file system)"),
        (["hotspots", "--no-html", "t.sqlite"], "media", 0, ""),
        (["query", "SELECT count(*) FROM StringIds", "media/t.sqlite"], ".", 0, ""),
        (["export", "media/r.nsys-rep", "-o", "r.sqlite"], ".", 0, ""),
        (
            ["export", "media/r.nsys-rep"],
            ".",
            7,
            "cannot write media/r.sqlite (Read-only file system): give another path with --output",
        ),
        (
            ["capture", "-o", "media/out", "--", "true"],
            ".",
            7,
            "media/out cannot be written: Read-only file system: give another --output or --name",
        ),
        (["capture", "--", "true"], "media", 7, "nsysprof-out cannot be written: Read-only file system"),
        (["classify", "ampere_sgemm"], "media", 0, ""),
        (["doctor", "--json"], "media", 0, ""),
    ],
)
def test_read_only_media(tmp_path: Path, words: list[str], cwd: str, code: int, message: str) -> None:
    fill_media(tmp_path)
    done = on_read_only(tmp_path, *words, cwd=cwd)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert len(done.stderr.splitlines()) <= 1 or code == 0
    assert names(tmp_path / "media") == ["r.nsys-rep", "t.sqlite"]


@pytest.mark.parametrize("shm", [True, False])
def test_a_journal_beside_a_trace_on_read_only_media(tmp_path: Path, shm: bool) -> None:
    media = tmp_path / "media"
    media.mkdir()
    trace = write_steps(tmp_path / "t.sqlite")
    writer = sqlite3.connect(trace)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("INSERT INTO StringIds VALUES (9999, 'x')")
    writer.commit()
    for end in ("", "-wal", "-shm")[: 3 if shm else 2]:
        shutil.copy(f"{trace}{end}", media / f"t.sqlite{end}")
    writer.close()
    query = "SELECT count(*) AS found FROM StringIds WHERE id = 9999"
    for words in (["hotspots", "--json", "media/t.sqlite"], ["query", query, "media/t.sqlite"]):
        done = on_read_only(tmp_path, *words)
        assert done.returncode in (0, 3)
        if done.returncode:  # SQLite cannot read a log without its index, and may not make one
            assert not shm
            assert "media/t.sqlite was left half-written: let its writer end" in done.stderr
        elif words[0] == "query":
            assert "1" in done.stdout.split()


# Homes


@pytest.mark.parametrize("home", ["none", "read-only", "absent"])
@pytest.mark.parametrize(
    "words",
    [
        ["capture", "-o", "out", "--name", "x", "--", "true"],
        ["export", "media/r.nsys-rep", "-o", "out/y.sqlite"],
        ["hotspots", "--json", "media/t.sqlite"],
        ["classify", "ampere_sgemm"],
    ],
)
def test_a_home_that_cannot_be_used(tmp_path: Path, home: str, words: list[str]) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    media = fill_media(tmp_path)
    env = environment(fake, HOME=str(media if home == "read-only" else tmp_path / "absent"))
    if home == "none":
        del env["HOME"]
    script = READ_ONLY.format(command='exec "$@"')
    command = [*own_mounts(script), "sh", sys.executable, "-m", "nsysprof", *words]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert names(media) == ["r.nsys-rep", "t.sqlite"]
    assert not (tmp_path / "absent").exists()


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert portable(["/home/me/x"]) == ["/home/me/x"]
