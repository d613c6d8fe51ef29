"""One run of a configuration in a process of its own, bare or under nsys, and how it ended."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from nsysprof.capture.locate import Nsys
from nsysprof.capture.manifest import read_record
from nsysprof.capture.process import Ended, Patience, Streams, run_tree
from nsysprof.capture.request import Request, Target
from nsysprof.capture.session import CAPTURE_VARIABLE, RECORD_VARIABLE, run_capture
from nsysprof.errors import NsysprofError, OutputError
from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Hotspots
from nsysprof.trace import open_trace

OUT_OF_MEMORY_CODE = 8
"""Exit code of a runner that ran out of memory; its record's error kind says the same."""
LOG = "log.txt"
"""What a run printed, in its folder."""

_TRACE = "trace"
_END_SECONDS = 5.0


class Status(StrEnum):
    """How a run ended."""

    OK = "ok"
    OUT_OF_MEMORY = "out_of_memory"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run."""

    status: Status
    """How it ended."""
    reason: str
    """Why it is not ok, as far as that is known; empty when it is."""
    note: str
    """What is missing although the run is ok; empty when nothing is."""
    exit_code: int
    """Of the runner; 128 + N when signal N killed it."""
    signal: int
    """The signal by which the user interrupted it, 0 for none."""
    started_at: str
    """UTC, ISO 8601."""
    wall_s: float
    """Seconds of the whole process, imports and all."""
    record: dict[str, Any]
    """The run record, empty when there is none."""
    hotspots: Hotspots | None
    """Where the time went, of a profiled run."""


@dataclass(frozen=True, slots=True)
class Executor:
    """How runs are started."""

    nsys: Nsys | None
    """Captures each run; None: they run bare."""
    timeout_s: float
    """Seconds after which a run is ended."""
    on_signal: Callable[[int], None]
    """Called when Ctrl-C or SIGTERM came and was passed on, with how many there have been."""

    def run(self, target: Target, folder: Path) -> Outcome:
        """Run ``target`` once; its record, log and, if profiled, trace lie in ``folder``, which is made anew.

        Raises OutputError when the folder cannot be written, NsysError when nsys does not work here.
        """
        started, began = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
        try:
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
            with (folder / LOG).open("wb") as log:
                streams = Streams(log, log, lambda _part: None, self.on_signal)
                ended, record, trace, problem = (
                    self._bare(target, folder, streams)
                    if self.nsys is None
                    else self._profiled(self.nsys, target, folder, streams)
                )
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be written: {error.strerror}", "give another --output"
            ) from error
        status, reason = judge(ended, record, self.timeout_s)
        outcome = Outcome(
            status,
            reason,
            "",
            ended.code,
            ended.signal,
            started,
            time.monotonic() - began,
            record or {},
            None,
        )
        if self.nsys is None or status is not Status.OK:
            return outcome
        if trace is None:
            return replace(outcome, status=Status.FAILED, reason=str(problem or "nsys left no trace"))
        return _measured(outcome, trace)

    def _patience(self) -> Patience:
        return Patience(self.timeout_s, _END_SECONDS)

    def _bare(
        self, target: Target, folder: Path, streams: Streams
    ) -> tuple[Ended, dict[str, Any] | None, Path | None, NsysprofError | None]:
        record = folder / "run.json"
        env = {key: value for key, value in os.environ.items() if key != CAPTURE_VARIABLE}
        env |= {RECORD_VARIABLE: str(record), "PYTHONUNBUFFERED": "1"}
        ended = run_tree(target.program, env, folder.name, streams, self._patience())
        return ended, read_record(record), None, None

    def _profiled(
        self, nsys: Nsys, target: Target, folder: Path, streams: Streams
    ) -> tuple[Ended, dict[str, Any] | None, Path | None, NsysprofError | None]:
        request = Request(target, folder, _TRACE, True, str(nsys.path), self._patience())
        done = run_capture(request, streams, lambda _what, _part: None)
        return done.ended, done.record, done.export, done.failure


def judge(ended: Ended, record: dict[str, Any] | None, timeout_s: float) -> tuple[Status, str]:
    """Return how a run ended and why, from its exit and its record."""
    error = (record or {}).get("error")
    kind = error.get("kind") if isinstance(error, dict) else None
    words = last_line(ended.last_words)
    if ended.signal:
        return Status.INTERRUPTED, "interrupted"
    if ended.timed_out:
        return Status.TIMED_OUT, f"no end after {timeout_s:g} s"
    if kind == "out_of_memory" or ended.code == OUT_OF_MEMORY_CODE:
        return Status.OUT_OF_MEMORY, words or "out of memory"
    if ended.code > 128:
        return Status.FAILED, f"killed by {_signal_name(ended.code - 128)}" + (f": {words}" if words else "")
    if ended.code or kind:
        return Status.FAILED, words or f"exit code {ended.code}" + (f", {kind}" if kind else "")
    if record is None:
        return Status.FAILED, "it wrote no run record"
    return Status.OK, ""


def last_line(text: str) -> str:
    """Return the last line of ``text`` that says something, of bearable length."""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    line = lines[-1] if lines else ""
    return line if len(line) <= 300 else line[:299] + "\N{HORIZONTAL ELLIPSIS}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _measured(outcome: Outcome, trace: Path) -> Outcome:
    """Add the hotspots of ``trace``; a trace without GPU work leaves a note."""
    try:
        with open_trace(trace) as opened:
            return replace(outcome, hotspots=measure_hotspots(opened))
    except NsysprofError as error:
        return replace(outcome, note=f"no hotspots: {error.message}")
