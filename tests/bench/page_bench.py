"""Measure the page in a real browser: size, time to write and to open, time of a zoom and of choosing a step.

python -m bench.page_bench REPORT.md TRACE.sqlite...     (tests/ on the path)

Times are medians in headless Chromium without a GPU, each of a fresh page in a warm browser; a zoom or a
choice is timed from the event until the frame that shows it has been drawn.
"""

import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from browser import Browser, browser

from nsysprof.measure.hotspots import examine, hotspots_of
from nsysprof.measure.timeline import measure_timeline
from nsysprof.render.page import write_page
from nsysprof.trace import open_trace

OPENINGS = 7
ACTIONS = 15

_TIMED = """
const done = arguments[arguments.length - 1];
const begun = performance.now();
(%s)();
requestAnimationFrame(() => {
  const channel = new MessageChannel();
  channel.port1.onmessage = () => done(performance.now() - begun);
  channel.port2.postMessage(null);
});
"""
_ZOOM = """() => {
  const plot = document.querySelector('#lanes .js-plotly-plot'), box = plot.getBoundingClientRect();
  plot.dispatchEvent(new WheelEvent('wheel',
    {deltaY: %d, clientX: box.left + 600, clientY: box.top + 60, bubbles: true, cancelable: true}));
}"""
_NEXT = "() => document.getElementById('step-on').click()"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one trace's page costs."""

    trace: str
    kernels: int
    calls: int
    timeline_s: float
    """Measuring what is drawn over time, beyond what the tables need."""
    write_s: float
    megabytes: float
    first_ms: float
    """Opening in a browser that has shown nothing before."""
    open_ms: float
    zoom_ms: float
    worst_zoom_ms: float
    step_ms: float
    """Choosing a step with the timeline on the screen."""
    worst_step_ms: float


def measure(path: Path, folder: Path) -> Measured:
    """Write the page of a trace and use it."""
    with open_trace(path) as trace:
        inputs = examine(trace)
        hotspots = hotspots_of(inputs)
        begun = time.perf_counter()
        timeline = measure_timeline(inputs, hotspots)
        measured = time.perf_counter()
        page = write_page(hotspots, folder / f"{path.stem}.html", timeline)
        written = time.perf_counter()
        kernels, calls = len(trace.kernels), len(trace.api_calls)
    with browser() as chromium:
        first = opening(chromium, page)
        openings = [opening(chromium, page) for _ in range(OPENINGS)]
        chromium.run("document.getElementById('timeline').scrollIntoView()")
        chromium.wait("return document.querySelector('#lanes canvas').width > 300")
        zooms = [timed(chromium, _ZOOM % (-200 if turn < ACTIONS else 200)) for turn in range(2 * ACTIONS)]
        choices = [timed(chromium, _NEXT) for _ in range(ACTIONS)]
    return Measured(
        trace=path.stem,
        kernels=kernels,
        calls=calls,
        timeline_s=measured - begun,
        write_s=written - measured,
        megabytes=page.stat().st_size / 1e6,
        first_ms=first,
        open_ms=median(openings),
        zoom_ms=median(zooms),
        worst_zoom_ms=max(zooms),
        step_ms=median(choices),
        worst_step_ms=max(choices),
    )


def opening(chromium: Browser, page: Path) -> float:
    """Return the ms from navigation to a page whose charts are drawn and wired."""
    chromium.open(page)
    return float(chromium.run("return performance.getEntriesByName('nsysprof-open')[0].startTime"))


def timed(chromium: Browser, action: str) -> float:
    """Return the ms that an action and the frame that shows it take."""
    return float(chromium.driver.execute_async_script(_TIMED % action))


def report(rows: list[Measured]) -> str:
    """Return the measurements as Markdown."""
    lines = [
        "# The page, measured",
        "",
        "`PYTHONPATH=tests python -m bench.page_bench reports/bench/page.md TRACE.sqlite...`",
        "",
        f"Headless Chromium without a GPU, {os.cpu_count()} cores, {platform.machine()}; medians, ms.",
        "",
        "| trace | kernels | API calls | timeline s | write s | MB | opens (first in a fresh browser) "
        "| zoom (worst) | choose a step (worst) |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        size = f"{row.timeline_s:.2f} | {row.write_s:.2f} | {row.megabytes:.2f}"
        zoom = f"{row.zoom_ms:.0f} ({row.worst_zoom_ms:.0f})"
        step = f"{row.step_ms:.0f} ({row.worst_step_ms:.0f})"
        opening = f"{row.open_ms:.0f} ({row.first_ms:.0f})"
        lines.append(
            f"| {row.trace} | {row.kernels:,} | {row.calls:,} | {size} | {opening} | {zoom} | {step} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the traces that are named, write the report and print it."""
    target, *traces = map(Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        text = report([measure(trace, Path(folder)) for trace in traces])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
