"""What this machine has for a capture, what is wrong with it, and what to do about that."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nsysprof.capture import host
from nsysprof.capture.importer import check_importer
from nsysprof.capture.locate import Nsys, find_nsys, inspect_nsys, installed
from nsysprof.capture.preflight import nvtx_version, try_ranges
from nsysprof.errors import NsysError

_RUNNER_PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "safetensors")


class Status(StrEnum):
    """How a finding bears on a capture."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    """Such as ``nsys`` or ``driver``."""
    status: Status
    """``fail`` means that no capture would work."""
    detail: str
    """What is there, or what is wrong."""
    advice: str = ""
    """What to do about it; empty when nothing is to be done."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings."""

    findings: tuple[Finding, ...]

    @property
    def can_capture(self) -> bool:
        """Tell whether a capture would work."""
        return all(finding.status is not Status.FAIL for finding in self.findings)


def diagnose(named: str | None = None, folder: Path = Path("nsysprof-out")) -> Diagnosis:
    """Look at everything that a capture into ``folder`` needs; nsys is tried for real, about a second."""
    findings: list[Finding] = []
    try:
        nsys = find_nsys(named)
    except NsysError as error:
        findings += [Finding("nsys", Status.FAIL, error.message, error.hint), _nvtx_alone()]
    else:
        findings += _about_nsys(nsys)
    gpus = host.gpus()
    findings += [*_about_gpus(gpus), *_about_runner(gpus), _about_disk(folder)]
    return Diagnosis(tuple(findings))


def _about_nsys(nsys: Nsys) -> list[Finding]:
    findings = [Finding("nsys", Status.OK, f"{nsys.version_text} at {nsys.path} ({nsys.origin})")]
    others = [other for other in _others(nsys) if other.version > nsys.version]
    if others:
        newest = max(others, key=lambda other: other.version)
        findings.append(
            Finding(
                "nsys",
                Status.WARN,
                f"{newest.version_text} at {newest.path} is newer",
                f"--nsys {newest.path} uses it",
            )
        )
    importer = check_importer(nsys)
    if not importer.works:
        findings.append(Finding("importer", Status.FAIL, importer.reason, _importer_advice(importer.reason)))
        return [*findings, _nvtx_alone()]
    where = "" if importer.beside else ", which nsys does not find by itself; nsysprof starts it"
    findings.append(Finding("importer", Status.OK, f"{importer.path}{where}"))
    return [*findings, _about_nvtx(nsys)]


def _others(nsys: Nsys) -> list[Nsys]:
    found = []
    for path, origin in installed():
        if path.resolve() != nsys.path.resolve():
            try:
                found.append(inspect_nsys(path, origin))
            except NsysError:
                continue
    return found


def _importer_advice(reason: str) -> str:
    library = reason.partition(":")[0]
    if ".so" in library:
        return f"install the package that holds {library}, or run `nsysprof doctor --install-nsys DIR`"
    return "install the whole of Nsight Systems, or run `nsysprof doctor --install-nsys DIR`"


def _nvtx_alone() -> Finding:
    """Say what there is of nvtx where no nsys can be tried with it."""
    version = nvtx_version()
    if not version:
        return Finding("nvtx", Status.FAIL, "the Python package nvtx is not installed", "pip install nvtx")
    return Finding("nvtx", Status.WARN, f"{version}; not tried, for want of a working nsys")


def _about_nvtx(nsys: Nsys) -> Finding:
    version = nvtx_version()
    if not version:
        return _nvtx_alone()
    trial = try_ranges(nsys)
    if trial.recorded:
        return Finding("nvtx", Status.OK, f"{version}; a trial range was recorded, imported and exported")
    return Finding("nvtx" if trial.exported else "trial", Status.FAIL, trial.problem, trial.hint)


def _about_gpus(gpus: Sequence[host.Gpu]) -> list[Finding]:
    if not gpus:
        return [
            Finding(
                "gpu",
                Status.WARN,
                "no NVIDIA GPU, or no working driver: captures hold NVTX ranges and no kernels",
                "for kernels, capture on a machine where nvidia-smi works",
            )
        ]
    names = ", ".join(f"{gpu.name} ({gpu.memory_mib / 1024:.0f} GiB)" for gpu in gpus)
    return [Finding("gpu", Status.OK, names), Finding("driver", Status.OK, gpus[0].driver)]


def _about_runner(gpus: Sequence[host.Gpu]) -> list[Finding]:
    versions = host.package_versions(*_RUNNER_PACKAGES)
    missing = [name for name in _RUNNER_PACKAGES if name not in versions]
    findings = []
    if "torch" in versions:
        cuda = host.torch_cuda()
        build = f"CUDA {cuda}" if cuda else "CPU build"
        wrong = bool(gpus) and cuda is None
        findings.append(
            Finding(
                "torch",
                Status.WARN if wrong else Status.OK,
                f"{versions['torch']} ({build})",
                "install a CUDA build of torch" if wrong else "",
            )
        )
    if missing:
        findings.append(
            Finding(
                "runners",
                Status.WARN,
                f"the SDXL runner lacks {', '.join(missing)}; `nsysprof capture -- PROGRAM` works without",
                "pip install 'nsysprof[sdxl]'",
            )
        )
    else:
        findings.append(Finding("diffusers", Status.OK, versions["diffusers"]))
    return findings


def _about_disk(folder: Path) -> Finding:
    """Look at the results' disk, and at the one where nsys collects first."""
    places = {place: host.free_bytes(place) for place in (folder, Path(tempfile.gettempdir()))}
    tight = [place for place, free in places.items() if free < host.LEAST_FREE_BYTES]
    detail = ", ".join(f"{free / 1e9:.1f} GB free for {place}" for place, free in places.items())
    if tight:
        return Finding("disk", Status.FAIL, detail, f"make room in {tight[0]}, or set TMPDIR and --output")
    return Finding("disk", Status.OK, detail)
