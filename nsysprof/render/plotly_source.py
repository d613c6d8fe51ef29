"""plotly.js as a page takes it: the installed package's own bundle, set up for the charts that we draw.

The bundle sets up all its kinds of chart (3D, maps, ...) when it starts, which costs most of a page's opening
time. They are listed in one call, ``register([bar(), box(), ...])``; leaving entries out of it is how the
smaller bundles of plotly are made. Modules that nothing asks for any more, three quarters of the text, are
emptied: a browser that sees its first page would have to parse them. A bundle that looks different from what
is expected here is taken whole.
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
_CALL = re.compile(r"([\w$]+)\(\)")
_MODULE_END = "});var "
_EMPTY_MODULE = "()=>{});var "
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
    registered = source[:low] + ",".join(f"{entry}()" for entry in kept) + source[high:]
    return _without_unused(registered, found["wrap"])


def _without_unused(source: str, wrap: str) -> str:
    """Empty the modules that no other one calls; all stay where the bundle is no plain row of modules."""
    mark = f"={wrap}("
    definitions = _definitions(source, wrap)
    names = list(definitions)
    starts = list(definitions.values())
    ends = [start - len(mark) - len(name) for name, start in list(definitions.items())[1:]]
    plain = source.count(mark) == len(names) and all(
        source.endswith(_MODULE_END, start, end) for start, end in zip(starts, ends, strict=False)
    )
    if not plain:
        return source
    bodies = {name: source[start:end] for name, start, end in zip(names, starts, ends, strict=False)}
    rest = source[starts[-1] :]
    used: set[str] = set()
    asked = _called(rest)
    while asked:
        used |= asked
        asked = set().union(*(_called(bodies[name]) for name in asked if name in bodies)) - used
    parts = [f"{name}{mark}{body if name in used else _EMPTY_MODULE}" for name, body in bodies.items()]
    first = starts[0] - len(mark) - len(names[0])
    return f"{source[:first]}{''.join(parts)}{names[-1]}{mark}{rest}"


def _called(text: str) -> set[str]:
    """Return the names of all functions that are called without arguments: as modules are."""
    return set(_CALL.findall(text))


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
