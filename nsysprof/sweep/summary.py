"""From the rows of a sweep's database to its result."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from nsysprof.sweep.execute import Status
from nsysprof.sweep.headline import headline
from nsysprof.sweep.plan import DEFAULT, Config, Design
from nsysprof.sweep.results import AxisResult, Point, Spread, Sweep
from nsysprof.sweep.rows import Row
from nsysprof.sweep.store import Store

MISSING = "missing"
_SIZE = re.compile(r"(\d+)x(\d+)")


def summarise(
    design: Design, configs: Sequence[Config], repeat: int, store: Store, stopped_by: int = 0
) -> Sweep:
    """Sum up what the database holds of ``configs``, at most ``repeat`` runs of each."""
    rows = {
        config.id: [row for row in store.runs([config.id]) if row["repeat"] < repeat] for config in configs
    }
    on_gpu = any(row["gpu"] for each in rows.values() for row in each)
    size = "vram_bytes" if on_gpu else "host_bytes"
    points = tuple(_point(config, rows[config.id], size, store) for config in configs)
    points = tuple(replace(point, values=_known_values(design, point, points[0])) for point in points)
    axes = tuple(_axis(axis.key, points) for axis in design.axes)
    everything = [row for each in rows.values() for row in each]
    return Sweep(
        runner=design.runner.name,
        axes=axes,
        each=design.each,
        repeat=repeat,
        points=points,
        memory="VRAM" if on_gpu else "RAM",
        gpu=", ".join(dict.fromkeys(row["gpu"] for row in everything if row["gpu"])),
        versions=_versions([row for row in everything if row["status"] == Status.OK]),
        headline=headline(axes, points, each=design.each),
        database=store.path,
        stopped_by=stopped_by,
    )


def _point(config: Config, rows: Sequence[Row], size: str, store: Store) -> Point:
    good = [row for row in rows if row["status"] == Status.OK]
    bad = [row for row in rows if row["status"] != Status.OK]
    reasons = [row["reason"] for row in bad if row["reason"]] + [row["note"] for row in good if row["note"]]
    status = Status.OK.value if good else rows[0]["status"] if rows else MISSING
    images = [store.path.parent / row["folder"] / row["first_image"] for row in good if row["first_image"]]
    profiled = [row["id"] for row in good if row["profiled"]]
    return Point(
        label=config.label,
        values=config.values,
        options=_options(rows) or config.options,
        status=status,
        reason=reasons[0] if reasons else "",
        failed=len(bad),
        time_s=spread(good, "time_s"),
        step_s=spread(good, "step_s"),
        images_per_s=spread(good, "images_per_s"),
        memory_bytes=spread(good, size),
        allocated_bytes=spread(good, "allocated_bytes"),
        composition=store.composition(profiled[0]) if profiled else {},
        image=next((path for path in images if path.is_file()), None),
        runs=tuple(rows),
    )


def spread(rows: Sequence[Mapping[str, Any]], key: str) -> Spread | None:
    """Return least, median and most of a column over ``rows``; None where no row has a value."""
    values = [row[key] for row in rows if row.get(key) is not None]
    return Spread(min(values), median(values), max(values), len(values)) if values else None


def _options(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the options that the first run recorded, by their plain names."""
    found = {
        key.removeprefix("option_"): value
        for row in rows[:1]
        for key, value in row.items()
        if "option_" in key
    }
    return {key: value for key, value in found.items() if value is not None}


def _versions(rows: Sequence[Row]) -> dict[str, str | None]:
    """Return the versions in which all runs agree."""
    found: dict[str, set[str | None]] = {}
    for row in rows:
        for key, value in row.items():
            if key.startswith("version_"):
                found.setdefault(key.removeprefix("version_"), set()).add(value)
    return {
        key: next(iter(values)) for key, values in found.items() if len(values) == 1 and None not in values
    }


def _known_values(design: Design, point: Point, base: Point) -> dict[str, str]:
    """Return a point's values, with what the base run recorded where nobody knew a default before."""
    values = dict(point.values)
    for axis in design.axes:
        recorded = axis.value_in(base.options)
        unknown = values[axis.key] == DEFAULT or (
            "none" in values[axis.key] and values[axis.key] not in axis.values
        )
        if unknown and base.status == Status.OK and "none" not in recorded:
            switch = {"0": "off", "1": "on"} if {"on", "off"} & set(axis.values) else {}
            values[axis.key] = switch.get(recorded, recorded)
    return values


def _axis(key: str, points: Sequence[Point]) -> AxisResult:
    values = list(dict.fromkeys(point.values[key] for point in points))
    numbers = {value: _number(value) for value in values}
    numeric = None not in numbers.values()
    if numeric or all(_SIZE.fullmatch(value) for value in values):
        values.sort(key=lambda value: numbers[value] or _pixels(value))
    return AxisResult(key, tuple(values), numeric)


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None


def _pixels(value: str) -> float:
    found = _SIZE.fullmatch(value)
    return float(found[1]) * float(found[2]) if found else 0.0
