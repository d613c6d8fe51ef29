"""How a sweep goes on, on standard error: a line a run, and in a terminal a bar with the time left."""

import os
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from nsysprof.render.format import duration, number_of, size
from nsysprof.render.sweep_tables import STATUS_WORDS
from nsysprof.render.text import plain, shortened
from nsysprof.sweep.plan import Config
from nsysprof.sweep.rows import Row
from nsysprof.sweep.sweep import Advance


class SweepProgress:
    """A `Listener` that shows what it hears; use it as a context manager."""

    def __init__(self, console: Console, repeats: int) -> None:
        """Take the console of standard error, and how often each configuration runs."""
        self._console, self._repeats = console, repeats
        self._due = (0.0, 0.0)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            _Left(self),
            console=console,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bar away."""
        self._bar.stop()

    def begins(self, advance: Advance) -> None:
        """Say how much there is to do."""
        done = f", {advance.done} of them already done" if advance.done else ""
        left = f", about {left_text(advance.left_s)}" if advance.left_s else ""
        self._console.print(
            Text(f"{number_of(advance.total, 'run')}{done}{left}", style="dim"), soft_wrap=True
        )
        self._expect(advance)
        self._task = self._bar.add_task("", total=advance.total, completed=advance.done)
        if advance.done < advance.total:
            self._bar.start()

    def starts(self, config: Config, repeat: int) -> None:
        """Name the run under way."""
        if self._task is not None:
            self._bar.update(self._task, description=shortened(self._name(config, repeat), 32))

    def ended(self, config: Config, row: Row, advance: Advance) -> None:
        """Print the run's figures."""
        self._expect(advance)
        name = self._name(config, row["repeat"])
        line = Text(f"[{advance.done}/{advance.total}] ", style="dim").append(plain(name), style="default")
        if row["status"] == "ok":
            line.append(f"  {_figures(row)}", style="default")
        else:
            words = STATUS_WORDS.get(row["status"], row["status"])
            reason = "" if row["status"] == "out_of_memory" else f": {plain(row['reason'] or '')}"
            line.append(f"  {words}{reason}", style="red")
        if advance.left_s and not self._console.is_terminal:
            line.append(f"  ({left_text(advance.left_s)} left)")
        self._console.print(line, soft_wrap=True)
        if self._task is not None:
            self._bar.update(self._task, completed=advance.done, total=advance.total)

    def signalled(self, times: int) -> None:
        """Say that Ctrl-C was heard."""
        text = "stopping; finished runs are kept (again: kill)" if times == 1 else "killed"
        os.write(2, f"\nnsysprof: {text}\n".encode())  # in a signal handler: no buffered writer

    def left_s(self) -> float | None:
        """Return the seconds that are left now; None while nobody knows."""
        left, at = self._due
        return max(left - (time.monotonic() - at), 0.0) if left else None

    def _expect(self, advance: Advance) -> None:
        self._due = (advance.left_s or 0.0, time.monotonic())

    def _name(self, config: Config, repeat: int) -> str:
        return f"{config.label} #{repeat + 1}" if self._repeats > 1 else config.label


class _Left(TextColumn):
    """The time left."""

    def __init__(self, progress: SweepProgress) -> None:
        super().__init__("")
        self._progress = progress

    def render(self, task: object) -> Text:
        del task
        left = self._progress.left_s()
        return Text("" if left is None else f"{left_text(left)} left", style="cyan")


def left_text(seconds: float) -> str:
    """Return a time to come, no more exact than anybody can know it: ``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 100:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _figures(row: Row) -> str:
    parts = []
    if row.get("time_s") is not None:
        parts.append(duration(row["time_s"] * 1e9))
    if row.get("step_s") is not None:
        parts.append(f"{duration(row['step_s'] * 1e9)} a step")
    memory = row.get("vram_bytes")
    if memory is not None:
        parts.append(size(memory))
    return ", ".join(parts) or "ok"
