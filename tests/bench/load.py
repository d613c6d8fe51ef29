"""Run every command that reads a trace on large ones, and write what each takes.

python -m bench.load REPORT.md TRACE.sqlite...      (tests/ on the path)

One run of each: this is about what large traces do to a command, not about its speed. A query that runs
into its own time limit, or asks for what the trace has none of, says so in the table; any other failure ends
the script.
"""

import os
import sys
import tempfile
from pathlib import Path

from bench.processes import Run, measured
from nsysprof import assets
from nsysprof.errors import MissingDataError

ENDED = {0: "", MissingDataError.exit_code: "the trace has none"}
"""What the table says of an exit code."""
HEAD = """\
# Large traces through every command

`PYTHONPATH=tests python -m bench.load reports/bench/load.md TRACE.sqlite...` wrote this;
one run of each command on {cores} cores. Memory is the most that a process held. A query has 60 s unless
`--timeout` says otherwise.
"""


def commands(trace: Path, folder: Path) -> dict[str, list[str]]:
    """Return the words of each command, by what the table calls it."""
    hotspots = {
        f"hotspots {option}": ["hotspots", str(trace), "--no-html", option] for option in ("--json", "--csv")
    }
    return {
        "hotspots (tables, page)": ["hotspots", str(trace), "--html", str(folder / "page.html")],
        **hotspots,
        "hotspots --steps detect": ["hotspots", str(trace), "--no-html", "--steps", "detect"],
        "share": ["share", str(trace), "-o", str(folder / "copy.sqlite"), "--force"],
        "share --anonymize": [
            "share", str(trace), "-o", str(folder / "copy.sqlite"), "--force", "--anonymize",
        ],
        **{
            f"query {path.stem}": ["query", path.stem, str(trace), "--limit", "50"]
            for path in sorted(assets.folder("queries").glob("*.sql"))
        },
    }  # fmt: skip


def ended(run: Run) -> str:
    """Return what the table says of how a command ended; a failure of another kind ends the script."""
    words = "ran out of its time" if "--timeout" in run.errors else ENDED.get(run.code)
    if words is None:
        raise SystemExit(f"exit code {run.code}: {run.errors[-500:]}")
    return words


def main(report: Path, traces: list[Path]) -> None:
    """Run all and write the report."""
    lines = [HEAD.format(cores=os.cpu_count())]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for trace in traces:
            lines += [
                f"## {trace.stat().st_size / 1e6:,.0f} MB\n",
                "| command | time | peak memory | |\n| --- | --: | --: | --- |",
            ]
            for title, words in commands(trace, folder).items():
                one = measured([sys.executable, "-m", "nsysprof", *words])
                line = f"| `{title}` | {one.seconds:.2f} s | {one.peak_bytes / 1e6:,.0f} MB | {ended(one)} |"
                lines.append(line)
                print(lines[-1], file=sys.stderr)
            lines.append("")
    report.write_text("\n".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(word) for word in sys.argv[2:]])
