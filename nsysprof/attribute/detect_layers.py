"""Steps of a loop or the layers of a model that ran once: launches alone do not tell.

What repeats is surely a step if it holds layers of its own, a piece of launches that returns three times or
more in it; if it is larger than layers are; or if there are more than models have layers. Where the host
pauses longest it is likely one, though an expert's layer may also wait for its router. Else it may be either.
"""

import numpy as np

from nsysprof.attribute.detect_anchors import gram_ids
from nsysprof.attribute.detect_cycles import CLEARLY, Cycles
from nsysprof.attribute.detect_levels import Level
from nsysprof.trace.model import I32, I64

_WIDTH = 4  # launches in the n-grams that return in a cycle with layers
_LEAST_LAYER = 8  # launches from one return to the next: fewer are the experts, or heads, of one layer
_RETURNS = 2  # after the first: a layer normalises twice, say
_LAYERED = 0.25  # of a cycle in what returns so
_LARGEST_LAYER = 200  # launches, without a repetition of its own
_REFUSED = 64  # launches: in smaller cycles layers are the rule
_DEEPEST, _SURELY_MORE = 128, 256  # layers: of hardly any model more, of none
_LIKELY, _OPEN = 0.6, 0.45  # how likely steps, with a pause and without
_SAMPLED = 64
_COMPARED = 3


def steps_rather_than_layers(sequence: I32, start_ns: I64, levels: list[Level], cycles: Cycles) -> float:
    """Return how likely cycles are steps, 1 where something says so; 0 where they are as small as layers."""
    length = int(np.median(cycles.end - cycles.start))
    if length >= _LARGEST_LAYER or len(cycles) > _SURELY_MORE or _layered(sequence, cycles) >= _LAYERED:
        return 1.0
    if _pauses_between(start_ns, cycles, length):
        return _LIKELY
    nested = any(level.period >= 2 and 2 * level.period <= length for level in levels)
    return _OPEN if length >= _REFUSED or nested or len(cycles) > _DEEPEST else 0.0


def _layered(sequence: I32, cycles: Cycles) -> float:
    """Return which part of a usual cycle is in launches that return several times in it, a layer apart."""
    chosen = np.unique(np.linspace(0, len(cycles) - 1, _COMPARED + 2).astype(np.int64)[1:-1])
    parts = []
    for cycle in chosen.tolist():
        grams = gram_ids(sequence[cycles.start[cycle] : cycles.end[cycle]], _WIDTH)
        order = np.argsort(grams, kind="stable")
        opens = np.append(True, grams[order][1:] != grams[order][:-1])[: len(grams)]
        apart = np.append(False, np.diff(order) >= _LEAST_LAYER)[: len(grams)] & ~opens
        gram = np.cumsum(opens) - 1
        parts.append(np.mean((np.bincount(gram, apart) >= _RETURNS)[gram]) if len(grams) else 0.0)
    return float(np.median(parts))


def _pauses_between(start_ns: I64, cycles: Cycles, length: int) -> bool:
    """Return whether the host usually pauses longest where a cycle begins: it comes back to its loop."""
    inner = cycles.start[~cycles.opens][:_SAMPLED]
    if not len(inner):
        return False
    at = np.clip(inner[:, None] + np.arange(-(length // 2), length - length // 2), 1, len(start_ns) - 1)
    pauses = np.median(start_ns[at] - start_ns[at - 1], axis=0)
    near = np.abs(np.arange(length) - length // 2) <= 1
    return bool(pauses[near].max() >= CLEARLY * pauses[~near].max(initial=0))
