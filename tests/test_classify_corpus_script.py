"""The corpus script reads a profiler's trace: each kernel with the operators open at its launch."""

from typing import Any

from gpu.kernel_corpus import kernels_by_operator


def op(name: str, start: float, duration: float, thread: int = 1, category: str = "cpu_op") -> dict[str, Any]:
    return {"cat": category, "name": name, "ts": start, "dur": duration, "tid": thread, "args": {}}


def launch(correlation: int, at: float, thread: int = 1) -> dict[str, Any]:
    arguments = {"correlation": correlation}
    return {
        "cat": "cuda_runtime",
        "name": "cudaLaunchKernel",
        "ts": at,
        "dur": 1,
        "tid": thread,
        "args": arguments,
    }


def kernel(correlation: int, name: str, duration: float) -> dict[str, Any]:
    return {
        "cat": "kernel",
        "name": name,
        "ts": 0,
        "dur": duration,
        "tid": 7,
        "args": {"correlation": correlation},
    }


def test_kernels_get_the_operators_that_were_open() -> None:
    events = [
        op("aten::linear", 0, 100),
        op("aten::addmm", 10, 50),
        launch(1, 20),
        launch(2, 30),
        launch(3, 70),
        op("autograd::engine::evaluate_function: X", 200, 100, thread=2),
        op("AddmmBackward0", 210, 80, thread=2),
        op("aten::mm", 220, 10, thread=2),
        launch(4, 225, thread=2),
        launch(5, 240, thread=2),
        launch(6, 500),
        kernel(1, "gemm", 1.5),
        kernel(2, "gemm", 2.25),
        kernel(3, "bias", 1.0),
        kernel(4, "gemm", 1.0),
        kernel(5, "sum", 1.0),
        kernel(6, "loose", 0.5),
        kernel(99, "lost", 0.5),
    ]
    assert kernels_by_operator(events) == {
        ("gemm", "aten::linear > aten::addmm"): (2, 3750),
        ("bias", "aten::linear"): (1, 1000),
        ("gemm", "AddmmBackward0 > aten::mm"): (1, 1000),
        ("sum", "AddmmBackward0"): (1, 1000),
        ("loose", ""): (1, 500),
        ("lost", ""): (1, 500),
    }
