"""The options of ``nsys profile`` that a capture passes, as far as the nsys at hand knows them."""

import re
import subprocess
from pathlib import Path

from nsysprof.capture.locate import Nsys
from nsysprof.capture.pytorch import marked_program
from nsysprof.capture.request import Target

_RECORD = (
    "--trace=cuda,nvtx",
    "--sample=none",
    "--cpuctxsw=none",
    "--cuda-graph-trace=node",
    "--cuda-memory-usage=true",
)
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
    """Return the long options that ``nsys profile --help`` lists."""
    done = subprocess.run(
        [str(nsys.path), "profile", "--help"], capture_output=True, text=True, timeout=30, check=False
    )
    return frozenset(
        re.findall(r"^\s+(?:\([^)]*\)\s*)?(?:-\w, )?(--[a-z-]+)", done.stdout + done.stderr, re.M)
    )


def profile_command(nsys: Nsys, target: Target, output: Path, known: frozenset[str]) -> list[str]:
    """Return the command that runs ``target`` under nsys and writes ``output`` (a path without suffix).

    Where the target names a range (``NAME`` or ``NAME@DOMAIN``), nsys records from that NVTX range's start to
    its end while the program runs on; otherwise everything, or a window of time. Options that are not
    ``known`` to nsys are left out, unless nothing works without them. Raises UsageError when PyTorch is to be
    marked and cannot be.
    """
    options, program = list(_RECORD), target.program
    if target.pytorch_nvtx:
        more, program = marked_program(program, known)
        options += more
    if target.range_name is not None:
        options += [
            "--capture-range=nvtx",
            f"--nvtx-capture={target.range_name}",
            "--capture-range-end=stop",
            "--env-var=NSYS_NVTX_PROFILER_REGISTER_ONLY=0",  # else only registered strings start a range
        ]
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
