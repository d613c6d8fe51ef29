"""A realistic result, made by hand: SDXL on an H200, 20 steps of about 88 ms under nsys, 11 categories."""

from nsysprof.measure.kernel_tree import kernel_tree
from nsysprof.measure.results import (
    Amount,
    ApiHotspot,
    CallPattern,
    CategoryShare,
    DeviceMemory,
    Hotspots,
    KernelHotspot,
    Launcher,
    MemoryPoint,
    RangeHotspot,
    Step,
    TraceInfo,
)

# per step: category -> (ns, count); the first step also pays for the choice of algorithms
STEP_WORK = {
    "gemm": (11_812_736, 794),
    "fmha": (3_914_112, 140),
    "conv": (5_033_184, 51),
    "elementwise": (6_218_240, 1010),
    "norm": (2_107_968, 210),
    "layout": (1_250_304, 92),
    "copy": (604_160, 33),
    "memset": (92_224, 256),
    "reduction": (48_320, 18),
    "memcpy": (1_312, 1),
}
# per step: idle bucket -> ns
STEP_IDLE = {
    "idle:host": 34_005_440,
    "idle:launch": 15_918_016,
    "idle:memop": 5_240_000,
    "idle:alloc": 1_120_000,
    "idle:sync": 640_000,
}
# per step: API class -> (ns, count)
STEP_API = {
    "launch": (18_420_311, 2340),
    "query": (4_212_900, 5100),
    "memset": (3_300_456, 256),
    "malloc": (1_020_120, 20),
    "free": (80_040, 2),
    "sync": (640_000, 1),
}
KERNELS = (
    ("nvjet_sm90_hsh_128x256_64x4_2x1_v_bz_coopA_TNT", "gemm", "cublasLt", "nvjet", 9_480, 181_000_320),
    (
        "void at::native::vectorized_elementwise_kernel<(int)4, at::native::CUDAFunctor_add<c10::Half>, "
        "std::array<char *, (unsigned long)3>>(int, T2, T3)",
        "elementwise",
        "pytorch",
        "vectorized_elementwise",
        12_200,
        98_000_000,
    ),
    (
        "cudnn_generated_fort_native_sdpa_sm90_flash_fprop_wgmma_f16_knob_3_64x128x128_4x1x1_cga1x1x1_kernel0_0",
        "fmha",
        "cudnn",
        "sdpa",
        2_800,
        78_282_240,
    ),
    ("</script><img src=x onerror=alert(1)>", "unknown", "", "", 1, 2_048),
)
OPERATORS = ("unet.conv_shortcut", "unet.mid.ff", "", "")
"""What launches the kernels, in the same order: a 1x1 convolution runs as a matrix product."""
HOSTILE = "\x1b]0;owned\x07[red]kernel\u202egpj.exe[/red]</script><b>=cmd"
"""A kernel name that attacks terminals, rich markup, HTML and readers' eyes at once."""


def example_step(index: int, start_ns: int) -> Step:
    """Return step ``index`` whose GPU window opens at ``start_ns``; each is a little longer than the last."""
    stretch = 1_000 * index
    partition = {key: ns for key, (ns, _) in STEP_WORK.items()} | STEP_IDLE
    partition["idle:host"] += stretch
    busy = sum(ns for ns, _ in STEP_WORK.values())
    wall = busy + sum(STEP_IDLE.values()) + stretch
    return Step(
        index=index,
        label=f"step {index}",
        gpu_start_ns=start_ns,
        gpu_end_ns=start_ns + wall,
        cpu_start_ns=start_ns - 400_000,
        cpu_end_ns=start_ns + wall - 300_000,
        wall_ns=wall,
        busy_ns=busy,
        idle_ns=wall - busy,
        kernels=sum(count for key, (_, count) in STEP_WORK.items() if not key.startswith("mem")),
        categories={key: Amount(ns, count) for key, (ns, count) in STEP_WORK.items()},
        partition=partition,
        api={key: Amount(ns, count) for key, (ns, count) in STEP_API.items()},
        text=f"step {index}",
    )


def example(steps: int = 20, hostile: bool = False) -> Hotspots:
    """Return the whole result; ``hostile`` adds a kernel and a step whose names are attacks."""
    rows: list[Step] = []
    start = 10_000_000_000
    for index in range(steps):
        rows.append(example_step(index, start))
        start = rows[-1].gpu_end_ns
    times = max(steps, 1)
    total = sum(ns for ns, _ in STEP_WORK.values()) * times
    names = (*KERNELS, (HOSTILE, "unknown", "", "", 1, 1_024)) if hostile else KERNELS
    kernels = tuple(
        KernelHotspot(
            name,
            category,
            library,
            family,
            count,
            ns,
            ns / count,
            ns // count // 2,
            ns // count * 3,
            ns / total,
            operator,
            (Launcher(operator, ns - ns // 4, count), Launcher("", ns // 4, count)) if operator else (),
            Amount(ns - ns // 5, count),
        )
        for (name, category, library, family, count, ns), operator in zip(
            names, (*OPERATORS, *[""] * len(names)), strict=False
        )
    )
    return Hotspots(
        trace=TraceInfo("runs/sdxl.sqlite", "NVIDIA H200", "3.20.3", 9_999_600_000, start),
        steps_source="nvtx" if steps else "none",
        steps_confidence=1.0 if steps else 0.0,
        steps=tuple(rows),
        categories={
            key: CategoryShare(ns * times, count * times, ns * times / total)
            for key, (ns, count) in STEP_WORK.items()
        },
        kernels=kernels,
        tree=kernel_tree(kernels, total),
        api={key: Amount(ns * times, count * times) for key, (ns, count) in STEP_API.items()},
        api_calls=(
            ApiHotspot("cudaLaunchKernel", "launch", False, 31_631, 250_112_000, 7_907.2, 2_101, 1_204_555),
            ApiHotspot("cuLaunchKernelEx", "launch", False, 20_916, 118_294_220, 5_655.7, 2_400, 900_123),
            ApiHotspot("cudaMemsetAsync", "memset", True, 5_132, 66_009_120, 12_862.3, 3_001, 80_000),
        ),
        unclassified_share=3_072 / total,
        typical=(len(rows) - 1) // 2,
        headline=(
            "A step takes 88.0 ms and the GPU is busy for 35.3 % of it.",
            "Most of the lost time is the CPU outside CUDA: 38.6 % of a step.",
        ),
        ranges=(
            RangeHotspot("generate", "", "push/pop", 1, 1_800_000_000, 1_790_000_000, 600_000_000, 50_000),
            RangeHotspot("step 1", "", "push/pop", 1, 88_000_000, 88_000_000, 31_000_000, 2_600),
            RangeHotspot("vae_decode", "", "push/pop", 1, 140_000_000, 138_000_000, 85_000_000, 361),
        ),
        memory=(
            DeviceMemory(
                0,
                9_593_503_861,
                start,
                36_018,
                244_000_000_000,
                36_011,
                10_600_000_000,
                9_600_000_000,
                (
                    MemoryPoint(10_000_000_000, 7_000_000_000, 10_600_000_000),
                    MemoryPoint(start, 9_593_503_861, -1),
                ),
            ),
        ),
        patterns=(
            CallPattern(
                (
                    "cudaMallocAsync",
                    "cudaMallocAsync",
                    "cudaMemsetAsync",
                    "cudaLaunchKernel",
                    "cudaFreeAsync",
                ),
                2_800,
                140.0,
                0.15,
                {"fmha": 2_800},
            ),
            CallPattern(("cudaLaunchKernel",), 20_000, 1_000.0, 0.5, {"gemm": 20_000}),
        ),
        around={"malloc": {"fmha": 5_600}, "memset": {"fmha": 2_800, "gemm": 20}, "free": {"fmha": 2_800}},
        warnings=("nsys stretched the launch path; a step without it takes less.",) if steps else (),
    )
