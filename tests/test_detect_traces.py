"""Steps detected in captured workloads once their NVTX ranges are gone, against what the ranges said."""

import lzma
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from real_trace import THREE_STEPS, unpack
from step_scoring import f1, gpu_windows, measure, without_ranges

from nsysprof.assets import unpack_demo

DEMO = "the SDXL run of 8 steps at 1024x1024 that ships with the package"

# trace, its true steps, what F1 of the GPU windows detection reaches
WORKLOADS = [
    (DEMO, 8, 1.0),
    (THREE_STEPS, 3, 1.0),
    ("traces/sdxl_512_batch4", 20, 1.0),
    ("traces/training_loop", 20, 1.0),
    ("traces/diffusion_training", 10, 1.0),
    ("traces/adversarial_training", 24, 1.0),
    ("traces/llm_decode", 32, 1.0),
    ("traces/graph_replay", 24, 1.0),
    ("traces/graph_replay_whole", 24, 1.0),
    ("traces/four_streams", 40, 0.975),
    ("traces/held_out_guided", 16, 1.0),
    ("traces/held_out_speech", 36, 1.0),
]


def trace(name: str, folder: Path) -> Path:
    (folder / "traces").mkdir()
    return unpack_demo(folder) if name == DEMO else unpack(name, folder)


@pytest.mark.parametrize(("name", "steps", "least"), WORKLOADS)
def test_steps_are_found_without_ranges(name: str, steps: int, least: float, tmp_path: Path) -> None:
    path = trace(name, tmp_path)
    true, found = measure(path), measure(without_ranges(path, tmp_path))
    assert (true.steps_source, len(true.steps)) == ("nvtx", steps)
    assert (found.steps_source, len(found.steps)) == ("detected", steps)
    assert f1(gpu_windows(found), gpu_windows(true)) >= least
    assert 0.5 < found.steps_confidence <= 1


def test_steps_of_an_application_are_neither_blocks_of_its_network_nor_several_steps(tmp_path: Path) -> None:
    """ComfyUI recorded without ranges: 20 steps of 1,988 launches, timed at 78.4 ms by the program."""
    packed = Path(__file__).parent.parent / "reports/h200-vs-a100/comfyui-512-detected.sqlite.xz"
    path = tmp_path / "trace.sqlite"
    with lzma.open(packed) as source, path.open("wb") as plain:
        shutil.copyfileobj(source, plain)
    found = measure(path)
    assert [step.kernels for step in found.steps] == [1988] * 20
    assert found.steps_confidence > 0.9
    assert np.median([step.wall_ns for step in found.steps]) == pytest.approx(78.4e6, rel=0.01)


@pytest.mark.parametrize(("name", "steps"), [("two_processes", 61), ("two_processes_two_threads", 122)])
def test_processes_and_threads_have_steps_of_their_own(name: str, steps: int, tmp_path: Path) -> None:
    """They take as many steps, or one less, at about the same time, but not in step with each other."""
    path = trace(f"traces/{name}", tmp_path)
    true, found = measure(path), measure(without_ranges(path, tmp_path))
    assert (len(true.steps), len(found.steps)) == (steps, steps)
    assert {step.kernels for step in found.steps} == {step.kernels for step in true.steps}
    owners = Counter(step.label.split("(")[1] for step in true.steps)
    assert Counter(step.label.split("(")[1] for step in found.steps) == owners
    assert found.steps_confidence < 0.5
