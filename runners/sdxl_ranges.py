"""NVTX ranges and step times round the parts of a diffusers SDXL pipeline.

The pipeline's own ``__call__`` runs, so that what is profiled is what its users run. Its progress bar is
entered right before the denoising loop, updated once at the end of each step (with second order schedulers
after both UNet calls) and left right after the loop. Those moments are the borders of ``denoise`` and of the
steps, so a step holds all that happens between two of them, classifier-free guidance included. The other
ranges wrap the public parts that the pipeline calls.
"""

import time
from types import TracebackType
from typing import Any

from nsysprof import ranges

_CONTAINERS = ("ModuleList", "ModuleDict")  # never called, so they can have no range and count for no depth


class StepClock:
    """Takes the time at each border of a step: by CUDA events, which wait for nothing, or the CPU's clock."""

    def __init__(self, device: Any) -> None:
        """Measure on the torch device ``device``."""
        self._on_gpu = device.type == "cuda"
        self._marks: list[Any] = []

    def clear(self) -> None:
        """Forget the borders of the generation before."""
        self._marks = []

    def mark(self) -> None:
        """Note that a step begins or ends here."""
        if self._on_gpu:
            import torch

            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self._marks.append(event)
        else:
            self._marks.append(time.perf_counter())

    def step_ms(self) -> list[float]:
        """Return the milliseconds of each step; on a GPU its work must have been waited for."""
        pairs = zip(self._marks, self._marks[1:], strict=False)
        if self._on_gpu:
            return [round(float(start.elapsed_time(end)), 4) for start, end in pairs]
        return [round((end - start) * 1e3, 4) for start, end in pairs]


class _StepBar:
    """Stands where the pipeline's progress bar does and turns its life into ranges and times of steps."""

    def __init__(self, bar: Any, steps: int, clock: StepClock) -> None:
        self._bar = bar
        self._steps = steps
        self._clock = clock
        self._done = 0

    def __enter__(self) -> "_StepBar":
        self._bar.__enter__()
        ranges.push(ranges.DENOISE)
        self._clock.mark()
        ranges.push(ranges.step(0))
        return self

    def update(self, count: int = 1) -> None:
        ranges.pop()
        self._clock.mark()
        self._done += 1
        self._bar.update(count)
        if self._done < self._steps:
            ranges.push(ranges.step(self._done))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._done < self._steps:  # an error left the loop within a step
            ranges.pop()
        ranges.pop()
        self._bar.__exit__(kind, error, trace)


def instrument(pipe: Any, clock: StepClock) -> None:
    """Put ranges round the parts of ``pipe`` and let ``clock`` time its steps, from now on."""
    plain_bar = pipe.progress_bar

    def progress_bar(iterable: Any = None, total: int | None = None) -> Any:
        bar = plain_bar(iterable=iterable, total=total)
        return bar if total is None else _StepBar(bar, total, clock)

    pipe.progress_bar = progress_bar
    pipe.encode_prompt = ranges.annotated(pipe.encode_prompt, ranges.TEXT_ENCODE)
    pipe.unet.forward = ranges.annotated(pipe.unet.forward, ranges.UNET)
    pipe.scheduler.step = ranges.annotated(pipe.scheduler.step, ranges.SCHEDULER)
    pipe.vae.decode = ranges.annotated(pipe.vae.decode, ranges.VAE_DECODE)


def instrument_modules(pipe: Any, depth: int) -> int:
    """Put a range round each call of a module of the UNet, the VAE and the text encoders, down to ``depth``.

    A module's depth counts the modules that call it; lists of modules do not count. Returns how many modules
    got one. Each costs two hooks a call, which is CPU time: such step times compare with no other run's.
    """
    return sum(
        _hook_children(getattr(pipe, part), part, depth)
        for part in ("text_encoder", "text_encoder_2", "unet", "vae")
    )


def _hook_children(parent: Any, path: str, depth: int) -> int:
    if depth == 0:
        return 0
    hooked = 0
    for name, child in parent.named_children():
        inner = f"{path}.{name}"
        if type(child).__name__ in _CONTAINERS:
            hooked += _hook_children(child, inner, depth)
        else:
            _hook(child, inner)
            hooked += 1 + _hook_children(child, inner, depth - 1)
    return hooked


def _hook(module: Any, path: str) -> None:
    import torch

    def before(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if ranges.listening():
            tensors = (value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor))
            ranges.push(ranges.module(path, [tensor.shape for tensor in tensors]))

    def after(*_: Any) -> None:
        ranges.pop()

    module.register_forward_pre_hook(before, with_kwargs=True)
    module.register_forward_hook(after, always_call=True)  # on an error too
