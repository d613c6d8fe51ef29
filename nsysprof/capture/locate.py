"""Find nsys: the one that was named, the one on PATH, an installed one, or the one inside Nsight Compute."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nsysprof.errors import NsysError

OLDEST = (2022, 4, 0)
"""The oldest nsys that has every option a capture needs and a readable export (tested: 2022.4.2)."""

OVERRIDE = "NSYSPROF_NSYS"
"""Environment variable that names the nsys to use."""

INSTALL_HINT = (
    "install Nsight Systems from NVIDIA, or on Debian run `nsysprof doctor --install-nsys DIR`; "
    f"then put its bin folder on PATH, set {OVERRIDE}, or give --nsys PATH"
)

_INSTALL_PATTERNS = (
    "opt/nvidia/nsight-systems/*/bin/nsys",
    "opt/nvidia/nsight-systems/*/target-linux-*/nsys",
    "opt/nvidia/nsight-systems-cli/*/bin/nsys",
    "opt/nvidia/nsight-systems-cli/*/target-linux-*/nsys",
    "usr/local/cuda*/bin/nsys",
    "usr/local/cuda*/nsight-systems-*/bin/nsys",
    "usr/lib/nsight-systems/bin/nsys",
)
_COMPUTE_PATTERNS = (
    "opt/nvidia/nsight-compute/*/host/target-linux-*/nsys",
    "usr/local/cuda*/nsight-compute-*/host/target-linux-*/nsys",
    "usr/lib/nsight-compute/host/target-linux-*/nsys",
)
_VERSION = re.compile(r"(\d{4})\.(\d+)(?:\.(\d+))?")
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Nsys:
    """An nsys that starts."""

    path: Path
    """The program as it is called."""
    version: tuple[int, int, int]
    """Such as (2023, 4, 4)."""
    origin: str
    """``--nsys``, ``NSYSPROF_NSYS``, ``PATH``, ``install folder`` or ``Nsight Compute``."""

    @property
    def version_text(self) -> str:
        """Return the version as ``2023.4.4``."""
        return ".".join(str(part) for part in self.version)

    @property
    def too_old(self) -> bool:
        """Tell whether it lacks what a capture needs."""
        return self.version < OLDEST

    @property
    def folder(self) -> Path:
        """Return the folder of the program itself (``target-linux-x64``), links resolved."""
        return self.path.resolve().parent


def parse_version(text: str) -> tuple[int, int, int]:
    """Return the version in the output of ``nsys --version``; raises ValueError when there is none."""
    found = _VERSION.search(text)
    if not found:
        raise ValueError(f"no version in {text!r}")
    return int(found[1]), int(found[2]), int(found[3] or 0)


def inspect_nsys(path: Path, origin: str) -> Nsys:
    """Start ``path --version``; raises NsysError when it does not start or is no nsys."""
    try:
        done = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=_START_SECONDS, check=False
        )
    except OSError as error:
        raise NsysError(f"{path} ({origin}) does not start: {error.strerror}", INSTALL_HINT) from None
    except subprocess.TimeoutExpired:
        raise NsysError(f"{path} ({origin}) does not answer --version", INSTALL_HINT) from None
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        raise NsysError(f"{path} ({origin}) does not start: {reason[-1]}", INSTALL_HINT)
    try:
        return Nsys(path, parse_version(done.stdout), origin)
    except ValueError:
        raise NsysError(f"{path} ({origin}) is no nsys: it does not tell its version", INSTALL_HINT) from None


def installed(root: Path = Path("/")) -> Iterator[tuple[Path, str]]:
    """Yield every nsys on PATH and in the usual folders under ``root``, each once, with its origin."""
    on_path = shutil.which("nsys")
    places = [(Path(on_path), "PATH")] if on_path else []
    for patterns, origin in ((_INSTALL_PATTERNS, "install folder"), (_COMPUTE_PATTERNS, "Nsight Compute")):
        for pattern in patterns:
            places += [(path, origin) for path in sorted(root.glob(pattern), reverse=True)]
    seen: set[Path] = set()
    for path, origin in places:
        target = path.resolve()
        if target not in seen and os.access(path, os.X_OK):
            seen.add(target)
            yield path, origin


def find_nsys(named: str | None = None, root: Path = Path("/")) -> Nsys:
    """Return the nsys to use: ``named``, else $NSYSPROF_NSYS, else PATH, install folders, Nsight Compute.

    One that was named must work. Of the others the first that starts and is new enough is taken, newest first
    within the install folders. Raises NsysError when there is none, with what was wrong with those found.
    """
    for path, origin in ((named, "--nsys"), (os.environ.get(OVERRIDE), OVERRIDE)):
        if path:
            return _new_enough(inspect_nsys(_program(path), origin))
    problem: NsysError | None = None
    by_origin: dict[str, Nsys] = {}
    for found, origin in installed(root):
        try:
            nsys = _new_enough(inspect_nsys(found, origin))
        except NsysError as error:
            problem = problem or error
            continue
        best = by_origin.get(origin)
        if best is None or nsys.version > best.version:
            by_origin[origin] = nsys
    if by_origin:
        return next(iter(by_origin.values()))
    raise problem or NsysError("nsys is not on this machine", INSTALL_HINT)


def _program(path: str) -> Path:
    """Accept the program, or a folder that holds it as ``nsys`` or ``bin/nsys``."""
    given = Path(os.path.expanduser(path))  # noqa: PTH111 - Path's own raises where there is no home
    for place in (given / "bin" / "nsys", given / "nsys"):
        if place.is_file():
            return place
    return given


def _new_enough(nsys: Nsys) -> Nsys:
    if nsys.too_old:
        oldest = ".".join(str(part) for part in OLDEST[:2])
        raise NsysError(
            f"{nsys.path} is nsys {nsys.version_text}, older than {oldest}, the oldest that works",
            INSTALL_HINT,
        )
    return nsys
