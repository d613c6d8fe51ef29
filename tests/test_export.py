"""`nsysprof export`: a report to SQLite, whole or not at all."""

import subprocess
import sys
from pathlib import Path

import fake_nsys
import pytest
from command_line import environment, nsysprof, real_nsys

from nsysprof.trace import open_trace


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "nsys")


def test_beside_the_report(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    (tmp_path / "run.nsys-rep").write_text("report")
    done = nsysprof("export", "run.nsys-rep", cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out, done.err) == (0, "run.sqlite\n", "")
    assert names(tmp_path) == ["run.nsys-rep", "run.sqlite"]
    with open_trace(tmp_path / "run.sqlite") as trace:
        assert "step 0" in trace.range_texts


def test_somewhere_else(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    (tmp_path / "run.nsys-rep").write_text("report")
    done = nsysprof("export", "run.nsys-rep", "-o", "new/out.sqlite", cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (0, "new/out.sqlite\n")
    assert names(tmp_path / "new") == ["out.sqlite"]


def test_a_stream_is_imported_first(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    (tmp_path / "run.qdstrm").write_text("stream")
    done = nsysprof("export", "run.qdstrm", cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (0, "run.sqlite\n")
    assert names(tmp_path) == ["run.qdstrm", "run.sqlite"]


def test_what_is_there_stays(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    (tmp_path / "run.nsys-rep").write_text("report")
    (tmp_path / "run.sqlite").write_text("old")
    refused = nsysprof("export", "run.nsys-rep", cwd=tmp_path, env=environment(fake))
    assert (refused.code, refused.out) == (7, "")
    assert refused.err == (
        "nsysprof: error: run.sqlite exists: give --force to replace it, or another name with --output\n"
    )
    assert (tmp_path / "run.sqlite").read_text() == "old"
    assert nsysprof("export", "run.nsys-rep", "--force", cwd=tmp_path, env=environment(fake)).code == 0
    assert (tmp_path / "run.sqlite").read_bytes().startswith(b"SQLite format 3\0")


@pytest.mark.parametrize(
    ("behaviour", "report", "code", "message"),
    [
        ({"export": "fail"}, "run.nsys-rep", 6, "cannot export run.nsys-rep: Exportation error: Cannot read"),
        ({"export": "text"}, "run.nsys-rep", 6, "cannot export run.nsys-rep: exit code 0"),
        ({"importer": "broken"}, "run.qdstrm", 6, "nsys's importer does not work: libpfm.so.4: cannot open"),
        ({"importer": "absent"}, "run.qdstrm", 6, "nsys's importer does not work: no QdstrmImporter"),
        ({"importer": "failing"}, "run.qdstrm", 6, "cannot read run.qdstrm: Qdstrm file is incomplete"),
        ({}, "absent.nsys-rep", 6, "absent.nsys-rep does not exist: give the .nsys-rep that"),
        ({}, "..", 6, ".. is no file: give the .nsys-rep that a capture wrote"),
    ],
)
def test_nothing_half_written_is_left(
    tmp_path: Path, behaviour: dict[str, str], report: str, code: int, message: str
) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", **behaviour)
    for name in ("run.nsys-rep", "run.qdstrm"):
        (tmp_path / name).write_text("what nsys wrote")
    done = nsysprof("export", report, cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert names(tmp_path) == ["run.nsys-rep", "run.qdstrm"]


@pytest.mark.parametrize("name", ["run.nsys-rep", "./run.nsys-rep", "link.sqlite"])
def test_the_report_is_never_replaced_by_its_export(tmp_path: Path, name: str) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    (tmp_path / "run.nsys-rep").write_text("report")
    (tmp_path / "link.sqlite").symlink_to("run.nsys-rep")
    words = ["export", "run.nsys-rep", "-o", name, "--force"]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (7, "")
    assert "is the file that is read, and would be destroyed: give another path with --output" in done.err
    assert (tmp_path / "run.nsys-rep").read_text() == "report"


@pytest.mark.parametrize("content", [b"some text", b"SQLite format 3\0..."])
def test_what_is_no_report(tmp_path: Path, content: bytes) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    (tmp_path / "trace.sqlite").write_bytes(content)
    done = nsysprof("export", "trace.sqlite", cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (6, "")
    assert done.err == (
        "nsysprof: error: trace.sqlite is no nsys report: "
        "`nsysprof hotspots` reads exports; give the .nsys-rep\n"
    )


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    (tmp_path / "run.nsys-rep").write_text("report")
    words = ["export", "run.nsys-rep", "-o", "run.nsys-rep/out.sqlite"]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (7, "")
    assert "cannot write run.nsys-rep/out.sqlite (File exists): give another path with" in done.err


def test_a_real_report(tmp_path: Path) -> None:
    nsys = real_nsys()
    program = "import nvtx\nnvtx.push_range('a range'); nvtx.pop_range()"
    options = ["--trace=nvtx", "--sample=none", "--cpuctxsw=none", f"--output={tmp_path / 'run'}"]
    command = [str(nsys.path), "profile", *options, sys.executable, "-c", program]
    subprocess.run(command, check=True, capture_output=True)
    done = nsysprof("export", "run.nsys-rep", cwd=tmp_path, env=environment())
    assert (done.code, done.out) == (0, "run.sqlite\n")
    with open_trace(tmp_path / "run.sqlite") as trace:
        assert trace.range_texts == ("a range",)


@pytest.mark.parametrize("keep", [0, 5000])
def test_a_real_report_that_is_cut_off(tmp_path: Path, keep: int) -> None:
    real_nsys()
    (tmp_path / "run.nsys-rep").write_bytes(bytes(range(256)) * (keep // 256))
    done = nsysprof("export", "run.nsys-rep", cwd=tmp_path, env=environment())
    assert (done.code, done.out) == (6, "")
    assert "cannot export run.nsys-rep: Exportation error" in done.err
    assert names(tmp_path) == ["run.nsys-rep"]
