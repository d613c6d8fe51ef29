"""The page: one HTML file with everything in it, which opens by double click and asks nobody for anything.

The template, the style and the scripts are the files in ``assets``; plotly comes from the installed package,
deflated. A policy in the head lets only these very scripts run (by their hashes) and nothing be loaded. Text
of a trace goes in as escaped HTML or as JSON without ``<``.
"""

import hashlib
import html
import os
from pathlib import Path
from typing import Any

from nsysprof.attribute.buckets import WORK_LABELS
from nsysprof.classify.categories import API_CLASSES, CATEGORIES
from nsysprof.classify.decoder import decode
from nsysprof.classify.words import sentence
from nsysprof.measure.results import Hotspots
from nsysprof.measure.timeline_model import Timeline
from nsysprof.render.format import duration
from nsysprof.render.page_file import Layout, assembled, shown, write_file
from nsysprof.render.page_head import tiles
from nsysprof.render.palette import API_LABELS, IDLE_LABELS, api_color, bucket_label, category_color
from nsysprof.render.records import to_dict
from nsysprof.render.text import plain
from nsysprof.render.timeline_data import timeline_data

SCRIPTS = (
    *("unpack", "core", "result", "theme", "plotly", "state", "charts", "print", "ticks"),
    *("events", "steps", "lanes", "overview", "timeline", "timeline_draw", "pointing", "timeline_csv"),
    *(
        "inside",
        "blocks",
        "ranges",
        "step_kernels",
        "kernels",
        "treemap",
        "compare",
        "api",
        "over_time",
        "memory",
        "main",
    ),
)
"""The files of assets/js, in the order in which they make up the page's script."""

LAYOUT = Layout(
    sections={
        "steps": ("Steps", "Steps"),
        "timeline": ("Timeline", "Timeline"),
        "inside": ("Inside a step", "Inside a step"),
        "kernels": ("Kernels", "Kernels"),
        "compare": ("Compare", "Steps compared"),
        "api": ("CUDA API", "CUDA API"),
        "memory": ("Memory", "Memory"),
    },
    scripts=[f"js/{name}.js" for name in SCRIPTS],
    picker="picker.html",
    keys="keys.html",
    payload="events.html",
)


def write_page(hotspots: Hotspots, path: str | Path, timeline: Timeline | None = None) -> Path:
    """Write the page of a result to ``path``, whose folder is made where it is missing.

    timeline: what is drawn over time; without it those parts of the page say that they are missing.

    Raises OutputError when it cannot be written; then nothing half-written stays behind.
    """
    return write_file(page_html(hotspots, timeline), Path(path), Path(hotspots.trace.path))


def replaces_another(path: Path, trace: Path) -> bool:
    """Return whether ``path`` is a file now that is no page of the trace at ``trace``."""
    return path.is_file() and _mark(trace).encode() not in path.read_bytes()


def page_html(hotspots: Hotspots, timeline: Timeline | None = None) -> str:
    """Return the whole page as ASCII text."""
    meta, events = timeline_data(timeline) if timeline else (None, b"")
    trace = hotspots.trace
    headline = [plain(line) for line in hotspots.headline] or [_default_headline(hotspots)]
    name = plain(Path(trace.path).name)
    parts: dict[str, str | bytes] = {
        "title": html.escape(f"{name} - nsysprof"),
        "subtitle": html.escape(_subtitle(hotspots, name)),
        "headline": html.escape(headline[0]),
        "more": "".join(f'<p class="more">{html.escape(line)}</p>' for line in headline[1:]),
        "warnings": _warnings(hotspots.warnings),
        "tiles": tiles(hotspots),
        "footer": html.escape(_origin(hotspots)) + _mark(Path(trace.path)),
        "events": events,
    }
    data = _page_data(hotspots) | {"timeline": meta}
    return assembled(LAYOUT, data, parts)


def _subtitle(hotspots: Hotspots, name: str) -> str:
    ran = f": {plain(hotspots.ran)}" if hotspots.ran else ""
    return f"{name} on {plain(hotspots.trace.gpu) or 'an unknown GPU'}{ran}"


def _page_data(hotspots: Hotspots) -> dict[str, object]:
    meanings = {category.key: category.meaning for category in CATEGORIES}
    keys = dict.fromkeys([*meanings, *WORK_LABELS, *IDLE_LABELS])
    return {
        "hotspots": shown(_slim(_named(to_dict(hotspots)))),
        "facts": [sentence(decode(kernel.name)) for kernel in hotspots.kernels],
        "buckets": {
            key: {"label": bucket_label(key), "color": category_color(key), "meaning": meanings.get(key, "")}
            for key in keys
        },
        "api_classes": {key: {"label": API_LABELS[key], "color": api_color(key)} for key in API_CLASSES},
        "no_steps": "No NVTX ranges that count steps, and no repeating sequence of kernels, were found. "
        "Everything below is about the trace as a whole. Name the ranges yourself with --steps.",
    }


def _named(record: dict[str, Any]) -> dict[str, Any]:
    """Leave out where the trace lies: a page is passed on."""
    return record | {"trace": record["trace"] | {"path": Path(record["trace"]["path"]).name}}


def _mark(trace: Path) -> str:
    """Return a comment by which a page is known again as this trace's, without telling its path."""
    return f"<!-- trace {hashlib.sha256(os.fsencode(trace.resolve())).hexdigest()[:16]} -->"


def _slim(record: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the page can tell without: partitions by device where there is one device."""
    if len(record["partitions"]) <= 1:
        for step in record["steps"]:
            del step["partitions"]
    return record


def _default_headline(hotspots: Hotspots) -> str:
    trace = hotspots.trace
    return f"{duration(trace.end_ns - trace.start_ns)} on {plain(trace.gpu) or 'a GPU'}"


def _origin(hotspots: Hotspots) -> str:
    source = {
        "nvtx": "read from NVTX ranges",
        "detected": "found in the kernel sequence",
        "none": "not found",
    }
    trace = hotspots.trace
    return (
        f"From {plain(Path(trace.path).name)}, nsys export schema {plain(trace.schema_version)}; "
        f"steps {source.get(hotspots.steps_source, hotspots.steps_source)}. "
        "All times are exact sums of what nsys recorded."
    )


def _warnings(warnings: tuple[str, ...]) -> str:
    if not warnings:
        return ""
    return f'<ul class="warnings">{"".join(f"<li>{html.escape(plain(line))}</li>" for line in warnings)}</ul>'
