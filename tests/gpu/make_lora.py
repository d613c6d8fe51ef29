"""Write a LoRA of random weights for full-size SDXL: a file to load where no real one may be fetched.

    python tests/gpu/make_lora.py style.safetensors [--rank 32]    # or style.ckpt: the same as a pickle

It changes every attention projection of the UNet (to_q, to_k, to_v, to_out), as most LoRAs of the field
do, in diffusers' names. The weights are small, so that they disturb the image and do not drown it.
"""

import argparse
import json
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

CONFIG = Path(__file__).resolve().parents[2] / "runners/configs/sdxl-base/unet/config.json"
PROJECTIONS = ("to_q", "to_k", "to_v", "to_out.0")


def lora_weights(rank: int) -> dict[str, torch.Tensor]:
    """Return the two matrices of each projection: ``lora_A`` [rank, in] and ``lora_B`` [out, rank], fp16."""
    with torch.device("meta"):
        unet = UNet2DConditionModel.from_config(json.loads(CONFIG.read_text()))
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name, layer in unet.named_modules():
        if name.endswith(PROJECTIONS):
            for part, shape in (
                ("lora_A", (rank, layer.in_features)),
                ("lora_B", (layer.out_features, rank)),
            ):
                values = torch.randn(shape, generator=generator) * 0.01
                weights[f"unet.{name}.{part}.weight"] = values.half()
    return weights


def main() -> None:
    """Parse and write."""
    parser = argparse.ArgumentParser(description="Write a LoRA of random weights for SDXL.")
    parser.add_argument("file", type=Path, help=".safetensors, or .ckpt for a pickle")
    parser.add_argument("--rank", type=int, default=32)
    options = parser.parse_args()
    weights = lora_weights(options.rank)
    if options.file.suffix == ".safetensors":
        save_file(weights, str(options.file))
    else:
        torch.save(weights, options.file)


if __name__ == "__main__":
    main()
