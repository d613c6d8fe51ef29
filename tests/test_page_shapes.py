"""Pages of traces that lack something: every part is drawn or says why it is empty, and nothing fails."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser import Browser, browser
from trace_builder import TraceBuilder
from traced_page import DRAWN, SECTIONS, page_of


def kernels_alone() -> TraceBuilder:
    return TraceBuilder().kernel("gemm_kernel", 0, 500).kernel("other", 600, 900, stream=9).memcpy(950, 990)


def calls_alone() -> TraceBuilder:
    return TraceBuilder().api("cudaMalloc_v3020", 10, 400).api("cudaFree_v3020", 500, 600)


def steps_of_which_some_use_the_gpu() -> TraceBuilder:
    builder = TraceBuilder()
    for step in range(4):
        builder.nvtx(f"step {step}", step * 1000, step * 1000 + 900)
    builder.launch("gemm_kernel", api=(10, 20), gpu=(30, 500), correlation=1)
    return builder.launch("gemm_kernel", api=(3010, 3020), gpu=(3030, 3500), correlation=2)


def steps_on_the_cpu() -> TraceBuilder:
    return TraceBuilder().nvtx("step 0", 0, 1000).nvtx("step 1", 1000, 3000).api("cudaFree_v3020", 5, 6)


def one_step() -> TraceBuilder:
    builder = TraceBuilder().nvtx("step 0", 0, 1000)
    return builder.launch("gemm_kernel", api=(10, 20), gpu=(30, 500), correlation=1)


def two_processes_and_devices() -> TraceBuilder:
    builder = TraceBuilder().gpu(1, "NVIDIA H200")
    for step in range(3):
        at = step * 10_000
        builder.nvtx(f"step {step}", at, at + 9_000)
        for pid, device in ((1000, 0), (2000, 1)):
            builder.launch(
                f"kernel_{device}",
                api=(at + 10 + device, at + 40),
                gpu=(at + 100, at + 5_000 + 100 * device),
                correlation=step + 1,
                pid=pid,
                device=device,
            )
    return builder


def a_whole_graph() -> TraceBuilder:
    builder = TraceBuilder().api("cudaGraphLaunch_v10000", 10, 40, correlation=1)
    return builder.graph(100, 900, correlation=1).nvtx("step 0", 0, 1000).nvtx("step 1", 1000, 2000)


def hidden_graphs() -> TraceBuilder:
    builder = TraceBuilder().nvtx("step 0", 0, 1000).nvtx("step 1", 1000, 2000)
    builder.api("cudaGraphLaunch_v10000", 10, 40, correlation=1)
    builder.api("cudaGraphLaunch_v10000", 1010, 1040, correlation=2)
    builder.launch("tail", api=(50, 60), gpu=(500, 600), correlation=3)
    return builder.launch("tail", api=(1050, 1060), gpu=(1500, 1600), correlation=4)


def hostile_names() -> TraceBuilder:
    builder = TraceBuilder()
    for step in range(2):
        at = step * 1000
        builder.nvtx(f"step {step}", at, at + 900).nvtx("</script><b>\u202erange", at + 5, at + 800)
        builder.launch(
            "<img src=x>\u202e\x1b[31m", api=(at + 10, at + 20), gpu=(at + 30, at + 500), correlation=step + 1
        )
    return builder


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


def test_a_step_that_ran_nothing_says_so(chromium: Browser, tmp_path: Path) -> None:
    chromium.open(page_of(steps_of_which_some_use_the_gpu(), tmp_path), "#inside?step=2")
    chromium.run("document.getElementById('inside').scrollIntoView()")
    said = chromium.wait("return document.querySelector('#inside .empty')?.textContent")
    assert said == "step 2 ran nothing on the GPU."


def blocks_in_blocks() -> TraceBuilder:
    builder = TraceBuilder()
    for step in range(2):
        builder.nvtx(f"step {step}", step * 10_000, step * 10_000 + 9000)
        for block in range(3):
            at, number = step * 10_000 + block * 1000, step * 100 + block * 10
            shape = "[2,8]" if block < 2 else "[2,4]"
            builder.nvtx(f"net.blocks.{block} in={shape}", at, at + 900)
            builder.nvtx(f"net.blocks.{block}.ff in=[9]", at + 300, at + 600)
            for call in range(2):  # one directly in the block, one in its part
                api = at + 100 + 300 * call
                gpu = (api + 50, api + 150 + block)
                builder.launch("gemm_kernel", (api, api + 10), gpu, correlation=number + call + 1)
    return builder


def test_blocks_that_repeat_within_a_step_are_told_by_name_and_shape(
    chromium: Browser, tmp_path: Path
) -> None:
    chromium.open(page_of(blocks_in_blocks(), tmp_path), "#inside?step=1")
    rows = chromium.run(
        "return [...document.querySelectorAll('#block-table tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.innerText))"
    )
    assert rows == [
        ["blocks in=[2,8]", "2", "2", "402 ns", "200 ns", "202 ns"],
        ["ff in=[9]", "3", "1", "303 ns", "100 ns", "102 ns"],
    ]


def test_without_ranges_in_a_step_nothing_is_called_a_block(chromium: Browser, tmp_path: Path) -> None:
    chromium.open(page_of(one_step(), tmp_path), "#inside?step=0")
    said = chromium.wait("return document.querySelector('#inside .figure > p').textContent")
    assert "No NVTX range lies inside the step" in said
    assert chromium.run("return document.getElementById('block-table').closest('.figure').hidden")


def test_steps_without_gpu_work_show_their_time_on_the_cpu(chromium: Browser, tmp_path: Path) -> None:
    chromium.open(page_of(steps_on_the_cpu(), tmp_path))
    assert "2 steps took 1.00 us to 2.00 us on the CPU and ran nothing on the GPU." in chromium.text("#steps")


@pytest.mark.parametrize(
    "make",
    [
        steps_of_which_some_use_the_gpu,
        steps_on_the_cpu,
        kernels_alone,
        calls_alone,
        one_step,
        two_processes_and_devices,
        a_whole_graph,
        hidden_graphs,
        hostile_names,
        blocks_in_blocks,
    ],
)
def test_every_part_is_drawn_or_says_why_not(
    chromium: Browser, tmp_path: Path, make: Callable[[], TraceBuilder]
) -> None:
    chromium.requests()
    chromium.open(page_of(make(), tmp_path))
    for section in SECTIONS:
        chromium.run("document.getElementById(arguments[0]).scrollIntoView()", section)
        chromium.run("return new Promise(done => requestAnimationFrame(() => setTimeout(done, 80)))")
        figures = chromium.driver.find_elements("css selector", f"#{section} .figure")
        assert figures
        for figure in figures:
            chromium.run("arguments[0].scrollIntoView()", figure)
            assert chromium.wait(DRAWN, figure), section
    if chromium.run("return document.getElementById('step-choice').options.length > 1"):
        chromium.press("\ue014")
        assert chromium.run("return document.getElementById('step-choice').value") == "0"
    assert chromium.logs() == []
    assert chromium.requests() == []
    assert not chromium.run("return document.querySelector('img, b img, section b img')")
    assert "\u202e" not in chromium.run("return document.body.innerText")


def a_slow_first_step() -> TraceBuilder:
    builder = TraceBuilder()
    for step in range(6):
        at, gpu = (0, 9000) if step == 0 else (9_000 + step * 1000, 400)
        builder.nvtx(f"step {step}", at, at + gpu + 100)
        builder.launch("gemm_kernel", (at + 10, at + 20), (at + 30, at + gpu), correlation=step + 1)
    return builder


def test_a_slow_step_does_not_flatten_the_others(chromium: Browser, tmp_path: Path) -> None:
    top = "return document.querySelector('#steps .plot').layout.yaxis.range[1]"
    chromium.open(page_of(a_slow_first_step(), tmp_path))
    assert chromium.run(top) == pytest.approx(1.25 * 0.001)
    assert "Cut off by the axis: step 0 (10.0 us)." in chromium.text("#steps .figure > p")
    chromium.click("#whole-bars")
    assert chromium.run(top) > 0.010
    assert "Cut off" not in chromium.text("#steps .figure > p")
    assert chromium.logs() == []


def test_kernels_of_steps_that_took_no_time(chromium: Browser, tmp_path: Path) -> None:
    builder = TraceBuilder()
    for step in range(3):
        at = 1_000 * step
        builder.nvtx(f"step {step}", at, at + 900)
        builder.launch("z_kernel", (at + 30, at + 40), (at + 50, at + 50), correlation=20 + step)
        builder.api("cudaMemcpyAsync_v3020", at + 60, at + 70, 50 + step)
        builder.memcpy(at + 80, at + 90, correlation=50 + step)
    builder.launch("a_kernel", (5_000, 5_010), (5_020, 5_030), correlation=99)
    chromium.open(page_of(builder, tmp_path))
    assert "z_kernel" in chromium.text("dl")
