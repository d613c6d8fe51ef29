"""The page on paper: nothing is cut off, nothing is missing, and the screen is as before afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser, browser
from test_page_shapes import a_whole_graph, blocks_in_blocks
from traced_page import Case, page_of, real_case, resize

MARGIN = 0.4
"""Inches, Chromium's own."""
PAPERS = {"Letter": (8.5, 11.0), "A4": (8.27, 11.69)}
WATCH = """
window.printed = [];
addEventListener('beforeprint', () => {
  const left = document.body.getBoundingClientRect().left;
  const filled = canvas => canvas.width > 300
    && canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(value => value);
  window.printed.push({
    paper: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    plots: [...document.querySelectorAll('.js-plotly-plot')].map(plot => plot.querySelectorAll('svg').length),
    right: Math.max(...[...document.querySelectorAll('svg, canvas')]
      .map(each => each.getBoundingClientRect().right - left)),
    canvases: [...document.querySelectorAll('#lanes canvas, #ribbon')].map(filled),
    marks: document.querySelectorAll('.trace path, .slice path').length,
  });
});
"""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return real_case(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.mark.parametrize("size", PAPERS)
@pytest.mark.parametrize("which", ["page", "bounded_page"])
def test_all_charts_stand_on_paper_as_printed(chromium: Browser, case: Case, which: str, size: str) -> None:
    width, height = PAPERS[size]
    chromium.dark(wanted=True)
    chromium.open(getattr(case, which))
    before = chromium.run("return document.querySelector('#steps svg').getBoundingClientRect().width")
    chromium.run(WATCH)
    paper = {"paperWidth": width, "paperHeight": height}
    chromium.driver.execute_cdp_cmd("Page.printToPDF", paper)
    [printed] = chromium.run("return window.printed")
    assert printed["right"] <= (width - 2 * MARGIN) * 96
    assert printed["canvases"] == [True, True]
    assert all(printed["plots"])
    assert len(printed["plots"]) > 8
    assert printed["marks"] > 100
    assert printed["paper"] == "rgb(255, 255, 255)"
    assert printed["ink"] == "rgb(27, 32, 39)"
    chromium.wait(
        "return document.querySelector('#steps svg').getBoundingClientRect().width === arguments[0]", before
    )
    assert chromium.run("return document.documentElement.dataset.theme") == "dark"
    assert chromium.logs() == []


@pytest.mark.parametrize("size", PAPERS)
@pytest.mark.parametrize("make", ["real", "blocks", "graph"])
def test_paper_is_wide_enough(chromium: Browser, case: Case, tmp_path: Path, make: str, size: str) -> None:
    long = "a.module.deep.within.the.network in=[2,1280,32,32]," * 3
    made = {"blocks": blocks_in_blocks, "graph": a_whole_graph}
    page = case.page if make == "real" else page_of(made[make]().nvtx(long, 1, 9999), tmp_path)
    width = int((PAPERS[size][0] - 2 * MARGIN) * 96)
    chromium.open(page)
    chromium.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    chromium.run("dispatchEvent(new Event('beforeprint'))")
    resize(chromium, width)
    assert chromium.run("return document.documentElement.scrollWidth") == width
    swatch = "return getComputedStyle(document.querySelector('.swatch')).printColorAdjust"
    assert chromium.run(swatch) == "exact"
