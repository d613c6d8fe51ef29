"""The kernels of a trace in a terminal as a tree: category, library, family, kernel."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

from nsysprof.attribute.buckets import GRAPH
from nsysprof.classify.categories import CATEGORY_LABELS
from nsysprof.measure.results import Hotspots, KernelGroup
from nsysprof.render.format import count, duration, share
from nsysprof.render.palette import category_color
from nsysprof.render.terminal import fitted, grid
from nsysprof.render.text import readable_kernel, shortened

MOST_ROWS = 24
"""Rows of the tree that are shown, the largest."""
_FIGURES = 30
"""Columns that the figures before a name take."""
_CATEGORY, _LIBRARY, _FAMILY, _KERNEL = range(4)


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the tree; groups with a single part share the line of that part."""

    depth: int
    """Rows above it that it is part of."""
    names: tuple[tuple[int, str], ...]
    """Level and name of each group on the line."""
    group: KernelGroup
    parts: tuple[KernelGroup, ...]
    """What stands below."""


def kernel_tree_table(hotspots: Hotspots, width: int) -> RenderableType:
    """Return the largest groups of kernels as a tree, and the part of the GPU time that no rule knows."""
    unknown = f"unclassified: {share(hotspots.unclassified_share)} of the GPU time"
    graphs = hotspots.categories.get(GRAPH)
    if graphs:
        unknown += f", and {share(graphs.share)} in CUDA graphs whose kernels are not known"
    of = f"kernels,{' graphs,' if graphs else ''} copies and sets"
    unclassified = Text(f"{unknown}; shares are of {of}", style="dim")
    rows = list(_rows(hotspots.tree, _CATEGORY, 0))
    if not rows:
        return unclassified
    # a group is never smaller than its parts and stands before them: the largest rows are a tree again
    shown = sorted(sorted(range(len(rows)), key=lambda at: (-rows[at].group.ns, at))[:MOST_ROWS])
    table = grid("Kinds of kernels", "category > library > family > kernel")
    for name in ("share", "total", "count"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    visible = {id(rows[at].group) for at in shown}
    for at in shown:
        row = rows[at]
        hidden = sum(id(part) not in visible for part in row.parts)
        figures = share(row.group.share), duration(row.group.ns), count(row.group.count)
        table.add_row(*figures, _title(row, hidden, max(width - _FIGURES, 20)))
    return Group(fitted(table, width, ("count", "total")), unclassified)


def _rows(groups: tuple[KernelGroup, ...], level: int, depth: int) -> Iterator[_Row]:
    for group in groups:
        names, at, parts = [(level, group.name)], level, group.parts
        # one part needs no line of its own, and the only kernel of a family no word
        while len(parts) == 1 and (at < _FAMILY or not names[-1][1]):
            at += 1
            names.append((at, parts[0].name))
            parts = parts[0].parts
        if at == _FAMILY and len(parts) == 1:
            parts = ()
        told = tuple(each for each in names if each[1]) or (names[-1],)
        yield _Row(depth, told, group, parts)
        yield from _rows(parts, at + 1, depth + 1)


def _title(row: _Row, hidden: int, room: int) -> Text:
    more = f"  +{count(hidden)} more" if hidden else ""
    room -= 2 * row.depth + len(more)
    title = Text("  " * row.depth)
    for position, (level, name) in enumerate(row.names):
        last = position == len(row.names) - 1
        text = shortened(_name(level, name), max(room, 8) if last else max(room // 2, 8))
        room -= len(text) + 3
        title.append(" > " if position else "", style="dim")
        title.append(text, style=category_color(name) if level == _CATEGORY else "")
    return title.append(more, style="dim")


def _name(level: int, name: str) -> str:
    if level == _CATEGORY:
        return CATEGORY_LABELS.get(name, name)
    return (readable_kernel(name) if level == _KERNEL else name) or "?"
