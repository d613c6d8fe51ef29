"""What each axis does to time and memory, in a sentence."""

from collections.abc import Sequence

from nsysprof.sweep.results import AxisResult, Point, Spread

_NOTABLE = 1.03
"""A factor below which two figures count as the same, even where all their repeats lie apart."""
_NOISE = 1.3
"""The same for times of few runs: alike processes differ by a fifth, and now and then by half."""
_ENOUGH = 3
"""Runs of each for ranges that lie apart to tell something; of two each, one in three does so by chance."""


def headline(axes: Sequence[AxisResult], points: Sequence[Point], *, each: bool) -> tuple[str, ...]:
    """Return a sentence for each axis that has two values with figures.

    It says where the other axes stand, unless they stand at the defaults (``each``: one axis at a time).
    """
    return tuple(text for axis in axes if (text := _sentence(axis, axes, points, each=each)))


def _sentence(axis: AxisResult, axes: Sequence[AxisResult], points: Sequence[Point], *, each: bool) -> str:
    """Compare the first and the last value of ``axis`` that were measured with everything else alike."""
    alike = line(axis, axes, points)
    measured = [point for point in alike if point.time_s]
    lost = [point for point in alike if point.status == "out_of_memory"]
    parts = []
    if measured and measured[0].values[axis.key] != measured[-1].values[axis.key]:
        first, last = measured[0], measured[-1]
        changes = [
            _change("time", first.time_s, last.time_s),
            _change("a step", first.step_s, last.step_s),
            _change("images/s", first.images_per_s, last.images_per_s),
            _change("memory", first.memory_bytes, last.memory_bytes, varies=False),
        ]
        told = [change for change in changes if change]
        rest = [other.key for other in axes if other is not axis and len(other.values) > 1 and not each]
        where = f" at {', '.join(f'{key} {first.values[key]}' for key in rest)}" if rest else ""
        span = f"{axis.key} {first.values[axis.key]} to {last.values[axis.key]}{where}"
        few = _few_runs(first, last)
        nothing = "no difference that so few runs can tell" if few else "no difference in time and memory"
        parts.append(f"{span}{few}: {', '.join(told) or nothing}")
    if lost:
        parts.append(f"{'' if parts else axis.key + ' '}{lost[0].values[axis.key]} does not fit into memory")
    return "; ".join(parts)


def line(axis: AxisResult, axes: Sequence[AxisResult], points: Sequence[Point]) -> list[Point]:
    """Return the points along ``axis``, in its order, that agree on every other axis.

    In a grid the others stand at the first point's values; one axis at a time they are the defaults.
    """
    if not points:
        return []
    base = points[0].values
    others = [other.key for other in axes if other.key != axis.key]
    found = [point for point in points if all(point.values[key] == base[key] for key in others)]
    return sorted(found, key=lambda point: axis.values.index(point.values[axis.key]))


def _few_runs(first: Point, last: Point) -> str:
    """Return how many runs stand behind a comparison, empty when they are enough."""
    counts = sorted(point.time_s.count for point in (first, last) if point.time_s)
    return f", {runs_each(counts[0], counts[-1])}" if counts[0] < _ENOUGH else ""


def runs_each(least: int, most: int) -> str:
    """Say how many runs there are of each configuration."""
    if most <= 1:
        return "one run each" if least else "no runs"
    return f"{most} runs each" if least == most else f"{least} to {most} runs each"


def _change(what: str, before: Spread | None, after: Spread | None, *, varies: bool = True) -> str:
    """Return ``what`` with the factor between two figures; empty when they do not differ notably.

    ``varies``: it differs from run to run without a reason.
    """
    if before is None or after is None or not before.middle or not after.middle:
        return ""
    factor = after.middle / before.middle
    apart = after.low > before.high or after.high < before.low
    is_sure = not varies or min(before.count, after.count) >= _ENOUGH
    if max(factor, 1 / factor) < (_NOTABLE if is_sure else _NOISE) or not apart:
        return ""
    return f"{what} x{factor:.2f}" if factor < 9.995 else f"{what} x{factor:.0f}"
