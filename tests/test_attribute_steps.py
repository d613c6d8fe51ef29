"""Steps from NVTX ranges: which ranges are steps, what belongs to them."""

from pathlib import Path

import pytest
from trace_builder import TraceBuilder

from nsysprof.attribute import families
from nsysprof.attribute.families import Counted
from nsysprof.errors import MissingDataError, UsageError
from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Hotspots
from nsysprof.trace import open_trace


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("step 3", Counted("step", 3)),
        ("denoising_step_7_t981", Counted("denoising_step", 7)),
        ("denoising_step_7_t981.25", Counted("denoising_step", 7)),
        ("ProfilerStep#12", Counted("ProfilerStep", 12)),
        ("train/iter_004", Counted("train/iter", 4)),
        ("decode token 5", Counted("decode token", 5)),
        ("unet.down_blocks.1", None),
        ("aten::conv2d, seq = 7", None),
        ("step", None),
        ("step 3 of 20", None),
        ("x" * 500 + " 1", None),
    ],
)
def test_counted_texts(text: str, counted: Counted | None) -> None:
    assert families.parse(text) == counted


@pytest.mark.parametrize("text", ["warmup", "Warm-up", "warm_up run", "pipeline warmup"])
def test_warmup_texts(text: str) -> None:
    assert families.is_warmup(text)


class Program:
    """A program that launches one kernel every 10 ns, each running for 4 ns, 6 ns after its launch."""

    def __init__(self) -> None:
        self.builder = TraceBuilder()
        self.time = 100
        self.correlation = 0

    def run(
        self, kernels: int, name: str = "norm_kernel", tid: int = 1000, pid: int = 1000, device: int = 0
    ) -> None:
        for _ in range(kernels):
            self.correlation += 1
            api, gpu = (self.time + 1, self.time + 4), (self.time + 6, self.time + 10)
            self.builder.launch(name, api, gpu, tid=tid, correlation=self.correlation, pid=pid, device=device)
            self.time += 10

    def within(self, text: str, kernels: int, domain: str = "", kind: int = 59) -> None:
        start = self.time
        self.run(kernels)
        self.builder.nvtx(text, start, self.time, domain=domain, kind=kind)

    def measure(self, folder: Path, steps: str = "auto") -> Hotspots:
        with open_trace(self.builder.write(folder / "trace.sqlite")) as trace:
            return measure_hotspots(trace, steps)


def summary(found: Hotspots) -> list[tuple[str, int, int]]:
    """Label, kernels and GPU window of each step."""
    return [(step.label, step.kernels, step.wall_ns) for step in found.steps]


def test_steps_and_what_lies_around_them(tmp_path: Path) -> None:
    program = Program()
    program.run(3)
    for index in range(3):
        program.within(f"step {index}", 4)
    program.run(2)
    found = program.measure(tmp_path)
    # the last window ends with its own last kernel, not where the next one would begin
    assert summary(found) == [("step 0", 4, 40), ("step 1", 4, 40), ("step 2", 4, 34)]
    assert found.steps_source == "nvtx"
    assert found.steps_confidence == 1.0
    assert [step.busy_ns for step in found.steps] == [16, 16, 16]
    assert sum(amount.count for amount in found.categories.values()) == 17


@pytest.mark.parametrize(
    "texts",
    [
        ["denoising_step_0_t981", "denoising_step_1_t961"],
        ["ProfilerStep#0", "ProfilerStep#1"],
        ["iteration_0", "iteration_1"],
        ["my loop 0", "my loop 1"],
    ],
)
def test_what_other_programs_call_their_steps(tmp_path: Path, texts: list[str]) -> None:
    program = Program()
    for text in texts:
        program.within(text, 4)
    assert summary(program.measure(tmp_path)) == [(texts[0], 4, 40), (texts[1], 4, 34)]


def test_one_text_in_two_domains_and_kinds_is_one_step(tmp_path: Path) -> None:
    program = Program()
    for index in range(2):
        start = program.time
        program.within(f"step {index}", 4, domain="pp")
        program.builder.nvtx(f"step {index}", start - 1, program.time + 1, domain="se", kind=60)
    assert summary(program.measure(tmp_path)) == [("step 0", 4, 40), ("step 1", 4, 34)]


def test_layers_inside_steps_are_not_steps(tmp_path: Path) -> None:
    program = Program()
    for index in range(3):
        start = program.time
        for layer in range(4):
            program.within(f"layer {layer}", 2)
        program.builder.nvtx(f"train_step {index}", start, program.time)
    assert [step.label for step in program.measure(tmp_path).steps] == [f"train_step {i}" for i in range(3)]


def test_a_family_that_holds_little_gpu_time_is_not_the_steps(tmp_path: Path) -> None:
    program = Program()
    for index in range(3):
        program.within(f"chunk {index}", 1)
        program.run(5)
    found = program.measure(tmp_path, "auto")
    assert found.steps == ()
    assert found.steps_source == "none"


def test_steps_inside_a_warmup_are_left_out_and_counts_begin_again(tmp_path: Path) -> None:
    program = Program()
    start = program.time
    for index in range(2):
        program.within(f"step {index}", 4)
    program.builder.nvtx("warmup", start, program.time)
    for _image in range(2):
        for index in range(2):
            program.within(f"step {index}", 4)
        program.run(6)  # decode the image
    found = program.measure(tmp_path)
    # a loop's last step does not reach into the next loop
    assert summary(found) == [("step 0", 4, 40), ("step 1", 4, 34), ("step 0", 4, 40), ("step 1", 4, 34)]
    assert "left out: 2 steps inside a warm-up range" in found.warnings


def test_only_warmup_is_better_than_nothing(tmp_path: Path) -> None:
    program = Program()
    start = program.time
    for index in range(2):
        program.within(f"step {index}", 4)
    program.builder.nvtx("warmup", start, program.time)
    assert len(program.measure(tmp_path).steps) == 2


def test_a_thread_without_ranges_works_for_its_process(tmp_path: Path) -> None:
    program = Program()  # like PyTorch's autograd thread
    for index in range(2):
        start = program.time
        program.run(2)
        program.run(3, tid=1001)
        program.builder.nvtx(f"step {index}", start, program.time)
    assert summary(program.measure(tmp_path)) == [("step 0", 5, 50), ("step 1", 5, 44)]


def test_a_range_that_ends_on_another_thread_counts_where_it_opened(tmp_path: Path) -> None:
    program = Program()
    for index in range(2):
        start = program.time
        program.run(4)
        program.builder.nvtx(f"step {index}", start, program.time, kind=60, end_tid=1001)
    assert [step.kernels for step in program.measure(tmp_path).steps] == [4, 4]


def test_an_unclosed_last_step(tmp_path: Path) -> None:
    program = Program()
    program.within("step 0", 4)
    program.builder.nvtx("step 1", program.time, None)
    program.run(3)
    found = program.measure(tmp_path)
    assert summary(found) == [("step 0", 4, 40), ("step 1", 3, 24)]
    assert found.steps[1].cpu_end_ns == found.trace.end_ns


def test_ranks_in_two_processes_on_two_devices(tmp_path: Path) -> None:
    program = Program()
    for index in range(2):
        start = program.time
        program.run(4, pid=1000, tid=1000, device=0)
        program.builder.nvtx(f"step {index}", start, program.time, pid=1000, tid=1000)
        program.time = start + 3  # the second rank runs at the same time, with the same correlation ids
        program.correlation -= 4
        program.run(5, pid=2000, tid=2000, device=1)
        program.builder.nvtx(f"step {index}", start + 3, program.time, pid=2000, tid=2000)
    found = program.measure(tmp_path)
    assert [(step.label, step.kernels, step.device) for step in found.steps] == [
        ("step 0", 9, 1),
        ("step 1", 9, 1),
    ]
    for step in found.steps:
        assert sorted(step.partitions) == ["0", "1"]
        assert step.partition == step.partitions["1"]
        assert sum(step.partition.values()) == step.wall_ns
        assert step.api["launch"].count == 9


def test_processes_that_do_not_keep_in_step_have_steps_of_their_own(tmp_path: Path) -> None:
    program = Program()
    for pid, pause, steps in ((1000, 0, 6), (2000, 25, 9)):
        program.time, program.correlation = 100, 0
        for index in range(steps):
            start = program.time
            program.run(4, pid=pid, tid=pid)
            program.builder.nvtx(f"step {index}", start, program.time, pid=pid, tid=pid)
            program.time += pause
    found = program.measure(tmp_path)
    assert len(found.steps) == 15
    assert [step.kernels for step in found.steps] == [4] * 15
    assert [step.wall_ns for step in found.steps if step.api["launch"].count != 4] == []
    walls = sorted(step.wall_ns for step in found.steps)
    assert walls == [34] * 2 + [40] * 5 + [65] * 8


def test_one_rank_may_stop_early(tmp_path: Path) -> None:
    program = Program()
    for pid, steps in ((1000, 10), (2000, 9)):
        program.time, program.correlation = 100, 0
        for index in range(steps):
            start = program.time
            program.run(4, pid=pid, tid=pid, device=pid // 2000)
            program.builder.nvtx(f"step {index}", start, program.time, pid=pid, tid=pid)
    found = program.measure(tmp_path)
    assert [step.kernels for step in found.steps] == [8] * 9 + [4]
    assert [step.wall_ns for step in found.steps] == [40] * 9 + [34]


def test_a_pattern_names_the_steps(tmp_path: Path) -> None:
    program = Program()
    for index in range(2):
        program.within(f"step {index}", 4)
        program.within(f"phase-{'ab'[index]}", 3)
    assert summary(program.measure(tmp_path, "^phase-")) == [("phase-a", 3, 70), ("phase-b", 3, 24)]


def test_a_pattern_that_matches_nothing(tmp_path: Path) -> None:
    program = Program()
    program.within("step 0", 4)
    with pytest.raises(MissingDataError, match=r"no NVTX range matching 'lap'.*its ranges are 'step 0'"):
        program.measure(tmp_path, "lap")


def test_a_pattern_that_is_none(tmp_path: Path) -> None:
    program = Program()
    program.within("step 0", 4)
    with pytest.raises(UsageError, match="is no regular expression"):
        program.measure(tmp_path, "step (")


def test_asking_for_nvtx_where_there_is_none(tmp_path: Path) -> None:
    program = Program()
    program.run(4)
    with pytest.raises(MissingDataError, match=r"no NVTX ranges that count steps.*--steps detect"):
        program.measure(tmp_path, "nvtx")


def test_threads_that_do_not_keep_in_step_have_steps_of_their_own(tmp_path: Path) -> None:
    """Two threads of one process, each step of which overlaps the other's of another number."""
    program = Program()
    for tid, begin in ((1000, 100), (1001, 125)):
        program.time = begin
        for index in range(6):
            start = program.time
            program.run(4, tid=tid)
            program.builder.nvtx(f"step {index}", start, program.time, tid=tid)
            program.time += 10 if tid == 1001 else 0
    found = program.measure(tmp_path)
    assert len(found.steps) == 12
    assert [step.kernels for step in found.steps] == [4] * 12
    assert [step.label for step in found.steps[:2]] == ["step 0 (thread 1000)", "step 0 (thread 1001)"]
