"""What a person does with the page: points, clicks and presses keys, on screens of any width."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import traced_page
from browser import Browser
from hotspots_example import example
from selenium.webdriver.common.keys import Keys
from trace_builder import TraceBuilder
from traced_page import Case, figure_of, page_of, pointer, resize, show

from nsysprof.render.format import count, duration
from nsysprof.render.page import write_page

case, chromium = traced_page.case, traced_page.chromium

CHOICE = "return document.getElementById('step-choice').value"


@pytest.fixture(autouse=True)
def usual_width(chromium: Browser) -> Iterator[None]:
    yield
    chromium.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


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
    for fragment, wanted in (
        ("", "second.block 66.7 %"),
        ("?step=0", "first.block"),
        ("?step=1", "second.block"),
    ):
        chromium.open(page, f"#kernels{fragment}")
        figure_of(chromium, "Kernels by name")
        assert chromium.run(operators) == {"gemm_kernel": wanted, "other_kernel": "whole"}
