"""What the terminal shows of a result."""

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hotspots_example import HOSTILE, example
from rich.console import Console

from nsysprof.measure.results import (
    CallPattern,
    CategoryShare,
    DeviceMemory,
    Distortion,
    Hotspots,
    KernelGroup,
)
from nsysprof.render.format import duration, milliseconds, share, short_share, significant, size
from nsysprof.render.palette import API_COLORS, CATEGORY_COLORS, IDLE_COLORS, bucket_label
from nsysprof.render.tables import print_hotspots
from nsysprof.render.terminal import sparkline
from nsysprof.render.text import plain, readable_kernel, shortened


def shown(result: Hotspots, width: int) -> str:
    out = io.StringIO()
    print_hotspots(result, Console(file=out, width=width))
    return out.getvalue()


def printed(width: int, color: bool = False, **options: object) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=color, color_system="truecolor" if color else None
    )
    print_hotspots(example(**options), console)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("steps", [0, 1, 20, 200])
def test_no_line_is_wider_than_the_terminal_and_none_is_cut(width: int, steps: int) -> None:
    lines = printed(width, steps=steps).splitlines()
    assert max(map(len, lines)) <= width
    numbers = [line for line in lines if line.startswith("step ")]
    assert all("…" not in line for line in numbers)


@pytest.mark.parametrize("width", [40, 60])
def test_narrow_terminals_lose_columns_but_no_figure(width: int) -> None:
    result = replace(example(), tree=(KernelGroup("gemm", 1_234_567_890, 1_234_567, 0.3),))
    lines = shown(result, width).splitlines()
    assert max(map(len, lines)) <= width
    assert [line for line in lines if re.search(r"\d\S*…( |$)|\.…", line)] == []
    (row,) = [line for line in lines if line.startswith("step 7 ")]
    assert row.split()[:5] == ["step", "7", "88.0", "31.1", "56.9"]


def test_how_much_profiling_stretched_a_step() -> None:
    assert "under nsys" not in printed(80)
    lines = shown(replace(example(), distortion=Distortion(51.46, 63.81)), 80).splitlines()
    assert lines[3] == "profiling stretched a step x 1.24 (51.5 ms unrecorded)"


def test_the_step_that_is_shown_is_the_typical_one_also_where_others_did_nothing() -> None:
    idle = [replace(step, wall_ns=0, partition={}) for step in example(3).steps]
    found = replace(example(4), steps=(*idle, replace(example(4).steps[3], index=3)), typical=3)
    assert "Where 88.0 ms of step 3 went" in shown(found, 80)


def test_steps_without_gpu_work_show_their_time_on_the_cpu() -> None:
    idle = [
        replace(step, wall_ns=0, partition={}, cpu_start_ns=0, cpu_end_ns=1_000 * (step.index + 1))
        for step in example(3).steps
    ]
    text = " ".join(shown(replace(example(3), steps=tuple(idle)), 80).split())
    assert "Steps on the CPU 3 steps, 2.00 us in the median, 1.00 us to 3.00 us; none used the GPU" in text
    assert "Where 0 ns" not in text


def test_a_step_row_shows_the_partition_of_its_window() -> None:
    step = replace(
        example(1).steps[0], wall_ns=100_000_000, partition={"gemm": 60_000_000, "idle:host": 40_000_000}
    )
    row = next(
        line for line in shown(replace(example(1), steps=(step,)), 120).splitlines() if "step 0 " in line[:8]
    )
    assert "60.0 60%" in row
    assert "11.8" not in row


def test_a_pattern_names_every_kind_that_it_launches() -> None:
    pattern = CallPattern(
        ("cudaMemsetAsync", "cudaLaunchKernel"), 1680, 84.0, 0.25, {"fmha": 1120, "gemm": 560}
    )
    text = shown(replace(example(), patterns=(pattern,)), 80)
    assert "25.0 %  1,680    84.0  FMHA 67%, GEMM 33%" in text


def test_tables_of_the_whole_trace_say_so() -> None:
    titles = [line for line in printed(80).splitlines() if line.startswith(("Kernels ", "CUDA API "))]
    assert [title.endswith("whole trace") for title in titles] == [True, True]


def test_memory_from_before_the_recording_is_no_activity_in_it() -> None:
    device = DeviceMemory(0, 16_700_000_000, 0, 0, 0, 0, -1, -1, (), initial_bytes=16_700_000_000)
    text = " ".join(shown(replace(example(), memory=(device,)), 120).split())
    assert "16.7 GB of it when recording began, then no allocations, no releases" in text


def test_buckets_of_unseen_graphs_have_names() -> None:
    assert (bucket_label("hidden"), bucket_label("graph")) == ("Unseen CUDA graphs", "CUDA graph")


@pytest.mark.parametrize("width", [80, 120])
def test_the_whole_output(width: int) -> None:
    golden = Path(__file__).parent / "golden" / f"hotspots-{width}.txt"
    assert [line.rstrip() for line in printed(width).splitlines()] == golden.read_text("utf-8").splitlines()


def test_headline_and_warnings_come_first() -> None:
    lines = printed(80).splitlines()
    assert lines[0] == "A step takes 88.0 ms and the GPU is busy for 35.3 % of it."
    assert lines[2] == "warning: nsys stretched the launch path; a step without it takes less."


def test_a_step_row_shows_times_in_ms_and_the_calls() -> None:
    row = next(line for line in printed(80).splitlines() if line.startswith("step 7"))
    assert " ".join(row.split()) == "step 7 88.0 31.1 56.9 11.8 6.22 5.03 8.02 2,340 20/2/256"


def test_shares_stand_beside_the_times_where_there_is_room() -> None:
    row = next(line for line in printed(120).splitlines() if line.startswith("step 7"))
    assert "11.8 13%" in row


def test_many_steps_are_cut_to_the_first_slowest_and_last() -> None:
    text = printed(80, steps=200)
    assert sum(line.startswith("step ") for line in text.splitlines()) == 1 + 10 + 10
    assert "180 of 200 steps left out" in text


def test_without_steps_the_whole_trace_is_shown_by_category() -> None:
    text = printed(80, steps=0)
    assert "no steps found" in text
    row = next(line for line in text.splitlines() if line.startswith("GEMM"))
    assert row.split()[:5] == ["GEMM", "11.8", "ms", "38.0", "%"]


def test_ranges_patterns_and_memory_follow() -> None:
    lines = [" ".join(line.split()) for line in printed(80).splitlines()]
    assert "1.79 s 600 ms 1 50,000 generate" in lines
    assert not any(line.endswith(" step 1") for line in lines)
    at = next(at for at, line in enumerate(lines) if " 2,800 140 FMHA cudaMallocAsync x2 > " in line)
    assert lines[at + 1].endswith("cudaFreeAsync")
    assert "GPU 0: at most 9.59 GB in use, 36,018 allocations of 244 GB, 36,011 releases;" in lines


def test_a_kernel_is_shown_with_what_it_is_and_with_what_launched_it() -> None:
    for width in (80, 120):
        row = next(line for line in printed(width).splitlines() if "  nvjet_sm90" in line)
        assert row.split()[5 + (width == 120) * 2 :][0] == "GEMM"
        assert ("unet.conv_shortcut 75%" if width == 120 else "unet.conv_… 75%") in row


def test_kernels_around_memory_calls_are_named() -> None:
    assert "Memset calls before: FMHA 2,800x, GEMM 20x" in printed(80).splitlines()


def test_a_template_that_does_not_fit_is_shown_by_its_family() -> None:
    assert any(line.split()[-1:] == ["vectorized_elementwise"] for line in printed(80).splitlines())
    assert any(
        "vectorized_elementwise_kernel<(int)4, CUDAFunctor_add" in line for line in printed(200).splitlines()
    )


def test_hostile_names_neither_colour_nor_control_the_terminal() -> None:
    text = printed(200, hostile=True)
    assert plain(HOSTILE) in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_colour_only_where_the_console_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" in printed(80, color=True)
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    print_hotspots(example(), Console(file=out, width=80, force_terminal=True, color_system="auto"))
    assert "38;2;" not in out.getvalue()


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (999.6, "1.00 us"),
        (1_234, "1.23 us"),
        (999_600, "1.00 ms"),
        (63_400_000, "63.4 ms"),
        (12_300_000_000, "12.3 s"),
        (-1_500, "-1.50 us"),
        (12_345_678_900_000, "12,346 s"),
    ],
)
def test_durations(ns: float, text: str) -> None:
    assert duration(ns) == text


@pytest.mark.parametrize(
    ("part", "long", "short"),
    [
        (0, "0 %", "0%"),
        (1, "100 %", "100%"),
        (1e-9, "<0.01 %", "<1%"),
        (0.99999, ">99.9 %", ">99%"),
        (0.9994, "99.9 %", ">99%"),
        (0.0706, "7.06 %", "7%"),
        (0.353, "35.3 %", "35%"),
        (0.09996, "10.0 %", "10%"),
    ],
)
def test_shares_are_0_or_100_only_when_exactly_so(part: float, long: str, short: str) -> None:
    assert (share(part), short_share(part)) == (long, short)


def test_other_numbers() -> None:
    assert [milliseconds(ns) for ns in (0, 400, 63_400_000, 1_234_567_890)] == [
        "0",
        "<0.001",
        "63.4",
        "1,235",
    ]
    assert [significant(value) for value in (0.00123, 0.0999, 9.999)] == ["0.00123", "0.0999", "10.0"]
    assert [size(value) for value in (12, 18_300_000_000, 150_109_880_320)] == ["12 B", "18.3 GB", "150 GB"]


def test_sparkline_keeps_the_peak_of_each_group() -> None:
    assert sparkline([0, 1, 2, 7], 10) == "▁▂▃█"
    assert sparkline([7, 0, 0, 7, 0, 0], 2) == "██"
    assert sparkline([], 5) == ""
    assert sparkline([0, 0], 5) == "▁▁"


def test_names_are_made_plain_and_short() -> None:
    assert plain("a\x1b[31m\u202eb\nc\ud800") == "a\\x1b[31m\\u202eb\\nc\\ud800"
    assert shortened("abcdefghijklmnopqrstuvwxyz", 10) == "abcdef…xyz"
    assert shortened("short", 10) == "short"
    full = "void at::native::(anonymous namespace)::CatArrayBatchedCopy<T, (int)1>(T *, at::X<(int)2>)"
    assert readable_kernel(full) == "CatArrayBatchedCopy<T, (int)1>"
    assert readable_kernel("unbalanced)") == "unbalanced)"


def _linear(color: str) -> list[float]:
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def _contrast(first: str, second: str) -> float:
    light = sorted(
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), _linear(color), strict=True))
        for color in (first, second)
    )
    return (light[1] + 0.05) / (light[0] + 0.05)


@pytest.mark.parametrize("background", ["#ffffff", "#14171c"])
def test_every_colour_shows_on_white_and_on_near_black(background: str) -> None:
    for color in {**CATEGORY_COLORS, **IDLE_COLORS, **API_COLORS}.values():
        assert _contrast(color, background) > 1.7, color


# Machado, Oliveira and Fernandes 2009, severity 1: linear RGB as seen with prot-, deuter- and tritanopia
DEFICIENCIES = (
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
)
COMMON = ("gemm", "fmha", "conv", "elementwise", "norm", "layout", "copy", "memcpy", "reduction")


def _lab(linear: list[float]) -> tuple[float, float, float]:
    def curve(value: float) -> float:
        return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116

    red, green, blue = (min(max(channel, 0), 1) for channel in linear)
    x = curve((0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047)
    y = curve(0.2126729 * red + 0.7151522 * green + 0.0721750 * blue)
    z = curve((0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("matrix", DEFICIENCIES)
def test_the_common_categories_keep_apart_for_colour_blind_readers(
    matrix: tuple[tuple[float, ...], ...],
) -> None:
    seen = {
        key: _lab(
            [sum(w * c for w, c in zip(row, _linear(CATEGORY_COLORS[key]), strict=True)) for row in matrix]
        )
        for key in COMMON
    }
    for first in COMMON:
        for second in COMMON:
            if first < second:
                distance = sum((a - b) ** 2 for a, b in zip(seen[first], seen[second], strict=True)) ** 0.5
                assert distance > 10, (first, second)


def test_work_that_took_no_time() -> None:
    nothing = replace(example(), steps=(), typical=-1, categories={"gemm": CategoryShare(0, 3, 0.0)})
    out = io.StringIO()
    print_hotspots(nothing, Console(file=out, width=120))
    assert "0 ns" in out.getvalue()
