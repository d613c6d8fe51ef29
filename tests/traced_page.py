"""Pages of traces for tests in a browser, and what those tests look at."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, browser
from real_trace import THREE_STEPS, unpack
from selenium.webdriver.common.action_chains import ActionChains
from trace_builder import TraceBuilder

from nsysprof.measure import timeline
from nsysprof.measure.hotspots import examine, hotspots_of
from nsysprof.measure.results import Hotspots
from nsysprof.measure.timeline import measure_timeline
from nsysprof.measure.timeline_model import Timeline
from nsysprof.render.page import write_page
from nsysprof.trace import open_trace

SECTIONS = ("steps", "timeline", "inside", "kernels", "compare", "api", "memory")

DRAWN = """
const [figure] = arguments;
if (figure.hidden) return true;
const reason = figure.querySelector('.empty');
if (reason) return reason.textContent.length > 20;
const canvas = figure.querySelector('canvas');
if (canvas) {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return data.some(value => value);
}
return Boolean(figure.querySelector('.trace path, .slice path, .boxlayer path, tbody td'));
"""
"""Whether a figure shows marks or numbers, or says why not."""


@dataclass(frozen=True)
class Case:
    """One trace with its result and its pages."""

    hotspots: Hotspots
    timeline: Timeline
    page: Path
    bounded_page: Path
    """The page as if the trace were too large to show every event."""


def real_case(folder: Path) -> Case:
    """Return the real trace of three steps."""
    with open_trace(unpack(THREE_STEPS, folder)) as trace, pytest.MonkeyPatch.context() as patch:
        inputs = examine(trace)
        hotspots = hotspots_of(inputs)
        whole = measure_timeline(inputs, hotspots)
        page = write_page(hotspots, folder / "page.html", whole)
        patch.setattr(timeline, "MOST_EVENTS", 1000)
        bounded = write_page(hotspots, folder / "bounded.html", measure_timeline(inputs, hotspots))
    return Case(hotspots, whole, page, bounded)


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return real_case(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def page_of(builder: TraceBuilder, folder: Path) -> Path:
    """Write the page of a trace that was made up."""
    with open_trace(builder.write(folder / "trace.sqlite")) as trace:
        inputs = examine(trace)
        hotspots = hotspots_of(inputs)
        return write_page(hotspots, folder / "page.html", measure_timeline(inputs, hotspots))


def show(chromium: Browser, section: str) -> None:
    """Scroll to a part of the page and let it be drawn."""
    chromium.run("document.getElementById(arguments[0]).scrollIntoView()", section)
    chromium.run("return new Promise(done => requestAnimationFrame(() => setTimeout(done, 120)))")


def figure_of(chromium: Browser, title: str) -> Any:
    """Scroll to the figure of a title, let it be drawn and return its node."""
    figure = chromium.run(
        "const found = [...document.querySelectorAll('.figure')]"
        ".find(each => each.querySelector('h3').textContent === arguments[0]);"
        "found.scrollIntoView({block: 'center'}); return found",
        title,
    )
    chromium.run("return new Promise(done => requestAnimationFrame(() => setTimeout(done, 150)))")
    return figure


def resize(chromium: Browser, width: int, height: int = 900) -> None:
    """Give the page another width."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    chromium.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def colors(chromium: Browser, selector: str) -> set[str]:
    """Return the colours that a canvas holds, as #rrggbb."""
    found = chromium.run(
        """const canvas = document.querySelector(arguments[0]);
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const seen = new Set();
        for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255)
          seen.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
        return [...seen];""",
        selector,
    )
    return {f"#{color:06x}" for color in found}


def pointer(chromium: Browser, selector: str, x: float, y: float, click: bool = False) -> None:
    """Move the pointer to a place in a node, from the node's upper left corner."""
    node = chromium.driver.find_element("css selector", selector)
    box = chromium.run("const b = arguments[0].getBoundingClientRect(); return [b.width, b.height]", node)
    chain = ActionChains(chromium.driver)
    chain.move_to_element_with_offset(node, round(x - box[0] / 2), round(y - box[1] / 2))
    (chain.click() if click else chain).perform()
    chromium.run("return new Promise(done => requestAnimationFrame(() => setTimeout(done, 60)))")
