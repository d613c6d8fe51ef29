"""The demo: a trace that ships packed, shown through the path of ``hotspots``."""

import json
import re
from pathlib import Path

import pytest
from real_trace import THREE_STEPS
from typer.testing import CliRunner

from nsysprof import assets
from nsysprof.commands import app
from nsysprof.errors import OutputError

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "demo_trace", lambda: DATA / f"{THREE_STEPS}.sqlite.xz")


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
    with pytest.raises(EOFError):
        assets.unpack_demo(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
