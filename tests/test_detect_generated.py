"""Step detection on programs made at random: the right level of repetition, and none where there is none."""

import numpy as np
import pytest
from generated_programs import KINDS, LEAST_F1, WITHOUT, nested, number, outcome
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import Program

from nsysprof.attribute.detect import detect_steps

PROGRAMS = 12
"""Of each kind, with fixed seeds: `python tests/generated_programs.py 100` measures more."""

PLACE_UNKNOWN = {"drifts", "first_differs", "streams"}
"""Kinds whose first and last launches are at times others, so that nothing tells where a step begins."""


@pytest.mark.parametrize("name", KINDS)
def test_the_right_level_is_found(name: str) -> None:
    """Of a hundred programs of a kind a few are wrong, so one of a dozen may be; of all, see below."""
    right = [outcome(KINDS[name](Program(seed))).level for seed in range(PROGRAMS)]
    assert sum(right) >= PROGRAMS - 1


def test_hardly_any_program_is_taken_at_another_level() -> None:
    every = [outcome(make(Program(100 + seed))).level for make in KINDS.values() for seed in range(PROGRAMS)]
    assert np.mean(every) >= 0.96


@pytest.mark.parametrize("name", sorted(KINDS.keys() - PLACE_UNKNOWN))
def test_steps_begin_where_they_do(name: str) -> None:
    """As many steps of the right length, a part of a step too late, are none of the right ones."""
    right = [outcome(KINDS[name](Program(seed))).f1 >= LEAST_F1 for seed in range(PROGRAMS)]
    assert sum(right) >= PROGRAMS - 2


def test_hardly_any_steps_are_moved() -> None:
    kinds = [make for name, make in KINDS.items() if name not in PLACE_UNKNOWN]
    every = [outcome(make(Program(100 + seed))).f1 for make in kinds for seed in range(PROGRAMS)]
    assert np.mean(np.array(every) >= LEAST_F1) >= 0.92


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


@pytest.mark.parametrize(("layers", "launches"), [(28, 101), (61, 120), (32, 150), (28, 99), (130, 10)])
def test_large_or_many_layers_of_one_pass_are_doubtful_steps(layers: int, launches: int) -> None:
    """A mixture of experts launches as many kernels in a layer as a small model does in a step."""
    program = Program(layers)
    program.run(program.some(8) + program.some(launches) * layers + program.some(6))
    found = detect_steps(program.sequence(), program.start_ns())
    assert found.confidence < 0.5
    assert found.doubts == ("they may be the layers of one pass",)


def test_layers_of_an_encoder_and_a_decoder_are_doubtful_steps() -> None:
    program = Program()
    encoder, decoder = program.some(110), program.some(160)
    program.run(program.some(8) + encoder * 24 + program.some(12) + decoder * 24 + program.some(9))
    assert detect_steps(program.sequence(), program.start_ns()).confidence < 0.5


def test_a_wait_in_every_layer_makes_steps_of_them_but_doubtful_ones() -> None:
    program = Program()
    layer = program.some(60)
    program.run(program.some(8))
    for _ in range(27):
        program.run(layer, pause_ns=200_000)
    program.run(program.some(6), pause_ns=200_000)
    found = detect_steps(program.sequence(), program.start_ns())
    assert found.confidence <= 0.6
    assert found.doubts == ("they may be the layers of one pass",)


@pytest.mark.parametrize(("launches", "steps"), [(90, 30), (70, 50)])
def test_steps_without_layers_or_pauses_are_found_though_doubtful(launches: int, steps: int) -> None:
    program = Program()
    body = program.some(launches)
    program.run(program.some(30))
    for _ in range(steps):
        program.step(body)
    program.run(program.some(30))
    assert outcome(program).f1 == 1
    assert detect_steps(program.sequence(), program.start_ns()).confidence < 0.5


def test_steps_with_layers_are_not_doubtful() -> None:
    program = Program()
    body = program.some(20, 0, 40) + program.some(12, 40, 80) * 6
    program.run(program.some(30))
    for _ in range(20):
        program.step(body)
    program.run(program.some(30))
    found = detect_steps(program.sequence(), program.start_ns())
    assert found.confidence > 0.8
    assert found.doubts == ()


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
