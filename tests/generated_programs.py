"""Programs of many kinds and sizes, made at random, with their true steps: for tests of step detection.

python tests/generated_programs.py [PROGRAMS]     how many of each kind are detected, level and place
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from programs import Codes, Program, drifting
from step_scoring import f1

from nsysprof.attribute.detect import detect_steps
from nsysprof.attribute.detect_choice import LAYER

LEAST_F1 = 0.95
"""From which a program's steps count as found."""


def number(program: Program, least: int, most: int) -> int:
    """Return a number of least..most."""
    return int(program.random.integers(least, most + 1))


def nested(program: Program) -> Codes:
    """Return a network: blocks of equal layers, other work round each, like a UNet or a stack of decoders."""
    layer, kinds = program.some(number(program, 8, 30), 0, 60), number(program, 1, 5)
    body = program.some(number(program, 4, 20), 0, 80)
    for _ in range(kinds):
        # the shape of a block changes the geometry of some kernels
        shape = [code + 100 if program.random.random() < 0.2 else code for code in layer]
        body += program.some(number(program, 3, 20), 0, 80) + shape * number(program, 1, 10)
    return body + program.some(number(program, 4, 20), 0, 80)


def around(program: Program, codes: Codes) -> Codes:
    """Return what comes before or after a loop: other work, some of it as in the loop, at times nothing."""
    share = int(program.random.choice([0, 0, 10, 40])) * len(codes) // 100
    return program.some(number(program, 0, 150), 0, 120) + codes[:share] + program.some(4, 120, 150)


def loop(program: Program, bodies: list[Codes]) -> Program:
    """Run a prologue, one step for each body, and an epilogue.

    Between small steps the host pauses, or nothing tells them from the layers of one pass.
    """
    pause_ns = 60_000 if len(bodies[-1]) < LAYER else 0
    program.run(around(program, bodies[-1]))
    for body in bodies:
        program.step(body, pause_ns)
    program.run(around(program, bodies[-1]), pause_ns)
    return program


def steps_of(program: Program) -> int:
    return number(program, 5, 40)


def plain(program: Program) -> Program:
    return loop(program, [nested(program)] * steps_of(program))


def drifts(program: Program) -> Program:
    body = nested(program)
    most = max(len(body) // 100, 1)
    return loop(program, [drifting(program, body, most) for _ in range(steps_of(program))])


def first_differs(program: Program) -> Program:
    """Run a first step with lazy initialisation spread over it."""
    body = nested(program)
    first = list(body)
    for _ in range(number(program, 1, max(len(body) // 12, 1))):
        first.insert(number(program, 0, len(first)), number(program, 150, 160))
    return loop(program, [first, *[body] * steps_of(program)])


def guided(program: Program) -> Program:
    """Run the network twice a step, with a scheduler behind: the step is both passes."""
    network, scheduler = nested(program), program.some(number(program, 6, 30), 60, 120)
    return loop(program, [network + network + scheduler] * steps_of(program))


def guided_by_shape(program: Program) -> Program:
    """Like guided, but the second pass has another geometry in places, as prompts of two lengths have."""
    network, scheduler = nested(program), program.some(number(program, 6, 30), 60, 120)
    other = [code + 200 if program.random.random() < 0.04 else code for code in network]
    return loop(program, [network + other + scheduler] * steps_of(program))


def second_order(program: Program) -> Program:
    """Evaluate the network twice a step with other work behind each, and once in the last step."""
    network = nested(program)
    predict = program.some(number(program, 6, 20), 60, 120)
    correct = program.some(number(program, 6, 30), 60, 120)
    bodies = [network + predict + network + correct] * steps_of(program)
    return loop(program, [*bodies, network + predict])


def alternating(program: Program) -> Program:
    """Train two networks in turn: one step is both."""
    first, second = nested(program), nested(program)
    update, other = (
        program.some(number(program, 6, 30), 60, 120),
        program.some(number(program, 6, 30), 60, 120),
    )
    return loop(program, [first + update + first[::-1] + second + other] * steps_of(program))


def alternating_alike(program: Program) -> Program:
    """Train two networks of one architecture in turn; updates differ, so does a tenth of the geometry."""
    first = nested(program)
    second = [code + 200 if program.random.random() < 0.1 else code for code in first]
    updates = [program.some(number(program, 6, 30), 60, 120) for _ in range(2)]
    return loop(program, [first + updates[0] + second + updates[1]] * steps_of(program))


def accumulated(program: Program) -> Program:
    """Accumulate gradients over several batches before the optimizer runs."""
    batch, optimizer = nested(program), program.some(number(program, 8, 60), 60, 120)
    return loop(program, [batch * number(program, 2, 8) + optimizer] * steps_of(program))


def layers(program: Program) -> Program:
    """Decode with a model of many equal layers."""
    layer = program.some(number(program, 10, 50), 0, 60)
    head = program.some(number(program, 6, 40), 40, 120)
    return loop(program, [layer * number(program, 4, 48) + head] * steps_of(program))


def streams(program: Program) -> Program:
    """Interleave two to four streams, a few launches of one at a time, in one order or as threads race."""
    lanes = [
        program.some(number(program, 20, 120), 40 * lane, 40 * lane + 40)
        for lane in range(number(program, 2, 4))
    ]
    end, order = program.some(number(program, 4, 10), 160, 180), merged(program, lanes)
    racing = program.random.random() < 0.5
    steps = range(steps_of(program))
    return loop(program, [(merged(program, lanes) if racing else order) + end for _ in steps])


def merged(program: Program, lanes: list[Codes]) -> Codes:
    left, codes = [list(lane) for lane in lanes], Codes()
    while any(left):
        lane = left[int(program.random.choice([index for index, one in enumerate(left) if one]))]
        taken = number(program, 3, 10)
        codes += lane[:taken]
        del lane[:taken]
    return codes


def variants(program: Program) -> Program:
    """Let the library choose another kernel at a few places in every fourth step or so."""
    body = nested(program)
    other, every = list(body), number(program, 2, 5)
    for place in program.random.integers(0, len(body), number(program, 1, 3)).tolist():
        other[place] = number(program, 200, 210)
    return loop(
        program, [other if index % every == 0 else body for index in range(steps_of(program) + every)]
    )


def by_parity(program: Program) -> Program:
    """Decode: in every second step other variants of some kernels run, and at times one kernel more.

    Some of the others have another geometry in each step, as a cache grows.
    """
    body, kinds = nested(program), number(program, 1, 3)
    one_of = [code for code in body if code < 60]
    odd = {one_of[number(program, 0, len(one_of) - 1)] for _ in range(kinds)}
    grows = one_of[number(program, 0, len(one_of) - 1)] if program.random.random() < 0.5 else None
    tail = [number(program, 120, 130)] * number(program, 1, 8)
    more = program.some(1, 130, 140) if program.random.random() < 0.3 else []
    bodies = []
    for index in range(2 * steps_of(program)):
        parity = index % 2
        step = [code + 200 * parity if code in odd else code for code in body]
        step = [1000 + index if code == grows else code for code in step]
        bodies.append(step + [code + 20 * parity for code in tail] + more * parity)
    return loop(program, bodies)


def logs(program: Program) -> Program:
    """Launch two kernels more after every fifth step or so."""
    body, every = nested(program), number(program, 2, 10)
    more = program.some(2, 120, 150)
    bodies = [
        body + (more if index % every == every - 1 else []) for index in range(steps_of(program) + every)
    ]
    return loop(program, bodies)


def images(program: Program) -> Program:
    """Make several images: text encoder, steps, decoder."""
    network, text, decoder = nested(program), program.some(300, 60, 160), program.some(400, 60, 160)
    while len(network) < 150:
        network += nested(program)
    program.run(text)
    count = number(program, 10, 30)
    for _ in range(number(program, 2, 6)):
        for _ in range(count):
            program.step(network)
        program.run(decoder + text)
    return program


def evaluated(program: Program) -> Program:
    """Train, and evaluate between: the forward pass of a step, over one batch or several.

    At times the host pauses before each batch, at times nothing comes before the first.
    """
    forward, backward = nested(program), nested(program)
    while len(backward) < len(forward):
        backward += nested(program)
    update, every = program.some(number(program, 6, 30), 60, 120), number(program, 3, 10)
    batches, pause_ns = number(program, 1, 20), number(program, 0, 1) * 300_000
    program.run(program.some(number(program, 0, 1) * number(program, 10, 150), 0, 120))
    for index in range(every * number(program, 3, 6)):
        program.step(forward + backward + update, pause_ns)
        for _ in range(batches if index % every == every - 1 else 0):
            program.run(forward, pause_ns)
    return program


KINDS: dict[str, Callable[[Program], Program]] = {
    one.__name__: one
    for one in (
        plain,
        drifts,
        first_differs,
        guided,
        guided_by_shape,
        second_order,
        alternating,
        alternating_alike,
        accumulated,
        layers,
        streams,
        variants,
        by_parity,
        logs,
        images,
        evaluated,
    )
}
"""Programs with steps, by name; each takes an empty program, whose seed decides, and returns it full."""


def one_pass(program: Program) -> Program:
    """Run a network of blocks of layers once."""
    program.run(nested(program))
    return program


def encoder(program: Program) -> Program:
    """Run a model of many equal layers once."""
    layer = program.some(number(program, 8, 60), 0, 60)
    before, after = (
        program.some(number(program, 2, 20), 40, 120),
        program.some(number(program, 2, 20), 40, 120),
    )
    program.run(before + layer * number(program, 6, 48) + after)
    return program


def noise(program: Program) -> Program:
    """Launch kernels at random."""
    program.run(program.some(number(program, 100, 6000), 0, number(program, 4, 400)))
    return program


WITHOUT = {one.__name__: one for one in (one_pass, encoder, noise)}
"""Programs without steps."""


@dataclass(frozen=True)
class Outcome:
    """What detection makes of a program."""

    level: bool
    """Whether as many steps as there are, of their length, were found (to a tenth, and to 3 %); or none."""
    f1: float
    """Of the steps, at an IoU of 0.9."""


def outcome(program: Program) -> Outcome:
    """Detect the steps of a program and compare them with the true ones."""
    found = detect_steps(program.sequence(), program.start_ns())
    bounds = np.stack([found.boundaries[:-1], found.boundaries[1:]], axis=1)[~found.interludes]
    true = program.true()
    if not len(bounds) or not len(true):
        return Outcome(len(bounds) == len(true), f1(bounds, true))
    length, right = (float(np.median(steps[:, 1] - steps[:, 0])) for steps in (bounds, true))
    number_right = abs(len(bounds) - len(true)) <= max(1, len(true) / 10)
    return Outcome(number_right and abs(length / right - 1) < 0.03, f1(bounds, true))


def main() -> None:
    programs = int(sys.argv[1]) if sys.argv[1:] else 100
    every: list[Outcome] = []
    for name, make in {**KINDS, **WITHOUT}.items():
        outcomes = [outcome(make(Program(seed))) for seed in range(programs)]
        wrong = [seed for seed, one in enumerate(outcomes) if not one.level]
        every += outcomes
        print(f"{name:18} {_rates(outcomes)}  wrong level: {wrong[:12]}")
    print(f"{'all':18} {_rates(every)}")


def _rates(outcomes: list[Outcome]) -> str:
    level = np.mean([one.level for one in outcomes])
    exact = np.mean([one.f1 >= LEAST_F1 for one in outcomes])
    return f"level right {level:6.1%}, F1 >= {LEAST_F1} {exact:6.1%}"


if __name__ == "__main__":
    main()
