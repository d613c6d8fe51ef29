"""The options of ``nsys profile`` that a capture passes, as far as the nsys at hand knows them."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from nsysprof.capture.locate import Nsys
from nsysprof.capture.pytorch import marked_program
from nsysprof.capture.request import Target
from nsysprof.errors import NsysError

_RECORD = (
    "--trace=cuda,nvtx",
    "--sample=none",
    "--cpuctxsw=none",
    "--cuda-graph-trace=node",
    "--cuda-memory-usage=true",
    "--wait=primary",  # else nsys waits for every process that outlives the program
)
_HELP_SECONDS = 30
_NEEDED = frozenset(
    {
        "--trace",
        "--sample",
        "--capture-range",
        "--nvtx-capture",
        "--env-var",
        "--output",
        "--delay",
        "--duration",
    }
)


def known_options(nsys: Nsys) -> frozenset[str]:
    """Return the long options that ``nsys profile --help`` lists; raises NsysError without an answer."""
    command = [str(nsys.path), "profile", "--help"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_HELP_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        raise NsysError(f"{nsys.path} does not answer `profile --help`", "see `nsysprof doctor`") from None
    return frozenset(
        re.findall(r"^\s+(?:\([^)]*\)\s*)?(?:-\w, )?(--[a-z-]+)", done.stdout + done.stderr, re.M)
    )


def profile_command(
    nsys: Nsys,
    target: Target,
    output: Path,
    known: frozenset[str],
    program_env: Mapping[str, str] | None = None,
) -> list[str]:
    """Return the command that runs ``target`` under nsys and writes ``output`` (a path without suffix).

    Where the target names a range (``NAME`` or ``NAME@DOMAIN``), nsys records from that NVTX range's start to
    its end while the program runs on; otherwise everything, or a window of time. Options that are not
    ``known`` to nsys are left out, unless nothing works without them. ``program_env`` is what the program
    sees instead of nsys's own environment. Raises UsageError when PyTorch is to be marked and cannot be.
    """
    options, program = list(_RECORD), target.program
    variables: dict[str, str] = {}
    if target.pytorch_nvtx:
        more, program = marked_program(program, known)
        options += more
    if target.range_name is not None:
        options += [
            "--capture-range=nvtx",
            f"--nvtx-capture={target.range_name}",
            "--capture-range-end=stop",
        ]
        variables = {"NSYS_NVTX_PROFILER_REGISTER_ONLY": "0"}  # else only registered strings start a range
    variables |= {key: value for key, value in (program_env or {}).items() if "," not in value}
    if variables:
        options.append("--env-var=" + ",".join(f"{key}={value}" for key, value in variables.items()))
    for name, seconds in (("delay", target.delay_s), ("duration", target.duration_s)):
        options += [f"--{name}={seconds:g}"] if seconds else []
    options.append(f"--output={str(output).replace('%', '%%')}")
    allowed = known | _NEEDED
    return [
        str(nsys.path),
        "profile",
        *(option for option in options if option.partition("=")[0] in allowed),
        *program,
    ]
