"""SDXL in one file, under the names that Stability AI's own code and ComfyUI use: checked, read, written."""

import re
import struct
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from run_record import brief

from nsysprof.errors import OutputError, UsageError
from nsysprof.files import replacing

_UNET, _VAE = "model.diffusion_model.", "first_stage_model."
_TEXT, _TEXT_2 = "conditioner.embedders.0.transformer.", "conditioner.embedders.1.model."
_NEEDED = {
    _UNET + "input_blocks.0.0.weight": "no diffusion UNet",
    _UNET + "label_emb.0.0.weight": "a UNet without SDXL's size conditioning: Stable Diffusion 1 or 2",
    _TEXT + "text_model.final_layer_norm.weight": "no CLIP text encoder: an SDXL refiner, or not SDXL",
    _TEXT_2 + "ln_final.weight": "no second text encoder",
    _VAE + "decoder.conv_in.weight": "no VAE",
}


def check_checkpoint(path: Path) -> None:
    """Look at the names in a checkpoint, before gigabytes are read and converted.

    Raises UsageError when the file is missing, damaged, unsafe, or not a whole SDXL model.
    """
    if not path.is_file():
        raise UsageError(f"no such model file: {path.name}")
    names = checkpoint_names(path)
    for needed, lack in _NEEDED.items():
        if needed not in names:
            raise UsageError(f"{path.name} is no SDXL checkpoint", f"it has {lack}")


def checkpoint_names(path: Path) -> set[str]:
    """Return the names of a checkpoint's weights. Raises UsageError when it is damaged or unsafe."""
    return set(read_pickle(path)) if path.suffix.lower() == ".ckpt" else _safetensors_names(path)


def _safetensors_names(path: Path) -> set[str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            return set(file.keys())
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path.name} is no safetensors file", brief(error)) from error


def read_pickle(path: Path) -> dict[str, Any]:
    """Return the tensors of a .ckpt, .pt or .bin file, mapped rather than read where the format allows.

    A pickle can run any code; ``weights_only`` admits tensors and plain containers alone. Raises UsageError
    when the file needs more than that, or is damaged.
    """
    import pickle
    import zipfile

    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # of old pickles, before it refuses them
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise UsageError(
            f"{path.name} is refused: it is damaged, or could run code, since it holds more than weights",
            "use the model's .safetensors file",
        ) from error
    except (RuntimeError, OSError) as error:
        raise UsageError(f"{path.name} is damaged", brief(error)) from error
    except (EOFError, ValueError, KeyError, IndexError, TypeError, struct.error) as error:
        raise UsageError(f"{path.name} is damaged", "PyTorch finds no weights in it") from error
    while isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise UsageError(f"{path.name} holds no named weights")
    return dict(content)


def save_checkpoint(pipe: Any, path: Path) -> None:
    """Write the pipeline's weights as one file, .safetensors or .ckpt by its name. Raises OutputError."""
    import torch
    from safetensors.torch import save_file

    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint_weights(pipe)}
    advice = "check the folder and its free space"
    with replacing(path, advice) as partial:
        try:
            if path.suffix.lower() == ".safetensors":
                save_file(weights, str(partial))
            else:
                torch.save({"state_dict": weights}, partial)
        except RuntimeError as error:  # what both raise where writing fails
            raise OutputError(f"cannot write {path.name}: {brief(error)}", advice) from error


def checkpoint_weights(pipe: Any) -> Iterator[tuple[str, Any]]:
    """Yield the pipeline's weights under their single-file names."""
    layers = int(pipe.unet.config.layers_per_block)
    for name, tensor in pipe.unet.state_dict().items():
        yield _UNET + unet_name(name, layers), tensor
    levels = len(pipe.vae.config.block_out_channels)
    for name, tensor in pipe.vae.state_dict().items():
        # the VAE's attention is linear layers in diffusers and 1x1 convolutions in the single file
        is_projection = re.search(r"attentions\.\d+\.to_\w+(\.0)?\.weight", name)
        yield _VAE + vae_name(name, levels), tensor[:, :, None, None] if is_projection else tensor
    for name, tensor in pipe.text_encoder.state_dict().items():
        yield _TEXT + "text_model." + name.removeprefix("text_model."), tensor
    yield from _open_clip_weights(pipe.text_encoder_2.state_dict())


_IN_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def unet_name(name: str, layers: int) -> str:
    """Return a UNet weight's single-file name; the UNet has ``layers`` resnets per level on its way down."""
    for ours, theirs in _UNET_ENDS.items():
        if name.startswith(ours + "."):
            return theirs + _inside(name.removeprefix(ours), "resnets" in ours)
    found = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|\w+samplers)\.(\d+)(\..+)", name)
    if found is None:
        raise ValueError(f"not a UNet weight of SDXL: {name}")
    way, level, kind, index, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if kind == "downsamplers":  # a block of its own on the way down ...
        return f"input_blocks.{(level + 1) * (layers + 1)}.0.op{rest.removeprefix('.conv')}"
    if (
        kind == "upsamplers"
    ):  # ... and the last part of a level's last block on the way up, after its attention
        return f"output_blocks.{level * (layers + 1) + layers}.2{rest}"
    block = f"input_blocks.{1 + level * (layers + 1) + index}"
    if way == "up":
        block = f"output_blocks.{level * (layers + 1) + index}"
    return f"{block}.{0 if kind == 'resnets' else 1}{_inside(rest, kind == 'resnets')}"


def _inside(rest: str, in_resnet: bool) -> str:
    if not in_resnet:
        return rest
    part, _, tail = rest[1:].partition(".")
    return f".{_IN_RESNET[part]}.{tail}"


_VAE_PARTS = (
    ("mid_block.resnets.0", "mid.block_1"),
    ("mid_block.resnets.1", "mid.block_2"),
    ("mid_block.attentions.0.group_norm", "mid.attn_1.norm"),
    ("mid_block.attentions.0.to_out.0", "mid.attn_1.proj_out"),
    ("mid_block.attentions.0.to_", "mid.attn_1."),
    ("conv_norm_out", "norm_out"),
    ("conv_shortcut", "nin_shortcut"),
    (".resnets.", ".block."),
    (".downsamplers.0", ".downsample"),
    (".upsamplers.0", ".upsample"),
    ("down_blocks.", "down."),
)


def vae_name(name: str, levels: int) -> str:
    """Return a VAE weight's single-file name; its decoder's ``levels`` are counted from the other end."""
    for ours, theirs in _VAE_PARTS:
        name = name.replace(ours, theirs)
    return re.sub(r"up_blocks\.(\d+)", lambda found: f"up.{levels - 1 - int(found[1])}", name)


_OPEN_CLIP = (
    ("text_model.embeddings.token_embedding", "token_embedding"),
    ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
    ("text_model.final_layer_norm", "ln_final"),
    ("text_model.encoder.layers.", "transformer.resblocks."),
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
    ("self_attn.", "attn."),
)


def _open_clip_weights(weights: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the second text encoder's weights: OpenCLIP keeps query, key and value in one matrix."""
    import torch

    for name, tensor in weights.items():
        if name == "text_projection.weight":
            yield _TEXT_2 + "text_projection", tensor.T
            continue
        if ".k_proj." in name or ".v_proj." in name:
            continue
        if ".q_proj." in name:
            parts = [weights[name.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"]
            tensor = torch.cat(parts)
        for ours, theirs in _OPEN_CLIP:
            name = name.replace(ours, theirs)
        yield _TEXT_2 + re.sub(r"q_proj\.(\w+)", r"in_proj_\1", name), tensor
