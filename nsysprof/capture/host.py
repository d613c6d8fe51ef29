"""What this machine has that a capture cares about: GPUs, driver, packages, disk space."""

import importlib.util
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

_QUERY = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader,nounits")
_SECONDS = 30

LEAST_FREE_BYTES = 500_000_000
"""Free space below which a capture is not begun: a report and its export take tens to hundreds of MB."""

_FULL_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as nvidia-smi sees it."""

    name: str
    """Such as ``NVIDIA H200``."""
    driver: str
    """Driver version."""
    memory_mib: int
    """Total memory in MiB, 0 when unknown."""


def gpus() -> tuple[Gpu, ...]:
    """Return the machine's GPUs; empty without nvidia-smi or a working driver."""
    try:
        done = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if done.returncode:
        return ()
    found = []
    for line in done.stdout.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 3:
            found.append(Gpu(fields[0], fields[1], int(fields[2]) if fields[2].isdigit() else 0))
    return tuple(found)


def package_versions(*names: str) -> dict[str, str]:
    """Return the versions of those of the named packages that are installed beside nsysprof."""
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def torch_cuda() -> str | None:
    """Return the CUDA version that torch was built for, None for a CPU build; does not import it."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.origin:
        return None
    try:
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"^cuda(?::[^=]*)? = ['\"]([^'\"]+)['\"]", text, re.M)
    return found[1] if found else None


def free_bytes(folder: Path) -> int:
    """Return the free space where ``folder`` is, or will be."""
    return shutil.disk_usage(_existing(folder)).free


def full_temp() -> Path | None:
    """Return the temporary folder when its disk is full, else None."""
    folder = Path(tempfile.gettempdir())
    return folder if free_bytes(folder) < _FULL_BYTES else None


def is_on_disk(folder: Path) -> bool:
    """Return whether ``folder`` is, or will be, where files can lie: not so below /proc or /sys."""
    return shutil.disk_usage(_existing(folder)).total > 0


def _existing(folder: Path) -> Path:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place
