"""The hook inside a ComfyUI server: which ranges it writes, what it times, what it does to other versions."""

import asyncio
import functools
import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import comfyui_double
import comfyui_stand_ins
import pytest
from comfyui_options import DEFAULT_WORKFLOW
from comfyui_server import HOOK, NODES
from comfyui_workflow import Graph, applied, load_workflow
from command_line import environment, nsysprof, real_nsys
from range_tree import RangeTree

from nsysprof.trace import open_trace

CAPTURED: dict[str, str] = {"nsysprof": "capture"}


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Put stand-ins for ComfyUI into this process."""
    made = comfyui_stand_ins.make()
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(comfyui_stand_ins, "trange", comfyui_stand_ins.trange)  # the hook replaces it
    return made


def load_hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hook", NODES / HOOK)
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    return hook


def messages(graph: Graph) -> list[dict[str, Any]]:
    """Return the messages of a run in which every node of the graph is executed, in the graph's order."""
    progress = {"type": "progress", "data": {"node": "sampler"}}
    said: list[dict[str, Any]] = []
    for name, node in graph.items():
        said.append({"type": "executing", "data": {"node": name}})
        said += [progress] if node["class_type"] == "KSampler" else []
    return [*said, {"type": "execution_success", "data": {}}]


def execute(modules: dict[str, Any], graph: Graph, extra: dict[str, str], say: Any = lambda _: None) -> None:
    executor = modules["execution"].PromptExecutor(say)
    executor.execute(graph, "some id", extra, messages(graph))


def report(modules: dict[str, Any]) -> Any:
    (path, handler) = next(iter(modules["server"].PromptServer.instance.routes.added.items()))
    assert path == "/nsysprof"
    return asyncio.run(handler(None))


def workflow(**settings: Any) -> Graph:
    return applied(load_workflow(DEFAULT_WORKFLOW), {"steps": 2, **settings})


RUN = """\
nsysprof_capture
  generate
    node CheckpointLoaderSimple
    node CLIPTextEncode
      text_encode
        load_models
    node CLIPTextEncode
      text_encode
        load_models
    node EmptyLatentImage
    node KSampler
      denoise
        step 0
          unet
        step 1
          unet
    node VAEDecode
      vae_decode
    node SaveImage"""


def test_the_ranges_of_a_run(modules: dict[str, Any], tree: RangeTree) -> None:
    load_hook()
    execute(modules, workflow(), CAPTURED)
    assert str(tree) == RUN
    assert tree.open == []
    told = report(modules)
    assert (told["nvtx"], told["gpu"], told["allocator"]) == (True, None, None)
    assert told["attached"] == ["run", "nodes", "steps", "unet", "text_encode", "vae_decode", "load_models"]
    assert len(told["runs"]["some id"]["step_ms"]) == 2
    times = told["runs"]["some id"]
    assert list(times["node_s"]) == list(workflow())
    assert 0 < sum(times["node_s"].values()) < times["total_s"]
    assert told["peak_memory"]["host_bytes"] > 0


def test_a_run_that_is_not_captured_is_only_timed(modules: dict[str, Any], tree: RangeTree) -> None:
    load_hook()
    execute(modules, workflow(), {})
    assert str(tree) == ""
    assert len(report(modules)["runs"]["some id"]["step_ms"]) == 2


def test_steps_count_on_in_a_second_sampler(modules: dict[str, Any], tree: RangeTree) -> None:
    load_hook()
    graph = workflow()
    graph["refiner"] = {**graph["sampler"]}
    execute(modules, graph, CAPTURED)
    assert [line.strip() for line in tree.lines if "step" in line] == ["step 0", "step 1", "step 2", "step 3"]
    assert len(report(modules)["runs"]["some id"]["step_ms"]) == 4


def test_a_sampler_without_a_loop(modules: dict[str, Any], tree: RangeTree) -> None:
    load_hook()
    graph = workflow()
    graph["sampler"]["inputs"]["sampler_name"] = "dpm_adaptive"
    execute(modules, graph, CAPTURED)
    assert (
        str(tree).partition("    node KSampler\n")[2].startswith("      denoise\n        unet\n    node VAE")
    )
    assert report(modules)["runs"]["some id"]["step_ms"] == []


def test_a_node_that_is_taken_up_again_adds_to_its_time(tree: RangeTree) -> None:
    hook = load_hook()
    watch = hook.Watch(SimpleNamespace(type="cpu"))
    with watch.run("id", marked=True):
        for _ in range(3):
            with watch.node("7", "Lazy"):
                time.sleep(0.01)
    assert 0.03 <= watch.runs["id"]["node_s"]["7"] <= watch.runs["id"]["total_s"]
    assert [line.strip() for line in tree.lines if "Lazy" in line] == ["node Lazy"] * 3


def test_an_error_within_a_step_closes_every_range(modules: dict[str, Any], tree: RangeTree) -> None:
    def say(message: dict[str, Any]) -> None:
        if message["type"] == "progress":
            raise RuntimeError("interrupted")

    load_hook()
    with pytest.raises(RuntimeError, match="interrupted"):
        execute(modules, workflow(), CAPTURED, say)
    assert tree.lines[-2:] == ["        step 0", "          unet"]
    assert tree.open == []
    execute(modules, workflow(), CAPTURED)
    assert str(tree).endswith(RUN)
    assert len(report(modules)["runs"]["some id"]["step_ms"]) == 2


def test_the_loop_outside_a_sampler_is_left_alone(modules: dict[str, Any], tree: RangeTree) -> None:
    load_hook()
    execute(modules, workflow(), {})
    assert list(comfyui_stand_ins.trange(3)) == [0, 1, 2]
    assert str(tree) == ""


def test_a_decorated_sampler_is_followed_to_its_own_module() -> None:
    hook = load_hook()
    names: dict[str, Any] = {"trange": range}
    exec("def sample(): return trange(3)", names)  # noqa: S102 - a module of its own
    decorated = functools.wraps(names["sample"])(lambda: names["sample"]())
    watch = hook.Watch(None)
    hook.watch_steps(decorated, watch)
    hook.watch_steps(decorated, watch)
    assert isinstance(names["trange"], hook.StepLoop)
    assert list(decorated()) == [0, 1, 2]


def _remove_run(modules: dict[str, Any]) -> None:
    del modules["execution"].PromptExecutor.execute


def _make_nodes_plain(modules: dict[str, Any]) -> None:
    modules["execution"].execute = lambda: None


def _remove_sampler(modules: dict[str, Any]) -> None:
    del modules["comfy.samplers"].KSAMPLER


def _remove_model(modules: dict[str, Any]) -> None:
    del modules["comfy.model_base"].BaseModel.apply_model


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (_remove_run, "run"),
        (_make_nodes_plain, "nodes"),
        (_remove_sampler, "steps"),
        (_remove_model, "unet"),
    ],
)
def test_another_version_lacks_a_part(
    change: Callable[[dict[str, Any]], None], missing: str, modules: dict[str, Any]
) -> None:
    change(modules)
    load_hook()
    attached = report(modules)["attached"]
    assert sorted([*attached, missing]) == sorted(
        ["run", "nodes", "steps", "unet", "text_encode", "vae_decode", "load_models"]
    )


def test_without_nvtx_runs_are_still_timed(
    modules: dict[str, Any], tree: RangeTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> Any:
        return None if name == "nvtx" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    load_hook()
    execute(modules, workflow(), CAPTURED)
    assert str(tree) == ""
    told = report(modules)
    assert told["nvtx"] is False
    assert len(told["runs"]["some id"]["step_ms"]) == 2


def test_the_server_s_python_needs_no_nsysprof(tmp_path: Path) -> None:
    """What the hook imports of nsysprof lies beside it."""
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('hook', {str(NODES / HOOK)!r})\n"
        "hook = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(hook)\n"
        "print(hook.ranges.step(3))\n"
    )
    command = [sys.executable, "-I", "-S", "-c", code]  # without site-packages
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("step 3\n", "")


# under the real nsys


@pytest.fixture
def captured(tmp_path: Path) -> Callable[..., list[str]]:
    def capture(*words: str) -> list[str]:
        real_nsys()
        comfyui_double.install(tmp_path / "ComfyUI")
        command = ["capture", "--runner", "comfyui", "--name", "x", "--comfyui", "ComfyUI", *words]
        done = nsysprof(*command, cwd=tmp_path, env=environment())
        assert done.code == 0, done.err
        with open_trace(tmp_path / "nsysprof-out" / "x.sqlite") as trace:
            order = trace.ranges.start_ns.argsort()
            return [trace.range_texts[code] for code in trace.ranges.text[order]]

    return capture


def test_a_capture_holds_the_run_alone(captured: Callable[..., list[str]]) -> None:
    texts = captured("--steps", "3", "--", "--lowvram")
    assert texts[:3] == ["nsysprof_capture", "generate", "node CLIPTextEncode"]
    assert [text for text in texts if text.startswith("step")] == ["step 0", "step 1", "step 2"]
    assert "node CheckpointLoaderSimple" not in texts  # that was in the warm-up
    assert texts[-1] == "node SaveImage"


def test_a_capture_without_ranges_in_the_server(captured: Callable[..., list[str]]) -> None:
    assert captured("--steps", "3", "--no-ranges") == ["nsysprof_capture"]
