"""The packages that nsysprof runs with, and their licences, as a table.

usage: dependencies.py      prints what reports/reliability/dependencies.md holds between its two marks
"""

from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_SPOKEN = {
    "Apache 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "BSD": "BSD",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
}
"""What packages write in place of SPDX's names."""


def licence(package: Distribution) -> str:
    """Return a package's licence by what its metadata says: the expression, the field, or the classifiers."""
    expression, field = (
        (package.metadata.get_all(name) or [""])[0] for name in ("License-Expression", "License")
    )
    classifiers = package.metadata.get_all("Classifier") or []
    spoken = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith("License ::")]
    told = expression or (", ".join(spoken) if "\n" in field or not field else field)
    return _SPOKEN.get(told, told)


def runtime(root: str = "nsysprof", extra: str = "") -> dict[str, Distribution]:
    """Return what ``root`` needs to run, with what that needs, by name; ``extra`` adds one of its extras."""
    found: dict[str, Distribution] = {}
    waiting = [(root, extra)]
    while waiting:
        name, wanted = waiting.pop()
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform, or optional
        key = canonicalize_name(name)
        if key in found and not wanted:
            continue
        found[key] = package
        for line in package.requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": wanted}):
                waiting += [(requirement.name, each) for each in (requirement.extras or {""})]
    del found[canonicalize_name(root)]
    return dict(sorted(found.items()))


def table() -> list[str]:
    """Return the lines of the table."""
    core, every = runtime(), runtime(extra="sdxl")
    lines = ["| package | version | licence | for |", "| --- | --- | --- | --- |"]
    for name, package in every.items():
        use = "reading traces" if name in core else "running SDXL"
        lines.append(f"| {name} | {package.version} | {licence(package)} | {use} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table()))
