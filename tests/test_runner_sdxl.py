"""The SDXL runner, run for real at toy size on the CPU."""

import functools
import json
import os
import pickle
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import run_options
import run_record
import sdxl
import sdxl_load
import sdxl_options
import sdxl_tokens
import torch
from diffusers import AutoencoderKL
from PIL import Image
from range_tree import RangeTree
from safetensors.torch import load_file, save_file

from nsysprof import assets
from nsysprof.errors import NsysprofError, UsageError

Run = Callable[..., Any]


def test_the_step_that_is_named_is_the_lower_median() -> None:
    record = {
        "profiled": {"step_ms": [50.0, 60.0, 70.0, 90.0], "total_s": 0.3},
        "peak_memory": {"allocated_bytes": None},
    }
    options = sdxl_options.parse([])
    assert sdxl._summary(record, options).startswith("4 steps, 60.0 ms a step, 0.30 s in all")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the toy model, 2 steps and no warm-up unless told otherwise; gives the run record."""

    def run_with(*options: object) -> Any:
        argv = [
            "--preset",
            "tiny",
            "--device",
            "cpu",
            "--steps",
            "2",
            "--warmup",
            "0",
            "--out",
            tmp_path / "out",
        ]
        return sdxl.run(sdxl_options.parse([str(word) for word in (*argv, *options)]))

    return run_with


@pytest.fixture
def image(run: Run, tmp_path: Path) -> Callable[..., bytes]:
    """Run the toy model; gives the first image's pixels."""

    def image_of(*options: object) -> bytes:
        record = run(*options)
        with Image.open(tmp_path / "out" / record["images"][0]) as picture:
            return picture.tobytes()

    return image_of


# ranges


TWO_STEPS = """\
load
warmup
nsysprof_capture
  generate
    text_encode
    denoise
      step 0
        unet
        scheduler
      step 1
        unet
        scheduler
    vae_decode"""


def test_the_ranges_of_a_run(run: Run, tree: RangeTree) -> None:
    run()
    assert str(tree) == TWO_STEPS
    assert tree.open == []


def test_warm_up_and_baseline_add_no_steps(run: Run, tree: RangeTree) -> None:
    record = run("--warmup", 2, "--baseline")
    assert str(tree) == TWO_STEPS
    assert len(record["baseline"]["step_ms"]) == 2


def test_a_second_order_scheduler_has_two_unet_calls_in_a_step(run: Run, tree: RangeTree) -> None:
    run("--scheduler", "heun", "--steps", 2)
    denoise = str(tree).partition("    denoise\n")[2]
    assert (
        denoise
        == """\
      step 0
        unet
        scheduler
        unet
        scheduler
      step 1
        unet
        scheduler
    vae_decode"""
    )


def test_an_error_within_a_step_closes_every_range(run: Run, tree: RangeTree) -> None:
    with pytest.raises(UsageError, match="has no kernel"):
        run("--attention", "cudnn", "--modules", 3)  # the CPU has no cuDNN
    assert (
        tree.lines[-1].strip().startswith("unet.down_blocks.1.attentions.0.transformer_blocks.0 in=[2,16,64]")
    )
    assert tree.open == []


def test_module_ranges(run: Run, tree: RangeTree) -> None:
    run("--modules", 2, "--steps", 1)
    assert tree.open == []
    unet = [line for line in tree.lines if line.strip().startswith("unet.")]
    assert unet[0] == "          unet.time_proj in=[2]"
    assert "          unet.conv_in in=[2,4,8,8]" in unet
    assert "          unet.down_blocks.1 in=[2,32,4,4],[2,128],[2,77,96]" in unet
    assert "            unet.down_blocks.1.attentions.0 in=[2,64,4,4],[2,77,96]" in unet
    assert not any("transformer_blocks" in line for line in unet)
    assert "      text_encoder_2.text_model in=[1,77]" in tree.lines
    assert "      vae.decoder in=[1,4,8,8]" in tree.lines


def test_module_depth_zero_adds_nothing(run: Run, tree: RangeTree) -> None:
    run("--modules", 0)
    assert str(tree) == TWO_STEPS


def test_no_guidance_means_no_second_half_of_the_batch(run: Run, tree: RangeTree) -> None:
    run("--modules", 1, "--cfg", 1, "--batch", 3, "--steps", 1)
    assert "          unet.conv_in in=[3,4,8,8]" in tree.lines


# the model


def test_the_shipped_architecture_is_sdxl_base() -> None:
    with torch.device("meta"):
        parts = sdxl_load.random_parts(sdxl_load.CONFIGS / "sdxl-base")
    assert {name: sum(one.numel() for one in part.parameters()) for name, part in parts.items()} == {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    }


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
def test_random_weights_give_finite_latents(dtype: str, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    decode = AutoencoderKL.decode

    def watched(self: Any, latents: Any, **options: Any) -> Any:
        seen.append(latents)
        return decode(self, latents, **options)

    monkeypatch.setattr(AutoencoderKL, "decode", watched)
    record = run("--dtype", dtype, "--steps", 4)
    assert record["options"]["dtype"] == dtype
    assert record["load"]["source"] == "random"
    assert torch.isfinite(seen[0]).all()
    assert seen[0].std() > 0


@pytest.mark.parametrize("kind", ["safetensors", "ckpt"])
def test_a_model_saved_as_one_file_comes_back_the_same(
    kind: str, image: Callable[..., bytes], run: Run, tmp_path: Path
) -> None:
    file = tmp_path / f"toy.{kind}"
    original = image("--save-checkpoint", file)
    saved, loaded = (_parts(*options) for options in ([], ["--model", str(file)]))
    assert saved.keys() == loaded.keys()
    assert all(torch.equal(saved[name], loaded[name]) for name in saved)
    assert _distance(image("--model", file), original) <= 1
    assert _distance(image("--seed", 1), original) > 1
    load = run("--model", file)["load"]
    assert (load["source"], load["format"], load["file_bytes"]) == ("file", kind, file.stat().st_size)


def _parts(*options: str) -> dict[str, Any]:
    """Return every weight of the pipeline that the options load."""
    parsed = sdxl_options.parse(["--preset", "tiny", *options])
    pipe = sdxl_load.load(parsed, torch.device("cpu"), torch.float32).pipe
    return {
        f"{part}.{name}": tensor
        for part in sdxl_load.PARTS
        for name, tensor in getattr(pipe, part).state_dict().items()
    }


def test_a_diffusers_folder_with_its_own_tokenizers(
    run: Run, image: Callable[..., bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "toy"
    options = sdxl_options.parse(["--preset", "tiny", "--tokenizer", str(_toy_tokenizer(tmp_path / "clip"))])
    pipe = sdxl_load.load(options, torch.device("cpu"), torch.float32).pipe
    pipe.save_pretrained(folder)

    cat = image("--model", folder, "--prompt", "a cat")
    assert image("--model", folder, "--prompt", "a cat") == cat
    assert image("--model", folder, "--prompt", "a dog") != cat
    record = run("--model", folder)
    assert record["load"]["source"] == "folder"
    assert record["load"]["file_bytes"] > record["load"]["weight_bytes"] > 10_000_000


def _toy_tokenizer(folder: Path) -> Path:
    """Write a CLIP tokenizer that knows letters only."""
    folder.mkdir()
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["!", *letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    special = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}
    settings = {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": 77,
        "pad_token": "<|endoftext|>",
        **special,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def test_random_tokens_depend_on_text_and_seed_alone() -> None:
    options = sdxl_options.parse(["--prompt-tokens", "5", "--seed", "3"])
    first, second = sdxl_tokens.random_tokenizers(options, 1000).values()
    one, other = first(["a cat", "a dog"]).input_ids.tolist()
    assert len(one) == 77
    assert (one[0], one[6]) == (998, 999)
    assert max(one[1:6]) < 998
    assert one[7:] == [999] * 70
    assert second("a cat").input_ids.tolist() == [one[:7] + [0] * 70]
    assert one != other
    assert first("").input_ids.tolist()[0][:2] == [998, 999]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda file: file.write_bytes(b""), id="empty"),
        pytest.param(lambda file: file.write_bytes(b"\x00" * 4096), id="zeros"),
        pytest.param(lambda file: save_file({"x": torch.zeros(2)}, str(file)), id="other weights"),
    ],
)
@pytest.mark.parametrize("suffix", ["safetensors", "ckpt"])
def test_a_file_that_is_no_sdxl_model_is_refused(
    make: Callable[[Path], None], suffix: str, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / f"model.{suffix}"
    make(file)
    with pytest.raises(UsageError, match=r"model\.\w+ is (no|damaged|refused)"):
        run("--model", file)


def test_what_a_checkpoint_lacks_is_named(run: Run, tmp_path: Path) -> None:
    run("--save-checkpoint", tmp_path / "toy.safetensors")
    weights = load_file(str(tmp_path / "toy.safetensors"))
    for prefix, lack in {
        "first_stage_model.": "it has no VAE",
        "conditioner.embedders.1.": "it has no second text encoder",
        "conditioner.embedders.0.": "it has no CLIP text encoder: an SDXL refiner, or not SDXL",
        "model.diffusion_model.label_emb.": "it has a UNet without SDXL's size conditioning",
    }.items():
        part = {name: tensor for name, tensor in weights.items() if not name.startswith(prefix)}
        save_file(part, str(tmp_path / "part.safetensors"))
        with pytest.raises(UsageError, match=re.escape(lack)):
            run("--model", tmp_path / "part.safetensors")


@pytest.mark.parametrize(
    ("prefix", "lack"),
    [
        (
            "model.diffusion_model.output_blocks.5.",
            "weights, the first is model.diffusion_model.output_blocks.5.",
        ),
        (
            "first_stage_model.decoder.mid.block_1.norm1.bias",
            "a weight first_stage_model.decoder.mid.block_1.norm1.bias",
        ),
        (
            "conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc1.bias",
            "a weight conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc1.bias",
        ),
        (
            "conditioner.embedders.1.model.transformer.resblocks.0.mlp.c_fc.bias",
            "a weight conditioner.embedders.1.model.transformer.resblocks.0.mlp.c_fc.bias",
        ),
    ],
)
def test_a_checkpoint_that_lacks_some_weights_says_which(
    prefix: str, lack: str, run: Run, tmp_path: Path
) -> None:
    run("--save-checkpoint", tmp_path / "toy.safetensors")
    weights = load_file(str(tmp_path / "toy.safetensors"))
    part = {name: tensor for name, tensor in weights.items() if not name.startswith(prefix)}
    assert len(part) < len(weights)
    save_file(part, str(tmp_path / "part.safetensors"))
    message = r"part\.safetensors is no whole SDXL checkpoint: it lacks (\d+ )?" + re.escape(lack)
    with pytest.raises(UsageError, match=message):
        run("--model", tmp_path / "part.safetensors")


def test_a_suffix_in_capitals(run: Run, tmp_path: Path) -> None:
    save_file(_diffusers_lora(), str(tmp_path / "style.SAFETENSORS"))
    for name, kind in (("toy.SAFETENSORS", "safetensors"), ("toy.Ckpt", "ckpt")):
        run("--save-checkpoint", tmp_path / name)
        made = run("--model", tmp_path / name, "--lora", tmp_path / "style.SAFETENSORS")
        assert (made["load"]["source"], made["load"]["format"]) == ("file", kind)


def test_a_damaged_pickle_is_told_in_words(run: Run, tmp_path: Path) -> None:
    for content in (b"\x80\x02he.", b"\x80\x02K", b"not a checkpoint at all\n" * 9):
        (tmp_path / "broken.ckpt").write_bytes(content)
        with pytest.raises(UsageError, match=r"broken\.ckpt is (damaged|refused): [^:]*[a-z]{3}"):
            run("--model", tmp_path / "broken.ckpt")


def test_sdxl_of_another_size_is_refused(run: Run, tmp_path: Path) -> None:
    run("--save-checkpoint", tmp_path / "toy.safetensors")
    weights = load_file(str(tmp_path / "toy.safetensors"))
    name = "model.diffusion_model.input_blocks.0.0.weight"
    weights[name] = torch.zeros(320, 9, 3, 3)  # an inpainting model's
    save_file(weights, str(tmp_path / "other.safetensors"))
    with pytest.raises(UsageError, match=r"cannot load other\.safetensors as SDXL"):
        run("--model", tmp_path / "other.safetensors")


class _Trap:
    """A pickle that makes a folder when it is loaded without care."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


def test_code_in_a_ckpt_is_never_run(run: Run, tmp_path: Path) -> None:
    mark = tmp_path / "sprung"
    torch.save({"state_dict": {}, "callbacks": _Trap(mark)}, tmp_path / "trap.ckpt")
    (tmp_path / "old.ckpt").write_bytes(pickle.dumps(_Trap(mark)))
    for name in ("trap.ckpt", "old.ckpt"):
        with pytest.raises(UsageError, match=f"{name} is refused.*use the model's .safetensors file"):
            run("--model", tmp_path / name)
        with pytest.raises(UsageError, match=f"{name} is refused"):
            run("--lora", tmp_path / name)
    assert not mark.exists()


# LoRAs


def _diffusers_lora(size: int = 64) -> dict[str, Any]:
    name = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_v"
    down, up = (torch.linspace(-1, 1, 2 * size).sin() for _ in range(2))
    return {f"{name}.lora_A.weight": down.view(2, size), f"{name}.lora_B.weight": up.view(size, 2)}


def _kohya_lora() -> dict[str, Any]:
    """Kohya's names, as civitai serves them: blocks numbered as in a single file, and both text encoders."""
    sizes = {"lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_v": (64, 64)}
    for encoder, width in ((1, 32), (2, 64)):
        layer = f"lora_te{encoder}_text_model_encoder_layers_0"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            sizes[f"{layer}_self_attn_{part}"] = (width, width)
        sizes[f"{layer}_mlp_fc1"] = (4 * width, width)
    weights = {}
    for name, (rows, columns) in sizes.items():
        weights[f"{name}.lora_down.weight"] = torch.linspace(-1, 1, 2 * columns).sin().view(2, columns)
        weights[f"{name}.lora_up.weight"] = torch.linspace(-1, 1, 2 * rows).sin().view(rows, 2)
        weights[f"{name}.alpha"] = torch.tensor(2.0)
    return weights


@pytest.mark.parametrize("make", [_diffusers_lora, _kohya_lora])
def test_a_lora_changes_the_image_as_far_as_its_scale_says(
    make: Callable[[], dict[str, Any]], image: Callable[..., bytes], tmp_path: Path
) -> None:
    file = tmp_path / "style.safetensors"
    save_file(make(), str(file))
    plain, weak, full = image(), image("--lora", f"{file}:0.1"), image("--lora", file)
    assert image("--lora", f"{file}:0") == plain
    assert len({plain, weak, full}) == 3


def test_loras_add_up_and_may_be_pickles(run: Run, image: Callable[..., bytes], tmp_path: Path) -> None:
    save_file(_diffusers_lora(), str(tmp_path / "a.safetensors"))
    torch.save(_kohya_lora(), tmp_path / "b.pt")
    one, other = ("--lora", tmp_path / "a.safetensors"), ("--lora", f"{tmp_path / 'b.pt'}:0.5")
    both = image(*one, *other)
    assert len({both, image(*one), image(*other)}) == 3
    assert run(*one, *other)["options"]["lora"] == [
        {"file": "a.safetensors", "scale": 1.0},
        {"file": "b.pt", "scale": 0.5},
    ]


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        pytest.param({"x": torch.zeros(2)}, "Invalid LoRA checkpoint", id="no LoRA"),
        pytest.param(_diffusers_lora(320), "size mismatch", id="of the full-size model"),
        pytest.param(
            {name.replace("unet.", "transformer."): value for name, value in _diffusers_lora().items()},
            "none of its weights fit",
            id="of a transformer",
        ),
    ],
)
def test_a_lora_that_does_not_fit_is_refused(
    weights: dict[str, Any], reason: str, run: Run, tmp_path: Path
) -> None:
    save_file(weights, str(tmp_path / "x.safetensors"))
    with pytest.raises(UsageError, match=rf"x\.safetensors is no LoRA for this model: .*{reason}"):
        run("--lora", tmp_path / "x.safetensors")


def _with_a_block_too_many(weights: dict[str, Any], name: str, other: str) -> dict[str, Any]:
    """Return a LoRA that also changes parts which the toy model has not: ``other`` instead of ``name``."""
    return {**weights, **{key.replace(name, other): value for key, value in weights.items() if name in key}}


@pytest.mark.parametrize(
    ("weights", "count", "more", "left", "example"),
    [
        pytest.param(
            _diffusers_lora(),
            1,
            _with_a_block_too_many(_diffusers_lora(), "down_blocks.1", "down_blocks.7"),
            1,
            "unet.down_blocks.7.attentions.0.transformer_blocks.0.attn1.to_v",
            id="diffusers",
        ),
        pytest.param(
            _kohya_lora(),
            11,
            _with_a_block_too_many(
                _kohya_lora(), "te1_text_model_encoder_layers_0", "te1_text_model_encoder_layers_9"
            ),
            5,
            "text_encoder.encoder.layers.9.mlp.fc1",
            id="kohya",
        ),
    ],
)
def test_a_lora_that_fits_in_part_says_what_is_left_out(
    weights: dict[str, Any],
    count: int,
    more: dict[str, Any],
    left: int,
    example: str,
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "style.safetensors"
    save_file(weights, str(file))
    assert run("--lora", file)["lora"] == [{"file": "style.safetensors", "modules": count, "applied": count}]
    assert capsys.readouterr().err == ""
    save_file({name: value.clone() for name, value in more.items()}, str(file))
    assert run("--lora", file)["lora"] == [
        {"file": "style.safetensors", "modules": count + left, "applied": count}
    ]
    are = "is" if left == 1 else "are"
    assert capsys.readouterr().err == (
        f"sdxl: style.safetensors: {left} of its {count + left} modules {are} not in this model and {are} "
        f"left out, such as {example}\n"
    )


def test_a_lora_without_peft_says_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_file(_diffusers_lora(), str(tmp_path / "a.safetensors"))
    monkeypatch.setattr("sdxl_apply.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="LoRAs need the package peft: pip install"):
        run("--lora", tmp_path / "a.safetensors")


def test_fused_projections_keep_the_lora(image: Callable[..., bytes], tmp_path: Path) -> None:
    save_file(_diffusers_lora(), str(tmp_path / "a.safetensors"))
    lora = ("--lora", tmp_path / "a.safetensors")
    plain, with_lora, fused = image(), image(*lora), image(*lora, "--fuse-qkv")
    assert _distance(fused, with_lora) < 2
    assert _distance(fused, plain) > _distance(fused, with_lora)


def _distance(one: bytes, other: bytes) -> float:
    """Return the largest difference of two images' colour values, of 255."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


# how it runs


@pytest.mark.parametrize(
    ("name", "class_name"),
    [
        ("euler", "EulerDiscreteScheduler"),
        ("euler_a", "EulerAncestralDiscreteScheduler"),
        ("dpmpp_2m", "DPMSolverMultistepScheduler"),
        ("ddim", "DDIMScheduler"),
        ("lcm", "LCMScheduler"),
        ("heun", "HeunDiscreteScheduler"),
    ],
)
def test_every_scheduler_makes_the_steps_asked_for(name: str, class_name: str, run: Run) -> None:
    record = run("--scheduler", name, "--steps", 5)
    assert record["scheduler"] == class_name
    assert len(record["profiled"]["step_ms"]) == 5


@pytest.mark.parametrize(
    "options",
    [
        ["--attention", "flash"],
        ["--attention", "math"],
        ["--channels-last"],
        ["--fuse-qkv"],
        ["--vae-tiling"],
    ],
)
def test_options_of_speed_change_the_image_by_rounding_only(
    options: list[str], image: Callable[..., bytes]
) -> None:
    assert _distance(image(*options), image()) <= 2


def test_compiled_unet_draws_the_same_under_the_same_ranges(
    image: Callable[..., bytes], tree: RangeTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = image()
    tree.lines.clear()
    # the eager backend spares the test a minute of C++ compiler
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    assert _distance(image("--compile", "reduce-overhead"), plain) <= 2
    assert str(tree) == TWO_STEPS


def test_a_compiler_that_fails_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no C++ compiler found")

    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=broken))
    with pytest.raises(UsageError, match=r"torch\.compile fails on this machine: .*no C\+\+ compiler found"):
        run("--compile")


def test_vae_tiling_decodes_in_tiles(run: Run, tree: RangeTree) -> None:
    run("--vae-tiling", "--width", 128, "--height", 128, "--modules", 1, "--steps", 1)
    assert sum("vae.decoder" in line for line in tree.lines) == 9


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("native", "backend:native,expandable_segments:False"),
        ("expandable", "backend:native,expandable_segments:True"),
        ("async", "backend:cudaMallocAsync"),
    ],
)
def test_the_allocator_is_chosen_before_torch_is_loaded(name: str, value: str) -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import sdxl; sdxl._choose_allocator(sys.argv[2]);"
        "assert 'torch' not in sys.modules;"
        "print([v for k, v in os.environ.items() if k.startswith('PYTORCH_') and k.endswith('ALLOC_CONF')])"
    )
    environment = {**os.environ, "PYTORCH_CUDA_ALLOC_CONF": "max_split_size_mb:64"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(assets.folder("runners")), name],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout == f"{[value]}\n"


# the record


def test_the_run_record(run: Run, tmp_path: Path) -> None:
    returned = run("--batch", 2, "--prompt-tokens", 4, "--negative-prompt", "blurry")
    written = json.loads((tmp_path / "out" / "run.json").read_text())
    assert written == {"schema": "nsysprof.run/1", **returned}
    assert written["runner"] == "sdxl"
    assert written["options"] == {
        "steps": 2,
        "batch": 2,
        "width": 64,
        "height": 64,
        "cfg": 8.0,
        "seed": 0,
        "prompt": run_options.DEFAULT_PROMPT,
        "negative_prompt": "blurry",
        "prompt_tokens": 4,
        "model": None,
        "random_weights": False,
        "preset": "tiny",
        "tokenizer": None,
        "lora": [],
        "scheduler": None,
        "dtype": "fp32",
        "device": "cpu",
        "attention": "sdpa",
        "allocator": None,
        "channels_last": False,
        "compile": None,
        "fuse_qkv": False,
        "vae_tiling": False,
        "warmup": 0,
        "baseline": False,
        "modules": 0,
        "out": "out",
        "save_checkpoint": None,
    }
    assert written["baseline"] is None
    steps = written["profiled"]["step_ms"]
    assert len(steps) == 2
    assert 0 < sum(steps) / 1e3 < written["profiled"]["total_s"] < written["total_s"]
    assert 0 < written["load_s"] < written["total_s"]
    assert written["load"]["weight_bytes"] == 4 * sum(written["load"]["parameters"].values())
    assert written["images"] == ["image-0.png", "image-1.png"]
    assert written["versions"]["python"] == platform.python_version()
    assert written["versions"]["torch"] == torch.__version__
    assert written["peak_memory"]["host_bytes"] >= written["peak_memory"]["load"]["host_bytes"] > 0
    assert (written["gpu"], written["allocator"], written["peak_memory"]["allocated_bytes"]) == (
        None,
        None,
        None,
    )


def test_the_record_tells_nothing_of_the_machine(run: Run, tmp_path: Path) -> None:
    save_file(_diffusers_lora(), str(tmp_path / "a.safetensors"))
    run("--save-checkpoint", tmp_path / "toy.safetensors")
    run("--model", tmp_path / "toy.safetensors", "--lora", tmp_path / "a.safetensors")
    text = (tmp_path / "out" / "run.json").read_text()
    for secret in (str(tmp_path), str(Path.cwd()), platform.node(), os.environ["PATH"]):
        assert secret not in text
    assert '"model": "toy.safetensors"' in text


def test_under_capture_a_baseline_is_timed_and_the_record_goes_where_it_is_wanted(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = tmp_path / "elsewhere" / "record.json"
    monkeypatch.setenv("NSYSPROF_CAPTURE", "1")
    monkeypatch.setenv("NSYSPROF_RUN_RECORD", str(wanted))
    record = run()
    assert [len(record[part]["step_ms"]) for part in ("baseline", "profiled")] == [2, 2]
    assert json.loads(wanted.read_text())["baseline"] == record["baseline"]
    assert not (tmp_path / "out" / "run.json").exists()
    assert run("--no-baseline")["baseline"] is None


def test_images_have_the_size_asked_for(run: Run, tmp_path: Path) -> None:
    run("--width", 128, "--height", 72, "--batch", 2)
    for name in ("image-0.png", "image-1.png"):
        with Image.open(tmp_path / "out" / name) as picture:
            assert (picture.format, picture.size, picture.mode) == ("PNG", (128, 72), "RGB")


# errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--dtype int8", "argument --dtype: invalid choice: 'int8'"),
        ("--steps 0", "argument --steps: must be at least 1, not 0"),
        ("--steps many", "argument --steps: invalid int value: 'many'"),
        ("--width 100", "argument --width: must be at least 16 and a multiple of 8, not 100"),
        ("--width 8 --height 8", "argument --width: must be at least 16 and a multiple of 8, not 8"),
        ("--seed -1", "argument --seed: must be at least 0, not -1"),
        (
            "--seed 18446744073709551616",
            "argument --seed: must be at least 0 and at most 18446744073709551615,",
        ),
        ("--scheduler ddim --steps 1001", "argument --steps: must be at least 1 and at most 1000, not 1001"),
        ("--cfg nan", "argument --cfg: must be at least 0, not nan"),
        ("--device tpu", "argument --device: must be cpu, cuda or cuda:N, not tpu"),
        ("--scheduler lcm --steps 51", "--scheduler lcm takes at most 50 steps, not 51"),
        ("--prompt-tokens 76", "--prompt-tokens 76 is too many: CLIP reads 75 at most"),
        ("--compile --modules 1", "--modules has no module calls to mark under --compile"),
        ("--model a/b --random-weights", "--model and --random-weights exclude each other"),
        ("--save-checkpoint model.bin", "--save-checkpoint model.bin: name a .safetensors or .ckpt file"),
        ("--lora nowhere.safetensors:0.5", "no such LoRA file: nowhere.safetensors"),
        ("--speed 9", "unrecognized arguments: --speed 9"),
        ("--device cuda", "PyTorch sees no CUDA GPU: try --device cpu --preset tiny"),
        ("--preset base", "PyTorch sees no CUDA GPU: try --device cpu --preset tiny"),
        ("--device cpu --allocator async", "--allocator "),
        ("--device cpu --model ./nowhere", "no such model: ./nowhere: give a hub id, a diffusers folder, or"),
        ("--device cpu --model nowhere.ckpt", "no such model file: nowhere.ckpt"),
        ("--device cpu --tokenizer ./nowhere", "no CLIP tokenizer in ./nowhere"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(
    options: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["sdxl.py", "--preset", "tiny", *options.split()])
    assert sdxl.main() == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"sdxl: error: {message}")
    assert printed.err.count("\n") == 1


def test_too_little_memory_is_one_line_and_a_record(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = ["--preset", "tiny", "--device", "cpu", "--width", str(8 * 10**14), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["sdxl.py", *options, "--warmup", "0"])
    assert sdxl.main() == run_record.DeviceMemoryError.exit_code == 8
    assert capsys.readouterr().err == (
        "sdxl: error: out of memory on cpu: lower --batch, --width or --height, or add --vae-tiling\n"
    )
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["error"] == {"kind": "out_of_memory"}
    assert record["peak_memory"]["host_bytes"] > 0


def test_an_interrupted_run_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tree: RangeTree
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("diffusers.EulerDiscreteScheduler.step", interrupted)
    monkeypatch.setattr(
        sys, "argv", ["sdxl.py", "--preset", "tiny", "--device", "cpu", "--out", str(tmp_path)]
    )
    assert sdxl.main() == 130
    assert capsys.readouterr().err == "sdxl: interrupted\n"
    assert json.loads((tmp_path / "run.json").read_text())["error"] == {"kind": "KeyboardInterrupt"}
    assert tree.open == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_run_that_is_ended_leaves_a_record(number: int, code: int, tmp_path: Path) -> None:
    options = ["--preset", "tiny", "--device", "cpu", "--steps", "1000", "--warmup", "0", "--out", "made"]
    command = [sys.executable, str(assets.folder("runners") / "sdxl.py"), *options, "--modules", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    end = time.monotonic() + 60
    while not (tmp_path / "made").exists() and time.monotonic() < end:  # it is made before torch is loaded
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (code, "")
    assert json.loads((tmp_path / "made" / "run.json").read_text())["error"] == {"kind": "SystemExit"}


def test_an_output_folder_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NsysprofError, match="cannot make the folder") as caught:
        run("--out", tmp_path / "file" / "out")
    assert caught.value.exit_code == 7


# on its own


def test_the_script_runs_alone_and_quietly(tmp_path: Path) -> None:
    script = assets.folder("runners") / "sdxl.py"
    command = [
        sys.executable,
        str(script),
        "--preset",
        "tiny",
        "--device",
        "cpu",
        "--steps",
        "4",
        "--out",
        "made",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"4 steps, \d+\.\d ms a step, \d+\.\d\d s in all; images in made\n", done.stdout)
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["image-0.png", "run.json"]


def test_the_readme_has_the_options_table() -> None:
    readme = (assets.folder("runners") / "README.md").read_text()
    rows = []
    for action in sdxl_options.build_parser()._actions[1:]:
        flags = action.option_strings[0]
        if action.choices:
            flags += " " + r"\|".join(map(str, action.choices))
        elif action.metavar:
            flags += f" {action.metavar}"
        default = f" Default: {action.default}." if not isinstance(action.default, bool | None) else ""
        rows.append(f"| `{flags}` | {action.help}.{default} |")
    assert "\n".join(rows) in readme
