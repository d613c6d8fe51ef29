"""The page of a sweep: one self-contained HTML file with curves, images and the table."""

import html
from collections.abc import Iterator
from pathlib import Path

from nsysprof.render.format import duration, number_of, size
from nsysprof.render.page_file import Layout, assembled, facts_html, shown, write_file
from nsysprof.render.palette import bucket_label, category_color
from nsysprof.render.sweep_images import Embedded, embedded
from nsysprof.render.sweep_records import to_dict
from nsysprof.render.sweep_tables import STATUS_WORDS, about
from nsysprof.render.text import plain
from nsysprof.sweep.headline import runs_each
from nsysprof.sweep.results import Point, Sweep

SCRIPTS = (
    *("js/unpack.js", "js/core.js", "js/theme.js", "js/plotly.js", "js/charts.js", "js/print.js"),
    *("sweep/points.js", "sweep/curves.js", "sweep/composition.js", "sweep/images.js", "sweep/table.js"),
    "sweep/main.js",
)
"""The files of assets, in the order in which they make up the page's script."""

LAYOUT = Layout(
    sections={
        "curves": ("Curves", "Curves"),
        "composition": ("Inside a step", "Inside a step"),
        "images": ("Images", "Images"),
        "table": ("Table", "Table"),
    },
    scripts=SCRIPTS,
    styles=("page.css", "sweep/sweep.css"),
)


def write_sweep_page(sweep: Sweep, path: str | Path) -> Path:
    """Write the page of a sweep to ``path``, whose folder is made where it is missing.

    Raises OutputError when it cannot be written; then nothing half-written stays behind.
    """
    return write_file(sweep_html(sweep), Path(path))


def sweep_html(sweep: Sweep) -> str:
    """Return the whole page as ASCII text."""
    headline = [plain(line) for line in sweep.headline] or [number_of(len(sweep.points), "configuration")]
    parts = {
        "title": html.escape(f"{plain(sweep.runner)} sweep - nsysprof"),
        "subtitle": html.escape(about(sweep)),
        "headline": html.escape(headline[0]),
        "more": "".join(f'<p class="more">{html.escape(line)}</p>' for line in headline[1:]),
        "warnings": _warnings(sweep),
        "tiles": facts_html(_facts(sweep)),
        "footer": html.escape(_footer(sweep)),
    }
    return assembled(LAYOUT, _page_data(sweep), parts)


def _page_data(sweep: Sweep) -> dict[str, object]:
    record = to_dict(sweep)
    del record["runs"]  # the database has them; the page shows configurations
    points = record["points"]
    assert isinstance(points, list)  # noqa: S101 - to_dict makes it
    for point, shown_point in zip(sweep.points, points, strict=True):
        image = embedded(point.image, len(sweep.points)) if point.image else Embedded("", "")
        shown_point["image_name"] = image.name
        shown_point["image"] = image.data_url
    keys = dict.fromkeys(key for point in sweep.points for key in point.composition)
    buckets = {plain(key): {"label": bucket_label(key), "color": category_color(key)} for key in keys}
    return {"sweep": shown(record), "buckets": shown(buckets), "api_classes": {}}


def _facts(sweep: Sweep) -> Iterator[tuple[str, str, str]]:
    """Yield term, value and a note that puts the value in proportion."""
    measured = [point for point in sweep.points if point.status == "ok"]
    repeats = runs_each(*sweep.runs_each)
    lost = len(sweep.points) - len(measured)
    yield "Configurations", str(len(sweep.points)), repeats + (f", {lost} without figures" if lost else "")
    torch = sweep.versions.get("torch")
    yield "Device", plain(sweep.gpu) or "CPU", plain(f"torch {torch}") if torch else ""
    fastest = max(measured, key=_rate, default=None)
    if fastest and fastest.images_per_s:
        note = f"an image at {plain(fastest.label)}"
        yield "Fastest", duration(1e9 / fastest.images_per_s.middle), note
    largest = max(measured, key=_memory, default=None)
    if largest and largest.memory_bytes:
        yield f"Most {sweep.memory}", size(largest.memory_bytes.middle), f"at {plain(largest.label)}"


def _rate(point: Point) -> float:
    return point.images_per_s.middle if point.images_per_s else 0.0


def _memory(point: Point) -> float:
    return point.memory_bytes.middle if point.memory_bytes else 0.0


def _warnings(sweep: Sweep) -> str:
    lines = []
    for status, words in STATUS_WORDS.items():
        labels = [plain(point.label) for point in sweep.points if point.status == status]
        if labels:
            more = f" and {len(labels) - 6} more" if len(labels) > 6 else ""
            lines.append(f"{words}: {'; '.join(labels[:6])}{more}")
    if not lines:
        return ""
    return f'<ul class="warnings">{"".join(f"<li>{html.escape(line)}</li>" for line in lines)}</ul>'


def _footer(sweep: Sweep) -> str:
    memory = (
        "Max VRAM is what the whole device had in use, as nvidia-smi shows it; allocated: what tensors took."
        if sweep.memory == "VRAM"
        else "Max RAM is the process's largest resident size."
    )
    return (
        f"Every run is in {plain(sweep.database.name)}, table runs. {memory} Times go from prompt to images."
    )
