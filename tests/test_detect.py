"""Step detection on programs of known structure: each test is one kind of program and its true steps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import Codes, Program, drifting, unet
from step_scoring import I64, f1, overlaps

from nsysprof.attribute.detect import DetectedSteps, detect_steps


def detect(program: Program) -> DetectedSteps:
    return detect_steps(program.sequence(), program.start_ns())


def intervals(found: DetectedSteps) -> I64:
    return np.stack([found.boundaries[:-1], found.boundaries[1:]], axis=1)[~found.interludes]


def score(program: Program) -> float:
    return f1(intervals(detect(program)), program.true())


def test_boundaries_are_those_of_a_plain_loop() -> None:
    program = Program()
    body = program.some(200)
    program.run(program.some(150))
    for _ in range(20):
        program.step(body)
    program.run(program.some(90))
    found = detect(program)
    assert found.boundaries.tolist() == list(range(150, 150 + 200 * 21, 200))
    assert not found.interludes.any()
    assert len(found) == 20
    assert found.confidence > 0.9
    assert found.reason == "every 200 launches or so repeat"


def test_loop_without_prologue_and_epilogue() -> None:
    program = Program()
    body = program.some(200)
    for _ in range(20):
        program.step(body, pause_ns=60_000)
    assert score(program) == 1


@pytest.mark.parametrize("seed", range(5))
def test_kernels_more_or_less_in_each_step(seed: int) -> None:
    program = Program(seed)
    body = program.some(300)
    program.run(program.some(150))
    for _ in range(20):
        program.step(drifting(program, body, most=4))
    program.run(program.some(90))
    assert score(program) == 1


@pytest.mark.parametrize("seed", range(5))
def test_lazy_loading_in_the_first_step(seed: int) -> None:
    program = Program(seed)
    body = program.some(400)
    program.run(program.some(150))
    first = list(body)
    for _ in range(30):
        first.insert(int(program.random.integers(0, len(first))), int(program.random.integers(50, 70)))
    program.step(first)
    for _ in range(15):
        program.step(body)
    program.run(program.some(90))
    assert score(program) == 1


def test_optimizer_state_in_the_first_step() -> None:
    program = Program()
    forward, update = program.some(230), program.some(40)
    program.run(program.some(3))
    program.step(forward + program.some(3, 60, 63) * 30 + update)
    for _ in range(19):
        program.step(forward + update)
    program.run(forward[:80])
    assert score(program) == 1


def test_first_step_shorter() -> None:
    program = Program()
    body = program.some(300)
    program.run(program.some(100))
    program.step(body[:-8])
    for _ in range(19):
        program.step(body)
    program.run(program.some(70))
    assert score(program) == 1


@pytest.mark.parametrize("seed", range(5))
def test_diffusion_after_a_warmup_of_two_steps(seed: int) -> None:
    program = Program(seed)
    network, text, decoder = unet(program), program.some(12, 40, 60) * 12, program.some(90, 30, 80)
    program.run(text + network * 2 + decoder + text)
    for _ in range(20):
        program.step(network)
    program.run(decoder)
    assert score(program) == 1


def test_warmup_of_three_steps_is_left_out() -> None:
    program = Program()
    network, text, decoder = unet(program), program.some(150, 40, 60), program.some(90, 30, 80)
    program.run(text + network * 3 + decoder + text)
    for _ in range(20):
        program.step(network)
    program.run(decoder)
    assert score(program) == 1


def test_warmup_of_another_shape() -> None:
    program = Program()
    network = unet(program)
    program.run([code + 100 if code > 20 else code for code in network] * 3 + program.some(40))
    for _ in range(12):
        program.step(network)
    program.run(program.some(50))
    assert score(program) == 1


def language_model(layers: int, layer: int, other: int, seed: int = 0, growing: bool = False) -> Program:
    """Decode 32 tokens after a prompt that runs other kernels in part.

    Where the key-value cache is ``growing``, every third kernel of a layer has another geometry in each step.
    """
    program = Program(seed)
    body = program.some(layer, 0, 30)
    head, embedding = program.some(other // 2, 0, 40), program.some(other - other // 2, 0, 40)
    prompt = [code + 100 if place % 3 else code for place, code in enumerate(body * layers)]
    program.run(program.some(9) + embedding + prompt + head)
    for index in range(32):
        shift = 1000 * (index + 1) if growing else 0
        grown = [code + shift if place % layer % 3 == 0 else code for place, code in enumerate(body * layers)]
        program.step(embedding + grown + head, pause_ns=20_000)
    program.run(program.some(40))
    return program


@pytest.mark.parametrize(("layers", "layer", "other"), [(6, 18, 12), (80, 12, 10), (32, 40, 12), (4, 30, 30)])
def test_layers_are_not_steps(layers: int, layer: int, other: int) -> None:
    assert score(language_model(layers, layer, other)) >= 0.95


@pytest.mark.parametrize("seed", range(5))
def test_geometry_drifts_as_the_cache_grows(seed: int) -> None:
    assert score(language_model(12, 18, 12, seed, growing=True)) >= 0.95


def test_two_halves_of_guidance_are_one_step() -> None:
    program = Program()
    network, scheduler = unet(program), program.some(12)
    program.run(program.some(100))
    for _ in range(20):
        program.step(network + network + scheduler)
    program.run(program.some(80))
    assert score(program) == 1


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("more", [0, 1])
def test_other_variants_in_every_second_step_do_not_make_two_steps_one(seed: int, more: int) -> None:
    """Attention over a cache: its size is odd or even in turn, and some geometry grows with it."""
    program = Program(seed)
    layer, head, scores = program.some(22, 0, 40), program.some(20, 40, 60), program.some(9, 40, 60)
    program.run(program.some(90, 0, 40))
    for index in range(36):
        attention = [60 + index % 2, 62, 64 + index % 2, 100 + index]
        cache = [66 + index % 2] * 8 + [70] * (more * (index % 2))
        program.step((layer[:12] + attention + layer[12:]) * 4 + head + cache + scores, pause_ns=20_000)
    program.run(program.some(90, 0, 40))
    assert score(program) == 1


def two_passes(seed: int) -> Program:
    """Guide in two passes, other work after each; the solver's last step is of lower order."""
    program = Program(seed)
    network, solver, decoder = program.some(190, 0, 60), program.some(13, 60, 80), program.some(150, 80, 99)
    combine = program.some(6, 60, 80)
    program.run(program.some(100, 80, 99))
    for _ in range(15):
        program.step(network + combine + network + solver)
    program.step(network + combine + network + solver[:6] + program.some(3, 60, 80))
    program.run(decoder, pause_ns=2_000_000)
    return program


@pytest.mark.parametrize("seed", range(6))
def test_two_passes_with_work_after_each_are_one_step(seed: int) -> None:
    lengths = np.diff(detect(two_passes(seed)).boundaries)
    assert len(lengths) in (15, 16)
    assert np.median(lengths) == 190 + 6 + 190 + 13


def test_a_last_step_of_lower_order_is_one_too() -> None:
    assert score(two_passes(5)) == 1


@pytest.mark.parametrize("halves", [2, 4, 8])
def test_accumulated_batches_are_one_step(halves: int) -> None:
    program = Program()
    batch, optimizer = program.some(200), program.some(14, 40, 60)
    program.run(program.some(100))
    for _ in range(12):
        program.step(batch * halves + optimizer)
    program.run(program.some(80))
    assert score(program) == 1


def test_logging_every_fifth_step_does_not_make_five_steps_one() -> None:
    program = Program()
    body = program.some(200)
    program.run(program.some(100))
    for index in range(30):
        program.step(body + ([77, 78] if index % 5 == 4 else []))
    program.run(program.some(80))
    assert score(program) == 1


@pytest.mark.parametrize("more", [20, 60, 210, 280])
def test_a_penalty_within_every_fourth_step_does_not_make_four_steps_one(more: int) -> None:
    program = Program()
    before, penalty, after = program.some(80, 0, 30), program.some(more, 0, 40), program.some(120, 0, 30)
    program.run(program.some(40))
    for index in range(24):
        program.step(before + (penalty if index % 4 == 0 else []) + after)
    program.run(program.some(40))
    assert score(program) == 1


@pytest.mark.parametrize("seed", range(5))
def test_an_inner_solver_of_varying_length(seed: int) -> None:
    program = Program(seed)
    body, solver = program.some(80, 0, 30), program.some(10, 0, 30)
    program.run(program.some(40))
    for _ in range(24):
        program.step(body + solver * int(program.random.integers(3, 7)) + [50, 51])
    program.run(program.some(40))
    assert score(program) >= 0.95


def test_graph_replays_with_little_round_them() -> None:
    program = Program()
    graph = program.some(12, 0, 20) * 6
    program.run(graph * 3)
    program.run([50, 51, 51], pause_ns=3_000_000)
    for _ in range(24):
        program.step([60, *graph, 61, 62])
    program.run(program.some(12))
    assert score(program) == 1


def test_warmup_before_a_graph_is_captured_is_left_out() -> None:
    program = Program()
    graph = unet(program)
    program.run(graph * 3)
    program.run([150, 151, 151], pause_ns=30_000_000)
    for _ in range(24):
        program.step([160, 161, *graph, 162, 163])
    program.run(program.some(12))
    assert score(program) == 1


def test_steps_of_four_launches_are_found_with_little_confidence() -> None:
    program = Program()
    program.run(program.some(9, 30, 50))
    for _ in range(24):
        program.step([1, 2, 1, 3], pause_ns=9_000)
    program.run(program.some(6, 30, 50))
    assert score(program) == 1
    assert detect(program).confidence < 0.5


def interleaved(streams: list[Codes], seed: int) -> Codes:
    """Return launches of several streams, a few of one at a time, in an order that depends on the seed."""
    random = np.random.default_rng(seed)
    left = [list(stream) for stream in streams]
    merged: Codes = []
    while any(left):
        lane = left[int(random.choice([index for index, stream in enumerate(left) if stream]))]
        for _ in range(int(random.integers(3, 11))):
            merged += [lane.pop(0)] if lane else []
    return merged


@pytest.mark.parametrize("racing", [False, True])
def test_four_streams(racing: bool) -> None:
    program = Program()
    streams = [program.some(size, 20 * lane, 20 * lane + 20) for lane, size in enumerate((30, 50, 40, 20))]
    program.run(program.some(20, 0, 80))
    for index in range(40):
        program.step([*interleaved(streams, index if racing else 0), 90, 91, 92, 93], pause_ns=30_000)
    program.run(program.some(20, 0, 80))
    assert score(program) >= 0.95


def test_few_kinds_of_kernels() -> None:
    program = Program()
    body = program.some(300, 0, 8)
    program.run(program.some(150, 0, 8))
    for _ in range(20):
        program.step(body)
    program.run(program.some(90, 0, 8))
    assert score(program) >= 0.95


def test_steps_of_several_images() -> None:
    program = Program()
    network, text, decoder = unet(program), program.some(12, 40, 60) * 12, program.some(90, 30, 80)
    for _ in range(6):
        program.run(text)
        for _ in range(20):
            program.step(network)
        program.run(decoder)
    found = detect(program)
    assert f1(intervals(found), program.true()) == 1
    assert np.count_nonzero(found.interludes) == 5


def test_training_with_validation_between() -> None:
    program = Program()
    body, validation = program.some(200), program.some(60) * 5
    for index in range(40):
        program.step(body)
        program.run(validation if index % 10 == 9 else [])
    assert score(program) == 1


def evaluated(batches: int, every: int, pause_ns: int, prologue: int, forward: int = 110) -> Program:
    """Train: forward, backward, update; every few steps evaluate some batches by the forward pass alone."""
    program = Program(1)
    layer, back = program.some(forward // 11, 0, 30), program.some(20, 30, 60)
    body = program.some(6, 60, 90) + layer * 10 + program.some(forward // 11, 60, 90)
    program.run(program.some(prologue, 150, 200))
    for index in range(20):
        program.step(body + back * 8 + list(range(120, 150)), pause_ns)
        for _ in range(batches if index % every == every - 1 else 0):
            program.run(body, pause_ns)
    return program


@pytest.mark.parametrize("batches", [1, 2, 8, 20])
@pytest.mark.parametrize("every", [5, 10])
@pytest.mark.parametrize("pause_ns", [0, 250_000])
@pytest.mark.parametrize("prologue", [0, 40])
def test_an_evaluation_of_the_forward_pass_does_not_move_the_steps(
    batches: int, every: int, pause_ns: int, prologue: int
) -> None:
    assert score(evaluated(batches, every, pause_ns, prologue)) == 1


def test_where_only_a_rule_says_where_a_step_begins_it_is_said() -> None:
    guess = "where in the period a step begins is a guess"
    guessed, paused = detect(evaluated(8, 5, 0, 40)), detect(evaluated(8, 5, 250_000, 40))
    assert (guessed.doubts, paused.doubts) == ((guess,), ())
    assert guessed.confidence < 0.65 < 0.9 < paused.confidence


def test_a_pause_tells_that_what_also_runs_alone_ends_the_step() -> None:
    """Learn, then play; between, play alone: the host waits before learning and before playing alone."""
    program = Program()
    play, learn = program.some(12, 0, 30) * 8, program.some(16, 30, 60) * 8 + program.some(20, 60, 90)
    program.run(program.some(40, 90, 120))
    for index in range(24):
        program.step(learn + play, pause_ns=250_000)
        for _ in range(4 if index % 6 == 5 else 0):
            program.run(play, pause_ns=250_000)
    assert score(program) == 1


def test_a_longer_step_is_not_cut_where_the_rest_is_its_own() -> None:
    """What some steps have at their end beyond the others begins no other step."""
    program = Program()
    layer, extra = program.some(15), program.some(40, 60, 90)
    program.run(program.some(40))
    for _ in range(24):
        program.step(layer * 6 + list(range(100, 110)) + (extra if program.random.random() < 0.3 else []))
    program.run(program.some(40))
    assert score(program) == 1


def test_whole_generations_are_steps_when_their_own_are_few() -> None:
    program = Program()
    text, network, decoder = program.some(300), program.some(200), program.some(250)
    for _ in range(10):
        program.step(text + network * 4 + decoder, pause_ns=100_000)
    assert score(program) == 1


def test_capture_from_the_middle_of_a_step_to_the_middle_of_another() -> None:
    program = Program()
    body = program.some(300)
    program.run(body[120:])
    for _ in range(10):
        program.step(body, pause_ns=50_000)
    program.run(body[:170], pause_ns=50_000)
    assert score(program) == 1


def test_a_checkpoint_does_not_end_the_run() -> None:
    program = Program()
    body = program.some(300)
    program.run(program.some(100))
    for index in range(20):
        program.step(body, pause_ns=10**9 if index == 12 else 0)
    program.run(program.some(70))
    assert score(program) == 1


def test_three_steps_are_enough_but_less_sure() -> None:
    program = Program()
    body = program.some(300)
    program.run(program.some(100))
    for _ in range(3):
        program.step(body)
    program.run(program.some(170))
    assert score(program) == 1
    assert 0.5 < detect(program).confidence < 0.8


NO_STEPS = {
    "nothing": [],
    "one launch": [1],
    "four launches": [1, 2, 1, 2],
    "one kernel over and over": [5] * 2000,
    "few kernels at random": Program(1).some(3000, 0, 10),
    "kernels at random": Program(2).some(3000, 0, 50),
    "many kernels at random": Program(3).some(3000, 0, 1500),
    "all different": list(range(3000)),
    "one pass through a network": unet(Program(4)),
    "one generation": (one := Program(5)).some(12, 40, 60) * 12 + unet(one) + one.some(90, 30, 80),
    "twice the same": (two := Program(6)).some(100) + two.some(300) * 2 + two.some(100),
}


@pytest.mark.parametrize("name", NO_STEPS)
def test_no_steps(name: str) -> None:
    program = Program()
    program.run(NO_STEPS[name])
    found = detect(program)
    assert found.boundaries.tolist() == []
    assert len(found) == 0
    assert found.confidence == 0
    assert found.reason.startswith("no steps: ")


def test_reasons_say_what_is_missing() -> None:
    reasons = []
    for codes in ([1, 2, 3], [7] * 99, list(range(999))):
        program = Program()
        program.run(codes)
        reasons.append(detect(program).reason)
    assert reasons == [
        "no steps: 3 launches are too few to repeat",
        "no steps: all launches are alike",
        "no steps: no sequence of launches repeats regularly over much of the run",
    ]


@settings(max_examples=60)
@given(st.data())
def test_any_loop_of_different_kernels_is_found(data: st.DataObject) -> None:
    program = Program(data.draw(st.integers(0, 10**6)))
    body = data.draw(st.permutations(range(data.draw(st.integers(20, 120)))))
    steps = data.draw(st.integers(6, 40))
    around = st.integers(0, len(body) * steps // 10)
    program.run(program.some(data.draw(around), 200, 300))
    for _ in range(steps):
        program.step(list(body), pause_ns=80_000)
    program.run(program.some(data.draw(around), 300, 400), pause_ns=80_000)
    assert intervals(detect(program)).tolist() == program.true().tolist()


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 2**31 - 1))
def test_only_equality_of_codes_and_distance_of_times_matter(seed: int, factor: int) -> None:
    program = Program(seed)
    body = program.some(80)
    program.run(program.some(40))
    for _ in range(10):
        program.step(drifting(program, body, most=2))
    program.run(program.some(30))
    plain = detect(program)
    names = np.random.default_rng(factor).permutation(2**20)[:50].astype(np.int32)
    other = detect_steps(names[program.sequence()], program.start_ns() + factor)
    assert other.boundaries.tolist() == plain.boundaries.tolist()


@settings(max_examples=200)
@given(st.lists(st.lists(st.integers(-3, 9), max_size=12), max_size=8), st.integers(1, 30), st.integers(0, 3))
def test_whatever_comes_the_answer_is_well_formed(pieces: list[Codes], times: int, spacing: int) -> None:
    codes = [code for piece in pieces for code in piece * times]
    sequence = np.array(codes, np.int32)
    found = detect_steps(sequence, np.arange(len(codes), dtype=np.int64) * spacing)
    assert 0 <= found.confidence <= 1
    assert len(found.interludes) == max(len(found.boundaries) - 1, 0)
    assert (np.diff(found.boundaries) > 0).all()
    assert ((found.boundaries >= 0) & (found.boundaries <= len(codes))).all()
    assert found.reason.startswith("no steps: ") == (len(found) == 0) == (found.confidence == 0)


def test_scoring() -> None:
    true = np.array([[0, 100], [100, 200], [300, 400]])
    found = np.array([[4, 100], [100, 180], [500, 600]])
    assert overlaps(found, true).tolist() == [0.96, 0.8, 0]
    assert f1(found, true) == pytest.approx(1 / 3)
    assert f1(found[:0], true) == 0
    assert f1(found[:0], true[:0]) == 1
