"""Names made to break what shows them, through every output that shows names."""

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, browser
from fuzz.check import run
from fuzz.rows import HOSTILE
from trace_builder import TraceBuilder

from nsysprof.measure.hotspots import examine, hotspots_of
from nsysprof.measure.timeline import measure_timeline
from nsysprof.render.page import write_page
from nsysprof.render.records import defused
from nsysprof.render.text import plain
from nsysprof.sweep.rows import hotspot_rows, step_rows
from nsysprof.sweep.store import open_store
from nsysprof.trace import open_trace

NAMES = [name for name in HOSTILE if len(name) < 1_000]


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a trace of which kernels, ranges, functions, domains and the GPU have such names."""
    builder = TraceBuilder(gpu=HOSTILE[0] + NAMES[11])
    for number, name in enumerate(NAMES):
        at = 1_000 * number
        builder.nvtx(f"step {number}", at, at + 990).nvtx(name, at, at + 900, domain=name)
        builder.launch(name, (at + 10, at + 20), (at + 30, at + 500), correlation=number + 1)
        builder.api(name, at + 600, at + 650)
    return builder.write(tmp_path_factory.mktemp("hostile") / "trace.sqlite")


def test_json_gives_them_back(trace: Path) -> None:
    answer = json.loads(run("hotspots", trace, "--json").out)
    assert {kernel["name"] for kernel in answer["kernels"]} == set(NAMES)
    assert {one["text"] for one in answer["ranges"]} >= {
        name for name in NAMES if not name.startswith("step")
    }


def test_csv_runs_nothing(trace: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("hotspots", trace, "--csv").out, newline="")))
    kernels = {row["key"] for row in rows if row["record"] == "kernel"}
    assert kernels == {defused(name) for name in NAMES}
    assert not [name for name in kernels if name[0] in "=+-@\t\r\n\uff1d"]
    assert len([name for name in kernels if name.startswith("'") and name[1:] in NAMES]) == 8


@pytest.mark.parametrize("what", ["hotspots", "kernels", "nvtx_ranges"])
def test_the_terminal_gets_text(trace: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    words = ("hotspots", trace, "--no-html") if what == "hotspots" else ("query", what, trace)
    out = run(*words).out  # which also looks for control characters and bidi overrides
    assert plain("\x1b[2J") in out
    assert "[bold red]markup[/]" in out


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_queries_run_nothing(trace: Path, form: str) -> None:
    out = run("query", 'SELECT value AS "=1", value AS "<b>" FROM StringIds ORDER BY id', trace, form).out
    if form == "--json":
        assert {row["=1"] for row in json.loads(out)} >= set(NAMES)
    else:
        head, *rows = csv.reader(io.StringIO(out, newline=""))
        assert head == ["'=1", "<b>"]
        assert {first for first, _ in rows} >= {defused(name) for name in NAMES}


@pytest.mark.parametrize("anonymize", [False, True])
def test_a_shared_copy_holds_them_as_text_or_not_at_all(trace: Path, tmp_path: Path, anonymize: bool) -> None:
    copy = tmp_path / "copy.sqlite"
    words = ["--anonymize"] if anonymize else []
    assert run("share", trace, "-o", copy, "--json", *words).code == 0
    kernels = {one["name"] for one in json.loads(run("hotspots", copy, "--json").out)["kernels"]}
    assert len(kernels) == len(NAMES)
    assert (kernels >= {name for name in NAMES if "http://" not in name}) != anonymize  # addresses are hidden
    if anonymize:
        assert not kernels & set(NAMES)


def test_the_results_database_holds_them_as_text(trace: Path, tmp_path: Path) -> None:
    with open_trace(trace) as opened:
        found = hotspots_of(examine(opened))
    record: dict[str, Any] = {f"option_{number}": name for number, name in enumerate(HOSTILE)}
    row = {"id": "a", "config": "c", "repeat": 0, "runner": "'; DROP TABLE runs; --", **record}
    with open_store(tmp_path) as store:
        store.save(row, step_rows("a", {}), hotspot_rows("a", found))
        assert store.runs(["c"])[0].items() >= row.items()
        store.save({**row, "id": "'; DELETE FROM runs; --"}, [], [])
        store.forget_run("' OR 1 --")
        assert [one["id"] for one in store.runs(["c"])] == ["a", "'; DELETE FROM runs; --"]
    with closing(sqlite3.connect(tmp_path / "sweep.sqlite")) as database:
        kernels = {key for (key,) in database.execute("SELECT key FROM hotspots WHERE kind = 'kernel'")}
    assert kernels == set(NAMES)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("\ud800", "\\ud800"),
        (2**70, 2.0**70),
        (float("inf"), None),
        ({"a": "\ud800"}, '{"a": "\\ud800"}'),
        (-(2**63), -(2**63)),
    ],
)
def test_what_a_run_record_may_hold_but_a_database_may_not(
    tmp_path: Path, value: object, kept: object
) -> None:
    with open_store(tmp_path) as store:
        store.save({"id": "a", "config": "c", "repeat": 0, "option_x": value}, [], [])
        assert store.runs(["c"])[0]["option_x"] == kept


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def test_the_page_shows_them_as_text(chromium: Browser, trace: Path, tmp_path: Path) -> None:
    with open_trace(trace) as opened:
        inputs = examine(opened)
        found = hotspots_of(inputs)
        page = write_page(found, tmp_path / "page.html", measure_timeline(inputs, found))
    chromium.requests()
    chromium.open(page)
    for section in ("steps", "timeline", "inside", "ranges", "kernels", "api"):
        chromium.run("document.getElementById(arguments[0])?.scrollIntoView()", section)
        chromium.run("return new Promise(done => requestAnimationFrame(() => setTimeout(done, 80)))")
    names = chromium.texts("#kernel-table td.name")
    assert any("</script><script>alert(1)</script>" in name for name in names)
    assert any("<img src=x onerror=alert(1)>" in name for name in names)
    text = chromium.run("return document.documentElement.textContent")
    assert not set(text) & set("\x1b\x9b\u202e\u2066\u2069\u2028")
    assert chromium.run("return document.querySelectorAll('img[src=x]').length") == 0
    assert chromium.logs() == []  # nor did the policy have to stop anything
    assert chromium.requests() == []


def test_the_policy_would_stop_what_got_through(chromium: Browser, trace: Path, tmp_path: Path) -> None:
    with open_trace(trace) as opened:
        page = write_page(hotspots_of(examine(opened)), tmp_path / "page.html")
    chromium.open(page)
    chromium.run(
        "const made = document.createElement('div');"
        'made.innerHTML = \'<img src="x" onerror="window.owned = 1"><img src="http://127.0.0.1:9/x">\';'
        "document.body.append(made);"
        "const script = document.createElement('script'); script.text = 'window.owned = 2';"
        "document.body.append(script);"
    )
    chromium.run("return new Promise(done => setTimeout(done, 200))")
    assert chromium.run("return window.owned") is None
    assert any("Content Security Policy" in line for line in chromium.logs())
