"""Options that change a loaded pipeline: scheduler, LoRAs, memory format, attention kernel, compilation."""

import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from run_record import brief, is_out_of_memory
from sdxl_checkpoint import read_pickle
from sdxl_options import Lora, Options

from nsysprof.errors import UsageError

SCHEDULER_CLASSES: dict[str, tuple[str, dict[str, object]]] = {
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "ddim": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": False}),
    "lcm": ("LCMScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
}


@dataclass(frozen=True)
class AppliedLora:
    """How much of a LoRA the model took."""

    file: str
    """Its file's name."""
    modules: int
    """Modules of a model that the file changes."""
    applied: int
    """How many of them this model has; the others are left out."""

    def as_record(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"file": self.file, "modules": self.modules, "applied": self.applied}


def apply(options: Options, pipe: Any) -> list[AppliedLora]:
    """Change ``pipe`` as the options say; return what became of the LoRAs.

    Raises UsageError for what this model or machine cannot do.
    """
    import torch

    if options.scheduler is not None:
        _set_scheduler(pipe, options.scheduler)
    loras = apply_loras(pipe, options.lora)
    if options.fuse_qkv:
        _fuse(pipe, bool(options.lora))
    if options.channels_last:
        pipe.unet.to(memory_format=torch.channels_last)
        pipe.vae.to(memory_format=torch.channels_last)
    if options.vae_tiling:
        pipe.vae.enable_tiling()
    if options.compile is not None:
        pipe.unet.forward = _compiled(pipe.unet.forward, options.compile)
    if options.attention != "sdpa":
        pipe.unet.forward = _attending(pipe.unet.forward, options.attention)
    return loras


def _set_scheduler(pipe: Any, name: str) -> None:
    import diffusers

    class_name, changes = SCHEDULER_CLASSES[name]
    with _quiet():  # it tells which settings of the old scheduler mean nothing to the new one
        pipe.scheduler = getattr(diffusers, class_name).from_config(pipe.scheduler.config, **changes)


@contextmanager
def _quiet() -> Iterator[None]:
    from diffusers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Already found a `peft_config`")
            yield
    finally:
        logging.set_verbosity(level)


def apply_loras(pipe: Any, loras: tuple[Lora, ...]) -> list[AppliedLora]:
    """Load each LoRA (diffusers or kohya names, as civitai serves them) and set its scale.

    Says on stderr what part of a LoRA does not fit. Raises UsageError for a file that is no LoRA, or one of
    which nothing fits.
    """
    if loras and find_spec("peft") is None:
        raise UsageError("LoRAs need the package peft", "pip install 'nsysprof[sdxl]'")
    names = [f"lora_{index}" for index in range(len(loras))]
    done = []
    for name, lora in zip(names, loras, strict=True):
        try:
            with _quiet():  # it names the parts that a LoRA leaves alone, as if they were missing
                weights = _read_lora(lora.path)
                converted = pipe.lora_state_dict(dict(weights), unet_config=pipe.unet.config)[0]
                pipe.load_lora_weights(weights, adapter_name=name)
        except (ValueError, RuntimeError, KeyError, IndexError, AttributeError) as error:
            if is_out_of_memory(error):
                raise
            raise UsageError(f"{lora.path.name} is no LoRA for this model", brief(error)) from error
        done.append(_compared(lora.path.name, _changed_modules(converted), _injected_modules(pipe, name)))
    if names:
        pipe.set_adapters(names, adapter_weights=[lora.scale for lora in loras])
    return done


def _compared(file: str, wanted: set[str], injected: set[str]) -> AppliedLora:
    """Compare the modules that a LoRA changes with those that the model took from it."""
    if not injected:
        raise UsageError(f"{file} is no LoRA for this model", "none of its weights fit")
    left_out = len(wanted) - len(injected)
    if left_out > 0:
        are = "is" if left_out == 1 else "are"
        sys.stderr.write(
            f"sdxl: {file}: {left_out} of its {len(wanted)} modules {are} not in this model and {are} left "
            f"out, such as {min(wanted - injected)}\n"
        )
    return AppliedLora(file, len(wanted), min(len(injected), len(wanted)))


_OLD_NAMES = (
    (r"\.processor\b", ""),
    (r"\btext_model\.", ""),
    (r"self_attn\.to_([qkv])$", r"self_attn.\1_proj"),
    (r"self_attn\.to_out$", "self_attn.out_proj"),
    (r"\.to_out$", ".to_out.0"),
)
"""What diffusers still calls some modules in a LoRA, and what they are called in the model."""


def _changed_modules(weights: Iterable[str]) -> set[str]:
    """Return the modules that a LoRA changes, from the names of its weights, as `_injected_modules` does."""
    modules = set()
    for weight in weights:
        module = re.split(r"[._]lora[._]", weight, maxsplit=1)[0]
        for old, new in _OLD_NAMES:
            module = re.sub(old, new, module)
        modules.add(module)
    return modules


def _injected_modules(pipe: Any, adapter: str) -> set[str]:
    """Return the modules of ``pipe`` that have weights of ``adapter``, such as ``unet.mid_block...to_v``."""
    return {
        f"{part}.{name.removeprefix('text_model.')}"
        for part in ("unet", "text_encoder", "text_encoder_2")
        for name, module in getattr(pipe, part).named_modules()
        if adapter in getattr(module, "lora_A", ())
    }


def _read_lora(path: Path) -> dict[str, Any]:
    if path.suffix.lower() != ".safetensors":
        return read_pickle(path)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(str(path)))
    except SafetensorError as error:
        raise UsageError(f"{path.name} is damaged", brief(error)) from error


def _fuse(pipe: Any, has_loras: bool) -> None:
    """Fuse the projections of query, key and value, which would lose LoRAs that are not in the weights."""
    if has_loras:
        pipe.fuse_lora()
        pipe.unload_lora_weights()
    pipe.fuse_qkv_projections()


def _compiled(forward: Callable[..., Any], mode: str) -> Callable[..., Any]:
    """Return ``forward`` compiled; a method and not its module, so that hooks and ranges stay round it."""
    import torch

    compiled = torch.compile(forward, mode=mode)

    @wraps(forward)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return compiled(*args, **kwargs)
        except torch._dynamo.exc.TorchDynamoException as error:
            raise UsageError("torch.compile fails on this machine", brief(error)) from error

    return call


def _attending(forward: Callable[..., Any], attention: str) -> Callable[..., Any]:
    """Return ``forward`` with its attention held to one kernel.

    Only the UNet's: most of these kernels cannot do the VAE's head of 512 or the text encoders' masks.
    """
    from torch.nn.attention import SDPBackend, sdpa_kernel

    backend = {
        "flash": SDPBackend.FLASH_ATTENTION,
        "efficient": SDPBackend.EFFICIENT_ATTENTION,
        "cudnn": SDPBackend.CUDNN_ATTENTION,
        "math": SDPBackend.MATH,
    }[attention]

    @wraps(forward)
    def attended(*args: Any, **kwargs: Any) -> Any:
        try:
            with sdpa_kernel(backend):
                return forward(*args, **kwargs)
        except RuntimeError as error:
            if "No available kernel" not in str(error) and "No viable backend" not in str(error):
                raise
            raise UsageError(
                f"--attention {attention} has no kernel for this device, type and size",
                "try --attention sdpa",
            ) from error

    return attended
