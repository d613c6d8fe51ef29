"""What lies over time on the page: copied, pointed at, moved by keys, in the units of the rest."""

import csv
import io
import re
from pathlib import Path

import pytest
import traced_page
from browser import Browser
from selenium.webdriver.common.keys import Keys
from trace_builder import TraceBuilder
from traced_page import Case, figure_of, page_of, pointer, show

case, chromium = traced_page.case, traced_page.chromium

AXIS = "return document.querySelector('#lanes .js-plotly-plot').layout.xaxis.range"
TIMELINE = "GPU, CUDA API and NVTX over time"
COPIED = """
const [figure] = arguments;
window.copied = null;
navigator.clipboard.writeText = async text => { window.copied = text; };
[...figure.querySelectorAll('.tools button')].find(each => each.textContent === 'Copy CSV').click();
return window.copied;
"""
MOMENT = re.compile(r"-?[\d,]+(\.\d+)? (ns|us|ms|s)")


def copied(chromium: Browser, title: str) -> list[dict[str, str]]:
    text = str(chromium.run(COPIED, figure_of(chromium, title)))
    return list(csv.DictReader(io.StringIO(text)))


def test_the_timeline_copies_everything_in_view(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#timeline")
    show(chromium, "timeline")
    chromium.run("document.getElementById('lanes').focus()")
    chromium.press("0")
    rows = copied(chromium, TIMELINE)
    whole = case.timeline
    of = {kind: [row for row in rows if row["row"].startswith(kind)] for kind in ("GPU", "CUDA API", "NVTX")}
    assert len(of["GPU"]) == len(whole.gpu.start_ns)
    assert len(of["CUDA API"]) == len(whole.api.start_ns)
    assert len(of["NVTX"]) == len(whole.ranges.start_ns)
    busy = int((whole.gpu.end_ns - whole.gpu.start_ns).sum())
    assert sum(int(row["duration_ns"]) for row in of["GPU"]) == busy
    assert len(rows) == sum(map(len, of.values()))


def test_the_timeline_copies_ranges_that_began_before_the_view(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#timeline?step=1")
    show(chromium, "timeline")
    chromium.run("document.getElementById('lanes').focus()")
    chromium.press("+", "+")
    low, high = (round(value * 1e9) + case.timeline.start_ns for value in chromium.run(AXIS))
    ranges = case.timeline.ranges
    wanted = int(((ranges.start_ns <= high) & (ranges.end_ns >= low)).sum())
    assert wanted
    found = [row for row in copied(chromium, TIMELINE) if row["row"].startswith("NVTX")]
    assert len(found) == pytest.approx(wanted, abs=1)
    assert any(int(row["start_ns"]) < low for row in found)


def test_where_there_are_sums_the_timeline_copies_them(chromium: Browser, case: Case) -> None:
    chromium.open(case.bounded_page, "#timeline")
    show(chromium, "timeline")
    chromium.run("document.getElementById('lanes').focus()")
    chromium.press("0")
    rows = copied(chromium, TIMELINE)
    assert {row["what"] for row in rows} == {"event", "sum", "note"}
    assert "Events are single ones within" in rows[-1]["name"]
    gpu = sum(int(row["duration_ns"]) for row in rows if row["row"].startswith("GPU"))
    busy = int((case.timeline.gpu.end_ns - case.timeline.gpu.start_ns).sum())
    assert gpu == pytest.approx(busy, rel=0.01)  # bins at the edges of exact steps count twice


TIP = "const tip = document.getElementById('tip'); return tip.hidden ? '' : tip.innerText"
POINT = """
const { left, top } = document.querySelector('#lanes canvas').getBoundingClientRect();
const at = { clientX: left + arguments[0], clientY: top + arguments[1], bubbles: true };
document.getElementById('lanes').dispatchEvent(new MouseEvent('mousemove', at));
"""
WHEEL = """
const plot = document.querySelector('#lanes .js-plotly-plot'), { left, top } = plot.getBoundingClientRect();
const at = { clientX: left + arguments[0], clientY: top + 60, bubbles: true, cancelable: true };
plot.dispatchEvent(new WheelEvent('wheel', { deltaY: -240, ...at }));
"""


def test_the_tooltip_follows_a_zoom(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#timeline?step=1")
    show(chromium, "timeline")
    chromium.run("document.getElementById('lanes').focus()")
    height = chromium.run("return document.querySelector('#lanes canvas').clientHeight")
    said = []
    for turn in range(16):
        chromium.run(POINT, 700, height - 20)
        if turn < 4:
            chromium.press("+")
        else:
            chromium.run(WHEEL, 700)
        said.append(chromium.run(TIP))
        chromium.run(POINT, 700, height - 20)
        assert chromium.run(TIP) == said[-1]
    assert len(set(said)) > 3
    exact = re.findall(r"begins \d+\.(\d+) ms after", "\n".join(said))
    assert len(exact[-1]) > len(exact[0])
    assert len(exact[-1]) >= 3


def test_the_timeline_has_the_keys_after_a_click_and_escape_shows_all_steps(
    chromium: Browser, case: Case
) -> None:
    chromium.open(case.page, "#timeline")
    show(chromium, "timeline")
    steps = chromium.run(AXIS)
    pointer(chromium, "#lanes canvas", 600, 30, click=True)
    assert chromium.run("return document.activeElement.id") == "lanes"
    chromium.press("0")
    assert chromium.run(AXIS) == [0, pytest.approx((case.timeline.end_ns - case.timeline.start_ns) / 1e9)]
    chromium.press(Keys.ESCAPE)
    assert chromium.run(AXIS) == steps


def deep(levels: int) -> TraceBuilder:
    builder = TraceBuilder()
    for step in range(2):
        at = step * 100_000
        builder.nvtx(f"step {step}", at, at + 90_000)
        for level in range(levels):
            builder.nvtx(f"level {level}", at + 100 + level * 100, at + 80_000 - level * 100)
        builder.launch(
            "gemm_kernel", (at + 30_000, at + 30_100), (at + 31_000, at + 60_000), correlation=step + 1
        )
    return builder


def test_deep_ranges_have_a_row_each_or_are_said_to_be_left_out(chromium: Browser, tmp_path: Path) -> None:
    chromium.open(page_of(deep(25), tmp_path), "#timeline?step=0")
    show(chromium, "timeline")
    height = 150 / 26
    for level in (3, 12, 24):
        pointer(chromium, "#lanes canvas", 600, 4 + (level + 1.5) * height)
        assert chromium.text("#tip").startswith(f"level {level}\n")
    assert "levels deep" not in chromium.text("#timeline .figure > p")
    chromium.open(page_of(deep(70), tmp_path), "#timeline?step=0")
    said = chromium.text("#timeline .figure > p")
    assert "ranges lie 71 levels deep; the first 60 are drawn, 11 are not" in said


def test_a_row_tells_its_whole_name(chromium: Browser, tmp_path: Path) -> None:
    builder = TraceBuilder()
    for pid in (123_456, 234_567):
        builder.kernel("gemm_kernel", pid, pid + 500, stream=13, pid=pid)
    chromium.open(page_of(builder, tmp_path), "#timeline")
    show(chromium, "timeline")
    names = []
    for y in (20, 67):
        pointer(chromium, "#lanes canvas", 60, y)
        names.append(chromium.text("#tip"))
    assert names == [f"GPU 0, stream 13, process {pid}" for pid in (123_456, 234_567)]


def test_times_on_axes_are_written_as_elsewhere(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#timeline?step=1")
    show(chromium, "timeline")
    chromium.run("document.getElementById('lanes').focus()")
    for _ in range(6):
        show(chromium, "timeline")
        written = chromium.texts("#lanes .ticks span")
        assert len(written) == len(set(written)) > 2
        assert all(MOMENT.fullmatch(text) for text in written)
        chromium.press("+", "+", "+")
    for title in ("How far the CPU is ahead of the GPU", "Device memory of GPU 0", "Spread over all steps"):
        figure = figure_of(chromium, title)
        written = chromium.run(
            "return [...arguments[0].querySelectorAll('.xtick text')].map(each => each.textContent)", figure
        )
        assert len(written) > 2
        assert all(MOMENT.fullmatch(text) for text in written), title


def test_curves_reach_the_end_and_mark_the_step(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#memory?step=1")
    length = (case.timeline.end_ns - case.timeline.start_ns) / 1e9
    step = case.hotspots.steps[1]
    edges = [(ns - case.timeline.start_ns) / 1e9 for ns in (step.gpu_start_ns, step.gpu_end_ns)]
    data = "const plot = arguments[0].querySelector('.js-plotly-plot'); return "
    memory = figure_of(chromium, "Device memory of GPU 0")
    assert chromium.run(f"{data} plot.data[0].x.at(-1)", memory) == pytest.approx(length)
    for figure in (memory, figure_of(chromium, "How far the CPU is ahead of the GPU")):
        marked = "plot.layout.shapes.filter(each => each.type === 'rect').map(each => [each.x0, each.x1])"
        assert chromium.run(f"{data} {marked}", figure) == [pytest.approx(edges)]


def test_delays_have_gaps_where_nothing_was_launched(chromium: Browser, tmp_path: Path) -> None:
    builder = TraceBuilder()
    for number in range(40):
        at = number * 1000 + (500_000 if number >= 20 else 0)
        builder.launch("gemm_kernel", (at, at + 10), (at + 20, at + 500), correlation=number + 1)
    chromium.open(page_of(builder, tmp_path))
    figure = figure_of(chromium, "How far the CPU is ahead of the GPU")
    x = chromium.run("return arguments[0].querySelector('.js-plotly-plot').data[0].x", figure)
    assert x.count(None) == 1
    assert x[20] is None
