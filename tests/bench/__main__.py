"""Time nsysprof against nsys's own reports on a real trace and on the same trace grown.

python -m bench [TRACE.sqlite] [--kernels N]...      (tests/ on the path, nsys on PATH)

Every figure is the median of whole processes, run in turn with a warm page cache; memory is the most that a
process or one of its children held. nsys's reports on a trace of gigabytes take minutes and are run once. The
tables go to reports/bench/hotspots.md; the last one says what each further row costs.
"""

import argparse
import lzma
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median

from command_line import real_nsys
from nsys_stats import lay_out

from bench.grow import grow
from bench.processes import Run, run
from nsysprof.assets import demo_trace

REPORTS = ("cuda_gpu_kern_sum", "cuda_api_sum", "nvtx_gpu_proj_sum")
KERNELS = (2_700_000, 10_800_000)
"""Kernels of the grown traces, unless asked otherwise."""
AIMS = ((60_000, 0.35, 0), (3_000_000, 1.6, 850), (12_000_000, 7.0, 3_000))
"""What ``hotspots --json`` may need for up to so many kernels: seconds, and megabytes (0: no matter)."""
PAGE_SECONDS = 1.0
"""What the page may add."""
REPEATS = 3
MOST_FOR_NSYS = 1e9
"""Bytes of a trace from which on nsys's reports are run once."""
JSON, PAGE, THEIRS = "nsysprof hotspots --json", "nsysprof hotspots --json --html", "nsys stats"
OUT = Path("reports/bench/hotspots.md")

_FLOOR = """
import sqlite3, sys
database = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
for table in ("KERNEL", "RUNTIME"):
    database.execute(f'SELECT sum("end" - start) FROM CUPTI_ACTIVITY_KIND_{table}').fetchone()
"""


@dataclass(frozen=True)
class Measured:
    """What was timed on one trace."""

    kernels: int
    calls: int
    megabytes: float
    runs: dict[str, list[Run]]
    """By what the table calls it."""

    def median(self, name: str) -> Run:
        """Return the medians of time and the most memory."""
        runs = self.runs[name]
        return replace(
            runs[0],
            seconds=median(one.seconds for one in runs),
            cpu_seconds=median(one.cpu_seconds for one in runs),
            peak_bytes=max(one.peak_bytes for one in runs),
        )

    @property
    def rows(self) -> int:
        """Kernels and API calls."""
        return self.kernels + self.calls


def commands(nsys: Path, trace: Path, folder: Path) -> dict[str, list[str]]:
    """Return what is timed, by what the table calls it; nsys gets a copy, because it writes into the file."""
    copy = folder / f"{trace.stem}-for-nsys.sqlite"
    shutil.copy(trace, copy)
    stats = [str(nsys), "stats", "--format", "csv", "--output", "-", "--force-overwrite", "true"]
    own = [sys.executable, "-m", "nsysprof", "hotspots", str(trace), "--json"]
    return {
        JSON: own,
        PAGE: [*own, "--html", str(folder / "page.html")],
        f"{THEIRS}: {' + '.join(REPORTS)}": [*stats, "--report", ",".join(REPORTS), str(copy)],
        "floor: SQLite scans two columns of two tables": [sys.executable, "-c", _FLOOR, str(trace)],
    }


def bench(nsys: Path, trace: Path, folder: Path) -> Measured:
    """Time everything on one trace, in turn, so that whatever else the machine does falls on all alike."""
    todo = commands(nsys, trace, folder)
    runs: dict[str, list[Run]] = {name: [] for name in todo}
    large = trace.stat().st_size > MOST_FOR_NSYS
    for turn in range(REPEATS):
        for name, command in todo.items():
            if turn and large and name.startswith(THEIRS):
                continue
            runs[name].append(run(command))
            print(f"{trace.stem}: {name}: {runs[name][-1].seconds:.2f} s", file=sys.stderr)
    return Measured(*sizes(trace), runs)


def sizes(trace: Path) -> tuple[int, int, float]:
    """Return kernels, API calls and megabytes of a trace."""
    with closing(sqlite3.connect(f"file:{trace}?mode=ro", uri=True)) as database:
        kernels, calls = (
            int(database.execute(f"SELECT count(*) FROM CUPTI_ACTIVITY_KIND_{table}").fetchone()[0])
            for table in ("KERNEL", "RUNTIME")
        )
    return kernels, calls, trace.stat().st_size / 1e6


def table(measured: Measured) -> list[str]:
    """Return the lines of one trace's table."""
    theirs = next(measured.median(name).seconds for name in measured.runs if name.startswith(THEIRS))
    lines = [
        f"## {measured.kernels:,} kernels, {measured.calls:,} API calls, {measured.megabytes:.0f} MB",
        "",
        "| whole process | median | against nsys stats | CPU time | peak memory |",
        "|---|---|---|---|---|",
    ]
    for name, runs in measured.runs.items():
        one, once = measured.median(name), " (one run)" if len(runs) == 1 else ""
        lines.append(
            f"| {name}{once} | {one.seconds:.2f} s | {theirs / one.seconds:.1f}x | {one.cpu_seconds:.2f} s "
            f"| {one.peak_bytes / 1e6:.0f} MB |"
        )
    return [*lines, "", *aims(measured), ""]


def aims(measured: Measured) -> list[str]:
    """Return a line that says which of the aims for a trace of this size are met."""
    found = next((aim[1:] for aim in AIMS if measured.kernels <= aim[0]), None)
    if found is None:
        return []
    seconds, megabytes = found
    json, page = measured.median(JSON), measured.median(PAGE)
    parts = [(f"`--json` within {seconds:g} s", json.seconds <= seconds)]
    if megabytes:
        parts.append((f"and {megabytes:,} MB", json.peak_bytes <= megabytes * 1e6))
    parts.append((f"the page {PAGE_SECONDS:g} s more", page.seconds <= json.seconds + PAGE_SECONDS))
    return ["Aims: " + ", ".join(f"{words}: {'met' if met else 'missed'}" for words, met in parts) + "."]


def growth(everything: list[Measured]) -> list[str]:
    """Return the lines of a table that says what a row costs beyond those of the next smaller trace."""
    lines = [
        "## Growth: what each further row (kernel or API call) costs",
        "",
        "| from rows | to rows | whole process | time | CPU time | memory |",
        "|---|---|---|---|---|---|",
    ]
    ordered = sorted(everything, key=lambda one: one.rows)
    for less, more in pairwise(ordered):
        rows = more.rows - less.rows
        for name in (JSON, PAGE):
            low, high = less.median(name), more.median(name)
            seconds, cpu = high.seconds - low.seconds, high.cpu_seconds - low.cpu_seconds
            memory = high.peak_bytes - low.peak_bytes
            lines.append(
                f"| {less.rows:,} | {more.rows:,} | {name} | {1e9 * seconds / rows:.0f} ns "
                f"| {1e9 * cpu / rows:.0f} ns | {memory / rows:.0f} bytes |"
            )
    return [*lines, ""]


def unpacked_demo(folder: Path) -> Path:
    """Unpack the trace that ships with nsysprof."""
    path = folder / "demo.sqlite"
    with lzma.open(demo_trace()) as packed, path.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return path


def main() -> None:
    """Grow, time, and write the report."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("trace", nargs="?", type=Path, help="an nsys export; by default the demo trace")
    parser.add_argument("--kernels", type=int, action="append", help="size of a grown trace; may be repeated")
    arguments = parser.parse_args()
    command = f"PYTHONPATH=tests python -m bench {arguments.trace.name}" if arguments.trace else "make bench"
    lines = [
        "# hotspots, measured",
        "",
        f"`{command}`; {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"nsys {'.'.join(map(str, real_nsys().version))}; medians of {REPEATS} processes, warm page cache.",
        "",
    ]
    with tempfile.TemporaryDirectory(prefix="nsysprof-bench-") as name:
        folder = Path(name)
        nsys = lay_out(folder / "nsys")
        trace = arguments.trace or unpacked_demo(folder)
        everything = [bench(nsys, trace, folder)]
        for kernels in arguments.kernels or KERNELS:
            grown = folder / f"grown-{kernels}.sqlite"
            grow(trace, grown, max(round(kernels / everything[0].kernels), 1))
            everything.append(bench(nsys, grown, folder))
            for file in folder.glob(f"{grown.stem}*"):
                file.unlink()
    for measured in everything:
        lines += table(measured)
    lines += growth(everything)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("\n".join(lines))
    print(f"written: {OUT}", file=sys.stderr)


if __name__ == "__main__":
    main()
