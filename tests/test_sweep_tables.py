"""What a sweep prints: the table in the notes' columns, at the widths that terminals have."""

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console
from sweep_example import HOSTILE, example

from nsysprof.render.sweep_page import sweep_html
from nsysprof.render.sweep_progress import SweepProgress, left_text
from nsysprof.render.sweep_tables import print_sweep
from nsysprof.sweep.headline import headline
from nsysprof.sweep.plan import Config
from nsysprof.sweep.results import AxisResult, Point, Spread, Sweep
from nsysprof.sweep.sweep import Advance


def printed(sweep: Sweep, width: int) -> str:
    out = io.StringIO()
    print_sweep(sweep, Console(file=out, width=width, highlight=False))
    return out.getvalue()


def test_at_80_columns_what_is_the_same_everywhere_moves_to_the_title() -> None:
    lines = printed(example(), 80).splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("Sweep"))
    assert [line.rstrip() for line in lines[at : at + 5]] == [
        "Sweep  12 configurations, steps 20, cfg 8.0",
        "plan                 Max VRAM  time s    min    max  s/step  batch  resolution",
        "──────────────────────────────────────────────────────────────────────────────",
        "batch 1, 512x512      7.65 GB    1.35   1.25   1.55  0.0614      1     512x512",
        "batch 1, 1024x1024    8.40 GB    2.10   2.00   2.30  0.0955      1   1024x1024",
    ]
    assert lines[at + 14].rstrip() == ("batch 32, 1024x1024               OOM" + " " * 27 + "32   1024x1024")
    assert "out of memory: batch 32, 1024x1024 (sdxl: error: out of memory on cuda:0)" in " ".join(lines)


def test_at_120_columns_there_is_room_for_everything() -> None:
    text = printed(example(), 120)
    columns = ["plan", "Max", "VRAM", "time", "s", "min", "max", "s/step", "images/s", "allocated", "batch"]
    columns += ["resolution", "steps", "cfg"]
    assert columns in [line.split() for line in text.splitlines()]


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("hostile", [False, True])
def test_no_line_is_wider_than_the_terminal(width: int, hostile: bool) -> None:
    text = printed(example(hostile=hostile, profiled=True), width)
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert not set(text) & set("\x1b\u202e")
    assert HOSTILE not in text


def test_the_headline_says_what_each_axis_does() -> None:
    assert example().headline == (
        "batch 1 to 32 at size 512x512: time x6.74, a step x6.74, images/s x4.75, memory x2.01",
        "size 512x512 to 1024x1024 at batch 1: time x1.56, a step x1.56, images/s x0.64, memory x1.10",
    )


def with_runs(count: int, factor: float) -> tuple[AxisResult, list[Point]]:
    """Return an axis of two configurations of ``count`` runs whose figures differ by ``factor``."""
    axis = AxisResult("cfg", ("7", "8"), True)
    points = [
        replace(
            example().points[0],
            values={"cfg": value},
            time_s=Spread(time, time, time, count),
            step_s=Spread(time / 20, time / 20, time / 20, count),
            memory_bytes=Spread(size, size, size, count),
        )
        for value, time, size in (("7", 1.0, 1e9), ("8", factor, 1.05e9))
    ]
    return axis, [replace(point, images_per_s=None) for point in points]


@pytest.mark.parametrize(
    ("count", "factor", "text"),
    [
        (1, 1.19, "cfg 7 to 8, one run each: memory x1.05"),
        (2, 1.19, "cfg 7 to 8, 2 runs each: memory x1.05"),
        (3, 1.19, "cfg 7 to 8: time x1.19, a step x1.19, memory x1.05"),
        (1, 1.4, "cfg 7 to 8, one run each: time x1.40, a step x1.40, memory x1.05"),
        (1, 0.7, "cfg 7 to 8, one run each: time x0.70, a step x0.70, memory x1.05"),
    ],
)
def test_few_runs_tell_no_small_difference_in_time(count: int, factor: float, text: str) -> None:
    axis, points = with_runs(count, factor)
    assert headline([axis], points, each=False) == (text,)
    same = [replace(point, memory_bytes=points[0].memory_bytes) for point in points]
    if count < 3 and factor == 1.19:
        told = headline([axis], same, each=False)[0]
        assert told.endswith(" each: no difference that so few runs can tell")


def test_an_unfinished_sweep_claims_the_repeats_that_there_are() -> None:
    sweep = example()
    first, *rest = sweep.points
    assert first.time_s is not None
    half = replace(sweep, points=(replace(first, time_s=replace(first.time_s, count=1)), *rest))
    assert half.repeat == 3
    assert " \N{MIDDLE DOT} median of 1 to 3 runs \N{MIDDLE DOT} " in printed(half, 120)
    assert "1 to 3 runs each" in sweep_html(half)
    assert " \N{MIDDLE DOT} median of 3 runs \N{MIDDLE DOT} " in printed(sweep, 120)
    none = replace(sweep, points=(replace(first, status="missing", time_s=None),), headline=())
    assert " \N{MIDDLE DOT} no runs \N{MIDDLE DOT} " in printed(none, 120)


def test_profiled_configurations_show_their_parts() -> None:
    lines = printed(example(profiled=True), 120).splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("Where a step went"))
    assert lines[at + 1].split()[:4] == ["plan", "step", "idle", "host"]
    assert lines[at + 3].split()[:7] == ["batch", "1,", "512x512", "66.0", "ms", "39%", "18%"]


def test_what_has_not_run_yet_is_there_without_figures() -> None:
    sweep = example()
    missing = replace(sweep.points[0], status="missing", time_s=None, step_s=None, memory_bytes=None)
    text = printed(replace(sweep, points=(missing,), headline=()), 80)
    assert [line.split() for line in text.splitlines() if line.startswith("batch 1")] == [
        ["batch", "1,", "512x512", "-", "1", "512x512", "20", "8.0"]
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (99, "99 s"), (100, "2 min"), (3600, "60 min"), (12_000, "3 h 20 min")],
)
def test_time_to_come_is_told_roughly(seconds: float, text: str) -> None:
    assert left_text(seconds) == text


def test_progress_takes_no_label_for_markup() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=120)
    config = Config("1", "prompt [/red] \x1b[2J{task}", {}, (), {})
    with SweepProgress(console, repeats=2) as progress:
        progress.begins(Advance(1, 3, 7200.0))
        progress.starts(config, 1)
        row = {"repeat": 1, "status": "failed", "reason": "[bold]\x1b[2J"}
        progress.ended(config, row, Advance(2, 3, 3600.0))
    text = out.getvalue()
    assert "3 runs, 1 of them already done, about 2 h 0 min" in text
    assert "prompt [/red] \\x1b[2J{task} #2" in text
    assert "\x1b[2J" not in text
