"""Run the reports of the real nsys on a trace."""

import csv
import shutil
import subprocess
from pathlib import Path

from command_line import real_nsys


def lay_out(folder: Path) -> Path:
    """Link the real nsys into ``folder`` so that its reports run, and return the program.

    They import modules from both halves of nsys, but look in one of them only; where Debian's package is
    unpacked side by side, that one lacks a module. nsys finds its folders by the path of its own file.
    """
    target = real_nsys().folder
    halves = {"target": target, "host": next(target.parent.glob("host-linux-*"))}
    for half in halves.values():
        (folder / half.name).mkdir(parents=True)
        for path in half.iterdir():
            if path.name not in ("python", "nsys"):
                (folder / half.name / path.name).symlink_to(path)
    for half in halves.values():
        modules = folder / half.name / "python" / "lib"
        modules.mkdir(parents=True)
        for source in halves.values():
            for path in (source / "python" / "lib").glob("*.py"):
                if not (modules / path.name).exists():
                    (modules / path.name).symlink_to(path)
    program = folder / target.name / "nsys"
    shutil.copy(target / "nsys", program)
    return program


def report(nsys: Path, name: str, trace: Path) -> list[dict[str, str]]:
    """Return the rows of report ``name`` on a copy of ``trace`` (nsys writes into the file)."""
    copy = nsys.parent / f"{name}.sqlite"
    shutil.copy(trace, copy)
    command = [str(nsys), "stats", "--report", name, "--format", "csv", "--output", "-", str(copy)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    lines = done.stdout.splitlines()
    header = next((at for at, line in enumerate(lines) if line.startswith(("Time (%)", "Range,"))), None)
    assert header is not None, f"nsys wrote no table: {done.stdout} {done.stderr}"
    return list(csv.DictReader(lines[header:]))
