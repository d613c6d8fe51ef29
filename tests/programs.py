"""Sequences of launches as programs of known structure make them, for tests of step detection."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
Codes = list[int]

USUAL_NS = 8_000
"""Usual time between launches."""


@dataclass
class Program:
    """Launches one after the other, with the true steps noted."""

    seed: int = 0
    codes: Codes = field(default_factory=list)
    at_ns: list[int] = field(default_factory=list)
    steps: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)

    def some(self, number: int, first: int = 0, until: int = 50) -> Codes:
        """Return a fixed piece of program: random kernels of ``first`` to ``until``."""
        return [int(code) for code in self.random.integers(first, until, number)]

    def run(self, codes: Codes, pause_ns: int = 0) -> None:
        """Launch kernels, the first after a pause."""
        for position, code in enumerate(codes):
            last = self.at_ns[-1] if self.at_ns else 0
            wait = USUAL_NS * self.random.lognormal(0, 0.5) + (pause_ns if position == 0 else 0)
            self.codes.append(code)
            self.at_ns.append(last + int(wait))

    def step(self, codes: Codes, pause_ns: int = 0) -> None:
        """Launch the kernels of a true step."""
        first = len(self.codes)
        self.run(codes, pause_ns)
        self.steps.append((first, len(self.codes)))

    def sequence(self) -> I32:
        """Return the kernels in launch order."""
        return np.array(self.codes, np.int32)

    def start_ns(self) -> I64:
        """Return when each was launched."""
        return np.array(self.at_ns, np.int64)

    def true(self) -> I64:
        """Return the true steps, shape (steps, 2)."""
        return np.array(self.steps, np.int64).reshape(-1, 2)


def unet(program: Program) -> Codes:
    """Return a network with loops of its own: blocks of 2, 10 and 3 equal layers between other kernels."""
    layer = program.some(14, 10, 40)
    return [
        code
        for piece in (6, 2, 20, 10, 20, 3, 9)
        for code in (layer * piece if piece in (2, 10, 3) else program.some(piece, 0, 50))
    ]


def drifting(program: Program, codes: Codes, most: int) -> Codes:
    """Return the kernels with up to ``most`` of them left out or others put between."""
    changed = list(codes)
    for _ in range(int(program.random.integers(0, most + 1))):
        place = int(program.random.integers(0, len(changed)))
        if program.random.random() < 0.5:
            changed.insert(place, int(program.random.integers(0, 50)))
        else:
            del changed[place]
    return changed
