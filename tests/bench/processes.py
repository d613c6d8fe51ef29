"""Run a command as a process of its own, and tell what it took."""

import json
import subprocess
import sys
from dataclasses import dataclass

_RUN = """
import json, resource, subprocess, sys, time
begun = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - begun
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]))
"""
"""Runs the command from a small process: what a parent holds when it forks counts as its child's peak."""


@dataclass(frozen=True)
class Run:
    """A process that has ended."""

    seconds: float
    cpu_seconds: float
    """Of all its threads and children; differs less than ``seconds`` while the machine does other things."""
    peak_bytes: int
    """The most that it, or one of its children, held in memory."""
    code: int
    """Its exit code."""
    errors: str
    """What it wrote to stderr."""


def measured(command: list[str]) -> Run:
    """Run a command once; its output goes nowhere."""
    words = [sys.executable, "-I", "-S", "-c", _RUN, *command]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    code, seconds, cpu_seconds, peak_bytes = json.loads(done.stdout)
    return Run(seconds, cpu_seconds, peak_bytes, code, done.stderr)


def run(command: list[str]) -> Run:
    """Run a command that must succeed."""
    done = measured(command)
    if done.code:
        raise SystemExit(f"{' '.join(command)} failed: {done.errors[-500:]}")
    return done
