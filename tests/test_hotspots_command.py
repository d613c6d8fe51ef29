"""``nsysprof hotspots`` as a process: what goes to stdout, stderr and the page."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from trace_builder import TraceBuilder

from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.render.page import _page_data
from nsysprof.trace import open_trace


@pytest.fixture(autouse=True)
def _trace(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for step in range(3):
        start = 1000 * step
        builder.nvtx(f"step {step}", start, start + 900)
        builder.launch(
            "norm_kernel", (start + 100, start + 110), (start + 150, start + 650), correlation=step + 1
        )
    builder.write(tmp_path / "run.sqlite")


def nsysprof(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nsysprof", "hotspots", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_path_with_a_line_break_is_one_line_of_the_note(tmp_path: Path) -> None:
    done = nsysprof(tmp_path, "run.sqlite", "--json", "--html", "two\nlines.html")
    assert (done.returncode, done.stderr) == (0, "page: two\\nlines.html\n")
    assert (tmp_path / "two\nlines.html").is_file()


def test_tables_and_the_page(tmp_path: Path) -> None:
    done = nsysprof(tmp_path, "run.sqlite")
    assert done.returncode == 0
    assert "step 2" in done.stdout
    assert done.stderr == "page: nsysprof-out/run.html\n"
    assert (tmp_path / "nsysprof-out" / "run.html").read_text().startswith("<!doctype html>")


def test_no_page(tmp_path: Path) -> None:
    done = nsysprof(tmp_path, "run.sqlite", "--no-html")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.sqlite"]


def test_json_writes_no_page(tmp_path: Path) -> None:
    done = nsysprof(tmp_path, "run.sqlite", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    record = json.loads(done.stdout)
    assert record["schema"] == "nsysprof.hotspots/1"
    assert [step["wall_ns"] for step in record["steps"]] == [1000, 1000, 500]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.sqlite"]


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_records_leave_warnings_to_stderr(tmp_path: Path, form: str) -> None:
    TraceBuilder().kernel("gemm", 0, 10).write(tmp_path / "alone.sqlite")
    done = nsysprof(tmp_path, "alone.sqlite", form)
    assert done.returncode == 0
    assert "warning: the trace holds no CUDA API calls" in done.stderr
    assert "page" not in done.stderr


def test_json_and_a_page_where_asked(tmp_path: Path) -> None:
    done = nsysprof(tmp_path, "run.sqlite", "--json", "--html", "pages/mine.html")
    assert done.returncode == 0
    assert json.loads(done.stdout)["steps_source"] == "nvtx"
    assert (tmp_path / "pages" / "mine.html").is_file()


def test_own_rules_decide_first(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[[rule]]\npattern = 'norm_'\ncategory = 'loss'\nlibrary = 'mine'\n")
    record = json.loads(nsysprof(tmp_path, "run.sqlite", "--json", "--rules", "mine.toml").stdout)
    assert [(one["category"], one["library"]) for one in record["kernels"]] == [("loss", "mine")]
    assert list(record["categories"]) == ["loss"]
    assert list(record["steps"][0]["categories"]) == ["loss"]
    own = json.loads(nsysprof(tmp_path, "run.sqlite", "--json").stdout)
    assert list(own["categories"]) == ["unknown"]


def test_a_bad_rule_file_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[[rule]]\npattern = 'x'\ncategory = 'GEMM'\n")
    done = nsysprof(tmp_path, "run.sqlite", "--rules", "bad.toml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "rule 1 of bad.toml: no category 'GEMM'" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.toml", "run.sqlite"]


def test_a_page_of_another_trace_is_not_replaced_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    (tmp_path / "later/run.sqlite").write_bytes((tmp_path / "run.sqlite").read_bytes())
    said = [nsysprof(tmp_path, name).stderr for name in ("run.sqlite", "./run.sqlite", "later/run.sqlite")]
    assert said == [
        "page: nsysprof-out/run.html\n",
        "page: nsysprof-out/run.html\n",
        "page: nsysprof-out/run.html (in place of a page of another trace; --html names another file)\n",
    ]


def test_a_page_does_not_tell_where_its_trace_lies(tmp_path: Path) -> None:
    done = nsysprof(tmp_path, str(tmp_path / "run.sqlite"), "--json", "--html", "page.html")
    assert json.loads(done.stdout)["trace"]["path"] == str(tmp_path / "run.sqlite")
    text = (tmp_path / "page.html").read_text()
    assert "From run.sqlite, nsys export schema" in text
    assert tmp_path.name not in text
    with open_trace(tmp_path / "run.sqlite") as trace:
        data = json.dumps(_page_data(measure_hotspots(trace)))
    assert '"path": "run.sqlite"' in data
    assert tmp_path.name not in data


@pytest.mark.parametrize("name", ["run.sqlite", "./run.sqlite", "link.html"])
def test_the_trace_is_never_replaced_by_its_page(tmp_path: Path, name: str) -> None:
    (tmp_path / "link.html").symlink_to("run.sqlite")
    before = (tmp_path / "run.sqlite").read_bytes()
    done = nsysprof(tmp_path, "run.sqlite", "--html", name)
    assert done.returncode == 7
    assert "is the file that is read, and would be destroyed: choose another path with --html" in done.stderr
    assert (tmp_path / "run.sqlite").read_bytes() == before


def test_csv(tmp_path: Path) -> None:
    done = nsysprof(tmp_path, "run.sqlite", "--csv")
    assert done.returncode == 0
    assert done.stdout.startswith("record,step,key,")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["absent.sqlite"], 3, "absent.sqlite"),
        (["run.sqlite", "--json", "--csv"], 2, "--json and --csv exclude each other"),
        (["run.sqlite", "--no-html", "--open"], 2, "--no-html leaves no page"),
        (["run.sqlite", "--steps", "lap"], 4, "no NVTX range matching 'lap'"),
    ],
)
def test_mistakes_get_one_line_and_a_code(
    tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    done = nsysprof(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "nsysprof-out").exists()


def test_the_command_line_starts_light() -> None:
    loaded = "import sys, nsysprof, nsysprof.commands; print(*sorted(m for m in sys.modules if '.' not in m))"
    modules = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "plotly", "pandas", "numpy"} & set(modules)
