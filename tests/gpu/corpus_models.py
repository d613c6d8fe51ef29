"""Workloads of whole models with random weights: diffusion, language, vision."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from gpu.corpus_ops import Work, each
from torch import nn

WORKLOADS: dict[str, Callable[[str], Work]] = {}


def workload(function: Callable[[str], Work]) -> Callable[[str], Work]:
    """Register a builder under its own name."""
    WORKLOADS[function.__name__] = function
    return function


def small(device: str) -> bool:
    """Return whether models must stay tiny: a CPU only shows that they run."""
    return device == "cpu"


def inference(work: Work) -> Work:
    """Run without gradients."""

    def run() -> None:
        with torch.inference_mode():
            work()

    return run


def sdxl_unet(device: str, dtype: torch.dtype, full: bool = True) -> tuple[Any, dict[str, Any]]:
    """Return SDXL's UNet and one step's inputs: batch 2 for guidance, 128x128 latents."""
    diffusers = importlib.import_module("diffusers")
    tiny = small(device) or not full
    with torch.device(device):
        unet = diffusers.UNet2DConditionModel(
            sample_size=128,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(32, 64, 64) if small(device) else (320, 640, 1280),
            transformer_layers_per_block=(1, 1, 1) if tiny else (1, 2, 10),
            attention_head_dim=(2, 4, 4) if small(device) else (5, 10, 20), cross_attention_dim=2048,
            addition_embed_type="text_time", addition_time_embed_dim=256,
            layers_per_block=1 if tiny else 2, projection_class_embeddings_input_dim=2816,
            use_linear_projection=True,
        )  # fmt: skip
    unet = unet.to(dtype).eval()
    side = 16 if small(device) else 128
    inputs = {
        "sample": torch.randn(2, 4, side, side, device=device, dtype=dtype),
        "timestep": torch.tensor(10, device=device),
        "encoder_hidden_states": torch.randn(2, 77, 2048, device=device, dtype=dtype),
        "added_cond_kwargs": {
            "text_embeds": torch.randn(2, 1280, device=device, dtype=dtype),
            "time_ids": torch.ones(2, 6, device=device),
        },
    }
    return unet, inputs


@workload
def unet_fp16(device: str) -> Work:
    unet, inputs = sdxl_unet(device, torch.bfloat16 if small(device) else torch.float16)
    return inference(lambda: unet(**inputs))


@workload
def unet_bf16_channels_last(device: str) -> Work:
    unet, inputs = sdxl_unet(device, torch.bfloat16)
    unet = unet.to(memory_format=torch.channels_last)
    return inference(lambda: unet(**inputs))


@workload
def unet_fp32_512(device: str) -> Work:
    unet, inputs = sdxl_unet(device, torch.float32)
    inputs["sample"] = inputs["sample"][..., :64, :64].contiguous()
    return inference(lambda: unet(**inputs))


@workload
def unet_lora_training(device: str) -> Work:
    unet, inputs = sdxl_unet(device, torch.bfloat16, full=False)
    unet.train().enable_gradient_checkpointing()
    optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-4)

    def run() -> None:
        noise = torch.randn_like(inputs["sample"])
        F.mse_loss(unet(**inputs).sample.float(), noise.float()).backward()
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return run


@workload
def unet_compiled(device: str) -> Work:
    unet, inputs = sdxl_unet(device, torch.bfloat16 if small(device) else torch.float16, full=False)
    compiled = (
        unet if small(device) else torch.compile(unet.to(memory_format=torch.channels_last), fullgraph=False)
    )
    return inference(lambda: compiled(**inputs))


def _through(model: Any, latents: torch.Tensor) -> list[Work]:
    """Return decoding of latents, and encoding of the image that comes out."""
    image = latents[:, :3].repeat_interleave(8, 2).repeat_interleave(8, 3)
    return [
        inference(lambda: model.decode(latents)),
        inference(lambda: model.encode(image).latent_dist.sample()),
    ]


@workload
def vae(device: str) -> Work:
    diffusers = importlib.import_module("diffusers")
    works = []
    for dtype in (torch.bfloat16,) if small(device) else (torch.float16, torch.bfloat16, torch.float32):
        with torch.device(device):
            model = diffusers.AutoencoderKL(
                down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
                latent_channels=4,
                block_out_channels=(32, 32, 64, 64) if small(device) else (128, 256, 512, 512),
                layers_per_block=2,
            )  # fmt: skip
        model = model.to(dtype).eval()
        side = 8 if small(device) else 96
        works += _through(model, torch.randn(1, 4, side, side, device=device, dtype=dtype))
    return each(*works)


@workload
def clip_text(device: str) -> Work:
    transformers = importlib.import_module("transformers")
    works = []
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        for width, heads, layers in ((768, 12, 3), (1280, 20, 3)):
            config = transformers.CLIPTextConfig(
                hidden_size=width,
                intermediate_size=4 * width,
                num_attention_heads=heads,
                num_hidden_layers=layers,
                projection_dim=width,
            )
            model = transformers.CLIPTextModelWithProjection(config).to(device, dtype).eval()
            tokens = torch.randint(0, 1000, (2, 77), device=device)
            works.append(inference(partial(model, tokens)))
    return each(*works)


@workload
def flow_schedulers(device: str) -> Work:
    diffusers = importlib.import_module("diffusers")
    latents = torch.randn(2, 4, 64, 64, device=device, dtype=torch.float32)

    def run() -> None:
        for name in (
            "EulerDiscreteScheduler",
            "DDIMScheduler",
            "DPMSolverMultistepScheduler",
            "EulerAncestralDiscreteScheduler",
            "LCMScheduler",
            "UniPCMultistepScheduler",
        ):
            scheduler = getattr(diffusers, name)()
            scheduler.set_timesteps(4, device=device)
            sample = latents * scheduler.init_noise_sigma
            for step in scheduler.timesteps:
                guided = scheduler.scale_model_input(torch.cat([sample] * 2), step).chunk(2)
                sample = scheduler.step(guided[0] + 7.5 * (guided[1] - guided[0]), step, sample).prev_sample
        image = (sample[:, :3] / 2 + 0.5).clamp(0, 1)
        (image * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()

    return run


def _llama(device: str, dtype: torch.dtype) -> Any:
    transformers = importlib.import_module("transformers")
    width = 128 if small(device) else 2048
    config = transformers.LlamaConfig(
        hidden_size=width,
        intermediate_size=3 * width,
        num_hidden_layers=3,
        num_attention_heads=16,
        num_key_value_heads=4,
        vocab_size=32000,
    )
    return transformers.LlamaForCausalLM(config).to(device, dtype)


@workload
def llm_generate(device: str) -> Work:
    works = []
    for dtype in (torch.float16, torch.bfloat16):
        model = _llama(device, dtype).eval()
        prompt = torch.randint(0, 1000, (4, 200), device=device)
        sampled = {"max_new_tokens": 5, "do_sample": True, "top_k": 50, "top_p": 0.9, "pad_token_id": 0}
        beams = {"max_new_tokens": 4, "do_sample": False, "num_beams": 3, "pad_token_id": 0}
        works += [inference(partial(model.generate, prompt, **options)) for options in (sampled, beams)]
    return each(*works)


@workload
def llm_training(device: str) -> Work:
    works = []
    for fused in (True, False):
        model = _llama(device, torch.float32).train()
        optimizer = torch.optim.AdamW(model.parameters(), fused=fused)

        def run(model: Any = model, optimizer: Any = optimizer) -> None:
            tokens = torch.randint(0, 1000, (2, 64 if small(device) else 512), device=device)
            with torch.autocast(device, torch.bfloat16):
                model(tokens, labels=tokens).loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()

        works.append(run)
    return each(*works)


@workload
def bert_t5_vit(device: str) -> Work:
    transformers = importlib.import_module("transformers")
    tokens = torch.randint(0, 1000, (4, 128), device=device)
    works = []
    for dtype in (torch.float16, torch.float32):
        bert = transformers.BertModel(transformers.BertConfig(num_hidden_layers=2)).to(device, dtype)
        t5 = transformers.T5EncoderModel(
            transformers.T5Config(num_layers=2, d_model=1024, d_ff=4096, num_heads=16)
        ).to(device, dtype)
        vit = transformers.ViTModel(transformers.ViTConfig(num_hidden_layers=2)).to(device, dtype)
        pixels = torch.randn(4, 3, 224, 224, device=device, dtype=dtype)
        works += [inference(partial(model, tokens)) for model in (bert, t5)]
        works.append(inference(partial(vit, pixels)))
    return each(*works)


@workload
def cnn_training(device: str) -> Work:
    vision = importlib.import_module("torchvision.models")
    works = []
    for name in ("resnet50", "mobilenet_v2", "vgg11_bn"):
        for memory in (torch.contiguous_format, torch.channels_last):
            model = getattr(vision, name)().to(device).to(memory_format=memory)
            optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
            images = torch.randn(2 if small(device) else 16, 3, 224, 224, device=device).to(
                memory_format=memory
            )

            def run(model: Any = model, optimizer: Any = optimizer, images: Any = images) -> None:
                scaler = torch.amp.GradScaler(device, enabled=device == "cuda")
                with torch.autocast(device, torch.float16 if device == "cuda" else torch.bfloat16):
                    loss = F.cross_entropy(
                        model(images), torch.randint(0, 1000, (len(images),), device=device)
                    )
                scaler.scale(loss).backward()
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()

            works.append(run)
    return each(*works)


@workload
def cnn_inference(device: str) -> Work:
    vision = importlib.import_module("torchvision.models")
    works = []
    for name in ("resnet18", "efficientnet_b0", "densenet121", "googlenet"):
        for dtype in (torch.float16, torch.float32):
            keywords = {"init_weights": False} if name == "googlenet" else {}
            model = getattr(vision, name)(**keywords).to(device, dtype).eval()
            batches = (1, 2 if small(device) else 32)
            images = [torch.randn(batch, 3, 224, 224, device=device, dtype=dtype) for batch in batches]
            works += [inference(partial(model, batch)) for batch in images]
    return each(*works)
