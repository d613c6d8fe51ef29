"""Pass a program's output through as it comes, without nsys's own progress lines between it."""

import os
import re
import threading
from collections.abc import Callable
from typing import IO, BinaryIO

_RANGE_LINES = (b"Capture range started in the application.", b"Capture range ended in the application.")
_STARTS = (b"Generating '", b"Generated:", b"[1/1] [", b"    /", b"\t/", *_RANGE_LINES)
_INDENTS = (b"    /", b"\t/")
"""Before the report's path: spaces until nsys 2024, a tab since."""
_GENERATING = re.compile(rb"Generating '(.+\.qdstrm)'")
_PROGRESS = re.compile(rb"\[1/1\] \[[= ]*(\d+)% *\]")


class NsysTalk:
    """Split a stream of bytes into what a program wrote and what nsys says about its report.

    Lines end with a newline or a carriage return. The start of a line is held back only while it may still
    turn out to be nsys's own.
    """

    def __init__(self, stem: str, on_progress: Callable[[float], None]) -> None:
        """Take the report's name without suffix (nsys's lines hold it) and who hears of progress, 0..1."""
        self._stem = os.fsencode(stem)
        self._on_progress = on_progress
        self._held = b""
        self._passing = False
        self._after_own = False
        self.stream_path = ""
        """Where nsys wrote what it collected, once it has said so."""

    def feed(self, data: bytes) -> bytes:
        """Return what of ``data``, and of what was held back, is the program's."""
        shown = []
        for part in re.split(rb"(?<=[\r\n])", data):
            if not part:
                continue
            ended = part.endswith((b"\r", b"\n"))
            if self._passing:
                shown.append(part)
            else:
                self._held += part
                if ended:
                    shown.append(self._line(self._held))
                    self._held = b""
                elif not self._may_be_own():
                    shown.append(self._held)
                    self._held, self._passing, self._after_own = b"", True, False
            if ended:
                self._passing = False
        return b"".join(shown)

    def finish(self) -> bytes:
        """Return what is still held back and is the program's."""
        rest, self._held = self._held, b""
        return self._line(rest)

    def _line(self, line: bytes) -> bytes:
        """Return a whole line, or nothing when it is nsys's own or an empty one after such."""
        self._after_own = self._is_own(line) or (self._after_own and line in (b"\r", b"\n"))
        return b"" if self._after_own else line

    def _may_be_own(self) -> bool:
        return any(start.startswith(self._held) or self._held.startswith(start) for start in _STARTS)

    def _is_own(self, line: bytes) -> bool:
        if found := _GENERATING.match(line):
            self.stream_path = os.fsdecode(found[1])
            return True
        if (found := _PROGRESS.match(line)) and self._stem in line:
            self._on_progress(int(found[1]) / 100)
            return True
        if line.strip() == b"Generated:" or line.rstrip(b"\r\n") in _RANGE_LINES:
            return True
        collected = os.fsencode(self.stream_path)  # said again where it is all that there is
        return line.startswith(_INDENTS) and (self._stem in line or line.strip() == collected)


class Relay(threading.Thread):
    """Copies one pipe to one stream until the pipe ends; goes on reading when the stream's reader is gone."""

    def __init__(self, pipe: IO[bytes], out: BinaryIO, talk: NsysTalk) -> None:
        """Start copying at once."""
        super().__init__(daemon=True)
        self._pipe, self._out, self._talk = pipe, out, talk
        self.tail = b""
        """The last words, for a message when nothing else explains a failure."""
        self.start()

    def run(self) -> None:
        """Copy."""
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 65536):
                self._write(self._talk.feed(data))
        self._write(self._talk.finish())

    def _write(self, data: bytes) -> None:
        if not data:
            return
        self.tail = (self.tail + data)[-4096:]
        try:
            self._out.write(data)
            self._out.flush()
        except (OSError, ValueError):
            pass  # nobody listens any more, or the disk is full; the capture goes on
