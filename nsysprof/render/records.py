"""Records for other programs: one JSON object (schema ``nsysprof.hotspots/1``) or CSV with one record a line.

Times are integer nanoseconds and shares lie in 0..1. In both, names stay what the trace holds, save that
CSV puts an apostrophe before a text that a spreadsheet would run as a formula.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import IO

from nsysprof.measure.results import Amount, ApiHotspot, Hotspots, KernelHotspot, Step

SCHEMA = "nsysprof.hotspots/1"

CSV_COLUMNS = (
    "record",  # step, step_category, step_partition, step_api, category, kernel, api, api_call
    "step",  # index of the step, for the records of a step
    "key",  # step label, category, bucket, API class, kernel name or API function
    "class",  # category of a kernel, class of an API call
    "ns",  # total time; for a step its GPU window
    "count",  # operations, calls; for a step its kernels
    "busy_ns",
    "idle_ns",
    "start_ns",
    "end_ns",
    "mean_ns",
    "min_ns",
    "max_ns",
    "share",
    "library",  # of a kernel
    "family",  # of a kernel
    "operator",  # innermost range that submitted most of a kernel's time
)
"""The columns of ``to_csv``; a record leaves empty what it has no value for."""

CSV_END = "\r\n"
"""What a csv writer is told to end rows with; see ``CsvLines``."""
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are = + - @ in full width, which some spreadsheets take for them."""


def to_json(hotspots: Hotspots, indent: int | None = None) -> str:
    """Return the whole result as one JSON object, ending without a newline."""
    return json.dumps(to_dict(hotspots), ensure_ascii=True, allow_nan=False, indent=indent)


def to_csv(hotspots: Hotspots) -> str:
    """Return the whole result as CSV: a header line, then one record a line in ``CSV_COLUMNS``."""
    text = io.StringIO()
    writer = csv.DictWriter(CsvLines(text), CSV_COLUMNS, restval="", lineterminator=CSV_END)
    writer.writeheader()
    for record in _csv_records(hotspots):
        writer.writerow({key: defused(value) for key, value in record.items()})
    return text.getvalue()


def to_dict(hotspots: Hotspots) -> dict[str, object]:
    """Return the object that ``to_json`` writes: dicts, lists, str, int, float only."""
    trace = hotspots.trace
    return {
        "schema": SCHEMA,
        "trace": {
            "path": trace.path,
            "gpu": trace.gpu,
            "schema_version": trace.schema_version,
            "start_ns": int(trace.start_ns),
            "end_ns": int(trace.end_ns),
        },
        "steps_source": hotspots.steps_source,
        "steps_confidence": float(hotspots.steps_confidence),
        "steps": [_step(step) for step in hotspots.steps],
        "categories": {
            key: {"ns": int(value.ns), "count": int(value.count), "share": float(value.share)}
            for key, value in hotspots.categories.items()
        },
        "kernels": [_kernel(kernel) for kernel in hotspots.kernels],
        "api": _amounts(hotspots.api),
        "unclassified_share": float(hotspots.unclassified_share),
        "api_calls": [_api_call(call) for call in hotspots.api_calls],
        **_rest(hotspots, _SHAPED),
    }


def _step(step: Step) -> dict[str, object]:
    return {
        "index": int(step.index),
        "label": step.label,
        "gpu_start_ns": int(step.gpu_start_ns),
        "gpu_end_ns": int(step.gpu_end_ns),
        "cpu_start_ns": int(step.cpu_start_ns),
        "cpu_end_ns": int(step.cpu_end_ns),
        "wall_ns": int(step.wall_ns),
        "busy_ns": int(step.busy_ns),
        "idle_ns": int(step.idle_ns),
        "kernels": int(step.kernels),
        "categories": _amounts(step.categories),
        "partition": {bucket: int(ns) for bucket, ns in step.partition.items()},
        "api": _amounts(step.api),
        **_rest(step, _SHAPED_STEP),
    }


def _kernel(kernel: KernelHotspot) -> dict[str, object]:
    return {
        "name": kernel.name,
        "category": kernel.category,
        "count": int(kernel.count),
        "total_ns": int(kernel.total_ns),
        "mean_ns": float(kernel.mean_ns),
        "min_ns": int(kernel.min_ns),
        "max_ns": int(kernel.max_ns),
        "share": float(kernel.share),
        "library": kernel.library,
        "family": kernel.family,
        "operator": kernel.operator,
        "launchers": _simple(kernel.launchers),
        "in_steps": _simple(kernel.in_steps),
    }


def _api_call(call: ApiHotspot) -> dict[str, object]:
    return {
        "name": call.name,
        "class": call.api_class,
        "async": bool(call.is_async),
        "count": int(call.count),
        "total_ns": int(call.total_ns),
        "mean_ns": float(call.mean_ns),
        "min_ns": int(call.min_ns),
        "max_ns": int(call.max_ns),
    }


_SHAPED = frozenset(
    {"trace", "steps_source", "steps_confidence", "steps", "categories", "kernels", "api", "api_calls"}
    | {"unclassified_share", "tree"}  # the kernels say category, library and family
)
_SHAPED_STEP = frozenset(
    {"index", "label", "gpu_start_ns", "gpu_end_ns", "cpu_start_ns", "cpu_end_ns", "wall_ns", "busy_ns"}
    | {"idle_ns", "kernels", "categories", "partition", "api"}
)


def _rest(record: Hotspots | Step, shaped: frozenset[str]) -> dict[str, object]:
    """Return the fields that have no shape of their own, as they are."""
    return {
        field.name: _simple(getattr(record, field.name))
        for field in fields(record)
        if field.name not in shaped
    }


def _simple(value: object) -> object:
    if is_dataclass(value):
        return {field.name: _simple(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _simple(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_simple(each) for each in value]
    return value


def _amounts(amounts: Mapping[str, Amount]) -> dict[str, dict[str, int]]:
    return {key: {"ns": int(value.ns), "count": int(value.count)} for key, value in amounts.items()}


def _csv_records(hotspots: Hotspots) -> Iterator[dict[str, object]]:
    for step in hotspots.steps:
        yield from _csv_step(step)
    for key, total in hotspots.categories.items():
        yield {"record": "category", "key": key, "ns": total.ns, "count": total.count, "share": total.share}
    for kernel in hotspots.kernels:
        yield {
            "record": "kernel",
            "key": kernel.name,
            "class": kernel.category,
            "share": kernel.share,
            "library": kernel.library,
            "family": kernel.family,
            "operator": kernel.operator,
            **_spread(kernel),
        }
    for key, amount in hotspots.api.items():
        yield {"record": "api", "key": key, "ns": amount.ns, "count": amount.count}
    for call in hotspots.api_calls:
        yield {"record": "api_call", "key": call.name, "class": call.api_class, **_spread(call)}


def _csv_step(step: Step) -> Iterator[dict[str, object]]:
    yield {
        "record": "step",
        "step": step.index,
        "key": step.label,
        "ns": step.wall_ns,
        "count": step.kernels,
        "busy_ns": step.busy_ns if step.busy_ns >= 0 else "",
        "idle_ns": step.idle_ns if step.idle_ns >= 0 else "",
        "start_ns": step.gpu_start_ns,
        "end_ns": step.gpu_end_ns,
    }
    for key, work in step.categories.items():
        yield {"record": "step_category", "step": step.index, "key": key, "ns": work.ns, "count": work.count}
    for bucket, ns in step.partition.items():
        yield {"record": "step_partition", "step": step.index, "key": bucket, "ns": ns}
    for key, calls in step.api.items():
        yield {"record": "step_api", "step": step.index, "key": key, "ns": calls.ns, "count": calls.count}


def _spread(row: KernelHotspot | ApiHotspot) -> dict[str, object]:
    return {
        "ns": row.total_ns,
        "count": row.count,
        "mean_ns": row.mean_ns,
        "min_ns": row.min_ns,
        "max_ns": row.max_ns,
    }


class CsvLines:
    """Where a csv writer puts its rows, which end with a newline in ``file``.

    The writer itself is told ``CSV_END``, since it puts only texts that hold some of that between quotes, and
    a carriage return alone ends a row, too, for those who read it.
    """

    def __init__(self, file: IO[str]) -> None:
        """Write to ``file``."""
        self._file = file

    def write(self, row: str) -> int:
        """Write one whole row."""
        return self._file.write(row.removesuffix(CSV_END) + "\n")


def defused(value: object) -> object:
    """Return ``value`` as CSV may hold it: a text that looks like a formula gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_STARTS) else value
