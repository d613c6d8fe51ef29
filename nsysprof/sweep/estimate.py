"""How long the rest of a sweep will take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from statistics import fmean, median

from nsysprof.sweep.plan import Config

_FACTORS = ("steps", "batch", "width", "height")


@dataclass(slots=True)
class Estimate:
    """Learns from the runs that have ended what the others will take."""

    seen: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of each run, by configuration."""
    amounts: dict[str, float] = field(default_factory=dict)
    """Amount of work of each of these configurations."""

    def learn(self, config: Config, seconds: float) -> None:
        """Take in what a run of ``config`` took."""
        self.seen.setdefault(config.id, []).append(seconds)
        self.amounts[config.id] = amount(config.options)

    def left(self, todo: Sequence[Config]) -> float | None:
        """Return the seconds that runs of ``todo`` will take; None before the first run."""
        if not self.seen:
            return None
        start, rate = self._line()
        return sum(
            median(self.seen[config.id]) if config.id in self.seen else start + rate * amount(config.options)
            for config in todo
        )

    def _line(self) -> tuple[float, float]:
        """Fit seconds = start + rate x work; neither is negative."""
        pairs = [(self.amounts[key], median(times)) for key, times in self.seen.items()]
        works, times = [work for work, _ in pairs], [time for _, time in pairs]
        work, time = fmean(works), fmean(times)
        spread = sum((each - work) ** 2 for each in works)
        if not spread:
            return time, 0.0
        rate = max(sum((x - work) * (y - time) for x, y in pairs) / spread, 0.0)
        start = time - rate * work
        return (start, rate) if start >= 0 else (0.0, time / work)


def amount(options: Mapping[str, object]) -> float:
    """Return steps x batch x width x height as far as they are known; 1 for each that is not."""
    known = (options.get(name) for name in _FACTORS)
    return prod(float(value) for value in known if isinstance(value, int | float) and value)
