"""What sharing a trace took out of it, for people and for programs."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from rich.console import Console
from rich.text import Text

from nsysprof.render.format import count
from nsysprof.render.terminal import grid
from nsysprof.render.text import plain
from nsysprof.share.results import Shared
from nsysprof.units import number_of, size

SCHEMA = "nsysprof.share/1"
_LABELS = "ENUM_"


def to_json(shared: Shared) -> str:
    """Return one JSON object with every field of ``shared``."""
    return json.dumps({"schema": SCHEMA, **asdict(shared)})


def print_shared(shared: Shared, console: Console) -> None:
    """Print what the copy lacks, and how much smaller it is."""
    table = grid("Taken out")
    for title in ("table", "rows", "of", "columns", "of"):
        table.add_column(title, justify="left" if title == "table" else "right")
    for line in _lines(shared):
        table.add_row(*map(Text, line))
    console.print(table)
    for sentence in _sentences(shared):
        console.print(Text(sentence))


def _lines(shared: Shared) -> Iterator[tuple[str, ...]]:
    whole = [entry for entry in shared.removed if not entry.name.startswith(_LABELS)]
    labels = [entry for entry in shared.removed if entry.name.startswith(_LABELS)]
    for entry in whole:
        rows = "?" if entry.rows < 0 else count(entry.rows)
        yield plain(entry.name), rows, rows, "all", ""
    if labels:
        rows = count(sum(max(entry.rows, 0) for entry in labels))
        yield f"{number_of(len(labels), 'table')} {_LABELS}...", rows, rows, "all", ""
    for entry in shared.kept:
        gone = entry.rows - entry.kept
        columns = len(entry.dropped_columns)
        if gone or columns:
            yield (
                plain(entry.name),
                count(gone),
                count(entry.rows),
                count(columns),
                count(columns + entry.kept_columns),
            )
    yield "StringIds", count(shared.strings - shared.strings_kept), count(shared.strings), "0", "2"


def _sentences(shared: Shared) -> list[str]:
    lines = [f"What is gone can hold: {'; '.join(shared.kinds)}."] if shared.kinds else []
    names = shared.replaced.get("kernel", 0) + shared.replaced.get("range", 0)
    files = shared.replaced.get("overhead", 0)
    if shared.anonymized:
        lines.append(f"Tokens stand for {number_of(names, 'name')} of kernels and ranges.")
    else:
        lines.append("Names of kernels and ranges are as they were; --anonymize hides them.")
    if names and not shared.anonymized:
        held = "a path, a file name, an address, a secret, or the host's or user's name"
        lines.append(f"Tokens stand for {number_of(names, 'name')} that held {held}.")
    if files:
        lines.append(f"What nsys says of its overhead lost {number_of(files, 'file name')}.")
    times = shared.source_bytes / shared.target_bytes
    packed = ""
    if shared.database_bytes != shared.target_bytes:
        packed = f" ({size(shared.database_bytes)} unpacked)"
    sizes = f"{size(shared.source_bytes)} -> {size(shared.target_bytes)}{packed}"
    lines.append(f"{plain(shared.target)}: {sizes}, {times:.1f} times smaller.")
    return lines
