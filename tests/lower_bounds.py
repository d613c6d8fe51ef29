"""Install the lowest version that pyproject.toml allows of every dependency, and run the tests for it.

usage: lower_bounds.py FOLDER      an environment of its own is made there
"""

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("pytest", "pytest-timeout", "hypothesis")
"""Packages that run the tests, in the versions of constraints.txt."""
TESTS = (
    *("test_attribute_*", "test_classify_command", "test_classify_kernels", "test_classify_names"),
    *("test_classify_rules", "test_decode", "test_demo", "test_detect", "test_files", "test_hotspots*"),
    *("test_memory", "test_pages", "test_partition", "test_plotly_source", "test_queries", "test_ranges"),
    *(
        "test_records",
        "test_share*",
        "test_strip_trace",
        "test_sweep_plan",
        "test_sweep_tables",
        "test_tables",
    ),
    *("test_timeline", "test_trace", "test_tree_table"),
)
"""Those that need neither PyTorch nor nsys nor a browser."""
LAYOUT = ("tests/test_sweep_tables.py::test_at_80_columns_what_is_the_same_everywhere_moves_to_the_title",)
"""Compares a table to the blank; before rich 14.3 it has one more."""


def lowest(requirement: str) -> str:
    """Return ``numpy==1.26`` for ``numpy>=1.26``."""
    found = re.fullmatch(r"([\w.-]+)>=([\w.]+)(?:,<[\w.]+)?", requirement)
    if not found:
        raise SystemExit(f"{requirement} has no plain lower bound")
    return f"{found[1]}=={found[2]}"


def pinned(name: str) -> str:
    """Return a tool as constraints.txt pins it."""
    found = re.search(rf"^{re.escape(name)}==.*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    if not found:
        raise SystemExit(f"constraints.txt does not pin {name}")
    return found[0]


def main() -> None:
    """Make the environment, print what is in it, and run the tests; exits with their status."""
    folder = Path(sys.argv[1])
    python = str(folder / "bin" / "python")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [lowest(requirement) for requirement in project["dependencies"]]
    venv.create(folder, clear=True, with_pip=True)
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *wanted, *map(pinned, TOOLS), "hatchling", "editables"], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)], check=True)
    subprocess.run([python, "-m", "pip", "check"], check=True)
    subprocess.run([python, "-m", "pip", "list", "--disable-pip-version-check"], check=True)
    files = sorted({str(path) for name in TESTS for path in (ROOT / "tests").glob(f"{name}.py")})
    lenient = ["-W", "ignore:'click:DeprecationWarning"]  # of an old typer about today's click
    tests = [python, "-m", "pytest", "-q", *lenient, *(f"--deselect={test}" for test in LAYOUT), *files]
    sys.exit(subprocess.run(tests, cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
