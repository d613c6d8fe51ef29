"""A sweep from beginning to end: plan, run what the database lacks, sum up."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGINT
from typing import Protocol

from nsysprof.capture.locate import Nsys, find_nsys
from nsysprof.errors import UsageError
from nsysprof.sweep.axes import parse_axes
from nsysprof.sweep.circumstances import circumstances
from nsysprof.sweep.estimate import Estimate
from nsysprof.sweep.execute import Executor, Status
from nsysprof.sweep.plan import Config, Design, configurations, with_options
from nsysprof.sweep.results import Sweep
from nsysprof.sweep.rows import Row, hotspot_rows, run_row, step_rows
from nsysprof.sweep.runner import OUT, find_runner
from nsysprof.sweep.store import Store, open_store
from nsysprof.sweep.summary import summarise

_SETTLED = (Status.OK, Status.OUT_OF_MEMORY)
"""A run that ended so is not tried again; any other is."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to sweep, and how."""

    axes: tuple[str, ...]
    """``KEY=V1,V2,...``."""
    folder: Path
    """Where database and runs go."""
    runner: str = "sdxl"
    """One of nsysprof's runners, or the path of a script."""
    rest: tuple[str, ...] = ()
    """Words for the runner that are the same in every run."""
    each: bool = False
    """One axis at a time round the defaults."""
    repeat: int = 1
    """Runs of each configuration."""
    profile: bool = False
    """Capture each run."""
    nsys: str | None = None
    """The nsys that was asked for."""
    timeout_s: float = math.inf
    """Seconds after which a run is ended."""
    fresh: bool = False
    """Forget what the database holds of this sweep."""


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a sweep is."""

    done: int
    """Runs that are in the database."""
    total: int
    """Runs of the whole sweep."""
    left_s: float | None
    """Seconds that the rest will take; None while nobody knows."""


class Listener(Protocol):
    """Hears how a sweep goes on."""

    def begins(self, advance: Advance) -> None:
        """Hear how much is to be done; what is in the database already counts as done."""

    def starts(self, config: Config, repeat: int) -> None:
        """Hear of a run that starts; ``repeat`` counts from 0."""

    def ended(self, config: Config, row: Row, advance: Advance) -> None:
        """Hear of a run that is in the database now."""

    def signalled(self, times: int) -> None:
        """Hear that the user wants to stop, for the first or a further time; called in a signal handler."""


def run_sweep(request: Request, listener: Listener) -> Sweep:
    """Run what is not in the database yet and return everything that was asked for.

    Ctrl-C ends the run under way, which is not kept, and returns what there is. Raises UsageError before the
    first run for what makes no sense, NsysError when runs cannot be captured, OutputError when nothing can
    be written.
    """
    nsys = find_nsys(request.nsys) if request.profile else None
    design = _design(request, nsys)
    configs = configurations(design)
    with open_store(request.folder) as store:
        if request.fresh:
            store.forget([config.id for config in configs])
        stopped_by = 0
        try:
            stopped_by = _Loop(request, nsys, design, configs, store, listener).run()
        except KeyboardInterrupt:  # between two runs
            stopped_by = SIGINT
        return summarise(design, configs, request.repeat, store, stopped_by)


def _design(request: Request, nsys: Nsys | None) -> Design:
    if not request.axes:
        raise UsageError("nothing to vary", "write KEY=V1,V2,..., such as batch=1,2,4")
    if any(word.partition("=")[0] == f"--{OUT}" for word in request.rest):
        raise UsageError(f"--{OUT}: each run has a folder of its own", "--output says where these folders go")
    runner = find_runner(request.runner)
    axes = parse_axes(request.axes, runner)
    return Design(runner, axes, request.each, request.rest, circumstances(nsys))


@dataclass(frozen=True, slots=True)
class _Loop:
    """The runs of one sweep."""

    request: Request
    nsys: Nsys | None
    design: Design
    configs: Sequence[Config]
    store: Store
    listener: Listener

    def run(self) -> int:
        """Run what is left, all configurations once before any again; return the signal that stopped it."""
        request, estimate = self.request, Estimate()
        executor = Executor(self.nsys, request.timeout_s, self.listener.signalled)
        todo = self._todo(estimate)
        total = len(self.configs) * request.repeat
        self.listener.begins(Advance(total - len(todo), total, estimate.left([each for each, _ in todo])))
        while todo:
            config, repeat = todo.pop(0)
            self.listener.starts(config, repeat)
            folder = f"runs/{_slug(config.label)}-{config.id[:8]}-{repeat}"
            words = with_options(config.words, [f"--{OUT}={request.folder / folder}"])
            outcome = executor.run(self.design.runner.command(words), request.folder / folder)
            if outcome.status is Status.INTERRUPTED:
                return outcome.signal
            row = run_row(config, repeat, outcome, self.design.circumstances.versions, folder)
            hotspots = hotspot_rows(row["id"], outcome.hotspots) if outcome.hotspots else ()
            self.store.save(row, step_rows(row["id"], outcome.record), hotspots)
            if outcome.status is Status.OUT_OF_MEMORY:  # as it will be the next time
                todo = [each for each in todo if each[0].id != config.id]
            if outcome.status is Status.OK:
                estimate.learn(config, outcome.wall_s)
            left = estimate.left([each for each, _ in todo])
            self.listener.ended(config, row, Advance(total - len(todo), total, left))
        return 0

    def _todo(self, estimate: Estimate) -> list[tuple[Config, int]]:
        """Return the runs that the database lacks; those that it has teach ``estimate``."""
        settled: set[tuple[str, int]] = set()
        hopeless: set[str] = set()
        by_id = {config.id: config for config in self.configs}
        for row in self.store.runs(list(by_id)):
            if row["status"] in _SETTLED:
                settled.add((row["config"], row["repeat"]))
            if row["status"] == Status.OK:
                estimate.learn(by_id[row["config"]], row["wall_s"])
            if row["status"] == Status.OUT_OF_MEMORY:
                hopeless.add(row["config"])
        return [
            (config, repeat)
            for repeat in range(self.request.repeat)
            for config in self.configs
            if (config.id, repeat) not in settled and config.id not in hopeless
        ]


def _slug(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", label).strip("-.")[:60] or "run"
