"""The manifest of a capture: what was run with what, how it ended, and what the program says of its run.

It never holds the name of the host, or more of the environment than the few variables of ``privacy``, so
that it can be passed on.
"""

import json
import platform
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nsysprof import __version__
from nsysprof.capture.host import Gpu, package_versions
from nsysprof.capture.locate import Nsys
from nsysprof.capture.privacy import without_environment, without_secrets
from nsysprof.capture.process import Ended

SCHEMA = "nsysprof.capture/1"
RECORD_SCHEMA = "nsysprof.run/1"


def read_record(path: Path) -> dict[str, Any] | None:
    """Return the run record that a runner left at ``path``; None when there is none that can be read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("schema") != RECORD_SCHEMA:
        return None
    return dict(without_environment(record))  # of a runner that is not ours, perhaps


def manifest(
    command: Sequence[str],
    nsys: Nsys,
    gpus: Sequence[Gpu],
    ended: Ended,
    rest: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the manifest as JSON values; ``rest`` holds what the caller adds (files, times, run)."""
    return {
        "schema": SCHEMA,
        "command": without_secrets(command),
        "portable": portable(without_secrets(command)),
        "exit_code": ended.code,
        "signal": ended.signal or None,
        "timed_out": ended.timed_out,
        "versions": {
            "nsysprof": __version__,
            "nsys": nsys.version_text,
            "python": platform.python_version(),
            **package_versions("nvtx", "torch", "diffusers", "transformers"),
            "driver": gpus[0].driver if gpus else None,
        },
        "gpus": [gpu.name for gpu in gpus],
        **rest,
    }


def portable(command: Sequence[str]) -> list[str]:
    """Return ``command`` for other eyes: ``.`` for the working folder, ``~`` for the user's home."""
    words = list(command)
    for folder, short in ((Path.cwd(), "."), (_home(), "~")):
        if folder != folder.parent:  # "/" is nobody's
            named = re.compile(rf"(?<![^=:,;\s]){re.escape(str(folder))}(?=[/:,;\s]|$)")
            words = [named.sub(short, word) for word in words]
    return words


def _home() -> Path:
    """Return the user's home, the root where the user has none."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def write_manifest(values: Mapping[str, Any], path: Path) -> None:
    """Write ``values`` to ``path`` as JSON; raises OSError."""
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
