"""The NVTX ranges: what is written, in which order, and that it is closed."""

import inspect
import subprocess
import sys
from pathlib import Path

import nvtx
import pytest
from trace_builder import TraceBuilder

from nsysprof import ranges
from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.trace import open_trace


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every push ("+name") and pop ("-") that NVTX is asked for."""
    events: list[str] = []
    monkeypatch.setattr(nvtx, "push_range", lambda name: events.append(f"+{name}"))
    monkeypatch.setattr(nvtx, "pop_range", lambda: events.append("-"))
    return events


def test_ranges_nest(written: list[str]) -> None:
    with ranges.annotate(ranges.GENERATE), ranges.annotate(ranges.step(7)):
        pass
    assert written == ["+generate", "+step 7", "-", "-"]


def test_a_range_is_closed_on_error(written: list[str]) -> None:
    with pytest.raises(ValueError, match="lost"), ranges.annotate(ranges.UNET):
        raise ValueError("lost")
    assert written == ["+unet", "-"]


def test_an_annotated_function_keeps_result_and_signature(written: list[str]) -> None:
    def step(sample: int, *, eta: float = 0.5) -> float:
        return sample * eta

    wrapped = ranges.annotated(step, ranges.SCHEDULER)

    assert wrapped(4, eta=2.0) == 8.0
    assert inspect.signature(wrapped) == inspect.signature(step)
    assert written == ["+scheduler", "-"]


def test_silenced_ranges_are_not_written(written: list[str]) -> None:
    with ranges.annotate(ranges.WARMUP), ranges.silenced():
        with ranges.annotate(ranges.step(0)), ranges.silenced():
            assert not ranges.listening()
        assert not ranges.listening()
    assert ranges.listening()
    assert written == ["+warmup", "-"]


def test_an_error_ends_the_silence(written: list[str]) -> None:
    with pytest.raises(KeyError), ranges.silenced():
        raise KeyError
    with ranges.annotate(ranges.LOAD):
        pass
    assert written == ["+load", "-"]


@pytest.mark.parametrize(
    ("path", "shapes", "text"),
    [
        ("unet.conv_in", [[2, 4, 128, 128]], "unet.conv_in in=[2,4,128,128]"),
        (
            "unet.mid_block",
            [[2, 1280, 32, 32], [2, 77, 2048]],
            "unet.mid_block in=[2,1280,32,32],[2,77,2048]",
        ),
        ("vae.decoder", [[]], "vae.decoder in=[]"),
        ("text_encoder.encoder", [], "text_encoder.encoder"),
    ],
)
def test_module_names(path: str, shapes: list[list[int]], text: str) -> None:
    assert ranges.module(path, shapes) == text


def test_step_names_are_read_back(tmp_path: Path) -> None:
    builder = TraceBuilder()
    for index, at in ((11, 0), (12, 1000)):
        builder.nvtx(ranges.step(index), at, at + 900)
        builder.launch("gemm", (at + 10, at + 20), (at + 30, at + 400), correlation=index)
    with open_trace(builder.write(tmp_path / "t.sqlite")) as trace:
        found = measure_hotspots(trace)
    assert (found.steps_source, [step.label for step in found.steps]) == ("nvtx", ["step 11", "step 12"])


def test_reading_the_names_needs_no_nvtx() -> None:
    code = "import sys; sys.modules['nvtx'] = None; import nsysprof.ranges as r; print(r.step(3))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "step 3\n", "")
