"""The fresh held-out set's diffusion models: images, video and sound, random weights at real widths."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from gpu.corpus_models import inference, small
from gpu.corpus_ops import Work, each

WORKLOADS: dict[str, Callable[[str], Work]] = {}


def workload(function: Callable[[str], Work]) -> Callable[[str], Work]:
    """Register a builder under its own name."""
    WORKLOADS[function.__name__] = function
    return function


class Maker:
    """Makes models and inputs of one number type on one device, smaller ones on a CPU."""

    def __init__(self, device: str, dtype: torch.dtype) -> None:
        """Remember where to make things."""
        self.device, self.dtype, self.tiny = device, dtype, small(device)

    def model(self, name: str, **options: Any) -> Any:
        """Return a diffusers model with random weights, for inference."""
        with torch.device(self.device):
            made = getattr(importlib.import_module("diffusers"), name)(**options)
        return made.to(self.dtype).eval()

    def noise(self, *shape: int) -> torch.Tensor:
        """Return normal noise of a shape."""
        return torch.randn(shape, device=self.device).to(self.dtype)

    def ones(self, *shape: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Return ones of a shape."""
        return torch.ones(shape, device=self.device, dtype=dtype or self.dtype)

    def size(self, full: int, tiny: int) -> int:
        """Return a size for this device."""
        return tiny if self.tiny else full


def run_in(device: str, build: Callable[[Maker], list[Work]], *dtypes: torch.dtype) -> Work:
    """Run what ``build`` makes for each number type, or for bfloat16 alone on a CPU, without gradients."""
    chosen = (torch.bfloat16,) if small(device) else dtypes
    return inference(each(*(work for dtype in chosen for work in build(Maker(device, dtype)))))


@workload
def joint_transformers(device: str) -> Work:
    def build(make: Maker) -> list[Work]:
        heads, side = make.size(24, 2), make.size(128, 16)
        sd3 = make.model(
            "SD3Transformer2DModel", num_layers=2, num_attention_heads=heads,
            caption_projection_dim=64 * heads,
            joint_attention_dim=512, pooled_projection_dim=256, dual_attention_layers=(0,),
            qk_norm="rms_norm",
        )  # fmt: skip
        aura = make.model(
            "AuraFlowTransformer2DModel", num_mmdit_layers=1, num_single_dit_layers=1,
            joint_attention_dim=512,
            num_attention_heads=heads // 2, caption_projection_dim=128 * heads,
        )  # fmt: skip
        qwen = make.model(
            "QwenImageTransformer2DModel", num_layers=1, num_attention_heads=heads, joint_attention_dim=512
        )
        latents, text, step = make.noise(2, 16, side, side), make.noise(2, 154, 512), make.ones(2)
        grid = [[(1, side // 2, side // 2)]] * 2
        return [
            lambda: sd3(latents, text, make.noise(2, 256), step),
            lambda: aura(latents[:, :4, : side // 2, : side // 2], text, step),
            lambda: qwen(
                make.noise(2, side * side // 4, 64), text, make.ones(2, 154, dtype=torch.bool), step, grid
            ),
        ]

    return run_in(device, build, torch.bfloat16, torch.float16)


@workload
def cross_transformers(device: str) -> Work:
    def build(make: Maker) -> list[Work]:
        heads, side = make.size(16, 2), make.size(64, 8)
        pixart = make.model(
            "PixArtTransformer2DModel", num_layers=2, num_attention_heads=heads, caption_channels=512,
            cross_attention_dim=72 * heads, sample_size=64,
        )  # fmt: skip
        wide = make.size(2304, 96)
        lumina = make.model(
            "Lumina2Transformer2DModel", num_layers=1, num_refiner_layers=1, cap_feat_dim=512,
            hidden_size=wide, num_attention_heads=wide // 96, num_kv_heads=make.size(8, 1),
        )  # fmt: skip
        latents, text, step = make.noise(2, 4, side, side), make.noise(2, 120, 512), make.ones(2)
        more, mask = {"resolution": None, "aspect_ratio": None}, make.ones(2, 120)
        return [
            lambda: pixart(latents, text, step, more, encoder_attention_mask=mask),
            lambda: lumina(make.noise(2, 16, side, side), step, text, mask.bool()),
        ]

    return run_in(device, build, torch.float16, torch.bfloat16, torch.float32)


@workload
def linear_attention_dc(device: str) -> Work:
    def build(make: Maker) -> list[Work]:
        heads, side = make.size(70, 4), make.size(32, 4)
        sana = make.model(
            "SanaTransformer2DModel", num_layers=2, num_attention_heads=heads, caption_channels=256,
            num_cross_attention_heads=2, cross_attention_head_dim=16 * heads, cross_attention_dim=32 * heads,
        )  # fmt: skip
        widths = (16, 32, 32, 32) if make.tiny else (128, 256, 512, 512)
        kinds = ("ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock")
        deep = make.model(
            "AutoencoderDC", encoder_block_types=kinds, decoder_block_types=kinds,
            encoder_block_out_channels=widths, decoder_block_out_channels=widths,
            encoder_layers_per_block=(1, 1, 1, 2), decoder_layers_per_block=(1, 1, 1, 2),
            encoder_qkv_multiscales=((), (), (), (5,)), decoder_qkv_multiscales=((), (), (), (5,)),
        )  # fmt: skip
        return [
            lambda: sana(make.noise(2, 32, side, side), make.noise(2, 90, 256), make.ones(2)),
            lambda: deep(make.noise(1, 3, 8 * side, 8 * side)),
        ]

    return run_in(device, build, torch.bfloat16, torch.float32)


@workload
def video_transformers(device: str) -> Work:
    def build(make: Maker) -> list[Work]:
        heads, side, text = make.size(12, 2), make.size(40, 8), make.noise(1, 100, 256)
        wan = make.model(
            "WanTransformer3DModel", num_layers=1, num_attention_heads=heads, ffn_dim=make.size(8960, 64),
            text_dim=256,
        )  # fmt: skip
        ltx = make.model(
            "LTXVideoTransformer3DModel", num_layers=1, num_attention_heads=2 * heads, caption_channels=256,
            cross_attention_dim=128 * heads,
        )  # fmt: skip
        cog = make.model(
            "CogVideoXTransformer3DModel", num_layers=1, num_attention_heads=2 * heads, text_embed_dim=256,
            sample_width=side, sample_height=side, sample_frames=9, max_text_seq_length=100,
        )  # fmt: skip
        hunyuan = make.model(
            "HunyuanVideoTransformer3DModel", num_layers=1, num_single_layers=1, num_refiner_layers=1,
            num_attention_heads=heads, text_embed_dim=256, pooled_projection_dim=64,
        )  # fmt: skip
        clip, step, mask = make.noise(1, 16, 3, side, side), make.ones(1), make.ones(1, 100)
        return [
            lambda: wan(clip, step, text),
            lambda: ltx(make.noise(1, 3 * side * side, 128), text, step, mask, 3, side, side),
            lambda: cog(clip.transpose(1, 2), text, step),
            lambda: hunyuan(clip, step.long(), text, mask, make.noise(1, 64), 1000 * step),
        ]

    return run_in(device, build, torch.bfloat16, torch.float16)


@workload
def video_autoencoders(device: str) -> Work:
    def build(make: Maker) -> list[Work]:
        widths = (32, 32, 32, 32) if make.tiny else (128, 256, 256, 512)
        wide, side = widths[0], make.size(16, 4)
        ltx = make.model(
            "AutoencoderKLLTXVideo", block_out_channels=widths, decoder_block_out_channels=widths,
            layers_per_block=(1,) * 5, decoder_layers_per_block=(1,) * 5,
        )  # fmt: skip
        cog = make.model("AutoencoderKLCogVideoX", block_out_channels=widths, layers_per_block=1)
        hunyuan = make.model("AutoencoderKLHunyuanVideo", block_out_channels=widths, layers_per_block=1)
        mochi = make.model(
            "AutoencoderKLMochi", decoder_block_out_channels=(wide, 2 * wide, 2 * wide, 4 * wide),
            encoder_block_out_channels=(64, 64, 128, 128), layers_per_block=(1, 1, 1, 1, 1),
        )  # fmt: skip
        movie = make.noise(1, 3, 5, 8 * side, 8 * side)
        return [
            lambda: ltx.decode(ltx.encode(make.noise(1, 3, 9, 16 * side, 16 * side)).latent_dist.mode()),
            lambda: cog.decode(cog.encode(movie).latent_dist.sample()),
            lambda: hunyuan.decode(hunyuan.encode(movie).latent_dist.sample()),
            lambda: mochi.decode(make.noise(1, 12, 2, side, side)),
        ]

    return run_in(device, build, torch.bfloat16, torch.float16)


@workload
def cascade_kandinsky(device: str) -> Work:
    def build(make: Maker) -> list[Work]:
        wide, side = make.size(1536, 64), make.size(32, 8)
        cascade = make.model(
            "StableCascadeUNet", block_out_channels=(wide, wide), num_attention_heads=(wide // 64,
            wide // 64),
            down_num_layers_per_block=(1, 1), up_num_layers_per_block=(1, 1), conditioning_dim=wide,
            clip_text_in_channels=256, clip_text_pooled_in_channels=256, clip_image_in_channels=128,
            switch_level=(False,),
        )  # fmt: skip
        kandinsky = make.model(
            "Kandinsky3UNet", layers_per_block=3, cross_attention_dim=256, encoder_hid_dim=256,
            block_out_channels=tuple(make.size(192, 64) * i for i in (1, 2, 4, 8)), time_embedding_dim=256,
        )  # fmt: skip
        prior = make.model("PriorTransformer", num_layers=1, num_attention_heads=4, embedding_dim=256)
        text, step = make.noise(2, 77, 256), make.ones(2)
        return [
            lambda: cascade(
                make.noise(2, 16, side, side), step, text[:, :1], text, make.noise(2, 1, 128), None
            ),
            lambda: kandinsky(make.noise(2, 4, 2 * side, 2 * side), step, text, make.ones(2, 77)),
            lambda: prior(text[:, 0], step, text[:, 1], text),
        ]

    return run_in(device, build, torch.float16, torch.bfloat16)


@workload
def moving_unets(device: str) -> Work:
    def build(make: Maker) -> list[Work]:
        widths = (32, 64, 64, 64) if make.tiny else (320, 640, 1280, 1280)
        options = {"block_out_channels": widths, "cross_attention_dim": 256, "layers_per_block": 1}
        motion = make.model("UNetMotionModel", **options)
        cubic = make.model("UNet3DConditionModel", **options, attention_head_dim=32)
        heads = tuple(width // 32 for width in widths)
        stable = make.model("UNetSpatioTemporalConditionModel", **options, num_attention_heads=heads)
        side, text = make.size(40, 8), make.noise(1, 77, 256)
        clip = make.noise(1, 4, 6, side, side)
        return [
            lambda: motion(clip, 7, text.repeat(6, 1, 1)),
            lambda: cubic(clip, 7, text),
            lambda: stable(make.noise(1, 6, 8, side, side), 7, text[:, :1], make.ones(1, 3)),
        ]

    return run_in(device, build, torch.float16, torch.float32)


@workload
def sound_diffusion(device: str) -> Work:
    diffusers = importlib.import_module("diffusers.models.embeddings")

    def build(make: Maker) -> list[Work]:
        heads, length = make.size(24, 2), make.size(1024, 32)
        audio = make.model(
            "StableAudioDiTModel", num_layers=2, num_attention_heads=heads, global_states_input_dim=512,
            num_key_value_attention_heads=heads // 2, cross_attention_dim=32 * heads,
            cross_attention_input_dim=256,
        )  # fmt: skip
        wide = make.size(128, 8)
        oobleck = make.model("AutoencoderOobleck", encoder_hidden_size=wide, decoder_channels=wide,
            decoder_input_channels=wide // 2)  # fmt: skip
        line = make.model("UNet1DModel", block_out_channels=(32, 64, 128), extra_in_channels=64)
        mel = make.model(
            "AudioLDM2UNet2DConditionModel", block_out_channels=(make.size(128, 32), 64, 64, 64),
            cross_attention_dim=((256,),) * 4, layers_per_block=1, in_channels=8, out_channels=8,
        )  # fmt: skip
        turn = diffusers.get_1d_rotary_pos_embed(32, length + 1, use_real=True, repeat_interleave_real=False)
        turn = tuple(part.to(device) for part in turn)
        text = make.noise(1, 64, 256)
        return [
            lambda: audio(make.noise(1, 64, length), make.ones(1), text, make.noise(1, 1, 512), turn),
            lambda: oobleck(make.noise(1, 2, 2048 * make.size(32, 8))),
            lambda: line(make.noise(2, 2, 16 * length), 5),
            lambda: mel(make.noise(1, 8, 64, 16), 5, text),
        ]

    return run_in(device, build, torch.float16, torch.float32, torch.bfloat16)


@workload
def adapters_and_codecs(device: str) -> Work:
    def build(make: Maker) -> list[Work]:
        side = make.size(512, 64)
        adapter = make.model("T2IAdapter")
        light = make.model("T2IAdapter", adapter_type="light_adapter")
        tiny = make.model("AutoencoderTiny")
        kinds = {"down_block_types": ("DownEncoderBlock2D",) * 2, "up_block_types": ("UpDecoderBlock2D",) * 2}
        codes = make.model("VQModel", **kinds, block_out_channels=(64, 128), num_vq_embeddings=2048)
        picture = make.noise(2, 3, side, side)
        works: list[Work] = [partial(f, picture) for f in (adapter, light, codes)]
        return [*works, lambda: tiny.decode(tiny.encode(picture).latents)]

    return run_in(device, build, torch.float16, torch.bfloat16, torch.float32)


@workload
def pixel_diffusion_training(device: str) -> Work:
    diffusers = importlib.import_module("diffusers")
    widths, side = ((32, 32), 16) if small(device) else ((128, 256), 64)
    with torch.device(device):
        model = diffusers.UNet2DModel(
            sample_size=side, block_out_channels=widths, layers_per_block=1, dropout=0.1,
            resnet_time_scale_shift="scale_shift", num_class_embeds=10,
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        )  # fmt: skip
    optimizer, average = torch.optim.RAdam(model.parameters(), 1e-4), [p.clone() for p in model.parameters()]
    scheduler = diffusers.DDPMScheduler()

    def run() -> None:
        images = torch.rand(4, 3, side, side, device=device) * 2 - 1
        noise, step = torch.randn_like(images), torch.randint(0, 1000, (4,), device=device)
        noisy = scheduler.add_noise(images, noise, step)
        with torch.autocast(device, torch.bfloat16):
            guess = model(noisy, step, class_labels=step % 10).sample
        F.smooth_l1_loss(guess.float(), noise).backward()
        optimizer.step()
        optimizer.zero_grad()
        torch._foreach_lerp_(average, [p.detach() for p in model.parameters()], 0.01)

    return run
