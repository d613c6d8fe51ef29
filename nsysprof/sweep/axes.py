"""What is varied: ``KEY=V1,V2,...`` words, read against the options that the runner has."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from nsysprof.errors import UsageError
from nsysprof.sweep.runner import OUT, Option, Runner

SIZE = "size"
"""``size=512,1280x768`` stands for width and height together."""

_SIDES = ("width", "height")
_COMMA = re.compile(r"(?<!\\),")
_SIZE_VALUE = re.compile(r"(\d+)(?:[x*](\d+))?")


@dataclass(frozen=True, slots=True)
class Axis:
    """One option that is varied."""

    key: str
    """The option's name, or ``size``."""
    values: tuple[str, ...]
    """Its values as the user wrote them; of a size always ``WIDTHxHEIGHT``."""
    words: tuple[tuple[str, ...], ...]
    """The runner's command line words for each value."""
    dests: tuple[str, ...]
    """The parsed options that it sets: one, or width and height."""

    def value_in(self, options: Mapping[str, object]) -> str:
        """Return the value that the axis has among parsed ``options``, as a user would write it."""
        return "x".join(_written(options.get(dest)) for dest in self.dests)


def parse_axes(texts: Sequence[str], runner: Runner) -> tuple[Axis, ...]:
    """Return the axes that ``texts`` (each ``KEY=V1,V2,...``) describe.

    Raises UsageError for a key that the runner has no option for, and for one that is given twice.
    """
    axes = tuple(_axis(text, runner) for text in texts)
    taken: dict[str, str] = {}
    for axis in axes:
        for dest in axis.dests:
            if dest in taken:
                raise UsageError(f"{axis.key} and {taken[dest]} both set {dest}", "give one of them")
            taken[dest] = axis.key
    return axes


def _axis(text: str, runner: Runner) -> Axis:
    key, equals, listed = text.partition("=")
    key = key.strip().lstrip("-").replace("_", "-")
    values = [value.strip().replace("\\,", ",") for value in _COMMA.split(listed)]
    if not equals or not key:
        raise UsageError(f"{text!r} is nothing to vary", "write KEY=V1,V2,..., such as batch=1,2,4")
    if "" in values:
        raise UsageError(f"{text!r} holds an empty value", "write KEY=V1,V2,...; \\, is a comma in a value")
    if key == OUT:
        raise UsageError("each run has a folder of its own", "--output says where these folders go")
    if (
        key in (SIZE, "resolution")
        and key not in runner.options
        and all(side in runner.options for side in _SIDES)
    ):
        return _size_axis(values)
    option = runner.options.get(key) or runner.options.get(key.replace("-", "_"))
    if option is None:
        raise UsageError(f"{runner.name} has no option {key!r}", _advice(key, runner))
    return Axis(key, tuple(values), tuple(_words(option, value) for value in values), (option.dest,))


def _size_axis(values: Sequence[str]) -> Axis:
    shown, words = [], []
    for value in values:
        found = _SIZE_VALUE.fullmatch(value)
        if not found:
            raise UsageError(f"{SIZE}={value} is no size", "write 512 or 1280x768")
        width, height = found[1], found[2] or found[1]
        shown.append(f"{width}x{height}")
        words.append((f"--width={width}", f"--height={height}"))
    return Axis(SIZE, tuple(shown), tuple(words), _SIDES)


def _words(option: Option, value: str) -> tuple[str, ...]:
    words = option.words(value)
    if words is None:
        raise UsageError(f"{option.name}={value}: it is a switch", f"write {option.name}=on,off")
    return words


def _advice(key: str, runner: Runner) -> str:
    """Name the options that are spelled like ``key``, else all of them."""
    known = [name for name in runner.options if name != OUT]
    if all(side in known for side in _SIDES):
        known.append(SIZE)
    near = get_close_matches(key, known, 4, 0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(sorted(known))}"


def _written(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
