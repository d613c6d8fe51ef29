"""The SDXL runner's options: what may be asked for, checked before torch is imported."""

import argparse
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from run_options import DEFAULT_PROMPT, LARGEST_SEED, Help, Parser, number

from nsysprof.errors import UsageError

DEFAULT_MODEL = "stabilityai/stable-diffusion-xl-base-1.0"
PRESETS = {"base": 1024, "tiny": 64}
"""Configs that ship with the runner, and the width and height that each defaults to."""
DTYPES = ("fp16", "bf16", "fp32")
SCHEDULERS = ("euler", "euler_a", "dpmpp_2m", "ddim", "lcm", "heun")
ATTENTIONS = ("sdpa", "flash", "efficient", "cudnn", "math")
ALLOCATORS = {
    "native": "backend:native,expandable_segments:False",
    "expandable": "backend:native,expandable_segments:True",
    "async": "backend:cudaMallocAsync",
}
"""What PyTorch's allocator variable is set to for each choice of --allocator."""
COMPILE_MODES = ("default", "reduce-overhead", "max-autotune")
SINGLE_FILES = (".safetensors", ".ckpt")
TEXT_LENGTH = 77
MOST_STEPS = 1000
"""SDXL is trained on this many timesteps; some schedulers refuse more steps than that."""
LCM_STEPS = 50  # a latent consistency model is distilled on this many steps; its scheduler refuses more


@dataclass(frozen=True)
class Lora:
    """One --lora: a file and how strongly it applies."""

    path: Path
    """The LoRA's weights."""
    scale: float
    """What its weights are multiplied by."""


@dataclass(frozen=True)
class Options:
    """Everything that one run was asked for; each field is the option of the same name."""

    steps: int
    batch: int
    width: int
    height: int
    cfg: float
    seed: int
    prompt: str
    negative_prompt: str | None
    prompt_tokens: int | None
    model: str | None
    random_weights: bool
    preset: str
    tokenizer: str | None
    lora: tuple[Lora, ...]
    scheduler: str | None
    dtype: str | None
    device: str | None
    attention: str
    allocator: str | None
    channels_last: bool
    compile: str | None
    fuse_qkv: bool
    vae_tiling: bool
    warmup: int
    baseline: bool
    modules: int
    out: Path
    save_checkpoint: Path | None

    def as_record(self) -> dict[str, object]:
        """Return every option as JSON values; of files and folders only the name, never where they lie."""
        record: dict[str, object] = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.model is not None and (Path(self.model).exists() or Path(self.model).is_absolute()):
            record["model"] = Path(self.model).name
        if self.tokenizer is not None:
            record["tokenizer"] = Path(self.tokenizer).name
        record["lora"] = [{"file": lora.path.name, "scale": lora.scale} for lora in self.lora]
        record["out"] = self.out.name
        record["save_checkpoint"] = self.save_checkpoint.name if self.save_checkpoint else None
        return record


def _lora(text: str) -> Lora:
    path, _, scale = text.rpartition(":")
    if path and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)", scale):
        return Lora(Path(path), float(scale))
    return Lora(Path(text), 1.0)


def _device(text: str) -> str:
    if not re.fullmatch(r"cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"must be cpu, cuda or cuda:N, not {text}")
    return text


def build_parser() -> argparse.ArgumentParser:
    """Return the runner's argument parser; runners/README.md is tested against it."""
    parser = Parser(
        prog="sdxl.py",
        description="Text to image with SDXL (diffusers), with NVTX ranges and a run record.",
        formatter_class=Help,
    )
    _add_image_options(parser.add_argument_group("the image"))
    _add_model_options(parser.add_argument_group("the model"))
    _add_execution_options(parser.add_argument_group("how it runs"))
    _add_run_options(parser.add_argument_group("the run"))
    return parser


def _add_image_options(group: Any) -> None:
    count, size = number(int, 1), number(int, 16, multiple=8)
    steps = number(int, 1, MOST_STEPS)
    group.add_argument("--steps", type=steps, default=20, metavar="N", help="denoising steps")
    group.add_argument("--batch", type=count, default=1, metavar="N", help="images made at once")
    group.add_argument(
        "--width", type=size, metavar="PX", help="1024, or 64 with --preset tiny, unless given"
    )
    group.add_argument("--height", type=size, metavar="PX", help="as --width")
    group.add_argument(
        "--cfg",
        type=number(float, 0),
        default=8.0,
        metavar="X",
        help="classifier-free guidance scale; 1 turns it off",
    )
    group.add_argument(
        "--seed",
        type=number(int, 0, LARGEST_SEED),
        default=0,
        metavar="N",
        help="seed of noise and random weights",
    )
    group.add_argument("--prompt", default=DEFAULT_PROMPT, metavar="TEXT", help="what to draw")
    group.add_argument(
        "--negative-prompt", metavar="TEXT", help="what not to draw; without it SDXL guides away from zeros"
    )
    group.add_argument(
        "--prompt-tokens",
        type=number(int, 1),
        metavar="N",
        help="N random tokens instead of the prompt's; random weights always read random tokens",
    )


def _add_model_options(group: Any) -> None:
    group.add_argument(
        "--model",
        metavar="MODEL",
        help=f"hub id, diffusers folder, or one .safetensors or .ckpt file ({DEFAULT_MODEL})",
    )
    group.add_argument(
        "--random-weights",
        action="store_true",
        help="SDXL's architecture with random weights: nothing to download",
    )
    group.add_argument(
        "--preset",
        choices=tuple(PRESETS),
        default="base",
        help="true SDXL-base, or the same parts at toy size",
    )
    group.add_argument(
        "--tokenizer",
        metavar="MODEL",
        help="hub id or folder of the tokenizers that a single file lacks; else random tokens stand in",
    )
    group.add_argument(
        "--lora", type=_lora, action="append", metavar="PATH[:SCALE]", help="a LoRA to apply; repeatable"
    )
    group.add_argument("--scheduler", choices=SCHEDULERS, help="the model's own unless given")


def _add_execution_options(group: Any) -> None:
    group.add_argument("--dtype", choices=DTYPES, help="fp16 on a GPU, fp32 on a CPU unless given")
    group.add_argument(
        "--device", type=_device, metavar="DEVICE", help="cpu, cuda or cuda:N; the GPU unless given"
    )
    group.add_argument(
        "--attention",
        choices=ATTENTIONS,
        default="sdpa",
        help="kernel of the UNet's attention; sdpa lets PyTorch choose",
    )
    group.add_argument(
        "--allocator",
        choices=tuple(ALLOCATORS),
        help="PyTorch's own, its expandable segments, or cudaMallocAsync; the environment's unless given",
    )
    group.add_argument("--channels-last", action="store_true", help="UNet and VAE weights in NHWC order")
    group.add_argument(
        "--compile",
        choices=COMPILE_MODES,
        nargs="?",
        const="default",
        help="torch.compile the UNet (default mode)",
    )
    group.add_argument("--fuse-qkv", action="store_true", help="one GEMM for query, key and value")
    group.add_argument("--vae-tiling", action="store_true", help="decode large images in tiles")


def _add_run_options(group: Any) -> None:
    group.add_argument(
        "--warmup",
        type=number(int, 0),
        default=1,
        metavar="N",
        help="untimed generations of at most 3 steps first",
    )
    group.add_argument(
        "--baseline",
        action=argparse.BooleanOptionalAction,
        help="time the same generation once outside the captured range; on under nsysprof capture",
    )
    group.add_argument(
        "--modules",
        type=number(int, 0),
        default=0,
        metavar="DEPTH",
        help="a range per module call down to DEPTH",
    )
    group.add_argument(
        "--out",
        type=Path,
        default=Path("nsysprof-out/sdxl"),
        metavar="DIR",
        help="folder of the images and run.json",
    )
    group.add_argument(
        "--save-checkpoint",
        type=Path,
        metavar="FILE",
        help="write the model as one .safetensors or .ckpt file",
    )


def parse(argv: Sequence[str]) -> Options:
    """Turn command line arguments into checked options.

    Raises UsageError for a value, or a pair of options, that makes no sense. Exits on --help.
    """
    values = vars(build_parser().parse_args(argv))
    for side in ("width", "height"):
        values[side] = values[side] or PRESETS[values["preset"]]
    if values["baseline"] is None:
        values["baseline"] = os.environ.get("NSYSPROF_CAPTURE") == "1"
    values["lora"] = tuple(values["lora"] or ())
    options = Options(**values)
    _check(options)
    return options


def _check(options: Options) -> None:
    if options.model is not None and options.random_weights:
        raise UsageError("--model and --random-weights exclude each other", "give one of them")
    if options.prompt_tokens is not None and options.prompt_tokens > TEXT_LENGTH - 2:
        raise UsageError(
            f"--prompt-tokens {options.prompt_tokens} is too many", f"CLIP reads {TEXT_LENGTH - 2} at most"
        )
    if options.scheduler == "lcm" and options.steps > LCM_STEPS:
        raise UsageError(f"--scheduler lcm takes at most {LCM_STEPS} steps, not {options.steps}")
    if options.compile and options.modules:
        raise UsageError("--modules has no module calls to mark under --compile", "leave one of them out")
    if options.save_checkpoint and options.save_checkpoint.suffix.lower() not in SINGLE_FILES:
        raise UsageError(
            f"--save-checkpoint {options.save_checkpoint.name}", "name a .safetensors or .ckpt file"
        )
    for lora in options.lora:
        if not lora.path.is_file():
            raise UsageError(f"no such LoRA file: {lora.path}")
