"""NVTX ranges projected on the GPU, operators, and patterns of calls."""

import csv
from pathlib import Path

from real_trace import THREE_STEPS, unpack
from trace_builder import TraceBuilder

from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Amount, Hotspots, Launcher, OperatorHotspot, RangeHotspot
from nsysprof.render.records import to_csv
from nsysprof.trace import open_trace


def measure(builder: TraceBuilder, folder: Path) -> Hotspots:
    with open_trace(builder.write(folder / "trace.sqlite")) as trace:
        return measure_hotspots(trace)


def unet() -> TraceBuilder:
    """Two steps of a UNet with two modules, and a kernel outside of both."""
    builder = TraceBuilder()
    for step in range(2):
        start = 1_000 * step
        builder.nvtx(f"step {step}", start, start + 900)
        builder.nvtx("unet", start + 10, start + 500)
        builder.nvtx("unet.conv_in in=[2,4,128,128]", start + 20, start + 100)
        builder.nvtx("unet.mid in=[2,64]", start + 100, start + 400)
        for at, name in enumerate(("conv2d_kernel", "layer_norm_kernel", "layer_norm_kernel", "gemm_kernel")):
            begin = start + 30 + 90 * at
            builder.launch(
                name, (begin, begin + 10), (begin + 100, begin + 150), correlation=10 * step + at + 1
            )
        builder.launch(
            "gemm_kernel", (start + 600, start + 610), (start + 650, start + 690), correlation=10 * step + 9
        )
    return builder


def test_ranges(tmp_path: Path) -> None:
    found = measure(unet(), tmp_path)
    assert found.ranges == (
        RangeHotspot("unet", "", "push/pop", 2, 980, 640, 400, 8),
        RangeHotspot("step 0", "", "push/pop", 1, 900, 560, 240, 5),
        RangeHotspot("step 1", "", "push/pop", 1, 900, 560, 240, 5),
        RangeHotspot("unet.mid in=[2,64]", "", "push/pop", 2, 600, 460, 300, 6),
        RangeHotspot("unet.conv_in in=[2,4,128,128]", "", "push/pop", 2, 160, 100, 100, 2),
    )


def test_operators(tmp_path: Path) -> None:
    found = measure(unet(), tmp_path)
    assert found.operators == (
        OperatorHotspot("unet.mid", "norm", 6, 300, 300 / 480),
        OperatorHotspot("unet.conv_in", found.operators[1].category, 2, 100, 100 / 480),
    )
    assert {kernel.name: kernel.operator for kernel in found.kernels} == {
        "conv2d_kernel": "unet.conv_in",
        "layer_norm_kernel": "unet.mid",
        "gemm_kernel": "unet.mid",
    }


def test_sequence_numbers_and_sizes_are_no_part_of_an_operator(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for at in range(3):
        start = 100 * at
        builder.nvtx(f"aten::conv2d, seq = {at}, sizes = [[1, {at}]]", start, start + 50)
        builder.launch(
            "conv2d_kernel", (start + 10, start + 20), (start + 30, start + 40), correlation=at + 1
        )
    (operator,) = measure(builder, tmp_path).operators
    assert (operator.name, operator.count) == ("aten::conv2d", 3)


def test_a_matrix_product_that_a_convolution_launched_is_seen_as_both(tmp_path: Path) -> None:
    builder = TraceBuilder()
    texts = (
        "aten::conv2d, seq = 5, op_id = 12, sizes = [[2, 320, 64, 64], [640, 320, 1, 1], []]",
        "aten::cudnn_convolution, op_id = 15, input_op_ids = [(9, 0), (10, 0)]",
        "autograd::engine::evaluate_function: ConvolutionBackward0, op_id = 30",
        "ConvolutionBackward0, seq = 5, op_id = 31",
    )
    for depth, text in enumerate(texts):
        start = 100 * (depth // 2) + depth
        builder.nvtx(text, start, start + 80 - 10 * (depth % 2))
    nvjet = "nvjet_sm90_hsh_320x128_64x3_1x1_h_bz_coopB_NNT"
    wgrad = "sm80_xmma_wgrad_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize64x64x64_kernel__5x_cudnn"
    builder.launch(nvjet, (20, 30), (50, 90), correlation=1)
    builder.launch(wgrad, (120, 130), (150, 160), correlation=2)
    found = measure(builder, tmp_path)
    assert [(one.name, one.category, one.operator) for one in found.kernels] == [
        (nvjet, "gemm", "aten::cudnn_convolution"),
        (wgrad, "conv", "ConvolutionBackward0"),
    ]
    assert [(one.name, one.category) for one in found.operators] == [
        ("aten::cudnn_convolution", "gemm"),
        ("ConvolutionBackward0", "conv"),
    ]
    record = next(row for row in csv.DictReader(to_csv(found).splitlines()) if row["key"] == nvjet)
    assert (record["class"], record["library"], record["operator"]) == (
        "gemm", "cublasLt", "aten::cudnn_convolution",
    )  # fmt: skip


def test_patterns_of_a_step(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for step in range(4):
        for at in range(10):
            start = 10_000 * step + 100 * at
            builder.api("cudaMallocAsync_v11020", start, start + 5)
            builder.api("cudaStreamIsCapturing_v10000", start + 6, start + 7)
            correlation = 100 * step + at + 1
            builder.launch(
                "layer_norm_kernel",
                (start + 10, start + 20),
                (start + 50, start + 60),
                correlation=correlation,
            )
            builder.api("cudaFreeAsync_v11020", start + 30, start + 35)
        start = 10_000 * step + 2_000
        builder.api("cudaMemsetAsync_v3020", start, start + 5)
        builder.launch(
            "gemm_kernel", (start + 10, start + 20), (start + 50, start + 60), correlation=100 * step + 99
        )
        builder.nvtx(f"step {step}", 10_000 * step, 10_000 * step + 5_000)
    found = measure(builder, tmp_path)
    first, second = found.patterns
    assert first.functions == ("cudaMallocAsync", "cudaLaunchKernel", "cudaFreeAsync")
    assert (first.count, first.per_step, first.share) == (40, 10, 120 / 128)
    assert first.categories == {"norm": 40}
    assert second.functions == ("cudaMemsetAsync", "cudaLaunchKernel")
    assert (second.count, second.categories) == (4, {"gemm": 4})
    assert found.around == {"malloc": {"norm": 40}, "memset": {"gemm": 4}, "free": {"norm": 40}}


def test_memsets_of_the_real_trace_precede_attention(tmp_path: Path) -> None:
    with open_trace(unpack(THREE_STEPS, tmp_path)) as trace:
        found = measure_hotspots(trace)
    assert next(iter(found.around["memset"])) == "fmha"
    pattern = next(one for one in found.patterns if "cudaMemsetAsync" in one.functions)
    assert pattern.categories == {"fmha": pattern.count}
    assert sum(pattern.share for pattern in found.patterns) <= 1


def test_who_launched_how_much_of_a_kernel(tmp_path: Path) -> None:
    builder = TraceBuilder().nvtx("step 0", 0, 400).nvtx("aten::conv2d", 10, 30).nvtx("aten::addmm", 110, 130)
    for at, (call, lasts) in enumerate(((10, 45), (110, 40), (120, 15), (210, 20), (500, 30)), 1):
        builder.launch("nvjet_x", (call, call + 5), (10 * call, 10 * call + lasts), correlation=at)
    (kernel,) = measure(builder, tmp_path).kernels
    assert kernel.operator == "aten::addmm"
    assert kernel.launchers == (
        Launcher("aten::addmm", 55, 2),
        Launcher("", 50, 2),
        Launcher("aten::conv2d", 45, 1),
    )
    assert (kernel.count, kernel.total_ns, kernel.min_ns, kernel.max_ns) == (5, 150, 15, 45)
    assert kernel.in_steps == Amount(120, 4)
