"""A capture from beginning to end: launch, keep what was recorded, export it, write the manifest."""

import os
import shutil
import signal
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nsysprof.capture import host
from nsysprof.capture.export import Progress
from nsysprof.capture.keep import STEM, Keeper
from nsysprof.capture.locate import Nsys, find_nsys
from nsysprof.capture.manifest import manifest, read_record
from nsysprof.capture.options import known_options, profile_command
from nsysprof.capture.place import find_places, reserved, scratch
from nsysprof.capture.preflight import try_ranges
from nsysprof.capture.process import Ended, Streams
from nsysprof.capture.request import Request, Target
from nsysprof.capture.start import program_temp, run_nsys
from nsysprof.errors import CaptureError, NsysError, NsysprofError, UsageError

RECORD_VARIABLE = "NSYSPROF_RUN_RECORD"
"""Environment variable that tells a runner where to write its run record."""
CAPTURE_VARIABLE = "NSYSPROF_CAPTURE"
"""Set to 1 for a runner whose range is captured: it also times the same run outside that range."""

_NO_REASON = ("Please refer to", "https://")
"""Starts of nsys's last words that tell nothing."""

_ENDED_BY_NSYS = 128 + signal.SIGTERM
"""What nsys returns when it has ended the program because time was up."""

END_SECONDS = 600.0
"""How long nsys may take to import what it collected once the time that was given ran out."""
TIMED_OUT = 124
"""Exit code when the time that was given ran out, as of ``timeout``."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture left behind."""

    target: Target
    """What was launched, and which part of it was to be recorded."""
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
        """Return 124 when time ran out, else the program's; where that is 0, what became of the capture."""
        if self.ended.timed_out:
            return TIMED_OUT
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
    find_places(request.folder, request.name, force=request.force)
    nsys = find_nsys(request.nsys)
    if target.is_runner and target.range_name is not None:
        progress("trying nsys", 0.0)
        trial = try_ranges(nsys)
        if not trial.recorded:
            raise NsysError(trial.problem, trial.hint)
    with (
        reserved(request.folder, request.name, force=request.force) as work,
        scratch() as temporary,
    ):
        places = find_places(request.folder, request.name, force=request.force)  # now nobody else takes them
        keeper = Keeper(nsys, work, places, progress)
        return _Job(request, keeper, temporary).run(streams)


@dataclass(frozen=True, slots=True)
class _Job:
    """One capture under way."""

    request: Request
    keeper: Keeper
    scratch: Path
    """Folder for nsys's temporary files."""

    def run(self, streams: Streams) -> Capture:
        request, nsys = self.request, self.keeper.nsys
        known = known_options(nsys)
        started, began = datetime.now(UTC), time.monotonic()
        plain = self.scratch / "out"  # nsys sees no newline that may be in the name of the folder
        plain.symlink_to(self.keeper.work)
        command = profile_command(nsys, request.target, plain / STEM, known, {"TMPDIR": program_temp()})
        ended = run_nsys(command, self._environment(), STEM, streams, self.scratch, request.patience)
        if request.target.duration_s and ended.code == _ENDED_BY_NSYS and not ended.signal:
            ended = replace(ended, code=0)  # as it was asked to
        ran = time.monotonic() - began
        kept = self.keeper.keep(ended)
        if not kept.report and not kept.failure:
            kept = replace(kept, failure=self._nothing(ended))
        if kept.failure and not kept.export and (full := host.full_temp()):
            advice = f"{full} is full: make room there, or set TMPDIR"
            kept = replace(kept, failure=CaptureError(kept.failure.message, advice))
        record, gpus = read_record(self.keeper.work / "run.json"), host.gpus()
        shown = profile_command(nsys, request.target, request.folder / request.name, known)
        rest = {
            "files": [path.name for path in (kept.report, kept.export) if path],
            "started_at": started.isoformat(timespec="seconds"),
            "program_s": round(ran, 3),
            "export_s": round(time.monotonic() - began - ran, 3),
            "problem": str(kept.failure) if kept.failure else None,
            "run": record,
        }
        written, failure = None, kept.failure
        if kept.report:  # else there is nothing to describe, and the name stays free for the next attempt
            written, unwritten = self.keeper.describe(manifest(shown, nsys, gpus, ended, rest))
            failure = failure or unwritten
        return Capture(request.target, nsys, ended, kept.report, kept.export, written, record, gpus, failure)

    def _environment(self) -> dict[str, str]:
        """Return the program's environment: ours, output unbuffered, and what runners look for."""
        added = {"PYTHONUNBUFFERED": "1"}  # nsys gives it a pipe, and its output is to be seen as it comes
        if self.request.target.is_runner:
            added[RECORD_VARIABLE] = str(self.keeper.work / "run.json")
            if self.request.target.range_name is not None:
                added[CAPTURE_VARIABLE] = "1"
        return {**os.environ, **added}

    def _nothing(self, ended: Ended) -> CaptureError:
        """Say why there is no report."""
        if ended.killed:
            return CaptureError("the capture was killed before anything was recorded")
        words = [line for line in ended.last_words.strip().splitlines() if not line.startswith(_NO_REASON)]
        if self.request.target.range_name is not None and not (ended.code and words):
            return CaptureError(
                f"nsys recorded nothing: the NVTX range {self.request.target.range_name!r} never opened",
                "check its name and the program's nvtx (0.2.11 for nsys before 2025), or use --whole-process",
            )
        if self.request.target.delay_s and not (ended.code and words):
            delay = f"{self.request.target.delay_s:g}"
            reason = f"nsys recorded nothing: the program ended in its first {delay} s"
            return CaptureError(reason, "give a shorter --delay")
        return CaptureError("nsys wrote no report" + (f"; the last words: {words[-1]}" if words else ""))
