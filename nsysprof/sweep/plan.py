"""Which configurations a sweep runs: every combination of the axes' values, or one axis at a time."""

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from nsysprof.errors import UsageError
from nsysprof.sweep.axes import SIZE, Axis
from nsysprof.sweep.circumstances import Circumstances
from nsysprof.sweep.runner import OUT, Runner

DEFAULT = "default"
"""Label of the configuration that varies nothing, and an axis' value where nobody knows the real one."""


@dataclass(frozen=True, slots=True)
class Config:
    """One set of options; it is run once a repeat."""

    id: str
    """The same for the same runner, options and versions, and for nothing else."""
    label: str
    """What sets it apart in this sweep: ``batch 4, 768x768``."""
    values: Mapping[str, str]
    """Its value on every axis."""
    words: tuple[str, ...]
    """The runner's command line words, without those for the folder."""
    options: Mapping[str, object]
    """The runner's options as run records show them; empty where the runner's parser could not be asked."""


@dataclass(frozen=True, slots=True)
class Design:
    """How axes become configurations."""

    runner: Runner
    """The runner."""
    axes: tuple[Axis, ...]
    """What is varied."""
    each: bool
    """One axis at a time round the defaults, instead of every combination."""
    rest: tuple[str, ...]
    """Words for the runner that are the same in every run; they are the defaults that the axes vary."""
    circumstances: Circumstances
    """What else a run depends on."""


def configurations(design: Design) -> tuple[Config, ...]:
    """Return the configurations, each once, in the order of the axes' values, the last axis fastest.

    Raises UsageError when the runner's parser refuses one.
    """
    base = design.runner.check(design.rest)[0]
    found: dict[str, Config] = {}
    for values in _choices(design):
        config = _config(design, values, base)
        found.setdefault(config.id, config)
    return tuple(found.values())


def with_options(words: Sequence[str], options: Sequence[str]) -> tuple[str, ...]:
    """Return ``words`` with ``options`` after them, but before a ``--``, which ends a runner's options."""
    end = words.index("--") if "--" in words else len(words)
    return (*words[:end], *options, *words[end:])


def _choices(design: Design) -> Iterable[dict[str, int]]:
    """Yield what each configuration varies: an index into the values, by the position of the axis' key."""
    axes = design.axes
    if design.each:
        yield {}
        yield from ({axis.key: index} for axis in axes for index in range(len(axis.values)))
    else:
        keys = [axis.key for axis in axes]
        for indices in itertools.product(*(range(len(axis.values)) for axis in axes)):
            yield dict(zip(keys, indices, strict=True))


def _config(design: Design, chosen: Mapping[str, int], base: Mapping[str, object]) -> Config:
    runner = design.runner
    words = with_options(
        design.rest,
        [word for axis in design.axes if axis.key in chosen for word in axis.words[chosen[axis.key]]],
    )
    parsed, shown = runner.check(words)
    values = {}
    for axis in design.axes:
        if axis.key in chosen:
            values[axis.key] = axis.values[chosen[axis.key]]
            _check_left_out(runner, axis, axis.words[chosen[axis.key]], parsed)
        else:
            values[axis.key] = axis.value_in(base) if base else DEFAULT
    for hidden in (OUT, "help"):
        parsed.pop(hidden, None)
        shown.pop(hidden, None)
    return Config(
        _identity(runner, parsed or {"words": words}, design.circumstances),
        _label(design, chosen),
        values,
        words,
        shown,
    )


def _check_left_out(runner: Runner, axis: Axis, words: Sequence[str], parsed: Mapping[str, object]) -> None:
    """Refuse ``off`` and ``none`` where the words for every run turn the option on."""
    if words or not parsed:
        return
    default = next(option.default for option in runner.options.values() if option.dest == axis.dests[0])
    if parsed[axis.dests[0]] not in (default, (), []):
        raise UsageError(f"--{axis.key} is varied and also given for every run", "drop it after --")


def _label(design: Design, chosen: Mapping[str, int]) -> str:
    told = [axis for axis in design.axes if axis.key in chosen and (design.each or len(axis.values) > 1)]
    if not told and not design.each:
        told = list(design.axes)
    parts = []
    for axis in told:
        value = axis.values[chosen[axis.key]]
        parts.append(value if axis.key == SIZE else f"{axis.key} {value}")
    return ", ".join(parts) or DEFAULT


def _identity(runner: Runner, options: Mapping[str, object], circumstances: Circumstances) -> str:
    told = {
        "runner": runner.name,
        "version": runner.version,
        "options": options,
        "with": asdict(circumstances),
    }
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
