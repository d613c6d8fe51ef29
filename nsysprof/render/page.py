"""The page: one HTML file with everything in it, which opens by double click and asks nobody for anything.

The template, the style and the scripts are the files in ``assets``; plotly comes from the installed package,
deflated. A policy in the head lets only these very scripts run (by their hashes) and nothing be loaded. Text
of a trace goes in as escaped HTML or as JSON without ``<``.
"""

import base64
import hashlib
import html
import json
import os
import re
import tempfile
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from nsysprof.classify import decode
from nsysprof.classify.categories import API_CLASSES, CATEGORIES
from nsysprof.classify.words import sentence
from nsysprof.errors import OutputError
from nsysprof.measure.results import Hotspots
from nsysprof.measure.timeline_model import Timeline
from nsysprof.render.format import duration
from nsysprof.render.pack import ALPHABET, packed
from nsysprof.render.page_head import tiles
from nsysprof.render.palette import API_LABELS, IDLE_LABELS, api_color, bucket_label, category_color
from nsysprof.render.plotly_source import plotly_source
from nsysprof.render.records import to_dict
from nsysprof.render.text import plain
from nsysprof.render.timeline_data import timeline_data

SCRIPTS = (
    *("unpack", "core", "state", "charts", "events", "steps", "lanes", "overview", "timeline"),
    *("inside", "ranges", "kernels", "compare", "api", "memory", "main"),
)
"""The files of assets/js, in the order in which they make up the page's script."""

_EMPTY_STYLE = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
"""Hash of the empty style element that plotly fills rule by rule."""

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def write_page(hotspots: Hotspots, path: str | Path, timeline: Timeline | None = None) -> Path:
    """Write the page of a result to ``path``, whose folder is made where it is missing.

    timeline: what is drawn over time; without it those parts of the page say that they are missing.

    Raises OutputError when it cannot be written; then nothing half-written stays behind.
    """
    target = Path(path)
    content = page_html(hotspots, timeline).encode("ascii")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(target, content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot write the page {target} ({reason})", "choose another path with --html"
        ) from error
    return target


def page_html(hotspots: Hotspots, timeline: Timeline | None = None) -> str:
    """Return the whole page as ASCII text."""
    script = _script()
    style = _text("page.css")
    plotly = plotly_source()
    meta, events = timeline_data(timeline) if timeline else (None, b"")
    trace = hotspots.trace
    headline = [plain(line) for line in hotspots.headline] or [_default_headline(hotspots)]
    name = plain(Path(trace.path).name)
    parts = {
        "policy": _policy([script, plotly], style),
        "title": html.escape(f"{name} - nsysprof"),
        "subtitle": html.escape(f"{name} on {plain(trace.gpu) or 'an unknown GPU'}"),
        "headline": html.escape(headline[0]),
        "more": "".join(f'<p class="more">{html.escape(line)}</p>' for line in headline[1:]),
        "warnings": _warnings(hotspots.warnings),
        "tiles": tiles(hotspots),
        "footer": html.escape(_origin(hotspots)),
        "style": style,
        "alphabet": html.escape(ALPHABET),
        "data": packed(_json(_page_data(hotspots) | {"timeline": meta}).encode()),
        "events": packed(events),
        "plotly": packed(plotly.encode()),
        "script": script,
    }
    filled = _PLACEHOLDER.sub(lambda match: parts[match[1]], _text("page.html"))
    return filled.encode("ascii", "xmlcharrefreplace").decode("ascii")


def _page_data(hotspots: Hotspots) -> dict[str, object]:
    meanings = {category.key: category.meaning for category in CATEGORIES}
    keys = dict.fromkeys([*meanings, *IDLE_LABELS, *hotspots.categories])
    return {
        "hotspots": _shown(_slim(to_dict(hotspots))),
        "facts": [sentence(decode(kernel.name)) for kernel in hotspots.kernels],
        "buckets": {
            key: {"label": bucket_label(key), "color": category_color(key), "meaning": meanings.get(key, "")}
            for key in keys
        },
        "api_classes": {key: {"label": API_LABELS[key], "color": api_color(key)} for key in API_CLASSES},
        "no_steps": "No NVTX ranges that count steps, and no repeating sequence of kernels, were found. "
        "Everything below is about the trace as a whole. Name the ranges yourself with --steps.",
    }


def _slim(record: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the page can tell without: partitions by device where there is one device."""
    if len(record["partitions"]) <= 1:
        for step in record["steps"]:
            del step["partitions"]
    return record


def _shown(data: object) -> object:
    """Return ``data`` with all its texts made plain: a bidi override would mislead readers in HTML, too."""
    if isinstance(data, str):
        return plain(data)
    if isinstance(data, dict):
        return {key: _shown(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_shown(value) for value in data]
    return data


def _default_headline(hotspots: Hotspots) -> str:
    trace = hotspots.trace
    return f"{duration(trace.end_ns - trace.start_ns)} on {plain(trace.gpu) or 'a GPU'}"


def _origin(hotspots: Hotspots) -> str:
    source = {
        "nvtx": "read from NVTX ranges",
        "detected": "found in the kernel sequence",
        "none": "not found",
    }
    return (
        f"From {plain(hotspots.trace.path)}, nsys export schema {plain(hotspots.trace.schema_version)}; "
        f"steps {source.get(hotspots.steps_source, hotspots.steps_source)}. "
        "All times are exact sums of what nsys recorded."
    )


def _warnings(warnings: tuple[str, ...]) -> str:
    if not warnings:
        return ""
    return f'<ul class="warnings">{"".join(f"<li>{html.escape(plain(line))}</li>" for line in warnings)}</ul>'


def _json(data: object) -> str:
    """Return JSON that no HTML parser mistakes for markup: ASCII, and without ``<``, ``>`` and ``&``."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(scripts: list[str], style: str) -> str:
    hashes = " ".join(_hash(script) for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src-elem {_hash(style)} {_EMPTY_STYLE}; "
        "style-src-attr 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _script() -> str:
    body = "\n".join(_text(f"js/{name}.js") for name in SCRIPTS)
    return f'"use strict";\n(async () => {{\n{body}\n}})().catch((error) => {{\n{_text("failure.js")}}});\n'


def _text(name: str) -> str:
    return _assets().joinpath(name).read_text(encoding="utf-8")


def _assets() -> Traversable:
    return files("nsysprof.render") / "assets"


def _write_whole(target: Path, content: bytes) -> None:
    """Write under a temporary name beside ``target``, then rename; on any failure the temporary file goes."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
