"""Standard output that is full or closed: one line and exit code 7. One of few letters: plain signs."""

import json
import os
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
