"""What nsys itself says about a capture: the warnings and errors of DIAGNOSTIC_EVENT."""

import re
from dataclasses import dataclass

from nsysprof.trace.schema import DIAGNOSTICS
from nsysprof.trace.trace import Trace

_WARNING, _ERROR = 2, 3
_LOSS = re.compile(r"\b(dropped|lost|missing|couldn't allocate)\b", re.IGNORECASE)
"""Not the "Not all ... events might have been collected" that nsys says wherever a capture range ends."""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One message of nsys about the capture."""

    text: str
    """In nsys's words, on one line."""
    is_loss: bool
    """True when it says that events are missing from the trace."""


def tells_loss(message: str) -> bool:
    """Tell whether a message of nsys says that events are missing from the trace."""
    return _LOSS.search(message) is not None


def load_diagnostics(trace: Trace) -> tuple[Diagnostic, ...]:
    """Return nsys's warnings, errors and reports of loss, each once; empty where the export holds none.

    Exports of nsys before 2024 have no such table.
    """
    found: dict[str, Diagnostic] = {}
    for severity, text in trace.select(DIAGNOSTICS):
        line = " ".join(str(text).split())
        loss = tells_loss(line)
        if severity in (_WARNING, _ERROR) or loss:
            found.setdefault(line, Diagnostic(line, loss))
    return tuple(found.values())
