"""Rows of a query: a table in the terminal, JSON or CSV for other programs."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import IO

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.text import Text

from nsysprof.render.format import count, share
from nsysprof.render.records import CSV_END, CsvLines, defused
from nsysprof.render.terminal import grid
from nsysprof.render.text import plain, shortened
from nsysprof.trace.queries import Query

Value = int | float | str | bytes | None
Rows = Iterable[tuple[Value, ...]]

_AT_ONCE = 1_000
_LONGER_NUMBER, _LONGER_TEXT = 4, 40
_NARROWEST_TEXT = 16
_GAP = 2


def print_rows(query: Query | str, columns: Sequence[str], rows: Rows, console: Console) -> None:
    """Print the rows as a table that fits the console; columns that do not fit are named below it.

    The first rows decide how wide the columns are; further ones are printed as they come.
    """
    documented = query.columns if isinstance(query, Query) else ()
    units = [column.unit for column in documented] or [""] * len(columns)
    lines = ([_cell(value, unit) for value, unit in zip(row, units, strict=True)] for row in rows)
    cells = list(islice(lines, _AT_ONCE))
    further = list(islice(lines, 1))
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    numeric = [
        any(column) and all(isinstance(value, _Number) for value in column if value)
        for column in zip(*cells, strict=True)
    ]
    numeric = numeric or [False] * len(columns)
    if further:  # longer values may come
        widths = [
            width + _LONGER_NUMBER if number else max(width, _LONGER_TEXT)
            for width, number in zip(widths, numeric, strict=True)
        ]
    shown = _fit(widths, numeric, console.width)
    table = grid(query.title if isinstance(query, Query) else "")
    for index, width in enumerate(shown):
        side: JustifyMethod = "right" if numeric[index] else "left"
        table.add_column(Text(plain(columns[index])), justify=side, width=width, no_wrap=True)
    for line in cells:
        table.add_row(*(Text(shortened(cell, width)) for cell, width in zip(line, shown, strict=False)))
    console.print(table)
    for line in chain(further, lines):
        console.file.write(_line(line, shown, numeric) + "\n")
    if not cells:
        console.print(Text("no rows", style="dim"))
    if len(shown) < len(columns):
        hidden = ", ".join(plain(name) for name in columns[len(shown) :])
        console.print(Text(f"not shown for lack of room: {hidden}", style="dim"))


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    """Return a row as the table has it, which takes too long for very many; figures stay whole."""
    padded = []
    for cell, width, number in zip(cells, widths, numeric, strict=False):
        text = cell if isinstance(cell, _Number) else shortened(cell, width)
        room = " " * max(width - cell_len(text), 0)
        padded.append(room + text if number else text + room)
    return (" " * _GAP).join(padded)


class _Number(str):
    """A cell that is aligned to the right and never shortened."""


def _cell(value: Value, unit: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, str):
        return plain(value)
    if unit == "0..1":
        return _Number(share(value))
    if isinstance(value, float):
        return _Number(f"{value:,.1f}" if unit else f"{value:g}")
    return _Number(count(value) if unit and unit != "id" else value)


def _fit(widths: Sequence[int], numeric: Sequence[bool], room: int) -> list[int]:
    """Return the widths of the first columns that fit into ``room``; texts give way before columns go."""
    least = [
        width if number else min(width, _NARROWEST_TEXT)
        for width, number in zip(widths, numeric, strict=True)
    ]
    fitting = len(least)
    while fitting > 1 and sum(least[:fitting]) + _GAP * fitting > room:
        fitting -= 1
    shown = list(least[:fitting])
    spare = room - sum(shown) - _GAP * fitting
    for index in sorted(range(fitting), key=lambda index: widths[index]):
        wider = min(widths[index] - shown[index], max(spare, 0))
        shown[index] += wider
        spare -= wider
    return shown


def write_json(columns: Sequence[str], rows: Rows, file: IO[str]) -> None:
    """Write an array with one object a line, as the rows come. Bytes become hexadecimal, infinity null."""
    separator = "[\n"
    for row in rows:
        record = dict(zip(columns, map(_json_value, row), strict=True))
        file.write(separator + json.dumps(record, ensure_ascii=True, allow_nan=False))
        separator = ",\n"
    file.write("\n]\n" if separator == ",\n" else "[]\n")


def _json_value(value: Value) -> Value:
    if isinstance(value, bytes):
        return value.hex()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_csv(columns: Sequence[str], rows: Rows, file: IO[str]) -> None:
    """Write a header line and one line a row, as the rows come; formulas are defused as in ``records``."""
    writer = csv.writer(CsvLines(file), lineterminator=CSV_END)
    writer.writerow([defused(column) for column in columns])
    writer.writerows(_csv_rows(rows))


def _csv_rows(rows: Rows) -> Iterator[list[object]]:
    for row in rows:
        yield [value.hex() if isinstance(value, bytes) else defused(value) for value in row]
