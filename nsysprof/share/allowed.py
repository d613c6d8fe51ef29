"""What of a trace may be shared: the declared tables and columns, and of texts what is harmless."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from nsysprof.trace.diagnostics import tells_loss
from nsysprof.trace.schema import (
    DIAGNOSTICS,
    EXPORT,
    GPUS,
    KERNEL,
    NVTX,
    NVTX_DOMAIN_CREATE,
    NVTX_RANGES,
    OVERHEAD,
    RUNTIME,
    STRINGS,
    TABLES,
    Table,
)
from nsysprof.trace.source import Source

NAMED = f'"eventType" IN ({", ".join(map(str, (*NVTX_RANGES, NVTX_DOMAIN_CREATE)))})'
"""SQL that tells the rows of NVTX_EVENTS whose text is needed: ranges, and names of domains."""
REFERENCES = (
    ("range", NVTX, "textId", NAMED),
    ("kernel", KERNEL, "demangledName", "1"),
    ("api", RUNTIME, "nameId", "1"),
    ("overhead", OVERHEAD, "nameId", "1"),
)
"""Columns that hold ids of strings: what the string is, table, column, and which rows need it."""

_EXPORT_ROWS = frozenset(
    (
        *(f"EXPORT_SCHEMA_VERSION{part}" for part in ("", "_MAJOR", "_MINOR", "_MICRO")),
        *(f"EXPORT_PRODUCT_{part}" for part in ("NAME", "VERSION", "DATE")),
    )
)
_VERSION = re.compile(r"[\d.]{1,40}|NVIDIA Nsight Systems")
_GPU = re.compile(r"[\w .,()/+-]{1,80}", re.ASCII)
_LOSSES = {
    what: f"{what} events were lost, says nsys; its own words are not in this copy"
    for what in ("CUDA", "NVTX", "OS runtime", "Some")
}
_LABELS = frozenset(
    (
        *("Unknown", "Host-to-Device", "Device-to-Host", "Host-to-Array", "Array-to-Host", "Array-to-Array"),
        *("Array-to-Device", "Device-to-Array", "Device-to-Device", "Host-to-Host", "Peer-to-Peer"),
        *(f"Unified {way}" for way in ("Host-to-Device", "Device-to-Host", "Device-to-Device")),
        *("Pageable", "Pinned", "Device", "Array", "Managed", "Device Static", "Managed Static"),
        *("Event sync", "Stream wait sync", "Stream sync", "Context sync"),
    )
)
"""What nsys calls directions of copies, kinds of memory and kinds of waits."""

KINDS = (
    ("environment variables, host and user", r"TARGET_INFO_SYSTEM_ENV|META_DATA_CAPTURE"),
    ("command lines and settings of the capture", r"META_DATA_CAPTURE|ANALYSIS_FILE"),
    ("process and thread names", r"PROCESSES|ThreadNames"),
    ("what the program printed", r"ProcessStreams"),
    ("messages of nsys", r"DIAGNOSTIC_EVENT(\.\w+)?"),
    ("date and time of the capture", r"TARGET_INFO_SESSION_START_TIME|META_DATA_CAPTURE"),
    ("serial numbers and addresses of devices", r"TARGET_INFO_GPU\.(uuid|busLocation|luid|ct\w+)"),
    ("network and disk devices", r"TARGET_INFO_NIC_INFO|NIC_ID_MAP|NET_\w+|NVME\w*|TARGET_INFO_NVME\w*"),
    ("variable names", r"CUDA_GPU_MEMORY_USAGE_EVENTS\.name"),
    ("payloads of NVTX ranges", r"NVTX_EVENTS\.(jsonText|jsonTextId|binaryData|\w+Value)"),
    ("operating system calls, samples and call chains", r"OSRT_\w+|COMPOSITE_EVENTS|SAMPLING_\w+|SCHED_\w+"),
)
"""What some tables and columns hold, for the report; what is not here is removed just the same."""


@dataclass(frozen=True, slots=True)
class Copied:
    """One table of the copy."""

    table: Table
    """Its declaration."""
    name: str
    """As the file calls it."""
    columns: tuple[str, ...]
    """Columns of the copy, in the file's order."""
    dropped: tuple[str, ...]
    """Columns of the file that are not copied."""


def copied_tables(source: Source) -> tuple[Copied, ...]:
    """Return every table of the trace that may be shared; strings are not among them."""
    wanted: dict[str, tuple[Table, set[str]]] = {}
    for table in TABLES:
        name = source.name_in_file(table)
        if name and table is not STRINGS and table.columns:
            wanted.setdefault(name, (table, set()))[1].update(column.name for column in table.columns)
    found = []
    for name, (table, allowed) in wanted.items():
        present = [str(row[1]) for row in source.fetch(f'PRAGMA table_info("{name}")')]
        kept = tuple(column for column in present if column in allowed)
        dropped = tuple(column for column in present if column not in allowed)
        if kept and (table is not DIAGNOSTICS or "text" in kept):
            found.append(Copied(table, name, kept, dropped))
    return tuple(found)


def text_column(table: Table, column: str) -> str:
    """Return what a column's texts are: ``export``, ``label``, ``gpu``, ``loss``, ``range``, or none."""
    if table is EXPORT:
        return "export"
    if table is NVTX:
        return "range" if column == "text" else ""
    if table is DIAGNOSTICS:
        return "loss" if column == "text" else ""
    if table is GPUS:
        return "gpu" if column == "name" else ""
    return "label" if column == "label" else ""


def condition(table: Table) -> str:
    """Return SQL that tells which rows of a table may be shared."""
    if table is EXPORT:
        return f'"name" IN ({", ".join(map(repr, sorted(_EXPORT_ROWS)))})'
    if table is DIAGNOSTICS:
        return "harmless('loss', CAST(\"text\" AS BLOB)) <> ''"
    return "1"


def harmless(kind: str, text: str) -> str:
    """Return a text of the given kind (see ``text_column``), empty where it cannot be one.

    What stands for nsys's word that events were lost says only of which kind.
    """
    if kind == "loss":
        what = next((name for name in _LOSSES if name in text), "Some")
        return _LOSSES[what] if tells_loss(text) else ""
    if kind == "label":
        return text if text in _LABELS else ""
    pattern = _GPU if kind == "gpu" else _VERSION
    return text if text in _EXPORT_ROWS or pattern.fullmatch(text) else ""


def kinds(removed: Callable[[str], bool]) -> tuple[str, ...]:
    """Return what was removed, in words; ``removed`` tells whether some table or ``table.column`` that
    the given expression matches was.
    """
    return tuple(words for words, expression in KINDS if removed(expression))
