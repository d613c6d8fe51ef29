"""The errors nsysprof raises on purpose: what is wrong, what to do about it, and the exit code.

Anything else that escapes is a defect and keeps its traceback.
"""


class NsysprofError(Exception):
    """Base of every expected failure; shown as one line, never as a traceback.

    message: what is wrong, as a sentence without a final full stop.
    hint: what to do about it; empty when there is nothing to do.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        """Keep the message and the hint apart so that a renderer can set them apart."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return the whole sentence: what is wrong and what to do."""
        return f"{self.message}: {self.hint}" if self.hint else self.message


class UsageError(NsysprofError):
    """An option or argument has a value that makes no sense."""

    exit_code = 2


class TraceError(NsysprofError):
    """A file is no readable nsys export: missing, empty, truncated, locked, or something else."""

    exit_code = 3


class MissingDataError(NsysprofError):
    """A trace is whole, but does not hold what was asked for (no kernels, no such table)."""

    exit_code = 4


class NsysError(NsysprofError):
    """nsys is missing, too old, or cannot work on this machine."""

    exit_code = 5


class CaptureError(NsysprofError):
    """A capture or an export failed."""

    exit_code = 6


class InterruptedCaptureError(CaptureError):
    """The user ended it: Ctrl-C, or a signal."""

    exit_code = 130

    def __init__(self, message: str, hint: str = "", stop: BaseException | None = None) -> None:
        """Keep the exit code of ``stop`` where a signal brought it: 128 + its number."""
        super().__init__(message, hint)
        if isinstance(stop, SystemExit) and isinstance(stop.code, int):
            self.exit_code = stop.code


class OutputError(NsysprofError):
    """A result could not be written."""

    exit_code = 7


class MemoryLimitError(NsysprofError):
    """A trace takes more memory than there is."""

    exit_code = 8
