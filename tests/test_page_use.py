"""What a person does with the page: points, clicks, presses keys, copies, on screens of any width."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, browser
from hotspots_example import example
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from trace_builder import TraceBuilder
from traced_page import Case, figure_of, page_of, real_case, resize, show

from nsysprof.render.format import count, duration
from nsysprof.render.page import write_page

AXIS = "return document.querySelector('#lanes .js-plotly-plot').layout.xaxis.range"
CHOICE = "return document.getElementById('step-choice').value"
TIMELINE = "GPU, CUDA API and NVTX over time"
COPIED = """
const [figure] = arguments;
window.copied = null;
navigator.clipboard.writeText = async text => { window.copied = text; };
[...figure.querySelectorAll('.tools button')].find(each => each.textContent === 'Copy CSV').click();
return window.copied;
"""
MOMENT = re.compile(r"-?[\d,]+(\.\d+)? (ns|us|ms|s)")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return real_case(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(autouse=True)
def usual_width(chromium: Browser) -> Iterator[None]:
    yield
    chromium.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def copied(chromium: Browser, title: str) -> list[dict[str, str]]:
    text = str(chromium.run(COPIED, figure_of(chromium, title)))
    return list(csv.DictReader(io.StringIO(text)))


def pointer(chromium: Browser, selector: str, x: float, y: float, click: bool = False) -> None:
    """Move the pointer to a place in a node, from the node's upper left corner."""
    node = chromium.driver.find_element("css selector", selector)
    box = chromium.run("const b = arguments[0].getBoundingClientRect(); return [b.width, b.height]", node)
    chain = ActionChains(chromium.driver)
    chain.move_to_element_with_offset(node, round(x - box[0] / 2), round(y - box[1] / 2))
    (chain.click() if click else chain).perform()
    chromium.run("return new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))")


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


def test_rows_and_operations_are_reached_by_keys(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#kernels?step=1")
    show(chromium, "kernels")
    figure_of(chromium, "Kernels by name")
    chromium.run("document.querySelector('#kernel-table tbody tr').focus()")
    chromium.press(Keys.ARROW_DOWN, Keys.ENTER)
    row = "const row = document.activeElement; return [row.sectionRowIndex, row.className, row.ariaExpanded]"
    assert chromium.run(row) == [1, "open", "true"]
    figure_of(chromium, "What a step is made of, in launch order")
    chromium.run("document.getElementById('ribbon').focus()")
    chromium.press(Keys.HOME, Keys.ARROW_RIGHT)
    operations = sum(amount.count for amount in case.hotspots.steps[1].categories.values())
    assert chromium.text("#tip").startswith(f"2 of {count(operations)}\n")
    chromium.press(Keys.END)
    assert chromium.text("#tip").startswith(f"{count(operations)} of {count(operations)}\n")
    assert chromium.run(CHOICE) == "1"


def counted_steps(number: int) -> TraceBuilder:
    builder = TraceBuilder()
    for step in range(number):
        at = step * 1000
        builder.nvtx(f"step {step}", at, at + 900)
        builder.launch(
            "gemm_kernel", (at + 10, at + 20), (at + 30, at + 500 + step % 7), correlation=step + 1
        )
    return builder


@pytest.mark.parametrize(
    ("steps", "said"),
    [(200, "Each column is one step:"), (1600, "Each column is the mean of 2 steps in a row:")],
)
def test_any_click_in_the_areas_of_many_steps_selects_one(
    chromium: Browser, tmp_path: Path, steps: int, said: str
) -> None:
    chromium.open(page_of(counted_steps(steps), tmp_path))
    assert chromium.text("#steps .figure > p").startswith(said)
    area = "#steps .nsewdrag"
    width = chromium.run("return document.querySelector(arguments[0]).getBoundingClientRect().width", area)
    low, high = chromium.run("return document.querySelector('#steps .plot').layout.xaxis.range")
    for part in (0.02, 0.31, 0.33, 0.5, 0.77, 0.97):
        pointer(chromium, area, part * width, 200, click=True)
        chosen = int(chromium.run(CHOICE))
        assert chosen == pytest.approx(low + part * (high - low), abs=1.5 + steps / width)


def test_unknown_extremes_say_why(chromium: Browser, case: Case) -> None:
    chromium.open(case.bounded_page)
    exact = chromium.run(
        "return [...document.querySelectorAll('#step-choice option')].slice(1).map(each => each.textContent)"
    )
    for step in range(len(exact)):
        chromium.open(case.bounded_page, f"#kernels?step={step}")
        show(chromium, "kernels")
        figure = figure_of(chromium, "Kernels by name")
        blank, words = chromium.run(
            "return [arguments[0].querySelector('tbody tr').cells[6].textContent === '',"
            " arguments[0].querySelector('p').textContent]",
            figure,
        )
        assert blank == ("are known for a single step only where" in words)


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


def test_an_address_that_is_cut_off_still_opens(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#%E0%A4%A")
    assert chromium.logs() == []
    assert chromium.run(CHOICE) == ""


@pytest.mark.parametrize("width", [1280, 800, 740])
def test_a_heading_that_is_jumped_to_stands_below_the_bar(chromium: Browser, case: Case, width: int) -> None:
    resize(chromium, width)
    chromium.open(case.page)
    chromium.click("#bar .links a[href='#kernels']")
    heading, bar = chromium.run(
        "return [document.querySelector('#kernels h2').getBoundingClientRect().top,"
        " document.getElementById('bar').getBoundingClientRect().bottom]"
    )
    assert bar <= heading <= bar + 40


@pytest.mark.parametrize("width", [1280, 720, 390])
def test_differences_keep_their_sign_and_digits(chromium: Browser, tmp_path: Path, width: int) -> None:
    builder = TraceBuilder()
    for step, times in enumerate(((950, 1000), (950, 1000), (352, 9000))):
        at = step * 20_000
        builder.nvtx(f"step {step}", at, at + 19_000)
        for number, (name, ns) in enumerate(zip(("elementwise_kernel", "gemm_kernel"), times, strict=True)):
            api, gpu = at + 100 * number, at + 5000 * (number + 1)
            builder.launch(name, (api, api + 10), (gpu, gpu + ns), correlation=2 * step + number + 1)
    resize(chromium, width)
    chromium.open(page_of(builder, tmp_path), "#compare?step=2")
    show(chromium, "compare")
    texts = chromium.run(
        """const plot = document.querySelector('#compare .js-plotly-plot');
        const area = plot.querySelector('.nsewdrag').getBoundingClientRect();
        return [...plot.querySelectorAll('.bartext')].map(text => {
          const box = text.getBoundingClientRect();
          return [text.textContent, box.left - area.left, area.right - box.right];
        });"""
    )
    assert {"\u2212598 ns", "+8.00 us"} <= {text for text, *_ in texts}
    for text, left, right in texts:
        assert re.fullmatch(r"[+\u2212][\d.,]+ (ns|us|ms|s)", text)
        assert left >= -1
        assert right >= -1


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


def test_idle_time_is_hatched_in_the_legend_as_in_the_bars(chromium: Browser, tmp_path: Path) -> None:
    chromium.open(write_page(example(), tmp_path / "page.html"))
    looks = chromium.run(
        "return Object.fromEntries([...document.querySelectorAll('#steps .legend li')].map(each =>"
        " [each.innerText.split('\\n')[0], getComputedStyle(each.firstChild).backgroundImage !== 'none']))"
    )
    shapes = chromium.run(
        "return Object.fromEntries(document.querySelector('#steps .plot').data.map(each =>"
        " [each.name, each.marker.pattern.shape !== '']))"
    )
    assert any(shapes.values())
    for name, hatched in looks.items():
        assert hatched == next(shape for label, shape in shapes.items() if name.startswith(label)), name


def test_boxes_have_texts_that_fit_and_can_be_read(chromium: Browser, case: Case) -> None:
    chromium.open(case.page)
    figure = figure_of(chromium, "Kind of work, library, family, kernel")
    boxes = chromium.run(BOXES, figure)
    assert sum(width > 70 and height > 24 for width, height, *_ in boxes) > 10
    for width, height, text, scale, contrast in boxes:
        if width > 70 and height > 24:
            assert text.strip()
        if text.strip():
            assert scale > 0.9, text
            assert contrast >= 4.5, text


BOXES = """
const light = color => {
  const parts = color.match(/\\d+/g).slice(0, 3).map(part => part / 255);
  const [r, g, b] = parts.map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const named = slice => slice.__data__.data.data.label; // the root has no name
return [...arguments[0].querySelectorAll('g.slice')].filter(named).map(slice => {
  const surface = slice.querySelector('path.surface'), text = slice.querySelector('text');
  const { width, height } = surface.getBBox();
  const [a, b] = [light(getComputedStyle(surface).fill), text ? light(getComputedStyle(text).fill) : 0];
  const scale = /scale\\(([\\d.e-]+)/.exec(text?.getAttribute('transform') || '');
  return [width, height, text?.textContent || '', scale ? Number(scale[1]) : 1,
    (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)];
});
"""


def test_an_icicle_begins_with_the_whole(chromium: Browser, case: Case) -> None:
    chromium.open(case.page)
    figure = figure_of(chromium, "Kind of work, library, family, kernel")
    chromium.run("arguments[0].querySelector('.tools button').click()", figure)
    root = chromium.wait(
        "return [...arguments[0].querySelectorAll('g.slice text')].map(each => each.textContent)"
        ".find(each => each.startsWith('All kernels'))",
        figure,
    )
    total = sum(kernel.total_ns for kernel in case.hotspots.kernels)
    assert duration(total) in root


def test_all_columns_of_the_kernels_fit(chromium: Browser, case: Case) -> None:
    resize(chromium, 1280)
    chromium.open(case.page, "#kernels?step=1")
    figure = figure_of(chromium, "Kernels by name")
    inner, outer = chromium.run(
        "const box = arguments[0].querySelector('.scroll'); return [box.scrollWidth, box.clientWidth]", figure
    )
    assert inner <= outer


def test_the_spread_tells_its_numbers(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#inside?step=1")
    figure_of(chromium, "Spread over all steps")
    chromium.run(
        "arguments[0].querySelector('.nsewdrag').setAttribute('id', 'spread')",
        figure_of(chromium, "Spread over all steps"),
    )
    pointer(chromium, "#spread", 300, 25)
    said = chromium.wait(
        "return [...document.querySelectorAll('#inside .hoverlayer text')]"
        ".map(each => each.textContent).join(' ')"
    )
    first = chromium.run("return document.querySelector('#steps .plot').data[0].name")
    assert first in said
    times = sorted(step.partition["gemm"] for step in case.hotspots.steps)
    if first == "GEMM":
        assert f"median {duration(times[(len(times) - 1) // 2])}" in said
    assert "10th to 90th percentile" in said


def test_a_step_has_the_operators_of_its_own_launches(chromium: Browser, tmp_path: Path) -> None:
    builder = TraceBuilder()
    for step, operator in enumerate(("first.block", "second.block", "second.block")):
        at = step * 10_000
        builder.nvtx(f"step {step}", at, at + 9000).nvtx("whole", at + 5, at + 8900)
        builder.nvtx(f"{operator} in=[1,{step}]", at + 10, at + 5000)
        builder.launch("gemm_kernel", (at + 100, at + 110), (at + 200, at + 900), correlation=2 * step + 1)
        builder.launch(
            "other_kernel", (at + 6000, at + 6010), (at + 6200, at + 6900), correlation=2 * step + 2
        )
    page = page_of(builder, tmp_path)
    operators = (
        "return Object.fromEntries([...document.querySelectorAll('#kernel-table tbody tr')]"
        ".map(row => ['name', 'operator'].map(key => row.querySelector(`td.${key}`).textContent)))"
    )
    for fragment, wanted in (("", "second.block"), ("?step=0", "first.block"), ("?step=1", "second.block")):
        chromium.open(page, f"#kernels{fragment}")
        figure_of(chromium, "Kernels by name")
        assert chromium.run(operators) == {"gemm_kernel": wanted, "other_kernel": "whole"}
