"""Compare the memory that `hotspots` takes with the estimate by which it refuses a trace.

python -m bench.footprint TRACE.sqlite...      (tests/ on the path)
"""

import sys
import tempfile
from pathlib import Path

from bench.processes import run
from nsysprof import open_trace
from nsysprof.measure.footprint import memory_needed

FORMS = {"JSON": ("--json",), "JSON, steps detected": ("--json", "--steps", "detect"), "page": ()}


def main(paths: list[Path]) -> None:
    """Print a table: the estimate, the peak, and how far the one lies above the other."""
    print("| trace | output | estimate, MiB | peak, MiB | above |\n| --- | --- | --: | --: | --: |")
    with tempfile.TemporaryDirectory() as folder:
        page = ("--html", str(Path(folder, "page.html")))
        for path in paths:
            with open_trace(path) as trace:
                extent = trace.extent
            for form, options in FORMS.items():
                words = ["hotspots", str(path), *(options or page)]
                peak = run([sys.executable, "-m", "nsysprof", *words]).peak_bytes / 2**20
                needed = memory_needed(extent, form == "page") / 2**20
                print(f"| {path.name} | {form} | {needed:.0f} | {peak:.0f} | {needed / peak - 1:+.0%} |")


if __name__ == "__main__":
    main([Path(word) for word in sys.argv[1:]])
