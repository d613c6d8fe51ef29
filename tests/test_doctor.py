"""`nsysprof doctor`: what is here, what is wrong with it, and what to do."""

import json
from pathlib import Path

import fake_nsys
import pytest
from command_line import environment, nsysprof, real_nsys

from nsysprof.capture import doctor, host
from nsysprof.capture.doctor import Diagnosis, Finding, Status, diagnose


def by_name(diagnosis: Diagnosis) -> dict[str, Finding]:
    return {finding.what: finding for finding in diagnosis.findings}


def test_this_machine(tmp_path: Path) -> None:
    nsys = real_nsys()
    done = nsysprof("doctor", cwd=tmp_path, env=environment())
    assert done.code == 0
    assert f"ok   nsys      {nsys.version_text} at {nsys.path} (PATH)" in done.out
    assert "a trial range was recorded, imported and exported" in done.out
    assert done.out.endswith("\na capture would work here\n")


def test_records(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    done = nsysprof("doctor", "--json", cwd=tmp_path, env=environment(fake))
    values = json.loads(done.out)
    assert (done.code, values["schema"], values["can_capture"]) == (0, "nsysprof.doctor/1", True)
    assert values["findings"][0] == {
        "what": "nsys",
        "status": "ok",
        "detail": f"2023.4.4 at {fake / 'bin/nsys'} (PATH)",
        "advice": "",
    }


@pytest.mark.parametrize(
    ("behaviour", "what", "detail", "advice"),
    [
        ({"version": "2021.1.1"}, "nsys", "is nsys 2021.1.1, older than 2022.4", "install Nsight Systems"),
        ({"importer": "broken"}, "importer", "libpfm.so.4: cannot open", "package that holds libpfm.so.4"),
        ({"importer": "absent"}, "importer", "no QdstrmImporter", "install the whole of Nsight Systems"),
        ({"ranges": False}, "nvtx", "writes no ranges under nsys 2023.4.4", "pip install 'nvtx==0.2.11'"),
        ({"export": "fail"}, "trial", "nsys 2023.4.4 cannot export preflight.nsys-rep", "may be damaged"),
        ({"profile": "refuse"}, "trial", "ended with exit code 1: unrecognised option", "nsys profile"),
    ],
)
def test_what_stops_a_capture(
    tmp_path: Path, behaviour: dict[str, object], what: str, detail: str, advice: str
) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", **behaviour)
    diagnosis = diagnose(str(fake), tmp_path)
    assert not diagnosis.can_capture
    finding = by_name(diagnosis)[what]
    assert finding.status is Status.FAIL
    assert detail in finding.detail
    assert advice in finding.advice


def test_the_exit_code_of_a_bad_machine(tmp_path: Path) -> None:
    env = environment(tmp_path, NSYSPROF_NSYS=str(tmp_path / "nowhere"))
    done = nsysprof("doctor", cwd=tmp_path, env=env)
    assert done.code == 1
    assert done.out.startswith("fail nsys      ")
    assert done.out.endswith("\na capture would not work here\n")


def test_an_importer_that_nsys_does_not_find(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    (fake / "host-linux-x64").rename(fake / "linux-desktop-glibc_2_11_3-x64")
    finding = by_name(diagnose(str(fake), tmp_path))["importer"]
    assert finding.status is Status.OK
    assert finding.detail.endswith("which nsys does not find by itself; nsysprof starts it")


def test_a_newer_one_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    newer = fake_nsys.install(tmp_path / "newer", version="2026.1.1") / "bin/nsys"
    monkeypatch.setattr(doctor, "installed", lambda: [(newer, "install folder")])
    finding = diagnose(str(fake), tmp_path).findings[1]
    assert (finding.status, finding.detail) == (Status.WARN, f"2026.1.1 at {newer} is newer")
    assert finding.advice == f"--nsys {newer} uses it"


NVIDIA_SMI = "#!/bin/sh\necho 'NVIDIA H200, 570.124.06, 143771'\necho 'NVIDIA H200, 570.124.06, [N/A]'\n"


@pytest.mark.parametrize(
    ("script", "gpus"),
    [
        (
            NVIDIA_SMI,
            (host.Gpu("NVIDIA H200", "570.124.06", 143771), host.Gpu("NVIDIA H200", "570.124.06", 0)),
        ),
        ("#!/bin/sh\necho 'NVIDIA-SMI has failed'; exit 9\n", ()),
    ],
)
def test_gpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, gpus: tuple[host.Gpu, ...]
) -> None:
    (tmp_path / "nvidia-smi").write_text(script)
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert host.gpus() == gpus


def test_a_gpu_and_a_torch_without_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    monkeypatch.setattr(host, "gpus", lambda: (host.Gpu("NVIDIA H200", "570.1", 143771),))
    monkeypatch.setattr(host, "torch_cuda", lambda: None)
    found = by_name(diagnose(str(fake), tmp_path))
    assert found["gpu"] == Finding("gpu", Status.OK, "NVIDIA H200 (140 GiB)")
    assert found["driver"] == Finding("driver", Status.OK, "570.1")
    assert (found["torch"].status, found["torch"].advice) == (Status.WARN, "install a CUDA build of torch")


def test_no_gpu_and_no_torch_leave_other_captures_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    monkeypatch.setattr(host, "gpus", lambda: ())
    monkeypatch.setattr(host, "package_versions", lambda *_: {"safetensors": "0.5"})
    diagnosis = diagnose(str(fake), tmp_path)
    found = by_name(diagnosis)
    assert (found["gpu"].status, found["runners"].status) == (Status.WARN, Status.WARN)
    assert "lacks torch, diffusers, transformers, accelerate" in found["runners"].detail
    assert found["runners"].advice == "pip install 'nsysprof[sdxl]'"
    assert diagnosis.can_capture


def test_what_there_is_of_nvtx_is_said_without_nsys(tmp_path: Path) -> None:
    found = by_name(diagnose(str(tmp_path / "nowhere"), tmp_path))
    assert found["nsys"].status is Status.FAIL
    assert found["nvtx"].status is Status.WARN
    assert found["nvtx"].detail.endswith("; not tried, for want of a working nsys")


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    monkeypatch.setattr(host, "free_bytes", lambda _: 100_000_000)
    diagnosis = diagnose(str(fake), tmp_path / "out")
    assert not diagnosis.can_capture
    assert by_name(diagnosis)["disk"].advice.startswith(f"make room in {tmp_path / 'out'}")


def test_free_space_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert host.free_bytes(tmp_path / "a/b/c") > 0
