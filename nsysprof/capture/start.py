"""Start nsys, and start it again where it lost its own agent while it started."""

from collections.abc import Mapping, Sequence

from nsysprof.capture.process import FOREVER, Ended, Patience, Streams, run_tree

_FAILED_START = "End of file"
"""All that nsys 2023.4 then says; seen once in some hundred starts, on busy machines."""
_ATTEMPTS = 3


def run_nsys(
    command: Sequence[str],
    env: Mapping[str, str],
    stem: str,
    streams: Streams,
    patience: Patience = FOREVER,
) -> Ended:
    """Run ``command`` (an ``nsys profile``) like ``run_tree``, and again where nsys failed to start.

    Only where the program has written nothing yet; if it was started at all, it was ended with nsys.
    """
    for _ in range(_ATTEMPTS):
        ended = run_tree(command, env, stem, streams, patience)
        if ended.signal or ended.timed_out or ended.stream_path or not _failed_to_start(ended):
            break
    return ended


def _failed_to_start(ended: Ended) -> bool:
    return ended.code == 1 and ended.silent and ended.last_words.strip() == _FAILED_START
