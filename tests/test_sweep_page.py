"""The page of a sweep: what its file holds, and what a browser makes of it."""

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import fake_runner
import pytest
from browser import Browser, browser
from sweep_example import HOSTILE, example
from test_page import unpacked

from nsysprof.errors import OutputError
from nsysprof.render.format import duration
from nsysprof.render.palette import category_color
from nsysprof.render.sweep_page import SCRIPTS, write_sweep_page
from nsysprof.sweep.results import Spread


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "image-0.png"
    path.write_bytes(fake_runner.png(96, 40))
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, image: Path) -> Path:
    sweep = example(image=image, profiled=True, hostile=True)
    return write_sweep_page(sweep, tmp_path_factory.mktemp("page") / "sweep.html")


def test_every_script_is_on_the_page() -> None:
    folder = files("nsysprof.render") / "assets" / "sweep"
    own = sorted(name for name in SCRIPTS if name.startswith("sweep/"))
    assert own == sorted(f"sweep/{file.name}" for file in folder.iterdir() if file.name.endswith(".js"))


def test_the_file_holds_hashes_of_its_scripts_and_no_markup_from_names(page: Path) -> None:
    text = page.read_text(encoding="ascii")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 1
    assert base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode() in policy
    assert text.count("</script>") == 3
    assert "<img" not in text
    assert not re.search(r"https?://", text)


def data_of(path: Path) -> Any:
    found = re.search(r'id="data" [^>]*>([^<]*)<', path.read_text(encoding="ascii"))
    assert found
    return json.loads(zlib.decompress(unpacked(html.unescape(found[1]))))


def test_the_data_is_the_json_of_the_sweep(page: Path) -> None:
    sweep = data_of(page)["sweep"]
    assert sweep["schema"] == "nsysprof.sweep/1"
    assert "runs" not in sweep
    assert sweep["points"][2]["time_s"] == {"min": 1.5, "median": 1.6, "max": 1.8}


def test_it_opens_from_a_file_without_errors_or_requests(chromium: Browser, page: Path) -> None:
    chromium.requests()
    chromium.open(page)
    for section in ("curves", "composition", "images", "table"):
        chromium.run("document.getElementById(arguments[0]).scrollIntoView()", section)
        chromium.wait(
            "return new Promise(done => requestAnimationFrame(() => setTimeout(() => done(true), 60)))"
        )
    assert chromium.logs() == []
    assert chromium.requests() == []


def test_hostile_texts_are_shown_as_text(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    cells = chromium.texts("#runs td:first-child")
    assert cells[0].startswith("batch 1, 512x512</script><img src=x onerror=alert(1)>\\x1b[31m\\u202e")
    shown = chromium.text("body")
    assert HOSTILE not in shown
    assert not set(shown) & set("\x1b\u202e")
    assert chromium.run("return document.querySelectorAll('img[src=x]').length") == 0


def test_hostile_labels_are_no_markup_of_plotly(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.run("document.getElementById('composition').scrollIntoView()")
    label = chromium.wait(
        "const ticks = document.querySelectorAll('#composition .xtick text');"
        "return ticks.length && ticks[0].textContent"
    )
    assert label.startswith("batch 1, 512x512</script><img src=x onerror=alert(1)>")


def plotted(chromium: Browser, figure: int, chart: int) -> list[dict[str, Any]]:
    """Return name, x and y of the traces of a chart of an axis."""
    chromium.run("document.querySelectorAll('#curves .figure')[arguments[0]].scrollIntoView()", figure - 1)
    found: list[dict[str, Any]] = chromium.wait(
        "const plots = document.querySelectorAll('#curves .figure')[arguments[0]].querySelectorAll('.plot');"
        "const data = plots[arguments[1]].data; return data && data.map(t => "
        "({name: t.name, x: [...t.x], y: [...t.y], up: t.error_y ? [...t.error_y.array] : null}))",
        figure - 1,
        chart,
    )
    return found


def test_curves_hold_the_figures(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    small, large, lost = plotted(chromium, 1, 0)
    assert (small["name"], small["x"]) == ("512x512", [1, 2, 4, 8, 16, 32])
    assert small["y"] == pytest.approx([1.1 + batch / 4 for batch in small["x"]])
    assert small["up"] == pytest.approx([0.2] * 6)
    assert (large["x"], len(large["y"])) == ([1, 2, 4, 8, 16], 5)
    assert (lost["name"], lost["x"], lost["y"]) == ("failed", [32], [0])
    memory = plotted(chromium, 1, 3)[0]
    assert memory["y"][0] == pytest.approx(7.65)
    by_size = plotted(chromium, 2, 1)
    assert by_size[0]["x"] == ["512x512", "1024x1024"]
    assert [trace["name"] for trace in by_size][-2:] == ["batch 32", "failed"]


def test_the_parts_of_a_step_have_their_categories_colours(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.run("document.getElementById('composition').scrollIntoView()")
    bars = chromium.wait(
        "const data = document.querySelector('#composition .plot').data;"
        "return data && data.map(t => ({name: t.name, color: t.marker.color, y: [...t.y]}))"
    )
    by_name = {bar["name"]: bar for bar in bars}
    assert by_name["GEMM"]["color"] == category_color("gemm")
    assert by_name["GEMM"]["y"][0] == pytest.approx(11.812736 * 0.75)
    chromium.click("#as-shares")
    sums = chromium.wait(
        "const data = document.querySelector('#composition .plot').data;"
        "const sums = data[0].x.map((_, i) => data.reduce((sum, t) => sum + t.y[i], 0));"
        "return Math.abs(sums[0] - 100) < 1e-6 && sums"
    )
    assert sums == pytest.approx([100] * 12)


def test_images_stand_side_by_side_along_the_axis_of_choice(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    assert chromium.texts("#images .over") == [f"batch {batch}" for batch in (1, 2, 4, 8, 16, 32)]
    assert chromium.texts("#images .row") == ["512x512", "1024x1024"]
    assert len(chromium.texts("#images figure")) == 11
    assert chromium.texts("#images .none") == ["out of memory"]
    assert chromium.texts("#images figcaption")[0] == duration(1.35e9)
    chromium.wait("return document.querySelector('#images img').naturalWidth === 96")
    chromium.run(
        "const s = document.getElementById('image-columns');"
        "s.value = 'size'; s.dispatchEvent(new Event('change'))"
    )
    assert chromium.texts("#images .over") == ["512x512", "1024x1024"]


def test_the_table_has_the_notes_columns(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    heads = ["plan", "max VRAM", "allocated", "time s", "min", "max", "s/step", "images/s", "batch"]
    assert chromium.texts("#runs th") == [*heads, "resolution", "steps", "cfg", "what went wrong"]
    assert len(chromium.texts("#runs tbody tr")) == 12
    assert chromium.run("return document.querySelectorAll('#runs tr.bad').length") == 1


def test_one_axis_at_a_time(chromium: Browser, tmp_path: Path, image: Path) -> None:
    chromium.open(write_sweep_page(example(image=image, each=True), tmp_path / "sweep.html"))
    assert chromium.texts("#images h3") == ["batch", "size"]
    assert chromium.texts("#images .row") == []
    (curve,) = plotted(chromium, 1, 0)
    assert curve["x"] == [1, 2, 4, 8, 16, 32]
    assert "Not profiled" in chromium.text("#composition")
    assert chromium.logs() == []


def test_a_default_that_an_axis_names_is_no_second_bar_on_the_first(
    chromium: Browser, tmp_path: Path, image: Path
) -> None:
    once = example(image=image, each=True)
    again = replace(once.points[0], label="batch 1", time_s=Spread(90.0, 90.0, 90.0, 3))
    twice = replace(once, points=(*once.points, again))
    chromium.open(write_sweep_page(twice, tmp_path / "sweep.html"))
    curve, size = plotted(chromium, 1, 0)[0], plotted(chromium, 2, 0)[0]
    assert (curve["x"], curve["y"][0]) == ([1, 2, 4, 8, 16, 32], once.points[0].time_s.middle)  # type: ignore[union-attr]
    assert size["x"] == ["512x512", "1024x1024"]
    assert len(chromium.texts("#runs tbody tr")) == len(once.points) + 1


def test_the_theme_follows_the_key(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    before = chromium.run("return document.documentElement.dataset.theme")
    chromium.press("t")
    assert chromium.run("return document.documentElement.dataset.theme") != before
    chromium.press("t")


def test_a_page_that_has_no_place_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another path with --html"):
        write_sweep_page(example(), tmp_path / "file" / "sweep.html")
