"""Steps detected in captured workloads once their NVTX ranges are gone, against what the ranges said."""

from pathlib import Path

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
    ("traces/four_streams", 40, 0.975),
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


@pytest.mark.parametrize("name", ["traces/graph_replay_whole", "traces/two_processes_two_threads"])
def test_no_steps_where_launches_do_not_show_them(name: str, tmp_path: Path) -> None:
    """A graph that is one launch leaves mostly its warm-up; two threads that race have no common step."""
    found = measure(without_ranges(trace(name, tmp_path), tmp_path))
    assert (found.steps, found.steps_source, found.steps_confidence) == ((), "none", 0)
    assert any(warning.startswith("no steps: ") for warning in found.warnings)
