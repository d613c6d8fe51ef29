"""SDXL pipelines, from random weights, a diffusers model, or one file."""

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from run_record import brief
from sdxl_checkpoint import check_checkpoint, checkpoint_names, checkpoint_weights
from sdxl_options import DEFAULT_MODEL, SINGLE_FILES, Options
from sdxl_tokens import load_tokenizers, random_tokenizers

from nsysprof.errors import UsageError

CONFIGS = Path(__file__).resolve().parent / "configs"
TEXT_ENCODERS = ("text_encoder", "text_encoder_2")
PARTS = ("unet", "vae", *TEXT_ENCODERS)


@dataclass(frozen=True)
class Loaded:
    """A pipeline and where it came from."""

    pipe: Any
    """The StableDiffusionXLPipeline, on its device."""
    source: str
    """``random``, ``folder``, ``hub`` or ``file``."""
    format: str | None
    """``safetensors`` or ``ckpt`` for a single file, else None."""
    file_bytes: int | None
    """Size of the weight files read; None for random weights and for hub models."""

    def as_record(self) -> dict[str, object]:
        """Return what was loaded as JSON values, with each part's number of parameters."""
        parts = {name: list(getattr(self.pipe, name).parameters()) for name in PARTS}
        return {
            "source": self.source,
            "format": self.format,
            "file_bytes": self.file_bytes,
            "weight_bytes": sum(one.nbytes for part in parts.values() for one in part),
            "parameters": {name: sum(one.numel() for one in part) for name, part in parts.items()},
        }


def load(options: Options, device: Any, dtype: Any) -> Loaded:
    """Load or make the pipeline that the options ask for, on ``device``.

    Raises UsageError when the model is missing, damaged, or no SDXL.
    """
    configs = CONFIGS / f"sdxl-{options.preset}"
    if options.random_weights or (options.model is None and options.preset == "tiny"):
        return Loaded(_random_pipeline(configs, options, device, dtype), "random", None, None)
    model = options.model or DEFAULT_MODEL
    place = Path(model).expanduser()
    if place.suffix.lower() in SINGLE_FILES:
        check_checkpoint(place)
        pipe = _single_file_pipeline(place, configs, options, dtype)
        return Loaded(pipe.to(device), "file", place.suffix[1:].lower(), place.stat().st_size)
    if place.is_dir():
        if not (place / "model_index.json").is_file():
            raise UsageError(f"{model} is no diffusers model", "it has no model_index.json")
        variant = "fp16" if options.dtype == "fp16" and any(place.glob("unet/*.fp16.safetensors")) else None
        pipe = _pretrained_pipeline(str(place), options, dtype, variant)
        return Loaded(pipe.to(device), "folder", None, _weight_bytes(place, variant))
    if not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", model):
        raise UsageError(
            f"no such model: {model}", "give a hub id, a diffusers folder, or a .safetensors or .ckpt file"
        )
    return Loaded(_hub_pipeline(model, options, dtype).to(device), "hub", None, None)


def _weight_bytes(folder: Path, variant: str | None) -> int:
    wanted = f"*.{variant}.safetensors" if variant else "*.safetensors"
    return sum(file.stat().st_size for part in PARTS for file in (folder / part).glob(wanted))


def _hub_pipeline(model: str, options: Options, dtype: Any) -> Any:
    if options.dtype == "fp16":
        try:
            return _pretrained_pipeline(model, options, dtype, "fp16")
        except UsageError:  # most models on the hub have half precision files, not all
            pass
    return _pretrained_pipeline(model, options, dtype, None)


def _pretrained_pipeline(model: str, options: Options, dtype: Any, variant: str | None) -> Any:
    from diffusers import StableDiffusionXLPipeline

    try:
        pipe = StableDiffusionXLPipeline.from_pretrained(
            model, torch_dtype=dtype, variant=variant, add_watermarker=False, use_safetensors=True
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"cannot load {model}", brief(error)) from error
    _set_tokenizers(pipe, options)
    return pipe


def _set_tokenizers(pipe: Any, options: Options) -> None:
    vocabulary = pipe.text_encoder.config.vocab_size
    if options.prompt_tokens is not None:
        tokenizers: dict[str, Any] = dict(random_tokenizers(options, vocabulary))
    elif options.tokenizer is not None:
        tokenizers = load_tokenizers(options.tokenizer, vocabulary)
    else:
        return
    for name, tokenizer in tokenizers.items():
        setattr(pipe, name, tokenizer)


def _tokenizers(configs: Path, options: Options) -> dict[str, Any]:
    """Return tokenizers for weights that bring none."""
    vocabulary = int(json.loads((configs / "text_encoder" / "config.json").read_text())["vocab_size"])
    if options.tokenizer is not None and options.prompt_tokens is None:
        return load_tokenizers(options.tokenizer, vocabulary)
    return dict(random_tokenizers(options, vocabulary))


def _single_file_pipeline(file: Path, configs: Path, options: Options, dtype: Any) -> Any:
    from diffusers import StableDiffusionXLPipeline

    if options.tokenizer is None and options.prompt_tokens is None:
        sys.stderr.write(
            "sdxl: one file holds no tokenizers: random tokens stand in for the prompt (see --tokenizer)\n"
        )
    try:
        with _in_small_letters(file) as named:
            pipe = StableDiffusionXLPipeline.from_single_file(
                str(named),
                config=str(configs),
                local_files_only=True,
                torch_dtype=dtype,
                add_watermarker=False,
                **_tokenizers(configs, options),
            )
    except (OSError, ValueError, RuntimeError, KeyError, AttributeError) as error:
        _check_whole(file, configs)
        raise UsageError(f"cannot load {file.name} as SDXL ({options.preset})", brief(error)) from error
    if any(one.is_meta for part in PARTS for one in getattr(pipe, part).parameters()):
        _check_whole(file, configs)
    return pipe


@contextmanager
def _in_small_letters(file: Path) -> Iterator[Path]:
    """Give ``file`` under a name that ends in small letters: diffusers tells formats apart by them."""
    if file.suffix.islower():
        yield file
        return
    with tempfile.TemporaryDirectory(prefix="nsysprof-") as folder:
        link = Path(folder, file.stem + file.suffix.lower())
        link.symlink_to(file.resolve())
        yield link


def _check_whole(file: Path, configs: Path) -> None:
    """Raise UsageError when the file lacks weights that the model of ``configs`` has."""
    import torch

    with torch.device("meta"):
        whole = SimpleNamespace(**random_parts(configs))
    names = checkpoint_names(file)
    if lacking := [name for name, _ in checkpoint_weights(whole) if name not in names]:
        count = "a weight" if len(lacking) == 1 else f"{len(lacking)} weights, the first is"
        raise UsageError(f"{file.name} is no whole SDXL checkpoint", f"it lacks {count} {lacking[0]}")


def _random_pipeline(configs: Path, options: Options, device: Any, dtype: Any) -> Any:
    """Make every part on the device in its final type: 3.5 billion parameters in seconds."""
    import torch
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    torch.manual_seed(options.seed)
    with torch.device(device), _default_dtype(dtype):
        parts = random_parts(configs)
    for part in parts.values():
        part.eval().requires_grad_(False)
    return StableDiffusionXLPipeline(
        **parts,
        **_tokenizers(configs, options),
        scheduler=EulerDiscreteScheduler.from_pretrained(str(configs), subfolder="scheduler"),
        add_watermarker=False,
    )


def random_parts(configs: Path) -> dict[str, Any]:
    """Return the UNet, VAE and text encoders of ``configs``, made on torch's default device and type."""
    import transformers
    from diffusers import AutoencoderKL, UNet2DConditionModel

    parts = {
        name: kind.from_config(kind.load_config(str(configs), subfolder=name))
        for name, kind in (("unet", UNet2DConditionModel), ("vae", AutoencoderKL))
    }
    for name in TEXT_ENCODERS:
        config = json.loads((configs / name / "config.json").read_text())
        kind = getattr(transformers, config["architectures"][0])
        parts[name] = kind(transformers.CLIPTextConfig(**config))
    return parts


@contextmanager
def _default_dtype(dtype: Any) -> Iterator[None]:
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
