"""ComfyUI workflows in API format: what they hold, and options applied to the nodes that they mean.

Nodes are found by what they are linked to, never by their ids: a sampler is what starts from a
``latent_image``; its seed, steps, guidance, texts, sizes and checkpoint lie on it, or upstream of the inputs
that carry them.
"""

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsysprof.errors import UsageError

Graph = dict[str, dict[str, Any]]
"""Nodes by id; each has a ``class_type`` and ``inputs``: values, or links ``[id, output]``."""

_SEED_RANGE = 2**64


@dataclass(frozen=True, slots=True)
class Slot:
    """One value of one node."""

    node: str
    """The node's id."""
    key: str
    """The input's name."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """Where the value that an option means is kept."""

    links: tuple[str, ...]
    """Inputs of the sampler, or of its guider, that lead there."""
    keys: tuple[str, ...]
    """Names of the input that holds the value; the sampler may have it itself."""
    types: tuple[type, ...]
    """What the value is."""
    beside: str = ""
    """Another input that its node must have."""


_TEXTS = ("text", "text_g", "text_l", "clip_l", "clip_g", "t5xxl")
_KINDS = {
    "seed": _Kind(("noise",), ("seed", "noise_seed"), (int,)),
    "steps": _Kind(("sigmas",), ("steps",), (int,)),
    "cfg": _Kind((), ("cfg",), (int, float)),
    "width": _Kind(("latent_image",), ("width",), (int,), "batch_size"),
    "height": _Kind(("latent_image",), ("height",), (int,), "batch_size"),
    "batch": _Kind(("latent_image",), ("batch_size",), (int,)),
    "checkpoint": _Kind(("model",), ("ckpt_name",), (str,)),
    "prompt": _Kind(("positive", "conditioning", "cond1", "cond2"), _TEXTS, (str,)),
    "negative_prompt": _Kind(("negative",), _TEXTS, (str,)),
}
SETTINGS = tuple(_KINDS)
"""The options that a workflow has places for."""


def load_workflow(path: Path) -> Graph:
    """Read a workflow. Raises UsageError when it is missing, not in API format, or samples nothing."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read the workflow {path.name}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"the workflow {path.name} is no JSON", "export it with 'Export (API)'") from error
    if isinstance(content, dict) and isinstance(content.get("nodes"), list):
        raise UsageError(
            f"the workflow {path.name} is in the editor's format", "export it with 'Export (API)'"
        )
    if not isinstance(content, dict) or not content or not all(map(_is_node, content.values())):
        raise UsageError(
            f"the workflow {path.name} is not in API format", "it maps ids to class_type and inputs"
        )
    if not samplers(content):
        raise UsageError(
            f"the workflow {path.name} has no sampler", "none of its nodes starts from a latent_image"
        )
    return content


def _is_node(node: object) -> bool:
    return (
        isinstance(node, dict)
        and isinstance(node.get("class_type"), str)
        and isinstance(node.get("inputs"), dict)
    )


def samplers(graph: Graph) -> list[str]:
    """Return the ids of the nodes that denoise."""
    return [
        name
        for name in graph
        if _sources(graph, name, ("latent_image",)) and _sources(graph, name, ("model", "guider"))
    ]


def slots(graph: Graph, setting: str) -> list[Slot]:
    """Return where ``setting`` (one of SETTINGS) is kept for the graph's samplers; empty when nowhere."""
    found: dict[Slot, None] = {}
    for sampler in samplers(graph):
        found.update(dict.fromkeys(_of_sampler(graph, sampler, _KINDS[setting])))
    if setting == "negative_prompt":  # some workflows make the negative of the positive by zeroing it
        positive = set(slots(graph, "prompt"))
        return [slot for slot in found if slot not in positive]
    return list(found)


def _of_sampler(graph: Graph, sampler: str, kind: _Kind) -> Iterator[Slot]:
    """Walk from a sampler against the links; where a node holds the value, go no farther."""
    guiders = [source for _, source in _sources(graph, sampler, ("guider",))]
    waiting: list[tuple[str, str]] = []
    for name in (sampler, *guiders):
        yield from _held(graph, name, kind)
        waiting += _sources(graph, name, kind.keys)
        waiting += _sources(graph, name, kind.links)
    seen = {sampler, *guiders}
    while waiting:
        key, name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        held = _held(graph, name, kind)
        if not held and key in kind.keys:
            held = _only_value(graph, name, kind)
        yield from held
        named = _sources(graph, name, kind.keys)
        if not held and not named:
            named = _sources(graph, name, kind.links) or _sources(graph, name, graph[name]["inputs"])
        waiting += named


def _held(graph: Graph, name: str, kind: _Kind) -> list[Slot]:
    inputs = graph[name]["inputs"]
    if kind.beside and kind.beside not in inputs:
        return []
    return [Slot(name, key) for key in kind.keys if _is_value(inputs.get(key), kind.types)]


def _only_value(graph: Graph, name: str, kind: _Kind) -> list[Slot]:
    """Return the value of a node that does nothing but give one, which it may call anything."""
    inputs = graph[name]["inputs"]
    return [
        Slot(name, key) for key, value in inputs.items() if len(inputs) == 1 and _is_value(value, kind.types)
    ]


def _is_value(value: object, types: tuple[type, ...]) -> bool:
    return isinstance(value, types) and not isinstance(value, bool)


def _sources(graph: Graph, name: str, inputs: Iterable[str]) -> list[tuple[str, str]]:
    """Return the linked ones of a node's ``inputs``, each with the node that it comes from."""
    pairs = ((key, graph[name]["inputs"].get(key)) for key in inputs)
    return [
        (key, value[0])
        for key, value in pairs
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and value[0] in graph
    ]


def applied(graph: Graph, settings: Mapping[str, Any]) -> Graph:
    """Return the graph with ``settings`` in their places.

    Raises UsageError for one that the workflow has no place for.
    """
    changed = copy.deepcopy(graph)
    for setting, value in settings.items():
        places = slots(changed, setting)
        if not places:
            option = "--" + setting.replace("_", "-")
            raise UsageError(f"the workflow has no place for {option}", "leave it out")
        for slot in places:
            changed[slot.node]["inputs"][slot.key] = value
    return changed


def values(graph: Graph) -> dict[str, Any]:
    """Return each setting as the graph has it; None where it has none, or samplers that differ."""
    found: dict[str, Any] = {}
    for setting in SETTINGS:
        held = {graph[slot.node]["inputs"][slot.key] for slot in slots(graph, setting)}
        found[setting] = held.pop() if len(held) == 1 else None
    if len(samplers(graph)) > 1:
        found["steps"] = None  # of which one would depend on how they share the work
    return found


def schedule(graph: Graph) -> str | None:
    """Return the first sampler's algorithm and schedule, as in ``euler, normal``; None when it has none."""
    inputs = graph[samplers(graph)[0]]["inputs"]
    named = [inputs.get(key) for key in ("sampler_name", "scheduler")]
    return ", ".join(name for name in named if isinstance(name, str)) or None


def varied(graph: Graph, number: int) -> Graph:
    """Return the graph with the same work in it and nothing that ComfyUI's cache would answer; 0: as it is.

    ComfyUI takes a node's result from the run before where all inputs are equal. So the seed is another one,
    and the texts end in blanks, which make no tokens. Raises UsageError when there is no seed.
    """
    changed = copy.deepcopy(graph)
    seeds = slots(graph, "seed")
    if not seeds:
        raise UsageError(
            "the workflow has no seed, so ComfyUI would answer each run after the first from its cache",
            "give --warmup 0 --no-baseline",
        )
    for slot in seeds:
        inputs = changed[slot.node]["inputs"]
        inputs[slot.key] = (inputs[slot.key] + number) % _SEED_RANGE
    for slot in (*slots(graph, "prompt"), *slots(graph, "negative_prompt")):
        changed[slot.node]["inputs"][slot.key] += " " * number
    return changed
