"""The demo: a trace that ships packed, shown through the path of ``hotspots``."""

import json
import re
from pathlib import Path

import pytest
from real_trace import THREE_STEPS
from typer.testing import CliRunner

from nsysprof import assets
from nsysprof.commands import app
from nsysprof.errors import OutputError, TraceError
from nsysprof.trace import open_trace

DATA = Path(__file__).parent / "data"


def test_the_demo_that_ships_unpacks_to_its_eight_steps(tmp_path: Path) -> None:
    with open_trace(assets.unpack_demo(tmp_path)) as trace:
        steps = [text for text in trace.range_texts if re.fullmatch(r"step \d+", text)]
        assert sorted(steps) == [f"step {index}" for index in range(8)]
        assert len(trace.kernels) > 8_000
    assert [path.name for path in tmp_path.iterdir()] == ["sdxl-h200-1024-8steps.sqlite"]


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "demo_trace", lambda: DATA / f"{THREE_STEPS}.sqlite.xz")


@pytest.mark.usefixtures("small_demo")
def test_demo_prints_tables_and_writes_trace_and_page(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    trace = tmp_path / "out" / f"{THREE_STEPS}.sqlite"
    record = json.loads(CliRunner().invoke(app, ["hotspots", str(trace), "--json"]).stdout)
    labels = re.findall(r"^(step \d+) ", result.stdout, re.MULTILINE)
    assert labels == [step["label"] for step in record["steps"]]
    assert len(labels) >= 3
    assert f"page: {tmp_path}/out/{THREE_STEPS}.html" in result.stderr
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [f"{THREE_STEPS}.html", f"{THREE_STEPS}.sqlite"]


def test_a_demo_that_cannot_be_unpacked_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another folder with --out"):
        assets.unpack_demo(tmp_path / "file")


def test_a_damaged_demo_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.sqlite.xz"
    broken.write_bytes((DATA / f"{THREE_STEPS}.sqlite.xz").read_bytes()[:1000])
    monkeypatch.setattr(assets, "demo_trace", lambda: broken)
    with pytest.raises(TraceError, match=r"broken\.sqlite\.xz is damaged: reinstall nsysprof"):
        assets.unpack_demo(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
