"""Turn a report into SQLite: under a temporary name first, so that no half-written export is left."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from nsysprof.capture.importer import check_importer, import_stream
from nsysprof.capture.locate import Nsys
from nsysprof.errors import CaptureError, OutputError
from nsysprof.files import check_target, replacing

_PROGRESS = re.compile(rb"\[[= ]*(\d+)% *\]")
_SQLITE = b"SQLite format 3\0"
_ADVICE = "give another path with --output"

Progress = Callable[[str, float], None]
"""Called with what is being done and how far it is, 0..1."""


def export_report(nsys: Nsys, report: Path, out: Path, *, force: bool, progress: Progress) -> Path:
    """Export ``report`` (.nsys-rep, or a .qdstrm that was never imported) to the SQLite file ``out``.

    Raises CaptureError when ``report`` is none or nsys cannot, OutputError when ``out`` exists (without
    ``force``), is ``report`` itself, or cannot be written.
    """
    _check_report(report)
    check_target(out, _ADVICE, (report,))
    if out.exists() and not force:
        raise OutputError(f"{out} exists", "give --force to replace it, or another name with --output")
    with replacing(out, _ADVICE, (report,)) as partial:
        if report.suffix == ".qdstrm":
            progress("importing", 0.0)
            stream, report = report, partial.with_name("report.nsys-rep")
            import_stream(check_importer(nsys), stream, report)
        made = partial.with_name("report.sqlite")
        _run_export(nsys, report, made, progress)
        made.replace(partial)
    return out


def _check_report(report: Path) -> None:
    """Raise CaptureError when ``report`` is not there, or is what an export makes instead of its source."""
    if not report.exists():
        raise CaptureError(f"{report} does not exist", "give the .nsys-rep that a capture wrote")
    if not report.is_file():
        raise CaptureError(f"{report} is no file", "give the .nsys-rep that a capture wrote")
    if _is_sqlite(report) or report.suffix == ".sqlite":
        raise CaptureError(
            f"{report} is no nsys report", "`nsysprof hotspots` reads exports; give the .nsys-rep"
        )


def _run_export(nsys: Nsys, report: Path, out: Path, progress: Progress) -> None:
    command = [
        str(nsys.path),
        "export",
        "--type=sqlite",
        "--force-overwrite=true",
        f"--output={out.absolute()}",
        str(report.absolute()),  # a name may start with a dash
    ]
    progress("exporting", 0.0)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    ) as process:
        try:
            words = _listen(process, progress)
        except BaseException:
            process.kill()
            raise
    if process.returncode or not _is_whole(out):
        reason = words or f"exit code {process.returncode}"
        raise CaptureError(
            f"nsys {nsys.version_text} cannot export {report.name}: {reason}",
            "the file may be damaged or from a newer nsys (`nsysprof doctor` shows yours), or the disk full",
        )
    progress("exporting", 1.0)


def _listen(process: subprocess.Popen[bytes], progress: Progress) -> str:
    """Report progress until the output ends; return the last line that is not progress."""
    assert process.stdout  # noqa: S101 - it is a pipe
    words, rest = b"", b""
    while data := os.read(process.stdout.fileno(), 65536):
        *lines, rest = re.split(rb"[\r\n]|(?<=\])(?=Processing)", rest + data)
        for line in lines:
            if found := _PROGRESS.search(line):
                progress("exporting", int(found[1]) / 100)
            elif line.strip():
                words = line.strip()
    if rest.strip() and not _PROGRESS.search(rest):
        words = rest.strip()
    return words.decode("utf-8", "replace")


def _is_whole(path: Path) -> bool:
    """Tell whether ``path`` is an SQLite file of the size that its header says, without open transactions."""
    if not _is_sqlite(path) or Path(f"{path}-journal").exists():
        return False
    with path.open("rb") as file:
        head = file.read(100)
    page_bytes = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    return path.stat().st_size == pages * (65536 if page_bytes == 1 else page_bytes)


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError:
        return False
