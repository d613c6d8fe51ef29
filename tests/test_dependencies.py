"""What nsysprof needs to run: every package's licence is listed, and is one that Apache-2.0 can live with."""

import re
import tomllib
from pathlib import Path

import dependencies
import lower_bounds
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
REPORT = (ROOT / "reports/reliability/dependencies.md").read_text()
FREE = {
    *(
        "0BSD",
        "Apache-2.0",
        "Apache-2.0 WITH LLVM-exception",
        "BSD",
        "BSD License",
        "BSD-2-Clause",
        "BSD-3-Clause",
    ),
    *("BSL-1.0", "CC0-1.0", "CNRI-Python", "ISC", "MIT", "MIT-CMU", "PSF-2.0", "Public Domain", "Zlib"),
}
"""Licences that ask for no more than their text."""
PER_FILE = {"MPL-2.0"}
"""Asks for the source of changed files of its own; nsysprof changes and ships none."""


def test_the_report_lists_every_package_with_its_licence() -> None:
    listed = re.search(r"<!-- table -->\n(.*?)\n<!-- /table -->", REPORT, re.DOTALL)
    assert listed
    assert listed[1].splitlines() == dependencies.table()


def test_every_licence_is_a_compatible_one() -> None:
    for name, package in dependencies.runtime(extra="sdxl").items():
        told = re.split(r" (?:AND|OR) |, ", dependencies.licence(package))
        assert told, name
        assert set(told) <= FREE | PER_FILE, f"{name}: {told}"


def test_reading_a_trace_needs_no_licence_that_asks_for_source() -> None:
    for name, package in dependencies.runtime().items():
        assert not set(re.split(r" (?:AND|OR) ", dependencies.licence(package))) & PER_FILE, name


def test_the_versions_of_the_report_are_those_of_the_constraints() -> None:
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    for name, package in dependencies.runtime(extra="sdxl").items():
        assert Version(package.version).public == pins[name], name


def test_every_dependency_has_a_lower_bound_that_the_constraints_meet() -> None:
    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        name, _, lowest = lower_bounds.lowest(requirement).partition("==")
        assert Version(lowest) <= Version(pins[name]), requirement


def test_every_dependency_is_imported_somewhere() -> None:
    sources = [*ROOT.glob("nsysprof/**/*.py"), *ROOT.glob("runners/**/*.py")]
    text = "\n".join(path.read_text() for path in sources)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in project["dependencies"]:
        module = lower_bounds.lowest(requirement).partition("==")[0].replace("-", "_")
        assert re.search(rf"^\s*(?:import|from) {module}\b|files\(\"{module}\"", text, re.MULTILINE), module
