"""The look of every table in the terminal, and the small drawings that need no more than a line."""

from collections.abc import Sequence
from itertools import pairwise

from rich import box
from rich.cells import cell_len
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

_SPARKS = "▁▂▃▄▅▆▇█"


def grid(title: str, note: str = "") -> Table:
    """Return an empty table in the house style: a bold title with a dim note, no vertical lines."""
    heading = Text(title, style="bold", no_wrap=True, overflow="ignore")  # may be wider than the table
    if note:
        heading.append(f"  {note}", style="not bold dim")
    return Table(
        title=heading,
        title_justify="left",
        title_style="",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="dim",
    )


def fitted(table: Table, width: int, drop: Sequence[str]) -> Table:
    """Return ``table`` without the columns that have no room, so that no figure is cut.

    drop: headers of the columns that may go, the first one first. Cells are texts on one line.
    """
    columns = list(table.columns)
    for header in drop:
        if sum(_widest([column.header, *column.cells]) for column in columns) + 2 * len(columns) - 2 <= width:
            break
        columns = [column for column in columns if str(column.header) != header]
    if len(columns) == len(table.columns):
        return table
    narrow = grid("")
    narrow.title = table.title
    for column in columns:
        narrow.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
    for row in zip(*(column.cells for column in columns), strict=True):
        narrow.add_row(*row)
    return narrow


def _widest(cells: Sequence[RenderableType]) -> int:
    return max(cell_len(str(cell)) for cell in cells)


def sparkline(values: Sequence[int], width: int) -> str:
    """Return a line of blocks; where values outnumber ``width``, the largest of each group."""
    if not values:
        return ""
    groups = min(width, len(values))
    edges = [round(index * len(values) / groups) for index in range(groups + 1)]
    peaks = [max(values[low:high]) for low, high in pairwise(edges)]
    top = max(peaks)
    return "".join(_SPARKS[round(peak / top * 7) if top else 0] for peak in peaks)
