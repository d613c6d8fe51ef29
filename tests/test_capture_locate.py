"""Which nsys is used, and what is said when none can be."""

from pathlib import Path

import fake_nsys
import pytest

from nsysprof.capture.importer import check_importer
from nsysprof.capture.locate import OVERRIDE, find_nsys, inspect_nsys, installed, parse_version
from nsysprof.errors import NsysError


@pytest.fixture(autouse=True)
def _no_nsys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv(OVERRIDE, raising=False)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVIDIA Nsight Systems version 2023.4.4.54-234433681190v0\n", (2023, 4, 4)),
        ("NVIDIA Nsight Systems version 2022.4.2.1-df9881f", (2022, 4, 2)),
        ("NVIDIA Nsight Systems version 2026.4", (2026, 4, 0)),
    ],
)
def test_version(text: str, version: tuple[int, int, int]) -> None:
    assert parse_version(text) == version


def test_a_text_without_a_version() -> None:
    with pytest.raises(ValueError, match="no version in 'usage: nsys'"):
        parse_version("usage: nsys")


def test_none(tmp_path: Path) -> None:
    with pytest.raises(NsysError) as caught:
        find_nsys(root=tmp_path)
    assert caught.value.message == "nsys is not on this machine"
    assert "doctor --install-nsys DIR" in caught.value.hint
    assert caught.value.exit_code == 5


def test_path_comes_before_install_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = fake_nsys.install(tmp_path / "mine")
    fake_nsys.install(tmp_path / "opt/nvidia/nsight-systems/2025.3.2", version="2025.3.2.367")
    monkeypatch.setenv("PATH", f"{on_path / 'bin'}:/usr/bin:/bin")
    nsys = find_nsys(root=tmp_path)
    assert (nsys.path, nsys.version_text, nsys.origin) == (on_path / "bin/nsys", "2023.4.4", "PATH")


def test_the_newest_install_folder(tmp_path: Path) -> None:
    for version in ("2024.6.1", "2025.10.1", "2025.3.2"):
        fake_nsys.install(tmp_path / "opt/nvidia/nsight-systems" / version, version=version)
    nsys = find_nsys(root=tmp_path)
    assert (nsys.version, nsys.origin) == ((2025, 10, 1), "install folder")


def test_inside_nsight_compute(tmp_path: Path) -> None:
    host = tmp_path / "opt/nvidia/nsight-compute/2025.3.1/host"
    fake_nsys.install(host, version="2025.3.2")
    (host / "host-linux-x64").rename(host / "linux-desktop-glibc_2_11_3-x64")
    nsys = find_nsys(root=tmp_path)
    assert (nsys.path, nsys.origin) == (host / "target-linux-x64/nsys", "Nsight Compute")
    importer = check_importer(nsys)
    assert importer.path == host / "linux-desktop-glibc_2_11_3-x64/QdstrmImporter"
    assert (importer.works, importer.beside) == (True, False)


def test_each_nsys_once(tmp_path: Path) -> None:
    fake_nsys.install(tmp_path / "opt/nvidia/nsight-systems/2025.3.2")
    assert len(list(installed(tmp_path))) == 1  # bin/nsys is a link to target-linux-x64/nsys


def test_one_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = fake_nsys.install(tmp_path / "old", version="2021.3.2")
    monkeypatch.setenv("PATH", f"{old / 'bin'}:/usr/bin:/bin")
    with pytest.raises(NsysError, match=r"nsys 2021\.3\.2, older than 2022\.4, the oldest that works"):
        find_nsys(root=tmp_path)
    fake_nsys.install(tmp_path / "usr/lib/nsight-systems", version="2022.4.2")
    assert find_nsys(root=tmp_path).version == (2022, 4, 2)


def test_the_one_that_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fake_nsys.install(tmp_path / "first", version="2024.1.1")
    second = fake_nsys.install(tmp_path / "second", version="2025.1.1")
    monkeypatch.setenv(OVERRIDE, str(first / "bin/nsys"))
    assert find_nsys(root=tmp_path).version == (2024, 1, 1)
    assert find_nsys(str(second), root=tmp_path).path == second / "bin/nsys"
    monkeypatch.setenv(OVERRIDE, str(tmp_path / "nowhere"))
    with pytest.raises(NsysError, match=r"nowhere \(NSYSPROF_NSYS\) does not start: No such file"):
        find_nsys(root=tmp_path)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("#!/bin/sh\necho cannot open shared object >&2; exit 127\n", "does not start: cannot open shared"),
        ("#!/bin/sh\necho hello\n", "is no nsys: it does not tell its version"),
    ],
)
def test_no_nsys_at_all(tmp_path: Path, script: str, message: str) -> None:
    program = tmp_path / "nsys"
    program.write_text(script)
    program.chmod(0o755)
    with pytest.raises(NsysError, match=message):
        inspect_nsys(program, "--nsys")


@pytest.mark.parametrize(
    ("importer", "reason"),
    [
        ("broken", "libpfm.so.4: cannot open shared object file: No such file or directory"),
        ("absent", "no QdstrmImporter in a host-linux-x64 folder beside"),
    ],
)
def test_an_importer_that_does_not_work(tmp_path: Path, importer: str, reason: str) -> None:
    folder = fake_nsys.install(tmp_path / "nsys", importer=importer)
    found = check_importer(inspect_nsys(folder / "bin/nsys", "PATH"))
    assert not found.works
    assert found.reason.startswith(reason)
