"""What ships: the wheel's contents, what importing costs, and the pins."""

import re
import subprocess
import sys
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "plotly", "pandas", "diffusers", "transformers")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)],
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


def test_wheel_holds_package_queries_and_runners_and_nothing_else_at_top_level(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"nsysprof", "nsysprof-0.1.0.dist-info"}
    for wanted in (
        "nsysprof/py.typed",
        "nsysprof/queries/README.md",
        "nsysprof/runners/sdxl.py",
        "nsysprof/demo/sdxl-h200-1024-8steps.sqlite.xz",
    ):
        assert wanted in names


def test_wheel_stays_under_3_mb(wheel: Path) -> None:
    assert wheel.stat().st_size < 3_000_000


def test_wheel_runs_on_its_own(wheel: Path, tmp_path: Path) -> None:
    """Queries and runners are found inside the unpacked wheel, with no checkout beside it."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "from nsysprof import assets; "
        "print(assets.folder('queries')); print(assets.folder('runners')); print(assets.demo_trace())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    for line in done.stdout.splitlines():
        assert line.startswith(str(tmp_path))
        assert Path(line).exists()


@pytest.mark.parametrize("code", ["import nsysprof", "from nsysprof.commands import app"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; import sys; print(*sorted(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert not set(HEAVY) & set(done.stdout.split())


def test_help_lists_every_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nsysprof", "--help"], check=True, capture_output=True, text=True
    )
    for command in ("capture", "export", "hotspots", "classify", "query", "sweep", "doctor", "demo"):
        assert re.search(rf"^\W*{command}\b", done.stdout, re.MULTILINE), command


def test_constraints_pin_every_declared_dependency_and_name_no_index() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+", pin) for pin in pins)
    pinned = {re.sub(r"[-_.]+", "-", pin.split("==")[0]).lower() for pin in pins}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = chain.from_iterable(project["optional-dependencies"].values())
    names = [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in chain(project["dependencies"], extras)]
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in names} <= pinned
