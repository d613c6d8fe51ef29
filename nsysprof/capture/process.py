"""Run nsys and everything it starts as one tree that ends with us: no process outlives a capture.

nsys starts an agent and the program in sessions of their own, so a process group does not hold them together.
While a tree runs, this process is their subreaper: orphans become its children and can be found and ended.
"""

import ctypes
import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from nsysprof.capture.relay import NsysTalk, Relay

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 1, 36, 37
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_END_SECONDS = 3.0
_IMPORT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a tree of processes ended."""

    code: int
    """Exit code; 128 + N when signal N killed it."""
    signal: int
    """The first signal that the user sent (Ctrl-C: 2), 0 when none."""
    killed: bool
    """True when everything was killed: the user sent a second one, or the end took too long."""
    stream_path: str
    """The file that nsys said it collects into, empty when it said nothing."""
    last_words: str
    """The end of what was written to standard error."""
    timed_out: bool = False
    """True when it took longer than it was given."""
    left: int = 0
    """Processes that outlived the command and were ended."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a tree may take."""

    run_s: float = math.inf
    """Seconds after which it is asked to end, as by Ctrl-C."""
    end_s: float = math.inf
    """Seconds that it may take to end once it was asked; then it is killed."""


FOREVER = Patience()
"""Wait as long as it takes."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Where a program's output goes, and who hears of nsys's progress."""

    out: BinaryIO
    """Standard output."""
    err: BinaryIO
    """Standard error."""
    on_progress: Callable[[float], None]
    """Called with 0..1 while nsys imports what it collected."""
    on_signal: Callable[[int], None]
    """Called when a signal was passed on, with how many there have been."""


def run_tree(
    command: Sequence[str],
    env: Mapping[str, str],
    stem: str,
    streams: Streams,
    patience: Patience = FOREVER,
) -> Ended:
    """Run ``command`` to its end, passing its output through, and end whatever it leaves behind.

    The first SIGINT, SIGTERM or SIGHUP goes to the command, which may finish its work; the second kills
    the tree. A process that another thread starts meanwhile counts as part of the tree.
    Raises OSError when the command cannot be started.
    """
    talk = NsysTalk(stem, streams.on_progress)
    before = _descendants()
    with (
        _subreaper(),
        _forwarding(before, streams.on_signal) as sent,
        subprocess.Popen(
            list(command),
            env=dict(env),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_end_with(os.getpid()),
        ) as process,
    ):
        sent.reaches(process)
        assert process.stdout  # noqa: S101 - both are pipes
        assert process.stderr  # noqa: S101
        out = Relay(process.stdout, streams.out, talk)
        err = Relay(process.stderr, streams.err, NsysTalk(stem, streams.on_progress))
        timed_out, overdue = _wait(process, sent, patience)
        left = _settle(before, patient=not sent.killed and not overdue)
        out.join(_END_SECONDS)
        err.join(_END_SECONDS)
    code = -signal.SIGKILL if sent.killed else process.returncode
    return Ended(
        code if code >= 0 else 128 - code,
        sent.first,
        sent.killed or overdue,
        talk.stream_path,
        err.tail.decode("utf-8", "replace"),
        timed_out,
        left,
    )


def _end_with(parent: int) -> Callable[[], None]:
    """Return what a child calls so that it is asked to end when this process is killed."""
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)

    return ask


@contextmanager
def _subreaper() -> Iterator[None]:
    """Become the parent of every orphan below this process; as before afterwards."""
    libc = ctypes.CDLL(None, use_errno=True)
    was = ctypes.c_int(0)
    libc.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(was), 0, 0, 0)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, was.value, 0, 0, 0)


@dataclass(slots=True)
class _Sent:
    """The signals that came, and the process that the first one is passed on to."""

    first: int = 0
    count: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def killed(self) -> bool:
        return self.count > 1

    def reaches(self, process: subprocess.Popen[bytes]) -> None:
        """Name the process; a signal that came before it existed is passed on now."""
        self.process = process
        if self.first:
            process.send_signal(self.first)


@contextmanager
def _forwarding(before: set[int], heard: Callable[[int], None]) -> Iterator[_Sent]:
    """Pass the first signal on to the process; the second kills the tree."""
    sent = _Sent()

    def handle(number: int, _frame: FrameType | None) -> None:
        sent.count += 1
        if sent.count > 1:
            if sent.process:
                sent.process.kill()  # first, so that it has no time to say how it misses the others
            _signal_all(_descendants() - before, signal.SIGKILL)
        else:
            sent.first = number
            if sent.process:
                sent.process.send_signal(number)
        heard(sent.count)

    if threading.current_thread() is not threading.main_thread():
        yield sent  # signals reach the main thread only, which then deals with them
        return
    heeded = [n for n in _FORWARDED if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]  # nohup
    old = {number: signal.signal(number, handle) for number in heeded}
    try:
        yield sent
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _wait(process: subprocess.Popen[bytes], sent: _Sent, patience: Patience) -> tuple[bool, bool]:
    """Wait for the end; return whether the time ran out, and that for ending too.

    In turns: a signal that comes right before a blocking call would be seen only after it.
    """
    began, asked, timed_out, overdue = time.monotonic(), math.inf, False, False
    while process.returncode is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(1.0, patience.run_s))
        now = time.monotonic()
        if process.returncode is None and now - began >= patience.run_s and not timed_out:
            timed_out = True
            process.send_signal(signal.SIGINT)
        if asked == math.inf and (timed_out or sent.first):
            asked = now
        if process.returncode is None and now - asked >= patience.end_s:
            overdue = True
            process.kill()
    return timed_out, overdue


def _settle(before: set[int], *, patient: bool) -> int:
    """Wait a moment for what the command left behind, then end it; an import under way may finish.

    Return how many processes of the program had to be ended.
    """
    ended = 0
    if patient:
        if _wait_gone(before, _END_SECONDS):
            return 0
        own = {pid for pid in _descendants() - before if not _is_nsys(pid)}
        ended = sum(bool(_program(pid)) for pid in own)  # not what has ended and was not waited for
        _signal_all(own, signal.SIGTERM)
        if _wait_gone(before, _END_SECONDS):
            return ended
        if any(map(_is_importer, _descendants() - before)) and _wait_gone(before, _IMPORT_SECONDS):
            return ended
    seen: set[int] = set()
    while left := _descendants() - before - seen:
        _signal_all(left, signal.SIGKILL)
        _wait_gone(before, _END_SECONDS)
        seen |= left  # one that cannot be killed is waited for once
    return ended


def _wait_gone(before: set[int], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while left := _descendants() - before:
        for pid in left:
            _reap(pid)
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):  # not ours yet, or gone
        os.waitpid(pid, os.WNOHANG)


def _signal_all(pids: set[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _is_nsys(pid: int) -> bool:
    return _is_importer(pid) or _program(pid).startswith("nsys")


def _is_importer(pid: int) -> bool:
    return _program(pid) == "QdstrmImporter"


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/exe").readlink().name
    except OSError:
        return ""


def _descendants() -> set[int]:
    """Return the ids of every process below this one."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names are enough
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_bytes()
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(b")")[2].split()[1]), []).append(int(entry))
    found: set[int] = set()
    waiting = [os.getpid()]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in found:
                found.add(child)
                waiting.append(child)
    return found
