"""A run as rows of the sweep's tables: ``runs``, ``steps`` and ``hotspots``.

Times are seconds, sizes bytes; None stands for what the run did not say.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, median_low
from typing import Any, TypeGuard

from nsysprof.measure.results import Hotspots, Step
from nsysprof.sweep.execute import Outcome
from nsysprof.sweep.plan import Config

Row = dict[str, Any]

RUN_COLUMNS: dict[str, type] = {
    "id": str,
    "config": str,
    "repeat": int,
    "runner": str,
    "status": str,
    "reason": str,
    "note": str,
    "exit_code": int,
    "started_at": str,
    "wall_s": float,
    "load_s": float,
    "time_s": float,
    "step_s": float,
    "step_mean_s": float,
    "step_min_s": float,
    "step_max_s": float,
    "steps_timed": int,
    "images": int,
    "images_per_s": float,
    "profiled": int,
    "profiled_time_s": float,
    "profiled_step_s": float,
    "vram_bytes": int,
    "allocated_bytes": int,
    "reserved_bytes": int,
    "device_used_bytes": int,
    "host_bytes": int,
    "load_allocated_bytes": int,
    "load_host_bytes": int,
    "gpu": str,
    "gpu_memory_bytes": int,
    "allocator": str,
    "allocator_settings": str,
    "scheduler": str,
    "folder": str,
    "first_image": str,
}
"""The columns of ``runs`` that every run has, with their types; ``option_*`` and ``version_*`` follow."""

_HOTSPOT_KERNELS = 100


def run_id(config: str, repeat: int) -> str:
    """Return the key of a run: its configuration and which repeat it is, from 0."""
    return f"{config}-{repeat}"


def run_row(
    config: Config, repeat: int, outcome: Outcome, versions: Mapping[str, str | None], folder: str
) -> Row:
    """Return the row of ``runs``; ``folder`` is relative to the sweep's."""
    record = outcome.record
    baseline, generation = _part(record, "baseline"), _part(record, "profiled")
    timed = baseline or generation  # of a captured run the one that nsys did not record
    steps = step_seconds(timed)
    memory, gpu, allocator = (_part(record, key) for key in ("peak_memory", "gpu", "allocator"))
    options = {**config.options, **_part(record, "options")}
    listed = record.get("images")
    images = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    made, time_s = len(images) or None, _number(timed, "total_s")
    used = [_whole(memory, key) for key in ("reserved_bytes", "device_used_bytes")]
    row: Row = {
        "id": run_id(config.id, repeat),
        "config": config.id,
        "repeat": repeat,
        "runner": record.get("runner"),
        "status": outcome.status.value,
        "reason": outcome.reason or None,
        "note": outcome.note or None,
        "exit_code": outcome.exit_code,
        "started_at": outcome.started_at,
        "wall_s": round(outcome.wall_s, 3),
        "load_s": _number(record, "load_s"),
        "time_s": time_s,
        **_step_figures(steps),
        "images": made,
        "images_per_s": made / time_s if made and time_s else None,
        "profiled": int(outcome.hotspots is not None),
        "profiled_time_s": _number(generation, "total_s") if baseline else None,
        "profiled_step_s": _median(step_seconds(generation)) if baseline else None,
        "vram_bytes": max((size for size in used if size is not None), default=None),
        **{key: _whole(memory, key) for key in RUN_COLUMNS if key.endswith("_bytes") and key in memory},
        "load_allocated_bytes": _whole(_part(memory, "load"), "allocated_bytes"),
        "load_host_bytes": _whole(_part(memory, "load"), "host_bytes"),
        "gpu": _text(gpu, "name"),
        "gpu_memory_bytes": _whole(gpu, "memory_bytes"),
        "allocator": _text(allocator, "backend"),
        "allocator_settings": _text(allocator, "settings"),
        "scheduler": _text(record, "scheduler"),
        "folder": folder,
        "first_image": next((name for name in images if "/" not in name), None),
    }
    options.pop("out", None)  # where a run's folder was, ``folder`` says
    row |= {_column("option", key): value for key, value in options.items()}
    told = {**versions, **_part(record, "versions")}
    row |= {_column("version", key): value for key, value in told.items()}
    return row


def step_rows(run: str, record: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a row of ``steps`` for each step; ``profiled_s`` is the same step while nsys recorded it."""
    baseline, generation = _part(record, "baseline"), _part(record, "profiled")
    profiled = step_seconds(generation) if baseline else []
    for index, seconds in enumerate(step_seconds(baseline or generation)):
        slow = profiled[index] if index < len(profiled) else None
        yield {"run": run, "step": index, "seconds": seconds, "profiled_s": slow}


def hotspot_rows(run: str, hotspots: Hotspots) -> Iterator[Row]:
    """Yield the rows of ``hotspots``; ``kind`` says what one is.

    ``step``: a bucket of the typical step's exclusive partition (without steps ``whole``: of the recording);
    ``category``: all work of a kind; ``kernel``: one of the longest; ``api``: a class of CUDA API calls.
    """
    step = typical_step(hotspots)
    kind, partition = ("whole", hotspots.partition) if step is None else ("step", step.partition)
    whole = sum(partition.values())
    for key, ns in partition.items():
        yield _hotspot(run, kind, key, ns, share=ns / whole if whole else None)
    for key, total in hotspots.categories.items():
        yield _hotspot(run, "category", key, total.ns, total.count, total.share)
    for kernel in hotspots.kernels[:_HOTSPOT_KERNELS]:
        row = _hotspot(run, "kernel", kernel.name, kernel.total_ns, kernel.count, kernel.share)
        yield row | {"category": kernel.category}
    for key, amount in hotspots.api.items():
        yield _hotspot(run, "api", key, amount.ns, amount.count)


def typical_step(hotspots: Hotspots) -> Step | None:
    """Return the step that stands for all; None without steps."""
    return hotspots.steps[hotspots.typical] if hotspots.typical >= 0 else None


def step_seconds(generation: Mapping[str, Any]) -> list[float]:
    """Return the steps of a generation in a run record, in seconds."""
    times = generation.get("step_ms")
    if not isinstance(times, list) or not all(_is_number(time) for time in times):
        return []
    return [time / 1000 for time in times]


def _hotspot(
    run: str, kind: str, key: str, ns: int, count: int | None = None, share: float | None = None
) -> Row:
    return {
        "run": run,
        "kind": kind,
        "key": key,
        "category": None,
        "ns": int(ns),
        "count": count,
        "share": share,
    }


def _step_figures(steps: Sequence[float]) -> Row:
    return {
        "step_s": _median(steps),
        "step_mean_s": fmean(steps) if steps else None,
        "step_min_s": min(steps, default=None),
        "step_max_s": max(steps, default=None),
        "steps_timed": len(steps) or None,
    }


def _median(values: Sequence[float]) -> float | None:
    return median_low(values) if values else None


def _part(record: Mapping[str, Any], key: str) -> dict[str, Any]:
    part = record.get(key)
    return part if isinstance(part, dict) else {}


def fits(number: int | float) -> bool:
    """Tell whether SQLite can hold a number as an integer."""
    return -(2**63) <= number < 2**63


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and fits(value)


def _number(record: Mapping[str, Any], key: str) -> float | None:
    value = record.get(key)
    return float(value) if _is_number(value) else None


def _whole(record: Mapping[str, Any], key: str) -> int | None:
    value = record.get(key)
    return int(value) if _is_number(value) else None


def _text(record: Mapping[str, Any], key: str) -> str | None:
    value = record.get(key)
    return value if isinstance(value, str) else None


def _column(kind: str, key: object) -> str:
    return f"{kind}_{re.sub(r'[^a-z0-9]+', '_', str(key).lower()).strip('_')}"
