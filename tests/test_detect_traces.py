"""Steps detected in captured workloads once their NVTX ranges are gone, against what the ranges said."""

import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from real_trace import THREE_STEPS, unpack
from step_scoring import I64, f1

from nsysprof.assets import unpack_demo
from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Hotspots
from nsysprof.trace import open_trace


def measure(path: Path) -> Hotspots:
    with open_trace(path) as trace:
        return measure_hotspots(trace)


def without_ranges(path: Path) -> Path:
    """Return a copy of a trace that has no NVTX at all."""
    bare = path.with_name(f"bare-{path.name}")
    shutil.copyfile(path, bare)
    connection = sqlite3.connect(bare)
    connection.execute("DROP TABLE NVTX_EVENTS")
    connection.commit()
    connection.close()
    return bare


def gpu_windows(hotspots: Hotspots) -> I64:
    return np.array([(step.gpu_start_ns, step.gpu_end_ns) for step in hotspots.steps], np.int64).reshape(
        -1, 2
    )


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
    true, found = measure(path), measure(without_ranges(path))
    assert (true.steps_source, len(true.steps)) == ("nvtx", steps)
    assert (found.steps_source, len(found.steps)) == ("detected", steps)
    assert f1(gpu_windows(found), gpu_windows(true)) >= least
    assert 0.5 < found.steps_confidence <= 1


@pytest.mark.parametrize("name", ["traces/graph_replay_whole", "traces/two_processes_two_threads"])
def test_no_steps_where_launches_do_not_show_them(name: str, tmp_path: Path) -> None:
    """A graph that is one launch leaves mostly its warm-up; two threads that race have no common step."""
    found = measure(without_ranges(trace(name, tmp_path)))
    assert (found.steps, found.steps_source, found.steps_confidence) == ((), "none", 0)
    assert any(warning.startswith("no steps: ") for warning in found.warnings)
