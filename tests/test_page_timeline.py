"""The page of a real trace in a browser: timeline, selection, numbers."""

import json

import pytest
import traced_page
from browser import Browser
from traced_page import DRAWN, SECTIONS, Case, colors, show

from nsysprof.render.format import count, duration, share
from nsysprof.render.palette import category_color
from nsysprof.render.records import to_json

case, chromium = traced_page.case, traced_page.chromium

AXIS = "return document.querySelector('#lanes .js-plotly-plot').layout.xaxis.range"
WHEEL = """
const plot = document.querySelector('#lanes .js-plotly-plot'), box = plot.getBoundingClientRect();
const at = {clientX: box.left + arguments[1], clientY: box.top + 60};
plot.dispatchEvent(new WheelEvent('wheel', {deltaY: arguments[0], ...at, bubbles: true, cancelable: true}));
"""
POINT = """
const lanes = document.getElementById('lanes'), tip = document.getElementById('tip'), said = [];
const box = lanes.querySelector('canvas').getBoundingClientRect();
for (let y = 4; y < box.height; y += 20) for (let x = 180; x < box.width - 20; x += 4) {
  const at = {clientX: box.left + x, clientY: box.top + y};
  lanes.dispatchEvent(new MouseEvent('mousemove', {...at, bubbles: true}));
  if (!tip.hidden) said.push(tip.innerText);
}
return said;
"""


@pytest.mark.parametrize("which", ["page", "bounded_page"])
def test_every_part_is_drawn_without_errors_or_requests(chromium: Browser, case: Case, which: str) -> None:
    chromium.requests()
    chromium.open(getattr(case, which))
    for section in SECTIONS:
        show(chromium, section)
        for figure in chromium.driver.find_elements("css selector", f"#{section} .figure"):
            chromium.run("arguments[0].scrollIntoView()", figure)
            title = chromium.run("return arguments[0].querySelector('h3').textContent", figure)
            assert chromium.wait(DRAWN, figure), title
    assert chromium.logs() == []
    assert chromium.requests() == []
    assert chromium.texts(".empty:not([hidden])") == []


def test_the_timeline_draws_the_categories_in_their_colours(chromium: Browser, case: Case) -> None:
    chromium.open(case.page)
    show(chromium, "timeline")
    drawn = colors(chromium, "#lanes canvas")
    assert {category_color(key) for key in ("gemm", "elementwise", "norm")} <= drawn


def test_the_wheel_zooms_round_the_pointer(chromium: Browser, case: Case) -> None:
    chromium.open(case.page)
    show(chromium, "timeline")
    before = chromium.run(AXIS)
    chromium.run(WHEEL, -240, 600)
    after = chromium.run(AXIS)
    assert before[0] < after[0] < after[1] < before[1]
    for _ in range(60):
        chromium.run(WHEEL, -240, 600)
    least = chromium.run(AXIS)
    assert least[1] - least[0] == pytest.approx(200e-9, rel=0.01)
    chromium.run("document.getElementById('lanes').focus()")
    chromium.press("0")
    whole = chromium.run(AXIS)
    assert whole[1] - whole[0] > before[1] - before[0]


def test_selecting_a_step_moves_the_timeline_to_it(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#timeline?step=1")
    show(chromium, "timeline")
    step = case.hotspots.steps[1]
    begin = min(step.gpu_start_ns, step.cpu_start_ns) - case.timeline.start_ns
    end = max(step.gpu_end_ns, step.cpu_end_ns) - case.timeline.start_ns
    margin = 0.03 * (end - begin)
    shown = [value * 1e9 for value in chromium.run(AXIS)]
    assert shown == pytest.approx([begin - margin, end + margin], abs=2)


def test_pointing_at_a_kernel_names_it(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#timeline?step=1")
    show(chromium, "timeline")
    for _ in range(9):
        chromium.run(WHEEL, -240, 600)
    shown = set(chromium.run(POINT))
    names = {kernel.name for kernel in case.hotspots.kernels}
    named = [text for text in shown if text.split("\n")[0] in names]
    assert named
    assert all("grid" in text and "launched by" in text and "in step 1" in text for text in named)


def test_the_kernel_table_follows_the_step(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#kernels?step=1")
    step = case.hotspots.steps[1]
    work = {key: amount for key, amount in step.categories.items() if key not in ("memcpy", "memset")}
    show(chromium, "kernels")
    for button in chromium.driver.find_elements("css selector", "#kernels .plot > button:not([hidden])"):
        chromium.run("arguments[0].click()", button)
    rows = chromium.run(
        "return [...document.querySelectorAll('#kernel-table tbody tr')].map(r => Number(r.dataset.ns))"
    )
    assert sum(rows) == sum(amount.ns for amount in work.values())
    assert rows == sorted(rows, reverse=True)


def test_numbers_on_the_page_are_those_of_the_json(chromium: Browser, case: Case) -> None:
    chromium.open(case.page)
    record = json.loads(to_json(case.hotspots))
    for section in ("kernels", "api"):
        show(chromium, section)
    first = chromium.texts("#kernel-table tbody tr:first-child td")
    kernel = record["kernels"][0]
    assert first[1] == kernel["name"]
    assert first[3:9] == [
        count(kernel["count"]),
        *(duration(kernel[key]) for key in ("total_ns", "mean_ns", "min_ns", "max_ns")),
        share(kernel["share"]),
    ]
    calls = chromium.run(
        "return [...document.querySelectorAll('#api-table tbody tr')].map(r => Number(r.dataset.ns))"
    )
    assert calls == [call["total_ns"] for call in record["api_calls"]]
    parts = "".join(chromium.texts("#steps .legend li"))
    whole = sum(step["wall_ns"] for step in record["steps"])
    gemm = sum(step["partition"]["gemm"] for step in record["steps"])
    assert f"GEMM{duration(gemm)} {share(gemm / whole)}" in parts


def test_the_ribbon_shows_the_step_in_launch_order(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#inside?step=1")
    show(chromium, "inside")
    operations = sum(amount.count for amount in case.hotspots.steps[1].categories.values())
    assert chromium.text("#inside .figure > p").startswith(f"step 1: {count(operations)} operations")
    assert {category_color(key) for key in ("gemm", "fmha", "norm")} <= colors(chromium, "#ribbon")


def test_a_step_without_single_events_says_where_they_are(chromium: Browser, case: Case) -> None:
    chromium.open(case.bounded_page)
    shown = chromium.run("return document.getElementById('timeline').innerText")
    assert "exact in each of 8,192 bins" in shown
    exact = {button for button in chromium.texts("#timeline .tools button") if button.endswith(" step")}
    assert "first step" in exact


def test_steps_are_compared(chromium: Browser, case: Case) -> None:
    chromium.open(case.page, "#compare?step=1")
    show(chromium, "compare")
    chosen = case.hotspots.steps[1]
    assert f"{chosen.label} takes {duration(chosen.wall_ns)}" in chromium.text("#compare .figure > p")
    assert chromium.texts("#compare-table tbody tr")
