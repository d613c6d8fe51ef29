"""Processes that work on cases within limits, and are replaced when they do not come back."""

import multiprocessing
import os
import resource
import shutil
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory

from fuzz.cases import MILLION, SEED, kind_of, make
from fuzz.originals import Originals

SECONDS, SECONDS_FOR_A_MILLION = 20.0, 120.0
"""After which a case hangs."""
MEMORY = 2 << 30
"""Bytes of memory that a case may take: of address space, which is more than is used."""
_CASES_PER_PROCESS = 400


@dataclass(frozen=True, slots=True)
class Result:
    """How a case ended."""

    number: int
    kind: str
    code: int
    """Exit code of hotspots; -1 where it did not come to that."""
    message: str
    wrong: str
    """What is wrong; empty when all is well."""
    seconds: float
    peak: int
    """Most memory of the process so far, in bytes."""


def run_case(number: int, folder: Path, originals: Originals, seed: int = SEED) -> Result:
    """Work on one case in this process, in an empty folder."""
    from fuzz.check import examine

    start = time.monotonic()
    case = make(number, folder, originals, seed)
    outcome = examine(case)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    seconds = time.monotonic() - start
    return Result(number, case.kind, outcome.code, outcome.message, outcome.wrong, seconds, peak)


def limit() -> None:
    """Prepare this process: little memory, one terminal width, warnings as errors."""
    os.environ.update(COLUMNS="120", OPENBLAS_NUM_THREADS="1", TERM="dumb")
    import fuzz.check  # before the limit

    assert fuzz.check
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("error")


def _work(pipe: Connection, seed: int) -> None:
    limit()
    with TemporaryDirectory(prefix="fuzz-") as place:
        originals = Originals(Path(place))
        while (number := pipe.recv()) is not None:
            folder = Path(place) / "case"
            folder.mkdir()
            pipe.send(run_case(number, folder, originals, seed))
            shutil.rmtree(folder)


class _Worker:
    """A process, and the case that it is at."""

    def __init__(self, seed: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self._process = context.Process(target=_work, args=(other, seed), daemon=True)
        self._process.start()
        other.close()
        self.number, self.deadline, self._left = -1, float("inf"), _CASES_PER_PROCESS

    def take(self, number: int, seed: int) -> None:
        seconds = SECONDS_FOR_A_MILLION if kind_of(number, seed) == MILLION else SECONDS
        self.number, self.deadline = (
            number,
            time.monotonic() + seconds + 10 * (self._left == _CASES_PER_PROCESS),
        )
        self._left -= 1
        self.pipe.send(number)

    @property
    def spent(self) -> bool:
        return self._left <= 0

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self.pipe.close()


def run_cases(numbers: Sequence[int], workers: int, seed: int = SEED) -> Iterator[Result]:
    """Yield the result of each case as it ends."""
    waiting = list(reversed(numbers))
    team: list[_Worker] = []
    try:
        while waiting or team:
            while waiting and len(team) < workers:
                team.append(_Worker(seed))
                team[-1].take(waiting.pop(), seed)
            wait([worker.pipe for worker in team], timeout=0.5)
            for worker in list(team):
                result = _result(worker, seed)
                if result is None:
                    continue
                yield result
                if waiting and not worker.spent and result.seconds >= 0:
                    worker.take(waiting.pop(), seed)
                else:
                    worker.end()
                    team.remove(worker)
    finally:
        for worker in team:
            worker.end()


def _result(worker: _Worker, seed: int) -> Result | None:
    """Return what a worker found; a result of its own where it died or hangs, with negative seconds."""
    try:
        if worker.pipe.poll():
            found = worker.pipe.recv()
            assert isinstance(found, Result)
            return found
    except (EOFError, OSError):
        return _lost(worker, seed, "the process died")
    if time.monotonic() > worker.deadline:
        return _lost(worker, seed, "it hangs")
    return None


def _lost(worker: _Worker, seed: int, why: str) -> Result:
    sys.stderr.write(f"case {worker.number}: {why}\n")
    return Result(worker.number, kind_of(worker.number, seed), -1, "", why, -1.0, 0)
