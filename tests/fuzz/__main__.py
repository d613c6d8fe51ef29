"""Run the cases and print how they ended, by kind of mutation."""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from fuzz.cases import SEED
from fuzz.originals import Originals
from fuzz.workers import Result, limit, run_case, run_cases

_CODES = {0: "answer", 3: "damaged (3)", 4: "nothing there (4)"}


def table(results: Iterable[Result]) -> list[str]:
    """Return Markdown: a line for each kind of mutation."""
    counts: dict[str, Counter[str]] = {}
    slowest: Counter[str] = Counter()
    for result in results:
        ending = "wrong" if result.wrong else _CODES[result.code]
        counts.setdefault(result.kind, Counter())[ending] += 1
        slowest[result.kind] = max(slowest[result.kind], round(1000 * result.seconds))
    endings = [*_CODES.values(), "wrong"]
    lines = [
        f"| mutation | cases | {' | '.join(endings)} | slowest, ms |",
        "| --- |" + " ---: |" * (len(endings) + 2),
    ]
    for kind, count in sorted(counts.items()):
        cells = [
            kind,
            f"{count.total():,}",
            *(f"{count[ending]:,}" for ending in endings),
            f"{slowest[kind]:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    total = sum(counts.values(), Counter[str]())
    cells = [
        "**all**",
        f"{total.total():,}",
        *(f"{total[ending]:,}" for ending in endings),
        f"{max(slowest.values()):,}",
    ]
    return [*lines, f"| {' | '.join(cells)} |"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--case", type=int, help="work on this one in this process, and say all about it")
    parser.add_argument("--keep", type=Path, help="with --case: where to leave the trace")
    options = parser.parse_args()
    if options.case is not None:
        return _one(options.case, options.seed, options.keep)
    start = time.monotonic()
    results = []
    numbers = range(options.first, options.first + options.cases)
    for result in run_cases(numbers, options.workers, options.seed):
        results.append(result)
        if result.wrong:
            sys.stderr.write(f"case {result.number} ({result.kind}): {result.wrong.strip()}\n")
        if len(results) % 500 == 0:
            sys.stderr.write(f"{len(results):,} cases in {time.monotonic() - start:.0f} s\n")
    print("\n".join(table(results)))
    peak = max(result.peak for result in results) >> 20
    print(f"\nSeed {options.seed}; most memory of a process {peak} MiB; {time.monotonic() - start:.0f} s.")
    return int(any(result.wrong for result in results))


def _one(number: int, seed: int, keep: Path | None) -> int:
    limit()
    with TemporaryDirectory(prefix="fuzz-") as place:
        folder = keep or Path(place) / "case"
        folder.mkdir(exist_ok=True)
        result = run_case(number, folder, Originals(Path(place)), seed)
    print(f"case {number} ({result.kind}): exit code {result.code} {result.message}")
    print(f"{result.seconds:.2f} s, {result.peak >> 20} MiB")
    print(result.wrong or "all is well")
    return int(bool(result.wrong))


if __name__ == "__main__":
    sys.exit(main())
