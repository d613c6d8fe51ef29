"""Start nsys with a temporary folder of its own, and start it again where it fails before the program starts.

nsys keeps what it collects, and the state of its agent, below TMPDIR. In a folder of its own, captures at the
same time do not share that state, and an nsys that was killed leaves nothing behind.
"""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from nsysprof.capture.process import FOREVER, Ended, Patience, Streams, run_tree
from nsysprof.errors import NsysError

_ATTEMPTS = 4
_AGENT, _SESSION = "nvidia/nsight_systems/NSys-agent-instance-*", "nvidia/nsight_systems/quadd_session_*"


def program_temp() -> str:
    """Return the TMPDIR that the program is to see, nsys's own notwithstanding."""
    return os.environ.get("TMPDIR") or "/tmp"  # noqa: S108 - what programs take when there is none


def run_nsys(
    command: Sequence[str],
    env: Mapping[str, str],
    stem: str,
    streams: Streams,
    scratch: Path,
    patience: Patience = FOREVER,
) -> Ended:
    """Run ``command`` (an ``nsys profile``) like ``run_tree``, with its temporary files below ``scratch``.

    nsys now and then loses its own agent while it starts (2023.4: in one start of a hundred on a busy
    machine); it is started again where its own files prove that it never came to starting the program.
    Raises NsysError when it cannot be started at all.
    """
    for _ in range(_ATTEMPTS):
        try:
            temp = Path(tempfile.mkdtemp(dir=scratch))
            ended = run_tree(command, {**env, "TMPDIR": str(temp)}, stem, streams, patience)
        except OSError as error:
            raise NsysError(
                f"{command[0]} does not start: {error.strerror}", "see `nsysprof doctor`"
            ) from None
        if ended.signal or ended.timed_out or not ended.code or not _never_started(temp):
            break
    return ended


def _never_started(temp: Path) -> bool:
    """Tell whether an agent died in ``temp`` before it opened the session in which the program starts."""
    return any(temp.glob(_AGENT)) and not any(temp.glob(_SESSION))
