"""A sweep in a terminal, in the columns in which people write such tables down."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nsysprof.render.format import duration, short_share, significant, size
from nsysprof.render.palette import bucket_label, category_color
from nsysprof.render.terminal import grid
from nsysprof.render.text import plain, shortened
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
_MOST_BUCKETS = 12


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
    for point in sweep.points:
        if point.reason:
            console.print(_trouble(point), soft_wrap=False)
    if any(point.composition for point in sweep.points):
        console.print()
        console.print(_compositions(sweep, console.width))


def about(sweep: Sweep) -> str:
    """Return what ran where, in one line."""
    shown = ("torch", "diffusers", "cuda", "driver", "nsys")
    versions = [f"{key} {sweep.versions[key]}" for key in shown if sweep.versions.get(key)]
    repeats = f"median of {sweep.repeat} runs" if sweep.repeat > 1 else "one run each"
    return plain(" \N{MIDDLE DOT} ".join([sweep.runner, sweep.gpu or "CPU", repeats, *versions]))


def _table(sweep: Sweep, width: int) -> Table:
    columns = _columns(sweep, wide=width >= _WIDE)
    room = max(width - sum(column.width + 1 for column in columns) - 1, 8)
    longest = max((len(plain(point.label)) for point in sweep.points), default=4)
    plan = min(room, max(longest, 4))
    table = grid("Sweep", f"{len(sweep.points)} configurations")
    table.add_column("plan", no_wrap=True, width=plan)
    for column in columns:
        table.add_column(column.header, justify="right", no_wrap=True, min_width=column.width)
    for point in sweep.points:
        style = "" if point.status == "ok" else "dim" if point.status == "missing" else "red"
        cells = [Text(column.cell(point), style=style) for column in columns]
        table.add_row(Text(shortened(point.label, plan), style=style), *cells)
    return table


def _columns(sweep: Sweep, *, wide: bool) -> list[_Column]:
    """Return the columns, those only for which some run has a value."""
    columns = [
        _Column(f"Max {sweep.memory}", 8, lambda point: _bytes(point.memory_bytes)),
        _Column("time s", 6, lambda point: _SHORT.get(point.status) or _middle(point.time_s)),
    ]
    if sweep.repeat > 1:
        columns += [
            _Column("min", 5, lambda point: significant(point.time_s.low) if point.time_s else ""),
            _Column("max", 5, lambda point: significant(point.time_s.high) if point.time_s else ""),
        ]
    columns.append(_Column("s/step", 6, lambda point: _middle(point.step_s)))
    if wide:
        columns.append(_Column("images/s", 8, lambda point: _middle(point.images_per_s)))
    if wide and any(point.allocated_bytes for point in sweep.points):
        columns.append(_Column("allocated", 9, lambda point: _bytes(point.allocated_bytes)))
    known = {key for point in sweep.points for key in point.options}
    if "batch" in known:
        columns.append(_Column("batch", 5, lambda point: _option(point, "batch")))
    if {"width", "height"} <= known:
        columns.append(_Column("resolution", 10, resolution))
    columns += [
        _Column(key, max(len(key), 4), lambda point, key=key: _option(point, key))  # type: ignore[misc]
        for key in ("steps", "cfg")
        if key in known
    ]
    return columns


def resolution(point: Point) -> str:
    """Return a configuration's width and height as ``1280x768``; empty when they are not known."""
    width, height = (point.options.get(side) for side in ("width", "height"))
    return f"{width}x{height}" if width and height else ""


def _trouble(point: Point) -> Text:
    words = STATUS_WORDS.get(point.status) or f"{point.failed} of {len(point.runs)} runs failed"
    if point.status == "ok" and not point.failed:
        words = "note"
    return Text(f"{plain(point.label)}: {words}: {plain(point.reason)}", style="yellow")


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
    room, shown = width - plan - 9, []
    for key in keys[:_MOST_BUCKETS]:
        room -= max(len(_bucket(key)), 4) + 1
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
