"""A sweep in a terminal, in the columns in which people write such tables down."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsysprof.render.format import duration, number_of, short_share, significant, size
from nsysprof.render.palette import bucket_label, category_color
from nsysprof.render.terminal import grid
from nsysprof.render.text import plain, shortened
from nsysprof.sweep.headline import runs_each
from nsysprof.sweep.results import Point, Spread, Sweep

STATUS_WORDS = {
    "out_of_memory": "out of memory",
    "failed": "failed",
    "timed_out": "took too long",
    "missing": "not run",
}
"""How a configuration without figures is spoken of."""

_SHORT = {"out_of_memory": "OOM", "failed": "failed", "timed_out": "long", "missing": "-"}
_WIDE = 100
_GAP = 2
_LONGEST_PLAN = 24
_MOST_BUCKETS = 12
_MOST_LABELS = 6


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: its header, how wide it is, and what it says of a configuration."""

    header: str
    width: int
    cell: Callable[[Point], str]


def print_sweep(sweep: Sweep, console: Console) -> None:
    """Print headline, table and what went wrong; they fit ``console.width``, which is 80 or more."""
    for line in sweep.headline:
        console.print(Text(plain(line), style="bold"), soft_wrap=False)
    console.print(Text(about(sweep), style="dim"))
    console.print()
    console.print(_table(sweep, console.width))
    for line in _troubles(sweep):
        console.print(Text(line, style="yellow"))
    if any(point.composition for point in sweep.points):
        console.print()
        console.print(_compositions(sweep, console.width))


def about(sweep: Sweep) -> str:
    """Return what ran where, in one line."""
    shown = ("torch", "diffusers", "cuda", "driver", "nsys")
    versions = [f"{key} {sweep.versions[key]}" for key in shown if sweep.versions.get(key)]
    least, most = sweep.runs_each
    some = f"{least} to {most}" if least < most else str(most)
    repeats = f"median of {some} runs" if most > 1 else runs_each(least, most)
    return plain(" \N{MIDDLE DOT} ".join([sweep.runner, sweep.gpu or "CPU", repeats, *versions]))


def _table(sweep: Sweep, width: int) -> Table:
    columns, settings = _figures(sweep, wide=width >= _WIDE), _settings(sweep)
    longest = max((len(plain(point.label)) for point in sweep.points), default=4)
    constant = [column for column in settings if len({column.cell(point) for point in sweep.points}) == 1]
    left_out = []
    while constant and _room(width, columns + settings) < min(longest, _LONGEST_PLAN):
        left_out.append(constant.pop())
        settings.remove(left_out[-1])
    note = [number_of(len(sweep.points), "configuration")]
    note += [f"{column.header} {column.cell(sweep.points[0])}" for column in reversed(left_out)]
    plan = min(max(_room(width, columns + settings), 8), max(longest, 4))
    table = grid("Sweep", ", ".join(note))
    table.add_column("plan", no_wrap=True, width=plan)
    for column in columns + settings:
        table.add_column(column.header, justify="right", no_wrap=True, min_width=column.width)
    for point in sweep.points:
        style = "" if point.status == "ok" else "dim" if point.status == "missing" else "red"
        cells = [Text(column.cell(point), style=style) for column in columns + settings]
        table.add_row(Text(shortened(point.label, plan), style=style), *cells)
    return table


def _room(width: int, columns: list[_Column]) -> int:
    """Return what ``columns``, each with a gap, leave of ``width`` for the plan."""
    return width - sum(column.width + _GAP for column in columns) - 1


def _figures(sweep: Sweep, *, wide: bool) -> list[_Column]:
    """Return the columns of what was measured."""
    columns = [
        _Column(f"Max {sweep.memory}", 8, lambda point: _bytes(point.memory_bytes)),
        _Column("time s", 6, lambda point: _SHORT.get(point.status) or _middle(point.time_s)),
    ]
    if sweep.runs_each[1] > 1:
        columns += [
            _Column("min", 5, lambda point: significant(point.time_s.low) if point.time_s else ""),
            _Column("max", 5, lambda point: significant(point.time_s.high) if point.time_s else ""),
        ]
    columns.append(_Column("s/step", 6, lambda point: _middle(point.step_s)))
    if wide:
        columns.append(_Column("images/s", 8, lambda point: _middle(point.images_per_s)))
    if wide and any(point.allocated_bytes for point in sweep.points):
        columns.append(_Column("allocated", 9, lambda point: _bytes(point.allocated_bytes)))
    return columns


def _settings(sweep: Sweep) -> list[_Column]:
    """Return the columns of what was asked for, as far as the runner has such options."""
    known = {key for point in sweep.points for key in point.options}
    columns = []
    if "batch" in known:
        columns.append(_Column("batch", 5, lambda point: _option(point, "batch")))
    if {"width", "height"} <= known:
        columns.append(_Column("resolution", 10, resolution))
    if "steps" in known:
        columns.append(_Column("steps", 5, lambda point: _option(point, "steps")))
    if "cfg" in known:
        columns.append(_Column("cfg", 4, lambda point: _option(point, "cfg")))
    return columns


def resolution(point: Point) -> str:
    """Return a configuration's width and height as ``1280x768``; empty when they are not known."""
    width, height = (point.options.get(side) for side in ("width", "height"))
    return f"{width}x{height}" if width and height else ""


def _troubles(sweep: Sweep) -> list[str]:
    """Return a line for each thing that went wrong, with the configurations to which it happened."""
    found: dict[tuple[str, str], list[str]] = {}
    for point in sweep.points:
        words = STATUS_WORDS.get(point.status) or ("some runs failed" if point.failed else "note")
        if point.reason:
            found.setdefault((words, plain(point.reason)), []).append(plain(point.label))
    lines = []
    for (words, reason), labels in found.items():
        more = f" and {len(labels) - _MOST_LABELS} more" if len(labels) > _MOST_LABELS else ""
        lines.append(f"{words}: {'; '.join(labels[:_MOST_LABELS])}{more} ({reason})")
    return lines


def _compositions(sweep: Sweep, width: int) -> Table:
    """Return the parts of each profiled configuration's step, the largest parts as columns."""
    profiled = [point for point in sweep.points if point.composition]
    totals: dict[str, float] = {}
    for point in profiled:
        whole = sum(point.composition.values())
        for key, ns in point.composition.items():
            totals[key] = max(totals.get(key, 0), ns / whole if whole else 0)
    plan = min(max(len(plain(point.label)) for point in profiled), max(width // 4, 8))
    keys = sorted(totals, key=lambda key: -totals[key])
    room, shown = width - plan - _GAP - 8 - 1, []
    for key in keys[:_MOST_BUCKETS]:
        room -= max(len(_bucket(key)), 4) + _GAP
        if room < 0:
            break
        shown.append(key)
    table = grid("Where a step went", "share of the typical step, as nsys recorded it")
    table.add_column("plan", no_wrap=True, width=plan)
    table.add_column("step", justify="right", no_wrap=True)
    for key in shown:
        table.add_column(Text(_bucket(key), style=category_color(key)), justify="right", no_wrap=True)
    for point in profiled:
        whole = sum(point.composition.values())
        cells = [short_share(point.composition.get(key, 0) / whole) if whole else "" for key in shown]
        table.add_row(Text(shortened(point.label, plan)), duration(whole), *cells)
    return table


def _bucket(key: str) -> str:
    return bucket_label(key) if not key.startswith("idle:") else key.replace("idle:", "idle ")


def _middle(spread: Spread | None) -> str:
    return significant(spread.middle) if spread else ""


def _bytes(spread: Spread | None) -> str:
    return size(spread.middle) if spread else ""


def _option(point: Point, key: str) -> str:
    value = point.options.get(key)
    if value is None:
        return ""
    return f"{value:.1f}" if isinstance(value, float) and value == round(value, 1) else plain(str(value))
