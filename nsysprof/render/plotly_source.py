"""plotly.js as a page takes it: the installed package's own bundle, set up for the charts that we draw.

The bundle sets up all its kinds of chart (3D, maps, ...) when it starts, which costs most of a page's opening
time. They are listed in one call, ``register([bar(), box(), ...])``; leaving entries out of it is how the
smaller bundles of plotly are made. A bundle that looks different from what is expected here is taken whole.
"""

import re
from collections.abc import Mapping
from importlib.resources import files

CHARTS = frozenset({"bar", "box", "icicle", "treemap"})
"""What the page draws beside ``scatter``, which is always there."""

_REGISTER = re.compile(
    r"[\w$]+=(?P<wrap>[\w$]+)\(\([\w$]+,[\w$]+\)=>\{(?:\"use strict\";)?var [\w$]+=[\w$]+\(\);"
    r"[\w$]+\.register\(\[(?P<entries>(?:[\w$]+\(\),?)+)\]\)"
)
_FORWARD = re.compile(r"\([\w$]+,[\w$]+\)=>\{(?:\"use strict\";)?[\w$]+\.exports=([\w$]+)\(\)\}\)")
_NAMED = re.compile(r'moduleType:"\w+",name:"(\w+)"')
_FAR = 20_000
_LONGEST_NAME = 40


def plotly_source() -> str:
    """Return the script that defines ``Plotly``."""
    path = files("plotly") / "package_data" / "plotly.min.js"
    return with_charts(path.read_text(encoding="utf-8"), CHARTS)


def with_charts(source: str, charts: frozenset[str]) -> str:
    """Return a bundle that registers only ``charts``; the whole bundle where that cannot be told for sure."""
    tail = max(source.rfind(".register([") - _FAR, 0)
    found = _REGISTER.search(source, tail)
    if found is None or source.count(".register([") != 1:
        return source
    entries = found["entries"].replace("()", "").strip(",").split(",")
    definitions = _definitions(source, found["wrap"])
    names = {entry: _chart_name(source, definitions, entry) for entry in entries}
    kept = [entry for entry in entries if names[entry] in charts]
    if sorted(names[entry] for entry in kept) != sorted(charts):
        return source
    low, high = found.span("entries")
    return source[:low] + ",".join(f"{entry}()" for entry in kept) + source[high:]


def _definitions(source: str, wrap: str) -> dict[str, int]:
    """Return where each module of the bundle begins, by the module's name; in one pass, as there are many."""
    mark = f"={wrap}("
    found: dict[str, int] = {}
    at = source.find(mark)
    while at >= 0:
        name = source[max(at - _LONGEST_NAME, 0) : at].rpartition(" ")[2]
        at += len(mark)
        found.setdefault(name, at)
        at = source.find(mark, at)
    return found


def _chart_name(source: str, definitions: Mapping[str, int], module: str) -> str:
    """Return the name that a module of the bundle registers itself by, empty when that is not found."""
    for _ in range(3):  # the module may only forward to the one that holds the name
        start = definitions.get(module)
        if start is None:
            return ""
        forward = _FORWARD.match(source, start)
        if forward is None:
            named = _NAMED.search(source, start, start + _FAR)
            return named[1] if named else ""
        module = forward[1]
    return ""
