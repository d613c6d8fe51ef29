"""The table of steps: as many category columns as the terminal has room for, the rest under ``other``."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nsysprof.attribute.buckets import IDLE, WORK_LABELS
from nsysprof.measure.results import Amount, Hotspots, Step
from nsysprof.render.format import count, milliseconds, short_share
from nsysprof.render.palette import category_color
from nsysprof.render.terminal import fitted, grid
from nsysprof.render.text import shortened

MOST_ROWS = 40
_NOTHING = Amount(0, 0)
_ALLOC_CLASSES = ("malloc", "free", "memset")
_END_HEADERS = ("step", "wall", "busy", "idle", "launches", "m/f/s")
_GAP = 2
_PLAIN_WIDTH = 5 + _GAP
_SHARED_WIDTH = 9 + _GAP


def steps_table(hotspots: Hotspots, width: int) -> RenderableType | None:
    """Return the table with one row a step, or None when there are no steps."""
    steps = hotspots.steps
    if not steps:
        return None
    with_share = width >= 100
    shown, skipped = _rows(steps)
    ends = [_end_cells(step) for step in shown]
    taken = sum(
        max(len(header), *(len(row[column]) for row in ends)) + _GAP
        for column, header in enumerate(_END_HEADERS)
    )
    keys, rest = _columns(steps, (width - taken) // (_SHARED_WIDTH if with_share else _PLAIN_WIDTH))
    table = _empty_table(hotspots, keys, bool(rest))
    for step, end in zip(shown, ends, strict=True):
        table.add_row(*end[:4], *_work_cells(step, keys, rest, with_share), *end[4:])
    notes = [f"ms; {'share of wall after each; ' if with_share else ''}m/f/s = malloc, free and memset calls"]
    if skipped:
        notes.append(
            f"{count(skipped)} of {count(len(steps))} steps left out: first, slowest and last are shown"
        )
    if len({device for step in steps for device in step.partitions}) > 1:
        notes.append("of several GPUs the busiest one's time; work that overlaps counts once")
    if len(steps) > 1 and any(step.is_last for step in steps):
        notes.append("a run's last step ends with its last kernel: it has no idle time after that")
    table = fitted(table, width, ("m/f/s", "launches", "other", "idle"))
    return Group(table, *(Text(note, style="dim") for note in notes))


def _columns(steps: Sequence[Step], room: int) -> tuple[list[str], list[str]]:
    """Return the keys with a column of their own and those summed under ``other``, by total time."""
    totals: dict[str, int] = {}
    for step in steps:
        for key, ns in step.partition.items():
            if key not in IDLE:
                totals[key] = totals.get(key, 0) + ns
    keys = sorted((key for key, ns in totals.items() if ns), key=lambda key: -totals[key])
    if len(keys) <= room:
        return keys, []
    return keys[: max(room - 1, 0)], keys[max(room - 1, 0) :]


def _empty_table(hotspots: Hotspots, keys: list[str], other: bool) -> Table:
    source = {"nvtx": "from NVTX ranges", "detected": "found in the kernel sequence"}
    note = source.get(hotspots.steps_source, "")
    if hotspots.steps_source == "detected":
        note += f", confidence {short_share(hotspots.steps_confidence)}"
    table = grid("Steps", note)
    table.add_column(_END_HEADERS[0], no_wrap=True)
    for name in _END_HEADERS[1:4]:
        table.add_column(name, justify="right", no_wrap=True)
    for key in keys:
        header = Text(_short_label(key), style=category_color(key))
        table.add_column(header, justify="right", no_wrap=True)
    if other:
        table.add_column("other", justify="right", no_wrap=True)
    for name in _END_HEADERS[4:]:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _short_label(key: str) -> str:
    return {
        "elementwise": "elem",
        "reduction": "reduce",
        "conv": "conv",
        "resample": "resam",
        "graph": "graph",
    }.get(key, WORK_LABELS.get(key, key)[:6])


def _rows(steps: tuple[Step, ...]) -> tuple[list[Step], int]:
    """Return the steps to show (all, or the first, slowest and last ones) and how many are left out."""
    if len(steps) <= MOST_ROWS:
        return list(steps), 0
    slowest = sorted(steps, key=lambda step: -step.wall_ns)[:10]
    chosen = {step.index: step for step in (*steps[:10], *slowest, *steps[-5:])}
    return [chosen[index] for index in sorted(chosen)], len(steps) - len(chosen)


def _end_cells(step: Step) -> list[Text]:
    """Return the cells that every table has: four before the categories and two after them."""
    launches = sum(step.api.get(key, _NOTHING).count for key in ("launch", "graph_launch"))
    calls = "/".join(str(step.api.get(key, _NOTHING).count) for key in _ALLOC_CLASSES)
    return [
        Text(shortened(step.label, 12)),
        Text(milliseconds(step.wall_ns), style="bold"),
        Text(milliseconds(step.busy_ns)),
        Text(milliseconds(step.idle_ns)),
        Text(count(launches)),
        Text(calls),
    ]


def _work_cells(step: Step, keys: list[str], rest: list[str], with_share: bool) -> list[Text]:
    def cell(ns: int) -> Text:
        text = Text(milliseconds(ns))
        if with_share and step.wall_ns:
            text.append(f" {short_share(ns / step.wall_ns):>3}", style="dim")
        return text

    cells = [cell(step.partition.get(key, 0)) for key in keys]
    if rest:
        cells.append(cell(sum(step.partition.get(key, 0) for key in rest)))
    return cells
