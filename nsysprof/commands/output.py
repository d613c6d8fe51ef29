"""Standard output as it may be: closed, on a full disk, or of few letters."""

import codecs
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from nsysprof.errors import OutputError

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("─━═╌╴╶╸╺", "-"),
        **dict.fromkeys("│┃", "|"),
        **dict.fromkeys("▁▂▃▄▅▆▇█▉▊▋▌▍▎▏", "#"),
        **dict.fromkeys("├└┌┐┘┤┬┴┼", "+"),
        **dict.fromkeys("·•", "-"),
        "…": "~",
        "→": ">",
        "\N{MULTIPLICATION SIGN}": "x",
        "µ": "u",
    }
)
"""One sign for another, so that columns stay in line."""


class _Notes:
    """Standard error, whose failure fails nothing: results matter more than what is said of them."""

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream`` as long as that takes anything."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or not."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, or not."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        """Be the stream in all else."""
        return getattr(self._stream, name)


@contextmanager
def checked_output() -> Iterator[None]:
    """Run a command in this block; raises OutputError when what it prints does not reach its place.

    Where the encoding of standard output lacks a sign, another stands in for it.
    """
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - open to the end
    if sys.stdout is None:
        raise OutputError("standard output is closed", "redirect it to a file, or to /dev/null")
    codecs.register_error("nsysprof.plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="nsysprof.plain")
    sys.stderr = cast("TextIO", _Notes(sys.stderr))
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is not None:
            raise  # about a file, which standard output is not
        _drop_rest()
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write to standard output ({reason})", "make room, or redirect it"
        ) from None


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for the signs that an encoding lacks, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    plain = lacking.translate(_PLAIN)
    return plain.encode("ascii", "backslashreplace").decode("ascii"), error.end


def _drop_rest() -> None:
    """Keep Python from writing once more, at its end, what could not be written."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())
    os.close(sink)
