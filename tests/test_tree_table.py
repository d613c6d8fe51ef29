"""The kernels as a tree, computed and printed."""

import io

import pytest
from hotspots_example import HOSTILE
from rich.console import Console

from nsysprof.measure.kernel_tree import kernel_tree
from nsysprof.measure.results import Hotspots, KernelGroup, KernelHotspot, TraceInfo
from nsysprof.render.tree_table import MOST_ROWS, kernel_tree_table

KERNELS = (
    ("nvjet_sm90_hsh_128x128", "gemm", "cublasLt", "nvjet_hsh", 40_000_000),
    ("nvjet_sm90_hsh_64x64", "gemm", "cublasLt", "nvjet_hsh", 20_000_000),
    ("nvjet_sm90_tst_64x64", "gemm", "cublasLt", "nvjet_tst", 5_000_000),
    ("ampere_sgemm_32x32", "gemm", "cublas", "ampere_sgemm", 5_000_000),
    ("flash_fwd_kernel<64>", "fmha", "flash-attention", "flash_fwd_kernel", 20_000_000),
    ("mystery", "unknown", "", "mystery", 10_000_000),
)


def kernels(rows: tuple[tuple[str, str, str, str, int], ...]) -> tuple[KernelHotspot, ...]:
    whole = sum(row[4] for row in rows)
    return tuple(
        KernelHotspot(name, category, library, family, 2, ns, ns / 2, 1, ns, ns / whole)
        for name, category, library, family, ns in rows
    )


def printed(rows: tuple[tuple[str, str, str, str, int], ...], width: int, unclassified: float) -> list[str]:
    found = kernels(rows)
    hotspots = Hotspots(
        TraceInfo("t.sqlite", "", "", 0, 0), "none", 0.0, (), {}, found, {}, (), unclassified,
        tree=kernel_tree(found, sum(one.total_ns for one in found)),
    )  # fmt: skip
    out = io.StringIO()
    Console(file=out, width=width).print(kernel_tree_table(hotspots, width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_the_tree_has_four_levels_and_sums() -> None:
    gemm, fmha, unknown = kernel_tree(kernels(KERNELS), 100_000_000)
    assert (gemm.name, gemm.ns, gemm.count, gemm.share) == ("gemm", 70_000_000, 8, 0.7)
    assert [(part.name, part.ns) for part in gemm.parts] == [("cublasLt", 65_000_000), ("cublas", 5_000_000)]
    assert [part.name for part in gemm.parts[0].parts] == ["nvjet_hsh", "nvjet_tst"]
    assert gemm.parts[0].parts[0].parts == (
        KernelGroup("nvjet_sm90_hsh_128x128", 40_000_000, 2, 0.4),
        KernelGroup("nvjet_sm90_hsh_64x64", 20_000_000, 2, 0.2),
    )
    assert fmha.parts[0].parts[0].parts[0].name == "flash_fwd_kernel<64>"
    assert unknown.parts[0].name == ""


def test_the_tree_is_printed_with_what_is_alone_on_one_line() -> None:
    assert printed(KERNELS, 80, 0.1) == [
        "Kinds of kernels  category > library > family > kernel",
        " share    total  count",
        "─" * 65,
        "70.0 %  70.0 ms      8  GEMM",
        "65.0 %  65.0 ms      6    cublasLt",
        "60.0 %  60.0 ms      4      nvjet_hsh",
        "40.0 %  40.0 ms      2        nvjet_sm90_hsh_128x128",
        "20.0 %  20.0 ms      2        nvjet_sm90_hsh_64x64",
        "5.00 %  5.00 ms      2      nvjet_tst",
        "5.00 %  5.00 ms      2    cublas > ampere_sgemm",
        "20.0 %  20.0 ms      2  FMHA > flash-attention > flash_fwd_kernel",
        "10.0 %  10.0 ms      2  Unclassified > mystery",
        "unclassified: 10.0 % of the GPU time; shares are of kernels, copies and sets",
    ]


@pytest.mark.parametrize("rows", [(), KERNELS[:1]])
def test_the_unclassified_share_is_printed_when_it_is_nothing(
    rows: tuple[tuple[str, str, str, str, int], ...],
) -> None:
    assert (
        printed(rows, 80, 0.0)[-1]
        == "unclassified: 0 % of the GPU time; shares are of kernels, copies and sets"
    )


def test_only_the_largest_groups_are_shown_and_the_others_counted() -> None:
    rows = tuple((f"kernel_{at}<{'x' * 90}>", "copy", "pytorch", "copy", 1000 - at) for at in range(40))
    lines = printed(rows, 80, 0.0)
    assert len(lines) == 3 + MOST_ROWS + 1
    assert lines[3] == " 100 %  39.2 us     80  Copy > pytorch > copy  +17 more"
    assert lines[4].startswith("2.55 %  1.00 us      2    kernel_0<")


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal_nor_in_control_of_it(width: int) -> None:
    rows = tuple((HOSTILE + str(at) + "y" * 300, "gemm", HOSTILE, "z" * 60, 9) for at in range(3))
    lines = printed(rows, width, 0.0)
    assert max(map(len, lines)) <= width
    assert "\x1b" not in "".join(lines)
    assert "\u202e" not in "".join(lines)
