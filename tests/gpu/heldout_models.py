"""Held-out workloads of whole models: diffusion, vision, speech, language; eager and compiled."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from gpu.corpus_models import inference, small
from gpu.corpus_ops import Work, each, forward_backward
from gpu.heldout import train

WORKLOADS: dict[str, Callable[[str], Work]] = {}


def workload(function: Callable[[str], Work]) -> Callable[[str], Work]:
    """Register a builder under its own name."""
    WORKLOADS[function.__name__] = function
    return function


@workload
def flux(device: str) -> Work:
    diffusers = importlib.import_module("diffusers")
    works = []
    for dtype in (torch.bfloat16,) if small(device) else (torch.bfloat16, torch.float16):
        heads = 2 if small(device) else 24
        with torch.device(device):
            model = diffusers.FluxTransformer2DModel(
                num_layers=1,
                num_single_layers=2,
                num_attention_heads=heads,
                joint_attention_dim=256,
                pooled_projection_dim=64,
                guidance_embeds=True,
            )
        model = model.to(dtype).eval()
        side = 8 if small(device) else 48
        inputs = {
            "hidden_states": torch.randn(1, side * side, 64, device=device, dtype=dtype),
            "encoder_hidden_states": torch.randn(1, 64, 256, device=device, dtype=dtype),
            "pooled_projections": torch.randn(1, 64, device=device, dtype=dtype),
            "timestep": torch.ones(1, device=device, dtype=dtype),
            "img_ids": torch.zeros(side * side, 3, device=device),
            "txt_ids": torch.zeros(64, 3, device=device), "guidance": torch.ones(1, device=device),
        }  # fmt: skip
        works.append(inference(partial(model, **inputs)))
    return each(*works)


@workload
def video_vae(device: str) -> Work:
    diffusers = importlib.import_module("diffusers")
    base = 16 if small(device) else 64
    with torch.device(device):
        model = diffusers.AutoencoderKLWan(base_dim=base, z_dim=16)
    model = model.to(torch.bfloat16).eval()
    side = 4 if small(device) else 24
    return inference(
        lambda: model.decode(torch.randn(1, 16, 2, side, side, device=device, dtype=torch.bfloat16))
    )


@workload
def stable_diffusion_15(device: str) -> Work:
    diffusers = importlib.import_module("diffusers")
    widths = (32, 64, 64, 64) if small(device) else (320, 640, 1280, 1280)
    dtype = torch.bfloat16 if small(device) else torch.float16
    with torch.device(device):
        unet = diffusers.UNet2DConditionModel(
            block_out_channels=widths, cross_attention_dim=768, attention_head_dim=8
        )
        control = diffusers.ControlNetModel.from_unet(unet)
    unet, control = unet.to(dtype).eval(), control.to(dtype).eval()
    side = 16 if small(device) else 64
    latents, text = (
        torch.randn(2, 4, side, side, device=device, dtype=dtype),
        torch.randn(2, 77, 768, device=device, dtype=dtype),
    )
    hint = torch.randn(2, 3, 8 * side, 8 * side, device=device, dtype=dtype)

    def run() -> None:
        down, middle = control(latents, 3, text, hint, return_dict=False)
        unet(latents, 3, text, down_block_additional_residuals=down, mid_block_additional_residual=middle)

    return inference(run)


@workload
def segmentation_detection(device: str) -> Work:
    models = importlib.import_module("torchvision.models")
    ops = importlib.import_module("torchvision.ops")
    works = []
    for name in ("deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large"):
        model = getattr(models.segmentation, name)(weights=None, weights_backbone=None).to(device).eval()
        works.append(inference(partial(model, torch.randn(2, 3, 256, 256, device=device))))
    detector = (
        models.detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None).to(device).eval()
    )
    works.append(inference(lambda: detector([torch.rand(3, 320, 320, device=device)])))
    boxes = torch.rand(500, 4, device=device).cumsum(1) * 20
    features = torch.randn(1, 64, 40, 40, device=device)
    rois = torch.cat([torch.zeros(500, 1, device=device), boxes], 1)
    works += [
        lambda: ops.nms(boxes, boxes[:, 0], 0.5),
        forward_backward(lambda f: ops.roi_align(f, rois, 7), features),
        forward_backward(lambda f: ops.roi_pool(f, rois, 7), features),
    ]
    weight, offset = torch.randn(64, 64, 3, 3, device=device), torch.randn(1, 18, 40, 40, device=device)
    works.append(forward_backward(lambda f: ops.deform_conv2d(f, offset, weight, padding=1), features))
    return each(*works)


@workload
def vision_transformers(device: str) -> Work:
    models = importlib.import_module("torchvision.models")
    works = []
    for name in ("convnext_tiny", "swin_t", "maxvit_t", "regnet_y_400mf", "shufflenet_v2_x1_0", "mnasnet0_5"):
        model = getattr(models, name)().to(device).train()
        optimizer = torch.optim.RMSprop(model.parameters(), 1e-3)
        images = torch.randn(2 if small(device) else 8, 3, 224, 224, device=device)

        def loss(model: Any = model, images: Any = images) -> Any:
            with torch.autocast(device, torch.bfloat16):
                return F.cross_entropy(
                    model(images),
                    torch.zeros(len(images), dtype=torch.long, device=device),
                    label_smoothing=0.1,
                )

        works.append(train(loss, optimizer))
    return each(*works)


@workload
def speech(device: str) -> Work:
    audio = importlib.import_module("torchaudio")
    transformers = importlib.import_module("transformers")
    wave = torch.randn(4, 16000, device=device)
    mel = audio.transforms.MelSpectrogram(16000, n_mels=80).to(device)
    conformer = audio.models.Conformer(80, 4, 128, 2, 31).to(device)
    lengths = torch.full((4,), 81, device=device)
    whisper = (
        transformers.WhisperModel(transformers.WhisperConfig(encoder_layers=2, decoder_layers=2))
        .to(device)
        .eval()
    )
    wav2vec = transformers.Wav2Vec2Model(transformers.Wav2Vec2Config(num_hidden_layers=2)).to(device).eval()
    resample = audio.transforms.Resample(16000, 8000).to(device)

    def recognise() -> Any:
        encoded, _ = conformer(mel(wave).transpose(1, 2), lengths)
        return F.ctc_loss(
            encoded.log_softmax(-1).transpose(0, 1),
            torch.ones(4, 10, dtype=torch.long, device=device),
            lengths,
            torch.full((4,), 10, device=device),
        )

    frames = torch.randn(1, 80, 3000, device=device)
    started = torch.ones(1, 8, dtype=torch.long, device=device)
    return each(
        train(recognise, torch.optim.Adagrad(conformer.parameters())),
        inference(lambda: wav2vec(wave)),
        inference(lambda: resample(wave)),
        inference(lambda: whisper(frames, decoder_input_ids=started)),
    )


@workload
def language_models(device: str) -> Work:
    transformers = importlib.import_module("transformers")
    tokens = torch.randint(0, 1000, (2, 128), device=device)
    works = []
    width = 64 if small(device) else 1024
    sizes = {"hidden_size": width, "vocab_size": 5000}
    heads = {"intermediate_size": 2 * width, "num_key_value_heads": 2}
    configs = (
        (
            "Mixtral",
            "ForCausalLM",
            {**sizes, **heads, "num_attention_heads": 8, "num_hidden_layers": 1, "num_local_experts": 4},
        ),
        ("Qwen2", "ForCausalLM", {**sizes, **heads, "num_attention_heads": 8, "num_hidden_layers": 2}),
        ("Gemma2", "ForCausalLM", {**sizes, **heads, "num_attention_heads": 4, "num_hidden_layers": 2}),
        ("Mamba", "ForCausalLM", {**sizes, "num_hidden_layers": 1}),
        ("Roberta", "ForMaskedLM", {"num_hidden_layers": 2}),
        ("DebertaV2", "Model", {"num_hidden_layers": 1}),
    )
    for name, task, options in configs:
        config = getattr(transformers, f"{name}Config")(**options)
        model = getattr(transformers, f"{name}{task}")(config).to(device, torch.bfloat16).eval()
        works.append(inference(partial(model, tokens)))
    return each(*works)


@workload
def compiled_models(device: str) -> Work:
    if small(device):
        return lambda: None
    transformers = importlib.import_module("transformers")
    models = importlib.import_module("torchvision.models")
    gpt = transformers.GPT2LMHeadModel(transformers.GPT2Config(n_layer=2)).to(device, torch.bfloat16)
    tokens = torch.randint(0, 1000, (4, 256), device=device)
    net = torch.compile(models.resnet18().to(device).to(memory_format=torch.channels_last))
    images = torch.randn(16, 3, 224, 224, device=device).to(memory_format=torch.channels_last)
    compiled = torch.compile(gpt)

    def vision() -> None:
        with torch.autocast(device, torch.float16):
            net(images).float().sum().backward()

    return each(lambda: compiled(tokens, labels=tokens).loss.backward(), vision)
