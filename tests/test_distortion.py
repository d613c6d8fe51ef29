"""What ran, and how much profiling stretched a step: read from the manifest beside a trace."""

import json
from pathlib import Path

import pytest
from trace_builder import TraceBuilder

from nsysprof.measure.distortion import distortion_beside, ran_beside
from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Distortion
from nsysprof.trace import open_trace

RUN = {"baseline": {"step_ms": [51.5, 90.0, 50.0, 52.0]}, "profiled": {"step_ms": [64.0, 63.0, 79.0]}}
MANIFEST = {"schema": "nsysprof.capture/1", "files": ["t.nsys-rep", "t.sqlite"], "run": RUN}


def test_the_medians_of_steps_in_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "t.run.json").write_text(json.dumps(MANIFEST))
    assert distortion_beside(tmp_path / "t.sqlite") == Distortion(baseline_ms=51.5, profiled_ms=64.0)
    assert distortion_beside(tmp_path / "other.sqlite") is None


def test_hotspots_hold_it(tmp_path: Path) -> None:
    path = TraceBuilder().launch("gemm", (0, 10), (20, 30), correlation=1).write(tmp_path / "t.sqlite")
    with open_trace(path) as trace:
        assert measure_hotspots(trace).distortion is None
    (tmp_path / "t.run.json").write_text(json.dumps(MANIFEST))
    with open_trace(path) as trace:
        assert measure_hotspots(trace).distortion == Distortion(51.5, 64.0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "[]",
        '{"schema": "other"}',
        json.dumps(MANIFEST | {"files": ["another.sqlite"]}),
        json.dumps(MANIFEST | {"files": None}),
        json.dumps(MANIFEST | {"files": 5}),
        json.dumps(MANIFEST | {"run": RUN | {"profiled": {"step_ms": [10**400]}}}),
        json.dumps(MANIFEST | {"run": None}),
        json.dumps(MANIFEST | {"run": {"baseline": RUN["baseline"]}}),
        json.dumps(MANIFEST | {"run": RUN | {"baseline": {"step_ms": []}}}),
        json.dumps(MANIFEST | {"run": RUN | {"baseline": {"step_ms": ["7", 0, -1, float("inf"), None]}}}),
    ],
)
def test_a_manifest_that_does_not_say_is_no_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.run.json").write_text(text)
    assert distortion_beside(tmp_path / "t.sqlite") is None


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (
            {
                "runner": "sdxl",
                "options": {
                    "steps": 20,
                    "batch": 1,
                    "width": 1024,
                    "height": 768,
                    "cfg": 8.0,
                    "dtype": "fp16",
                }
                | {"allocator": None, "compile": None, "model": "/home/me/m", "prompt": "a secret"}
                | {"random_weights": True},
            },
            "sdxl, batch 1, 1024x768, steps 20, CFG 8.0, fp16, random weights",
        ),
        ({"runner": "comfyui", "options": {"steps": 8, "width": 512}}, "comfyui, steps 8"),
        ({"runner": "sdxl", "options": {"steps": [1], "batch": True, "dtype": {}}}, "sdxl"),
        ({"runner": None, "options": {"steps": 8}}, ""),
        ({"runner": "sdxl", "options": None}, ""),
    ],
)
def test_what_ran_is_told_without_paths_and_prompts(tmp_path: Path, run: object, words: str) -> None:
    (tmp_path / "t.run.json").write_text(json.dumps(MANIFEST | {"run": run}))
    assert ran_beside(tmp_path / "t.sqlite") == words
    assert ran_beside(tmp_path / "other.sqlite") == ""
