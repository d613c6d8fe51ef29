"""Run workloads on a GPU and write which kernels they launch: the corpus that the classifier is held to.

    python tests/gpu/kernel_corpus.py --out corpus.tsv.gz              # both older sets
    python tests/gpu/kernel_corpus.py --set fresh --out fresh.tsv.gz   # the set to be scored once
    python tests/gpu/kernel_corpus.py --set corpus --only sdpa --out x.tsv.gz
    python tests/gpu/kernel_corpus.py --set fresh --processes 3 --out x.tsv.gz   # a process each
    python tests/gpu/kernel_corpus.py --device cpu --out x.tsv.gz      # does every workload run at all?
    nsys profile -t cuda,nvtx python tests/gpu/kernel_corpus.py --nvtx # the same under nsys, for its spelling
    python tests/gpu/kernel_corpus.py --from-nsys x.sqlite --out nsys.tsv.gz

Every workload runs once to warm up (compilers, cuDNN's choice of engines), and once under the PyTorch
profiler. A row of the result: set, workload, kernel name, operators from the outermost to the launching one,
number of launches, total ns. A workload that failed leaves one row with ``#error`` as its kernel and the
reason as operators.
"""

import argparse
import gc
import gzip
import json
import multiprocessing
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import connection
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

Row = tuple[str, str, str, str, int, int]
"""Set, workload, kernel, operators, launches, total ns."""
Workload = tuple[str, str, Callable[[str], Callable[[], Any]]]
"""Set, name, and builder: called with the device, it returns what to run."""
WORKLOAD_LIMIT_S = 75
LAST = ("cuda_graph", "distributed", "cupy_arrays", "numba_kernels", "jax_training", "jax_xla")
"""Workloads that may take the process down with them."""


def main() -> None:
    """Parse, run, write."""
    parser = argparse.ArgumentParser(description="Write the kernels that workloads launch.")
    parser.add_argument("--out", type=Path, help="the result, a gzipped TSV")
    parser.add_argument("--set", choices=("corpus", "heldout", "fresh", "all"), default="all")
    parser.add_argument("--only", help="only workloads whose name contains one of these, comma-separated")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--budget", type=float, default=330, help="start no workload after this many seconds")
    parser.add_argument(
        "--processes", type=int, default=0, help="fork each workload, N at once; 0: all in this process"
    )
    parser.add_argument(
        "--nvtx", action="store_true", help="mark operators with NVTX; profile with nsys outside"
    )
    parser.add_argument("--from-nsys", type=Path, help="write the kernels of an nsys export instead")
    options = parser.parse_args()
    if options.from_nsys:
        write_rows(options.out, nsys_rows(options.from_nsys))
        return
    rows: list[Row] = []
    for found in run_apart(options) if options.processes else run_all(options):
        rows += found
        if options.out:
            write_rows(options.out, rows)  # again after each: a later workload may end the process
    failed = [(row[1], row[3]) for row in rows if row[2] == "#error"]
    print(f"{len(rows)} rows, {len({row[2] for row in rows})} kernels, {len(failed)} workloads failed")
    for name, reason in failed:
        print(f"  {name}: {reason}")


def run_all(options: argparse.Namespace) -> Iterator[list[Row]]:
    """Run the chosen workloads; yield the rows of each."""
    begun = time.perf_counter()
    for group, name, build in chosen_workloads(options):
        elapsed = time.perf_counter() - begun
        if elapsed > options.budget:
            yield [(group, name, "#error", "no time left", 0, 0)]
            continue
        try:
            with time_limit(WORKLOAD_LIMIT_S):
                rows = list(run_one(group, name, build, options))
        except BaseException as error:  # whatever one workload does, the others are still wanted
            if isinstance(error, KeyboardInterrupt):
                raise
            reason = traceback.format_exception_only(error)[-1].strip().replace("\t", " ").replace("\n", " ")
            rows = [(group, name, "#error", reason[:300], 0, 0)]
        yield rows
        print(f"{elapsed:6.1f} s  {group}/{name}: {len(rows)} rows", file=sys.stderr, flush=True)


def run_apart(options: argparse.Namespace) -> Iterator[list[Row]]:
    """Run each chosen workload in a forked process: an assertion on the device ends no other's."""
    import torch  # noqa: F401  imported once, for all children; CUDA must not be initialised before the fork

    begun = time.perf_counter()
    waiting = list(chosen_workloads(options))
    running: dict[int, Child] = {}
    with tempfile.TemporaryDirectory() as folder:
        while waiting or running:
            while waiting and len(running) < options.processes:
                workload = waiting.pop(0)
                if time.perf_counter() - begun > options.budget:
                    yield [(*workload[:2], "#error", "no time left", 0, 0)]
                    continue
                child = Child(workload, options, Path(folder) / workload[1])
                running[child.process.sentinel] = child
            for sentinel in connection.wait(running, timeout=1):
                yield running.pop(cast(int, sentinel)).rows()


class Child:
    """One workload in a process of its own, which leaves its rows in a file."""

    def __init__(self, workload: Workload, options: argparse.Namespace, path: Path) -> None:
        self.group, self.name, self.build = workload
        self.options, self.path = options, path
        self.begun = time.perf_counter()
        self.process = multiprocessing.get_context("fork").Process(target=self.run)
        self.process.start()

    def run(self) -> None:
        """In the child: run, and write."""
        signal.alarm(WORKLOAD_LIMIT_S)
        self.path.write_text(json.dumps(list(run_one(self.group, self.name, self.build, self.options))))

    def rows(self) -> list[Row]:
        """Return what the ended child wrote, or one ``#error`` row."""
        self.process.join()
        code = self.process.exitcode
        rows = [cast(Row, tuple(row)) for row in json.loads(self.path.read_text())] if code == 0 else []
        took = time.perf_counter() - self.begun
        print(f"{took:6.1f} s  {self.group}/{self.name}: {len(rows)} rows", file=sys.stderr, flush=True)
        failed: Row = (self.group, self.name, "#error", f"exit status {code}", 0, 0)
        return rows if code == 0 else [failed]


def chosen_workloads(options: argparse.Namespace) -> Iterator[Workload]:
    """Yield the workloads that the options choose."""
    from gpu import (
        corpus_compiled,
        corpus_models,
        corpus_ops,
        corpus_others,
        heldout,
        heldout_fresh,
        heldout_fresh_models,
        heldout_fresh_networks,
        heldout_models,
    )

    sets = {
        "corpus": corpus_ops.WORKLOADS
        | corpus_others.WORKLOADS
        | corpus_models.WORKLOADS
        | corpus_compiled.WORKLOADS,
        "heldout": heldout.WORKLOADS | heldout_models.WORKLOADS,
        "fresh": heldout_fresh.WORKLOADS | heldout_fresh_models.WORKLOADS | heldout_fresh_networks.WORKLOADS,
    }
    found = [
        (group, name, build)
        for group, workloads in sets.items()
        for name, build in workloads.items()
        if (options.set == group or (options.set == "all" and group != "fresh"))
        and any(part in name for part in (options.only or "").split(","))
    ]
    yield from sorted(found, key=lambda item: LAST.index(item[1]) if item[1] in LAST else -1)


def run_one(
    group: str, name: str, build: Callable[[str], Callable[[], Any]], options: argparse.Namespace
) -> Iterator[Row]:
    """Build, warm up, and run one workload under the profiler."""
    import torch

    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = False
    work = build(options.device)
    work()
    if options.device == "cuda":
        torch.cuda.synchronize()
    if options.nvtx:
        with torch.autograd.profiler.emit_nvtx():
            work()
        torch.cuda.synchronize()
        return
    activities = [torch.profiler.ProfilerActivity.CPU]
    if options.device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profile:
        work()
        if options.device == "cuda":
            torch.cuda.synchronize()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(path))
        events = json.loads(path.read_bytes().decode("utf-8", "replace"))["traceEvents"]
    del work, profile
    gc.collect()
    if options.device == "cuda":
        torch.cuda.empty_cache()
    for (kernel, operators), (count, total_ns) in kernels_by_operator(events).items():
        yield group, name, kernel, operators, count, total_ns


def kernels_by_operator(events: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[int, int]]:
    """Return launches and total ns of each kernel and chain of operators, from the profiler's events."""
    operators: dict[Any, list[tuple[float, float, str]]] = defaultdict(list)
    launches: dict[int, tuple[Any, float]] = {}
    kernels: list[tuple[int, str, int]] = []
    for event in events:
        category, arguments = event.get("cat"), event.get("args", {})
        if category in ("cpu_op", "user_annotation"):
            operators[event["tid"]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
        elif category in ("cuda_runtime", "cuda_driver") and "correlation" in arguments:
            launches[arguments["correlation"]] = (event["tid"], event["ts"])
        elif category == "kernel":
            kernels.append((arguments.get("correlation", -1), event["name"], round(event["dur"] * 1000)))
    chains = operator_chains(operators, launches)
    result: dict[tuple[str, str], tuple[int, int]] = {}
    for correlation, name, duration_ns in kernels:
        key = (name.replace("\t", " "), chains.get(correlation, ""))
        count, total_ns = result.get(key, (0, 0))
        result[key] = (count + 1, total_ns + duration_ns)
    return result


def operator_chains(
    operators: dict[Any, list[tuple[float, float, str]]], launches: dict[int, tuple[Any, float]]
) -> dict[int, str]:
    """Return the operators open on the launching thread, outermost first, by the launch's correlation id."""
    by_thread: dict[Any, list[tuple[float, int]]] = defaultdict(list)
    for correlation, (thread, at) in launches.items():
        by_thread[thread].append((at, correlation))
    chains: dict[int, str] = {}
    for thread, calls in by_thread.items():
        waiting = sorted(operators[thread], key=lambda item: (item[0], -item[1]), reverse=True)
        stack: list[tuple[float, float, str]] = []
        for at, correlation in sorted(calls):
            while waiting and waiting[-1][0] <= at:
                stack.append(waiting.pop())
            stack = [item for item in stack if item[1] >= at]
            names = [
                name for _, _, name in stack if not name.startswith(("autograd::engine", "ProfilerStep"))
            ]
            chains[correlation] = " > ".join(names[-6:])
    return chains


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """Raise ``TimeoutError`` in the body once it has run for so long."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def nsys_rows(path: Path) -> list[Row]:
    """Return the kernels of an nsys export, in nsys's spelling."""
    query = (
        "SELECT s.value, COUNT(*), SUM(k.end - k.start) FROM CUPTI_ACTIVITY_KIND_KERNEL k"
        " JOIN StringIds s ON s.id = k.demangledName GROUP BY 1"
    )
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return [
            ("nsys", "", name, "", count, total_ns) for name, count, total_ns in connection.execute(query)
        ]


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write the rows as a gzipped TSV, sorted."""
    with gzip.open(path, "wt", encoding="utf-8", newline="\n") as file:
        for row in sorted(rows):
            file.write("\t".join(map(str, row)) + "\n")


if __name__ == "__main__":
    main()
