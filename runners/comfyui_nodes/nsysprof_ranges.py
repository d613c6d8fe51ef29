"""NVTX ranges and step times inside a ComfyUI server: a custom node folder's only file, which adds no node.

The ComfyUI runner names this folder in a model paths file on the server's command line; nothing is installed.
Runs whose extra data hold ``"nsysprof": "capture"`` are marked: ``nsysprof_capture`` > ``generate`` >
``node CLASS`` > ``denoise`` > ``step {i}`` > ``unet``; other runs are only timed. ``GET /nsysprof`` gives the
times and says what could be marked.
"""

import contextlib
import importlib
import importlib.util
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

NODE_CLASS_MAPPINGS: dict[str, Any] = {}
"""ComfyUI asks each custom node for its nodes."""

_RUNNERS = Path(__file__).resolve().parent.parent
_PACKAGE = next(
    place for place in (_RUNNERS.parent, _RUNNERS.parent / "nsysprof") if (place / "ranges.py").is_file()
)


def _borrow(name: str, path: Path) -> ModuleType:
    """Import one module by its file: the server's Python may be another one than nsysprof's."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(name)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


_borrow("nsysprof", _PACKAGE / "__init__.py")
run_record: Any = _borrow("run_record", _RUNNERS / "run_record.py")
StepClock: Any = _borrow("sdxl_ranges", _RUNNERS / "sdxl_ranges.py").StepClock
ranges: Any = importlib.import_module("nsysprof.ranges")

LOAD_MODELS = "load_models"
"""Range round moving models to the device, which ComfyUI does right before each use."""


class Watch:
    """What is known of the runs so far, and the ranges that are open."""

    def __init__(self, device: Any) -> None:
        """Watch runs on the torch device ``device``."""
        self.device = device
        self.attached: list[str] = []
        self.runs: dict[str, dict[str, Any]] = {}
        self.peak_memory: dict[str, Any] | None = None
        self._node_s: dict[str, float] = {}
        self._clocks: list[Any] = []
        self._clock: Any = None
        self._steps = 0
        self._open_steps = 0
        self._has_nvtx = importlib.util.find_spec("nvtx") is not None

    def report(self) -> dict[str, Any]:
        """Return what the runner asks for, as JSON values."""
        return {
            "nvtx": self._has_nvtx,
            "attached": self.attached,
            "runs": self.runs,
            "peak_memory": self.peak_memory,
            "versions": run_record.versions("torch", "transformers", "safetensors", "nvtx"),
            "gpu": run_record.gpu(self.device),
            "allocator": run_record.allocator(self.device),
        }

    @contextlib.contextmanager
    def run(self, prompt_id: str, *, marked: bool) -> Iterator[None]:
        """Time a run, and mark it where that is asked for; the GPU is waited for before and after."""
        self._clocks, self._steps, self._node_s = [], 0, {}
        if self.device.type == "cuda" and not self.runs:
            _torch().cuda.reset_peak_memory_stats(self.device)
        marks = ranges.annotate(ranges.CAPTURE) if marked and self._has_nvtx else ranges.silenced()
        with marks:
            self._wait()
            began = time.perf_counter()
            with ranges.annotate(ranges.GENERATE):
                yield
            self._wait()
            total = time.perf_counter() - began
        step_ms = [one for clock in self._clocks for one in clock.step_ms()]
        node_s = {name: round(seconds, 6) for name, seconds in self._node_s.items()}
        self.runs[prompt_id] = {"step_ms": step_ms, "total_s": round(total, 6), "node_s": node_s}
        self.peak_memory = run_record.peak_memory(self.device)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            _torch().cuda.synchronize(self.device)

    @contextlib.contextmanager
    def node(self, name: str, class_type: str) -> Iterator[None]:
        """Time and mark a node's execution; a node that is taken up again adds to its time."""
        began = time.perf_counter()
        try:
            with ranges.annotate(f"node {class_type}"):
                yield
        finally:
            self._node_s[name] = self._node_s.get(name, 0.0) + time.perf_counter() - began

    @contextlib.contextmanager
    def denoising(self) -> Iterator[None]:
        """Mark a sampler's work, and close the step that an error leaves open."""
        outer, self._clock = self._clock, StepClock(self.device)
        open_before = self._open_steps
        self._clocks.append(self._clock)
        with ranges.annotate(ranges.DENOISE):
            try:
                yield
            finally:
                self._clock = outer
                while self._open_steps > open_before:
                    self._end_step()

    def steps(self, loop: Any) -> Iterator[Any]:
        """Go through a sampler's loop, marking each iteration; the next sampler's steps count on."""
        clock = self._clock
        if clock is None:  # no sampler is at work
            yield from loop
            return
        clock.mark()
        for item in loop:
            ranges.push(ranges.step(self._steps))
            self._open_steps += 1
            yield item
            self._end_step()
            clock.mark()
            self._steps += 1

    def _end_step(self) -> None:
        self._open_steps -= 1
        ranges.pop()


def _torch() -> Any:
    return importlib.import_module("torch")


class StepLoop:
    """Stands for ``trange``, which the samplers loop over: one iteration is one step."""

    def __init__(self, plain: Callable[..., Any], watch: Watch) -> None:
        """Wrap ``plain``."""
        self._plain = plain
        self._watch = watch

    def __call__(self, *args: Any, **options: Any) -> Iterator[Any]:
        """Return the loop."""
        return self._watch.steps(self._plain(*args, **options))


def watch_steps(sampler_function: Any, watch: Watch) -> None:
    """Replace ``trange`` in the module of a sampler's function; other loops are left to step detection."""
    names = getattr(inspect.unwrap(sampler_function), "__globals__", {})
    if "trange" in names and not isinstance(names["trange"], StepLoop):
        names["trange"] = StepLoop(names["trange"], watch)


def _attach_run(watch: Watch) -> None:
    executor = importlib.import_module("execution").PromptExecutor
    plain = executor.execute

    def execute(self: Any, prompt: Any, prompt_id: str, extra_data: Any, *rest: Any, **more: Any) -> Any:
        with watch.run(prompt_id, marked=extra_data.get("nsysprof") == "capture"):
            return plain(self, prompt, prompt_id, extra_data, *rest, **more)

    executor.execute = execute


def _attach_nodes(watch: Watch) -> None:
    execution: Any = importlib.import_module("execution")
    plain = execution.execute

    async def execute(server: Any, dynprompt: Any, caches: Any, node: Any, *rest: Any, **more: Any) -> Any:
        shown = getattr(dynprompt, "get_display_node_id", str)(node)  # as the server's messages name it
        with watch.node(shown, dynprompt.get_node(node)["class_type"]):
            return await plain(server, dynprompt, caches, node, *rest, **more)

    if not inspect.iscoroutinefunction(plain):
        raise AttributeError("execute is no coroutine")
    execution.execute = execute


def _attach_steps(watch: Watch) -> None:
    sampler = importlib.import_module("comfy.samplers").KSAMPLER
    plain = sampler.sample

    def sample(self: Any, *args: Any, **options: Any) -> Any:
        watch_steps(self.sampler_function, watch)
        with watch.denoising():
            return plain(self, *args, **options)

    sampler.sample = sample


def _attach_calls(module: str, owner: str, name: str, text: str) -> Callable[[Watch], None]:
    def attach(_: Watch) -> None:
        place = importlib.import_module(module)
        place = getattr(place, owner) if owner else place
        setattr(place, name, ranges.annotated(getattr(place, name), text))

    return attach


PARTS: dict[str, Callable[[Watch], None]] = {
    "run": _attach_run,
    "nodes": _attach_nodes,
    "steps": _attach_steps,
    ranges.UNET: _attach_calls("comfy.model_base", "BaseModel", "apply_model", ranges.UNET),
    ranges.TEXT_ENCODE: _attach_calls("comfy.sd", "CLIP", "encode_from_tokens", ranges.TEXT_ENCODE),
    ranges.VAE_DECODE: _attach_calls("comfy.sd", "VAE", "decode", ranges.VAE_DECODE),
    LOAD_MODELS: _attach_calls("comfy.model_management", "", "load_models_gpu", LOAD_MODELS),
}
"""What is wrapped, by the name that the report gives it."""


def attach() -> Watch:
    """Wrap the parts of ComfyUI that are where they are expected, and answer ``GET /nsysprof``."""
    watch = Watch(importlib.import_module("comfy.model_management").get_torch_device())
    for name, part in PARTS.items():
        try:
            part(watch)
        except (ImportError, AttributeError):  # another version of ComfyUI
            continue
        watch.attached.append(name)
    server: Any = importlib.import_module("server").PromptServer.instance
    web: Any = importlib.import_module("aiohttp.web")

    @server.routes.get("/nsysprof")  # type: ignore[untyped-decorator]
    async def report(_: Any) -> Any:
        return web.json_response(watch.report())

    return watch


if "server" in sys.modules:  # in a ComfyUI server, not where a test imports this
    attach()
