"""Step detection on programs made at random: the right level of repetition, and none where there is none."""

import numpy as np
import pytest
from generated_programs import KINDS, WITHOUT, nested, number, outcome
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import Program

from nsysprof.attribute.detect import detect_steps

PROGRAMS = 12
"""Of each kind, with fixed seeds: `python tests/generated_programs.py 100` measures more."""


@pytest.mark.parametrize("name", KINDS)
def test_the_right_level_is_found(name: str) -> None:
    """Of a hundred programs of a kind a few are wrong, so one of a dozen may be; of all, see below."""
    right = [outcome(KINDS[name](Program(seed))).level for seed in range(PROGRAMS)]
    assert sum(right) >= PROGRAMS - 1


def test_hardly_any_program_is_taken_at_another_level() -> None:
    every = [outcome(make(Program(100 + seed))).level for make in KINDS.values() for seed in range(PROGRAMS)]
    assert np.mean(every) >= 0.96


@settings(max_examples=60)
@given(st.sampled_from(sorted(WITHOUT)), st.integers(0, 10**6))
def test_programs_without_steps_have_none(name: str, seed: int) -> None:
    assert outcome(WITHOUT[name](Program(seed))).level


@pytest.mark.parametrize("layers", [6, 12, 32, 80, 128])
def test_equal_layers_of_one_pass_are_not_steps(layers: int) -> None:
    """A text encoder that runs once: nothing in its launches tells its layers from small steps."""
    program = Program(layers)
    program.run(program.some(6) + program.some(14) * layers + program.some(5))
    found = detect_steps(program.sequence(), program.start_ns())
    assert len(found) == 0
    assert found.reason.endswith("as layers of one pass do")


@pytest.mark.parametrize("pause_ns", [60_000, 500_000])
def test_as_many_small_steps_are_found_by_the_pause_between(pause_ns: int) -> None:
    program = Program()
    body = program.some(14)
    program.run(program.some(6))
    for _ in range(32):
        program.step(body, pause_ns)
    program.run(program.some(5), pause_ns)
    assert outcome(program).f1 == 1


def test_more_repetitions_than_models_have_layers_are_steps() -> None:
    program = Program()
    body = program.some(14)
    program.run(program.some(6))
    for _ in range(400):
        program.step(body)
    program.run(program.some(5))
    assert outcome(program).f1 == 1


def test_a_pass_of_large_blocks_that_overlap_is_no_loop() -> None:
    """Blocks of unlike size, as in a UNet: what recurs in them begins before the last block has ended."""
    found = []
    for seed in range(40):
        program = Program(seed)
        layer = program.some(20)
        for size in (2, 2, 10, 10, 10, 10, 10, 10, 2, 2, 2):
            program.run(program.some(number(program, 15, 60)) + layer * size)
        found.append(len(detect_steps(program.sequence(), program.start_ns())))
    assert found == [0] * 40


def test_halves_of_guidance_with_hardly_anything_between_are_one_step() -> None:
    """Four launches of a scheduler are the least that make two passes one step."""
    program = Program(3)
    network, scheduler = nested(program), program.some(4, 100, 120)
    program.run(program.some(100))
    for _ in range(20):
        program.step(network + network + scheduler)
    program.run(program.some(80))
    assert outcome(program).f1 == 1
