"""Text to image with SDXL, for a profiler to watch: NVTX ranges round its parts, and a record of the run.

usage: python sdxl.py [options]; README.md beside this file explains options, ranges and record.
"""

import importlib
import importlib.util
import logging
import os
import statistics
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

if importlib.util.find_spec("nsysprof") is None:  # a checkout that nobody installed
    sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

import run_record
from run_options import unwind_on_signals
from sdxl_apply import apply
from sdxl_checkpoint import save_checkpoint
from sdxl_load import load
from sdxl_options import ALLOCATORS, Options, parse
from sdxl_ranges import StepClock, instrument, instrument_modules

from nsysprof import ranges
from nsysprof.errors import NsysprofError, OutputError, UsageError

PIPELINE_MODULE = "diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl"
WARMUP_STEPS = 3
"""Enough for lazy loading, algorithm choice and CUDA graph recording; every step has the same shapes."""


@dataclass(frozen=True)
class Generation:
    """One call of the pipeline."""

    step_ms: list[float]
    """Milliseconds of each denoising step."""
    total_s: float
    """Seconds from the prompt to images on the CPU."""
    images: list[Any]
    """The images, as PIL has them."""

    def as_record(self) -> dict[str, object]:
        """Return the times as JSON values."""
        return {"step_ms": self.step_ms, "total_s": round(self.total_s, 6)}


def main() -> int:
    """Run once as the command line says; return the exit code."""
    unwind_on_signals()
    os.environ.setdefault(
        "TRANSFORMERS_VERBOSITY", "error"
    )  # it warns of image processors that nothing here uses
    warnings.filterwarnings("ignore", message="`upcast_vae` is deprecated")  # diffusers calls it itself
    try:
        options = parse(sys.argv[1:])
        sys.stdout.write(_summary(run(options), options))
    except NsysprofError as error:
        sys.stderr.write(f"sdxl: error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("sdxl: interrupted\n")
        return 130
    return 0


def _summary(record: Mapping[str, Any], options: Options) -> str:
    steps = record["profiled"]["step_ms"]
    allocated = record["peak_memory"]["allocated_bytes"]
    memory = "" if allocated is None else f", {allocated / 1e9:.2f} GB allocated at most"
    return (
        f"{len(steps)} steps, {statistics.median_low(steps):.1f} ms a step, "
        f"{record['profiled']['total_s']:.2f} s in all{memory}; images in {options.out}\n"
    )


def run(options: Options) -> dict[str, object]:
    """Load, warm up, generate and save the images; return the run record.

    The record is written in any case, also when the run fails: then it says why.
    """
    record: dict[str, object] = {"runner": "sdxl", "options": options.as_record()}
    device = None
    began = time.perf_counter()
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {options.out}: {error.strerror}") from error
    try:
        _choose_allocator(options.allocator)
        options, device = _resolve(options)
        record["options"] = options.as_record()
        began = time.perf_counter()  # without torch's import
        _profile(options, device, record)
    except BaseException as error:
        record["error"] = {"kind": type(error).__name__}
        if not run_record.is_out_of_memory(error):
            raise
        record["error"] = {"kind": "out_of_memory"}
        raise run_record.DeviceMemoryError(
            f"out of memory on {device}", "lower --batch, --width or --height, or add --vae-tiling"
        ) from error
    finally:
        record["total_s"] = round(time.perf_counter() - began, 6)
        record["versions"] = run_record.versions("torch", "diffusers", "transformers", "peft", "nvtx")
        record["gpu"] = run_record.gpu(device) if device else None
        record["allocator"] = run_record.allocator(device) if device else None
        run_record.write(record, run_record.record_path(options.out))
    return record


def _choose_allocator(name: str | None) -> None:
    """Set PyTorch's allocator variable, which it reads when it is imported."""
    if name is None:
        return
    if "torch" in sys.modules:
        raise UsageError("--allocator comes too late: torch is already loaded", "run the script on its own")
    release = tuple(map(int, metadata.version("torch").split(".")[:2]))
    os.environ.pop("PYTORCH_CUDA_ALLOC_CONF", None)
    os.environ["PYTORCH_ALLOC_CONF" if release >= (2, 9) else "PYTORCH_CUDA_ALLOC_CONF"] = ALLOCATORS[name]


def _resolve(options: Options) -> tuple[Options, Any]:
    """Fill in the device and the type that were left open; return them and the torch device."""
    import torch

    has_gpu = torch.cuda.is_available()
    name = options.device or ("cuda" if has_gpu or options.preset != "tiny" else "cpu")
    device = torch.device(name)
    if device.type == "cuda":
        if not has_gpu:
            raise UsageError("PyTorch sees no CUDA GPU", "try --device cpu --preset tiny")
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise UsageError(f"there is no {name}", f"the last one that PyTorch sees is cuda:{count - 1}")
        if device.index is None:
            device = torch.device("cuda", torch.cuda.current_device())
        torch.cuda.set_device(device)
    elif options.allocator is not None:
        raise UsageError("--allocator chooses how GPU memory is managed", "leave it out on a CPU")
    elif options.preset == "tiny":
        torch.set_num_threads(
            1
        )  # threads gain nothing on toy tensors, and on a busy machine wait for each other
    dtype = options.dtype or ("fp16" if device.type == "cuda" else "fp32")
    return replace(options, device=name, dtype=dtype), device


def _profile(options: Options, device: Any, record: dict[str, object]) -> None:
    """Do the run itself, writing what it finds into ``record`` as it goes."""
    import torch

    _quieten()
    importlib.import_module(PIPELINE_MODULE)  # now, so that loading is timed without it
    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}[str(options.dtype)]
    _wait(device)  # which makes the CUDA context: no part of loading either
    began = time.perf_counter()
    with ranges.annotate(ranges.LOAD):
        loaded = load(options, device, dtype)
        _wait(device)
    record["load_s"] = round(time.perf_counter() - began, 6)
    record["load"] = loaded.as_record()
    load_peaks = run_record.peak_memory(device)
    pipe = loaded.pipe
    if options.save_checkpoint is not None:
        save_checkpoint(pipe, options.save_checkpoint)
    record["lora"] = [applied.as_record() for applied in apply(options, pipe)]
    pipe.set_progress_bar_config(disable=not sys.stderr.isatty(), leave=False)
    clock = StepClock(device)
    instrument(pipe, clock)
    instrument_modules(pipe, options.modules)
    record["scheduler"] = type(pipe.scheduler).__name__
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    try:
        images = _generations(options, pipe, clock, record)
    finally:
        record["peak_memory"] = {**run_record.peak_memory(device), "load": load_peaks}
    record["images"] = _save(images, options.out)


def _quieten() -> None:
    """Keep the libraries from reporting on their own insides; what they say about the run still shows."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # image processors that nothing here uses
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    for handler in logging.getLogger("diffusers").handlers:
        handler.addFilter(lambda record: "should be kept in float32: []" not in record.getMessage())
    for name in (
        "upcast_vae",
        "torch_dtype",
    ):  # one it calls itself, the other's successor older versions lack
        warnings.filterwarnings("ignore", message=f"`{name}` is deprecated", category=FutureWarning)


def _generations(options: Options, pipe: Any, clock: StepClock, record: dict[str, object]) -> list[Any]:
    """Warm up, time the baseline where one is wanted, then make the images inside the captured range.

    Warm-up and baseline write no ranges of their own: a capture of the whole process holds the steps once.
    """
    with ranges.annotate(ranges.WARMUP), ranges.silenced():
        for _ in range(options.warmup):
            _generate(replace(options, steps=min(options.steps, WARMUP_STEPS)), pipe, clock)
    record["baseline"] = None
    if options.baseline:
        with ranges.silenced():
            record["baseline"] = _generate(options, pipe, clock).as_record()
    with ranges.annotate(ranges.CAPTURE):
        generation = _generate(options, pipe, clock)
    record["profiled"] = generation.as_record()
    return generation.images


def _generate(options: Options, pipe: Any, clock: StepClock) -> Generation:
    """Call the pipeline once. The GPU is waited for before and after, never between two steps."""
    import torch

    device = torch.device(str(options.device))
    generator = torch.Generator(device).manual_seed(options.seed)
    clock.clear()
    _wait(device)
    began = time.perf_counter()
    with ranges.annotate(ranges.GENERATE):
        images = pipe(
            prompt=options.prompt,
            negative_prompt=options.negative_prompt,
            num_images_per_prompt=options.batch,
            num_inference_steps=options.steps,
            guidance_scale=options.cfg,
            width=options.width,
            height=options.height,
            generator=generator,
        ).images
    _wait(device)
    return Generation(clock.step_ms(), time.perf_counter() - began, images)


def _wait(device: Any) -> None:
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def _save(images: list[Any], out: Path) -> list[str]:
    names = [f"image-{index}.png" for index in range(len(images))]
    try:
        for name, image in zip(names, images, strict=True):
            image.save(out / name)
    except OSError as error:
        raise OutputError(f"cannot save the images: {error.strerror}", "check the folder of --out") from error
    return names


if __name__ == "__main__":
    sys.exit(main())
