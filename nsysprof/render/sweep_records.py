"""A sweep for other programs: one JSON object (schema ``nsysprof.sweep/1``) or CSV with one run a line.

Times are seconds, sizes bytes. ``runs`` in the JSON and the lines of the CSV are rows of the table ``runs``.
"""

import csv
import io
import json

from nsysprof.render.records import CSV_END, CsvLines, defused
from nsysprof.sweep.results import Point, Spread, Sweep

SCHEMA = "nsysprof.sweep/1"


def to_json(sweep: Sweep, indent: int | None = None) -> str:
    """Return the whole sweep as one JSON object, ending without a newline."""
    return json.dumps(to_dict(sweep), ensure_ascii=True, allow_nan=False, indent=indent)


def to_csv(sweep: Sweep) -> str:
    """Return a header line and one line a run; a run leaves empty what it has no value for."""
    rows = [run for point in sweep.points for run in point.runs]
    columns = list(dict.fromkeys(key for row in rows for key in row)) or ["id"]
    text = io.StringIO()
    writer = csv.DictWriter(CsvLines(text), columns, restval="", lineterminator=CSV_END)
    writer.writeheader()
    for row in rows:
        writer.writerow({key: defused(value) for key, value in row.items()})
    return text.getvalue()


def to_dict(sweep: Sweep) -> dict[str, object]:
    """Return the object that ``to_json`` writes: dicts, lists, str, int, float, bool and None only."""
    return {
        "schema": SCHEMA,
        "runner": sweep.runner,
        "each": sweep.each,
        "repeat": sweep.repeat,
        "runs_each": list(sweep.runs_each),
        "complete": not sweep.stopped_by,
        "gpu": sweep.gpu,
        "memory": sweep.memory,
        "versions": dict(sweep.versions),
        "headline": list(sweep.headline),
        "axes": [
            {"key": axis.key, "values": list(axis.values), "numeric": axis.numeric} for axis in sweep.axes
        ],
        "points": [_point(point) for point in sweep.points],
        "runs": [dict(run) for point in sweep.points for run in point.runs],
    }


def _point(point: Point) -> dict[str, object]:
    return {
        "label": point.label,
        "values": dict(point.values),
        "options": dict(point.options),
        "status": point.status,
        "reason": point.reason,
        "failed": point.failed,
        "time_s": _spread(point.time_s),
        "step_s": _spread(point.step_s),
        "images_per_s": _spread(point.images_per_s),
        "memory_bytes": _spread(point.memory_bytes),
        "allocated_bytes": _spread(point.allocated_bytes),
        "composition_ns": {key: int(ns) for key, ns in point.composition.items()},
    }


def _spread(spread: Spread | None) -> dict[str, float] | None:
    if spread is None:
        return None
    return {"min": spread.low, "median": spread.middle, "max": spread.high}
