"""The page: what its file holds, and what a browser makes of it."""

import base64
import hashlib
import html
import itertools
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, browser
from hotspots_example import HOSTILE, example
from hypothesis import given
from hypothesis import strategies as st
from selenium.webdriver.common.keys import Keys

from nsysprof.errors import OutputError
from nsysprof.measure.results import Amount, CategoryShare, Distortion
from nsysprof.render import page as page_module
from nsysprof.render.format import duration, share
from nsysprof.render.pack import ALPHABET, Columns, as_text
from nsysprof.render.page import write_page
from nsysprof.render.records import to_dict
from nsysprof.trace.model import Device


def unpacked(text: str) -> bytes:
    """The inverse of ``as_text``, written plainly."""
    values = [ALPHABET.index(a) * 91 + ALPHABET.index(b) for a, b in zip(text[::2], text[1::2], strict=True)]
    bits = "".join(f"{value:013b}" for value in values[1:])
    bits = bits[: len(bits) - values[0]]
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


@given(st.binary(max_size=200))
def test_bytes_survive_as_text(data: bytes) -> None:
    assert unpacked(as_text(data)) == data


@given(st.lists(st.integers(-(2**62), 2**62 - 1)), st.booleans())
def test_columns_hold_any_integers(numbers: list[int], delta: bool) -> None:
    wanted = [number // 2 for number in numbers]
    columns = Columns()
    columns.add("before", np.arange(3))
    columns.add("numbers", np.array(wanted, np.int64), delta=delta)
    at, rows, planes = (int(str(columns.directory["numbers"][key])) for key in ("at", "rows", "planes"))
    data = columns.bytes()
    found = []
    for row in range(rows):
        value = sum(data[at + plane * rows + row] << 8 * plane for plane in range(planes))
        found.append(-(value + 1) // 2 if value % 2 else value // 2)
    assert (list(itertools.accumulate(found)) if delta else found) == wanted


@pytest.mark.parametrize(
    "path", [*Path(str(files("nsysprof.render") / "assets")).rglob("*.*")], ids=lambda p: p.name
)
def test_assets_are_ascii_so_that_their_hashes_hold(path: Path) -> None:
    assert path.read_text(encoding="utf-8").isascii()


def test_every_script_is_on_the_page() -> None:
    folder = files("nsysprof.render") / "assets" / "js"
    assert sorted(page_module.SCRIPTS) == sorted(file.name.removesuffix(".js") for file in folder.iterdir())


def test_the_file_holds_hashes_of_its_scripts_and_no_markup_from_names(tmp_path: Path) -> None:
    text = write_page(example(hostile=True), tmp_path / "page.html").read_text(encoding="ascii")
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])  # type: ignore[index]
    assert "unsafe-eval" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 1
    assert base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode() in policy
    assert text.count("</script>") == 4
    assert "<img" not in text
    packed = re.search(r'id="data" data-alphabet="[^"]*">(.*?)</script>', text, re.DOTALL)[1]  # type: ignore[index]
    data = json.loads(zlib.decompress(unpacked(packed)))
    assert len(data["hotspots"]["kernels"]) == 5
    assert not re.search(r"https?://", text.replace(re.search(r'id="plotly">(.*?)<', text)[1], ""))  # type: ignore[index]


def test_a_page_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "page.html"
    write_page(example(steps=2), target)
    before = target.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match=r"cannot write .*page.html \(No space left on device\)"):
        write_page(example(), target)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ["page.html"]


def test_a_page_that_has_no_place_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another path with --html"):
        write_page(example(), tmp_path / "file" / "page.html")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def example_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(example(hostile=True), tmp_path_factory.mktemp("page") / "page.html")


def test_it_opens_from_a_file_without_errors_or_requests(chromium: Browser, example_page: Path) -> None:
    chromium.requests()
    chromium.open(example_page)
    for section in ("steps", "timeline", "inside", "kernels", "compare", "api", "memory"):
        chromium.run("document.getElementById(arguments[0]).scrollIntoView()", section)
        chromium.wait(
            "return new Promise(done => requestAnimationFrame(() => setTimeout(() => done(true), 60)))"
        )
    assert chromium.logs() == []
    assert chromium.requests() == []
    assert chromium.text("h1") == example().headline[0]


def test_hostile_names_are_shown_as_text(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page)
    names = chromium.texts("#kernel-table td.name")
    assert "</script><img src=x onerror=alert(1)>" in names
    assert any("\\u202egpj.exe" in name for name in names)
    assert not any(set(name) & set("\x1b\u202e") for name in names)
    assert HOSTILE not in names


def test_kernels_are_shown_with_what_launched_them(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page)
    rows = chromium.run(
        "return [...document.querySelectorAll('#kernel-table tbody tr')]"
        ".map(r => [r.cells[0], r.querySelector('td.operator')].map(c => c.textContent.trim()))"
    )
    assert rows[:3] == [["GEMM", "unet.conv_shortcut"], ["Elementwise", "unet.mid.ff"], ["FMHA", ""]]


def test_a_click_on_a_bar_selects_its_step_everywhere(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page)
    bar = "#steps .trace.bars .point:nth-child(4) path"
    chromium.wait("return document.querySelector(arguments[0])", bar)
    chromium.click(bar)
    step = example().steps[3]
    assert chromium.wait("return document.getElementById('step-choice').value") == "3"
    assert f"step 3: {duration(step.wall_ns)}" in chromium.text("#step-words")
    assert chromium.run("return location.hash") == "#?step=3"
    chromium.press("\ue014")  # right arrow
    assert chromium.run("return document.getElementById('step-choice').value") == "4"
    chromium.press("\ue00c")  # escape
    assert chromium.run("return document.getElementById('step-choice').value") == ""


def test_what_is_of_the_whole_trace_says_so(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page)
    said = " ".join(chromium.texts("#kernels .figure > p"))
    assert "copies and sets of the whole trace; work" in said
    assert "kernels of the whole trace. " in said
    assert "of all 20 steps" not in said


def test_the_head_says_how_much_nsys_stretched_a_step(tmp_path: Path) -> None:
    result = replace(example(2), distortion=Distortion(51.46, 63.81))
    text = write_page(result, tmp_path / "page.html").read_text(encoding="ascii")
    assert "<dt>Under nsys</dt><dd>x 1.24<small>51.5 ms a step unrecorded</small></dd>" in text
    plain = write_page(example(2), tmp_path / "page.html").read_text(encoding="ascii")
    assert "Under nsys" not in plain


def test_the_head_says_what_ran_on_what(tmp_path: Path) -> None:
    gpu = Device(0, "NVIDIA H200", 132, 150_109_880_320, "9.0")
    result = replace(example(2), devices=(gpu,), ran="sdxl, batch 1, <b>")
    text = write_page(result, tmp_path / "page.html").read_text(encoding="ascii")
    assert "<span>sdxl.sqlite on NVIDIA H200: sdxl, batch 1, &lt;b&gt;</span>" in text
    assert re.search(r"<dd>NVIDIA H200<small>132 SMs, 150 GB; [^<]* recorded</small>", text)


def test_a_name_that_holds_a_placeholder_is_text(tmp_path: Path) -> None:
    result = replace(example(2), headline=("{{script}} takes {{data}}",))
    text = write_page(result, tmp_path / "page.html").read_text(encoding="ascii")
    assert "<h1>{{script}} takes {{data}}</h1>" in text


def test_the_largest_category_has_its_label_also_where_it_is_a_graph(tmp_path: Path) -> None:
    steps = tuple(replace(step, categories={"graph": Amount(5, 1)}) for step in example(2).steps)
    result = replace(example(2), steps=steps, categories={"graph": CategoryShare(10, 2, 1.0)})
    text = write_page(result, tmp_path / "page.html").read_text(encoding="ascii")
    assert "<dt>Largest category</dt><dd>CUDA graph<small>" in text


def test_the_busy_tile_has_one_denominator(tmp_path: Path) -> None:
    steps = tuple(replace(step, launch_bound=0.25) for step in example(2).steps)
    text = write_page(replace(example(2), steps=steps, launch_bound=0.9), tmp_path / "p.html").read_text()
    assert "of the time of all steps; for 25.0 % of it the GPU waits for launches" in text


def test_an_address_keeps_part_and_step(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page, "#kernels?step=7")
    assert chromium.run("return document.getElementById('step-choice').value") == "7"
    chromium.click("#bar .links a[href='#api']")
    assert chromium.run("return location.hash") == "#api?step=7"


def test_the_bars_add_up_to_the_json(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page)
    record = to_dict(example())
    sums = chromium.run(
        "const d = document.querySelector('#steps .plot').data;"
        "return d[0].x.map((_, i) => d.reduce((sum, trace) => sum + Math.round(trace.y[i] * 1e6), 0))"
    )
    assert sums == [step["wall_ns"] for step in record["steps"]]  # type: ignore[attr-defined]


def test_the_table_sorts_searches_and_filters(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page)
    result = example(hostile=True)

    def shown() -> list[int]:
        return [
            int(ns)
            for ns in chromium.run(
                "return [...document.querySelectorAll('#kernel-table tbody tr')].map(r => r.dataset.ns)"
            )
        ]

    assert shown() == [kernel.total_ns for kernel in result.kernels]
    chromium.click("#kernel-table th[data-key=count] button")
    assert shown() == [k.total_ns for k in sorted(result.kernels, key=lambda k: (-k.count, -k.total_ns))]
    assert chromium.run("return document.querySelector('th[data-key=count]').ariaSort") == "descending"
    chromium.click("#kernel-table th[data-key=mean] button")
    chromium.click("#kernel-table th[data-key=mean] button")
    assert shown() == [k.total_ns for k in sorted(result.kernels, key=lambda k: k.mean_ns)]
    chromium.fill("#kernel-search", "flash gemm")
    assert shown() == []
    chromium.fill("#kernel-search", "FLASH sdpa")
    assert shown() == [78_282_240]
    chromium.fill("#kernel-search", "")
    chromium.run(
        "const s = document.getElementById('kernel-category');"
        "s.value = 'gemm'; s.dispatchEvent(new Event('change'))"
    )
    assert shown() == [181_000_320]


def test_whole_names_show_at_the_press_of_a_key(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page)
    clamp = "return getComputedStyle(document.querySelector('#kernel-table td.name .clip')).webkitLineClamp"
    assert chromium.run(clamp) == "2"
    chromium.run("document.querySelector('#kernels .tools button[aria-pressed]').focus()")
    chromium.press(Keys.ENTER)
    assert chromium.run(clamp) == "none"


def test_the_boxes_have_the_shares_of_the_table(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page)
    chromium.run("document.querySelectorAll('#kernels .plot')[1].scrollIntoView()")
    box = chromium.wait("return (document.querySelectorAll('#kernels .plot')[1].data || [])[0]")
    result = example()
    shares = {f"{duration(kernel.total_ns)}, {share(kernel.share)}" for kernel in result.kernels}
    assert shares <= set(box["text"])


def test_kernels_around_memory_calls_are_counted(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page)
    rows = chromium.run(
        "return [...document.querySelectorAll('#around-table tbody tr')]"
        ".map(r => [...r.cells].map(c => c.textContent.trim()))"
    )
    around = example().around
    assert [row[1] for row in rows] == [
        side
        for key, side in (("malloc", "before"), ("memset", "before"), ("free", "after"))
        for _ in around.get(key, ())
    ]
    assert sum(int(row[3].replace(",", "")) for row in rows) == sum(
        sum(near.values()) for near in around.values()
    )


def test_a_figure_copies_as_csv(chromium: Browser, example_page: Path) -> None:
    chromium.open(example_page)
    chromium.click("#steps .tools button")
    chromium.wait("return document.querySelector('#steps .tools button').textContent === 'Copied'")
    chromium.fill("#kernel-search", Keys.CONTROL + "v")
    pasted = str(chromium.run("return document.getElementById('kernel-search').value"))
    assert pasted.startswith("step,label,wall_ns,busy_ns,idle_ns,gemm_ns,")
    assert "0,step 0,88006016,31082560,56923456,11812736," in pasted


def test_a_trace_without_steps_says_why(chromium: Browser, tmp_path: Path) -> None:
    chromium.open(write_page(example(steps=0), tmp_path / "page.html"))
    assert "No NVTX ranges" in chromium.text("#steps")
    assert chromium.logs() == []


def test_light_and_dark_follow_the_system_and_the_button(chromium: Browser, example_page: Path) -> None:
    chromium.dark(wanted=True)
    chromium.open(example_page)
    paper = "return getComputedStyle(document.body).backgroundColor"
    assert chromium.run(paper) == "rgb(20, 23, 28)"
    chromium.click("#theme")
    assert chromium.run(paper) == "rgb(255, 255, 255)"
    chromium.dark(wanted=False)
