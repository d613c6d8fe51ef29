"""A capture from beginning to end: launch, keep what was recorded, export it, write the manifest."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nsysprof.capture import host
from nsysprof.capture.export import Progress, export_report
from nsysprof.capture.importer import check_importer, import_stream
from nsysprof.capture.locate import Nsys, find_nsys
from nsysprof.capture.manifest import manifest, read_record, write_manifest
from nsysprof.capture.options import known_options, profile_command
from nsysprof.capture.preflight import try_ranges
from nsysprof.capture.process import Ended, Streams
from nsysprof.capture.request import Request
from nsysprof.capture.start import run_nsys
from nsysprof.errors import CaptureError, NsysError, NsysprofError, OutputError, UsageError
from nsysprof.files import check_target

RECORD_VARIABLE = "NSYSPROF_RUN_RECORD"
"""Environment variable that tells a runner where to write its run record."""
CAPTURE_VARIABLE = "NSYSPROF_CAPTURE"
"""Set to 1 for a runner whose range is captured: it also times the same run outside that range."""

_ENDED_BY_NSYS = 128 + signal.SIGTERM
"""What nsys returns when it has ended the program because time was up."""

_STEM = "nsysprof-capture"
_SUFFIXES = (".nsys-rep", ".qdstrm", ".sqlite", ".run.json")


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture left behind."""

    nsys: Nsys
    """The nsys that was used."""
    ended: Ended
    """How the program ended."""
    report: Path | None
    """The .nsys-rep, or the .qdstrm where that could not be imported; None when nothing was recorded."""
    export: Path | None
    """The .sqlite; None when there is none."""
    manifest: Path | None
    """The .run.json; None when nothing was recorded."""
    record: dict[str, Any] | None
    """The runner's run record."""
    gpus: tuple[host.Gpu, ...]
    """The machine's GPUs."""
    failure: NsysprofError | None
    """Why there is no report or no export."""

    def exit_code(self, *, useless: bool) -> int:
        """Return the program's exit code; where that is 0, what became of the capture counts."""
        if self.ended.code:
            return self.ended.code
        if self.failure:
            return self.failure.exit_code
        return CaptureError.exit_code if useless else 0


def run_capture(request: Request, streams: Streams, progress: Progress) -> Capture:
    """Capture ``request.program``; what was recorded is kept however the program ends.

    Raises UsageError (no such program, impossible name), OutputError (results exist, folder cannot be
    written) and NsysError (none, too old, ranges would not be recorded), all before anything is run.
    """
    target = request.target
    if shutil.which(target.program[0]) is None:
        raise UsageError(f"no such program: {target.program[0]}", "give its path, or check PATH")
    targets = _targets(request)
    nsys = find_nsys(request.nsys)
    if target.is_runner and target.range_name is not None:
        progress("trying nsys", 0.0)
        trial = try_ranges(nsys)
        if not trial.recorded:
            raise NsysError(trial.problem, trial.hint)
    with _work_folder(request.folder) as work:
        try:
            return _Job(request, nsys, Path(work).resolve(), targets, progress).run(streams)
        except OSError as error:
            reason = f"the results cannot be written to {request.folder}: {error.strerror}"
            raise OutputError(reason, "make room there, or give another --output") from None


def _targets(request: Request) -> dict[str, Path]:
    """Return where each result goes, by suffix; raises when one exists or the name is none."""
    if not request.name or request.name.startswith(".") or "/" in request.name:
        raise UsageError(f"--name {request.name!r} is no file name", "give letters, digits, '-' and '_'")
    targets = {suffix: request.folder / f"{request.name}{suffix}" for suffix in _SUFFIXES}
    found = [path for path in targets.values() if path.exists()]
    if found and not request.force:
        raise OutputError(f"{found[0]} exists", "give --force to replace it, or another --name")
    for path in found:
        check_target(path, "give another --name")
    if not host.is_on_disk(request.folder):
        raise OutputError(f"{request.folder} is on no disk", "give another --output")
    if (free := host.free_bytes(request.folder)) < host.LEAST_FREE_BYTES:
        raise OutputError(
            f"{request.folder}: only {free // 10**6} MB are free", "make room, or give --output"
        )
    return targets


def _work_folder(folder: Path) -> tempfile.TemporaryDirectory[str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".capture-", dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}", "give another --output") from None


@dataclass(frozen=True, slots=True)
class _Job:
    """One capture under way."""

    request: Request
    nsys: Nsys
    work: Path
    """Folder for half-done files, beside the results; removed afterwards."""
    targets: Mapping[str, Path]
    """Where each result goes, by suffix."""
    progress: Progress

    def run(self, streams: Streams) -> Capture:
        request, known = self.request, known_options(self.nsys)
        started, began = datetime.now(UTC), time.monotonic()
        command = profile_command(self.nsys, request.target, self.work / _STEM, known)
        ended = run_nsys(command, self._environment(), _STEM, streams, request.patience)
        if request.target.duration_s and ended.code == _ENDED_BY_NSYS and not ended.signal:
            ended = replace(ended, code=0)  # as it was asked to
        ran = time.monotonic() - began
        report, export, failure = self._keep(ended)
        record = read_record(self.work / "run.json")
        gpus = host.gpus()
        shown = profile_command(self.nsys, request.target, request.folder / request.name, known)
        rest = {
            "files": [path.name for path in (report, export) if path],
            "started_at": started.isoformat(timespec="seconds"),
            "program_s": round(ran, 3),
            "export_s": round(time.monotonic() - began - ran, 3),
            "problem": str(failure) if failure else None,
            "run": record,
        }
        written = None
        if report:  # else there is nothing to describe, and the name stays free for the next attempt
            write_manifest(manifest(shown, self.nsys, gpus, ended, rest), self.work / "manifest.json")
            written = (self.work / "manifest.json").replace(self.targets[".run.json"])
        return Capture(self.nsys, ended, report, export, written, record, gpus, failure)

    def _environment(self) -> dict[str, str]:
        """Return the program's environment: ours, output unbuffered, and what runners look for."""
        added = {"PYTHONUNBUFFERED": "1"}  # nsys gives it a pipe, and its output is to be seen as it comes
        if self.request.target.is_runner:
            added[RECORD_VARIABLE] = str(self.work / "run.json")
            if self.request.target.range_name is not None:
                added[CAPTURE_VARIABLE] = "1"
        return {**os.environ, **added}

    def _keep(self, ended: Ended) -> tuple[Path | None, Path | None, NsysprofError | None]:
        """Move what was recorded to its place and export it; return report, export and what failed."""
        report, failure = self._keep_report(ended)
        if report is None or failure:
            return report, None, failure or self._nothing(ended)
        later = f"`nsysprof export {report}` exports what there is"
        if ended.killed:
            return report, None, CaptureError("the capture was killed", later)
        out = self.targets[".sqlite"]
        try:
            export = export_report(self.nsys, report, out, force=True, progress=self.progress)
        except KeyboardInterrupt:
            return report, None, CaptureError("the export was interrupted", later)
        except NsysprofError as error:
            return report, None, error
        return report, export, None

    def _keep_report(self, ended: Ended) -> tuple[Path | None, CaptureError | None]:
        """Put the report in its place: .nsys-rep, or .qdstrm with the reason why it was not imported."""
        failure = None
        report = self.work / f"{_STEM}.nsys-rep"
        stream = self.work / f"{_STEM}.qdstrm"
        left = Path(ended.stream_path)
        if ended.stream_path and left.is_file() and not report.is_file():
            shutil.move(left, stream)  # nsys died before it brought this over
        if not report.is_file() and stream.is_file() and not ended.killed:
            try:
                self.progress("importing", 0.0)
                import_stream(check_importer(self.nsys), stream, report)
            except CaptureError as error:
                failure = error
        for path in (report, stream):
            if path.is_file():
                return self._put(path), failure
        return None, failure

    def _put(self, path: Path) -> Path:
        """Move a report to its place; an older one of the other kind has now a successor."""
        place = path.replace(self.targets[path.suffix])
        self.targets[".qdstrm" if path.suffix == ".nsys-rep" else ".nsys-rep"].unlink(missing_ok=True)
        return place

    def _nothing(self, ended: Ended) -> CaptureError:
        """Say why there is no report."""
        if ended.killed:
            return CaptureError("the capture was killed before anything was recorded")
        words = ended.last_words.strip().splitlines()
        if self.request.target.range_name is not None and not (ended.code and words):
            return CaptureError(
                f"nsys recorded nothing: the NVTX range {self.request.target.range_name!r} never opened",
                "check its name and the program's nvtx (0.2.11 for nsys before 2025), or use --whole-process",
            )
        return CaptureError("nsys wrote no report" + (f"; the last words: {words[-1]}" if words else ""))
