"""The importer: the program that turns what nsys collected (.qdstrm) into a report (.nsys-rep).

nsys looks for it in a folder called host-linux-x64 beside its own. Nsight Compute ships it in another folder
and bare machines lack libraries that it needs; nsys then says nothing, exits with 0 and leaves the .qdstrm.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nsysprof.capture.locate import Nsys
from nsysprof.errors import CaptureError

_NAME = "QdstrmImporter"
_DEBIAN = Path("/usr/lib/nsight-systems")
_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Importer:
    """Where the importer of an nsys is, and whether it runs."""

    path: Path | None
    """The program; None when there is none."""
    works: bool
    """True when it starts."""
    beside: bool
    """True when nsys finds it by itself; otherwise nsysprof runs it."""
    reason: str
    """Why it does not work, empty when it does."""


def check_importer(nsys: Nsys) -> Importer:
    """Find the importer that belongs to ``nsys`` and start it; never raises."""
    broken: Importer | None = None
    for path, beside in _places(nsys):
        reason = _start(path)
        if not reason:
            return Importer(path, True, beside, "")
        broken = broken or Importer(path, False, beside, reason)
    return broken or Importer(
        None, False, False, f"no {_NAME} in a host-linux-x64 folder beside {nsys.folder}"
    )


def _places(nsys: Nsys) -> Iterator[tuple[Path, bool]]:
    around = nsys.folder.parent
    for folder, pattern in ((around, "host-linux-*"), (around, "linux-desktop-*"), (_DEBIAN, "host-linux-*")):
        if folder == _DEBIAN and not nsys.path.is_relative_to("/usr"):
            continue
        for host in sorted(folder.glob(pattern), reverse=True):
            if (host / _NAME).is_file():
                yield host / _NAME, folder == around and pattern == "host-linux-*"


def _start(path: Path) -> str:
    """Return why the importer at ``path`` does not start; empty when it does."""
    try:
        done = subprocess.run(
            [str(path), "--version"], capture_output=True, text=True, timeout=_START_SECONDS, check=False
        )
    except OSError as error:
        return str(error.strerror)
    except subprocess.TimeoutExpired:
        return "it does not answer"
    if not done.returncode:
        return ""
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return lines[-1].split("error while loading shared libraries: ")[-1]


def import_stream(importer: Importer, stream: Path, report: Path, shown: Path | None = None) -> None:
    """Turn the .qdstrm ``stream`` into ``report``; raises CaptureError with the importer's own words.

    ``shown`` is what a message calls the stream.
    """
    if not importer.works:
        raise CaptureError(
            f"nsys's importer does not work: {importer.reason}",
            "see `nsysprof doctor`; `nsysprof export FILE.qdstrm` imports it once that is mended",
        )
    partial = report.with_name(f"partial-{report.name}")
    command = [str(importer.path), "--input-file", str(stream.absolute()), "--output-file"]
    try:
        done = subprocess.run(
            [*command, str(partial.absolute())], capture_output=True, text=True, errors="replace", check=False
        )
        if not done.returncode and partial.is_file():
            partial.replace(report)
            return
    finally:
        partial.unlink(missing_ok=True)
    words = (done.stderr or done.stdout).replace("\r", "\n").strip().splitlines() or ["it says nothing"]
    raise CaptureError(
        f"nsys's importer cannot read {shown or stream}: {words[-1].rstrip('.')}",
        "the file is damaged, the disk was full, or another version of nsys wrote it",
    )
