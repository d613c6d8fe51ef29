"""Standard output that is full or closed: one line and exit code 7. One of few letters: plain signs."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from trace_builder import TraceBuilder


@pytest.fixture(autouse=True)
def _trace(tmp_path: Path) -> None:
    builder = TraceBuilder(gpu="NVIDIA H200")
    for step in range(3):
        start = 1000 * step
        builder.nvtx(f"step {step}", start, start + 900)
        name = "void at::native::normé_kernel<float>(float*)"
        builder.launch(name, (start + 100, start + 110), (start + 150, start + 650), correlation=step + 1)
    builder.write(tmp_path / "run.sqlite")


def nsysprof(folder: Path, words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command line of the shell, in which nsysprof is ``$N``."""
    env = {**os.environ, "N": f"{sys.executable} -m nsysprof", **more}
    return subprocess.run(["sh", "-c", words], cwd=folder, env=env, capture_output=True, check=False)


@pytest.mark.parametrize("how", ["--json", "--csv", "--no-html"])
def test_a_full_disk(tmp_path: Path, how: str) -> None:
    done = nsysprof(tmp_path, f"$N hotspots run.sqlite {how} >/dev/full")
    assert done.returncode == 7
    assert done.stderr == (
        b"nsysprof: error: cannot write to standard output (No space left on device): "
        b"make room, or redirect it\n"
    )


@pytest.mark.parametrize(
    "command", ["hotspots run.sqlite --json", "query --list", "--version", "demo --help"]
)
def test_a_closed_output(tmp_path: Path, command: str) -> None:
    done = nsysprof(tmp_path, f"$N {command} >&-")
    assert done.returncode == 7
    assert done.stderr.startswith(b"nsysprof: error: standard output is closed: ")
    assert done.stderr.count(b"\n") == 1


def test_a_closed_standard_error(tmp_path: Path) -> None:
    done = nsysprof(tmp_path, "$N hotspots absent.sqlite 2>&-")
    assert (done.returncode, done.stdout) == (3, b"")
    assert nsysprof(tmp_path, "$N hotspots run.sqlite --no-html 2>&-").returncode == 0


def test_a_reader_that_is_gone(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    done = nsysprof(tmp_path, f"($N query '{endless}' run.sqlite --csv; echo $? >code) | head -n 1")
    assert (done.stdout, done.stderr) == (b"i\n", b"")
    assert (tmp_path / "code").read_text() == "141\n"


def test_notes_that_nobody_can_take(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "run.sqlite") as database:
        database.execute("UPDATE META_DATA_EXPORT SET value = '99.0.0' WHERE name = 'EXPORT_SCHEMA_VERSION'")
    done = nsysprof(tmp_path, "$N hotspots run.sqlite --json 2>/dev/full")
    assert done.returncode == 0
    assert json.loads(done.stdout)["warnings"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_few_letters(tmp_path: Path, encoding: str) -> None:
    done = nsysprof(tmp_path, "$N hotspots run.sqlite --no-html", PYTHONIOENCODING=encoding, COLUMNS="100")
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode(encoding).splitlines()
    assert any(line.startswith("NVIDIA H200, 132 SMs, 150 GB ") for line in lines)
    assert "-" * 20 in done.stdout.decode(encoding)
    assert max(map(len, lines)) <= 100 + len(r"\xe9") - 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_records_of_few_letters(tmp_path: Path, encoding: str) -> None:
    env = {"PYTHONIOENCODING": encoding}
    record = json.loads(nsysprof(tmp_path, "$N hotspots run.sqlite --json", **env).stdout.decode(encoding))
    assert record["kernels"][0]["name"] == "void at::native::normé_kernel<float>(float*)"
    assert nsysprof(tmp_path, "$N hotspots run.sqlite --csv", **env).returncode == 0


def test_an_error_line_is_one_line_whatever_it_quotes(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    content = path.read_bytes()
    place = content.index(b"CREATE TABLE", 1024)
    path.write_bytes(content[:place] + b"\n\x1b[31m\x07" + content[place + 8 :])
    done = nsysprof(tmp_path, "$N hotspots run.sqlite --json")
    assert (done.returncode, done.stdout) == (3, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"\\n\\x1b[31m\\x07" in done.stderr or b"\x1b" not in done.stderr
    done = nsysprof(tmp_path, "$N hotspots \"$(printf 'a\\033[31m\\nb\\342\\200\\256c')\" --json")
    assert done.stderr.decode() == (
        "nsysprof: error: a\\x1b[31m\\nb\\u202ec does not exist: give the .sqlite file; "
        "`nsysprof export report.nsys-rep` makes one from a report\n"
    )
