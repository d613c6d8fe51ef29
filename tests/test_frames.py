"""Results as pandas frames."""

import subprocess
import sys

from hotspots_example import example

from nsysprof import to_frames


def test_frames_hold_what_the_result_says() -> None:
    result = example()
    frames = to_frames(result)
    assert list(frames) == ["steps", "kernels", "categories", "api"]
    steps = frames["steps"]
    assert steps["wall_ns"].tolist() == [step.wall_ns for step in result.steps]
    assert steps["gemm"].tolist() == [step.partition.get("gemm", 0) for step in result.steps]
    assert str(steps["gemm"].dtype) == "int64"
    assert frames["kernels"]["name"].tolist() == [kernel.name for kernel in result.kernels]
    assert frames["categories"].loc["gemm", "ns"] == result.categories["gemm"].ns
    assert frames["api"].loc["launch", "count"] == result.api["launch"].count


def test_pandas_is_loaded_only_for_frames() -> None:
    code = "import sys; from nsysprof import to_frames; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
