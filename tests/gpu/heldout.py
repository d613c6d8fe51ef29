"""Workloads that no rule was written against: other models and operators, run last and scored once."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from gpu.corpus_models import inference, small
from gpu.corpus_ops import Work, each, forward_backward
from torch import nn

WORKLOADS: dict[str, Callable[[str], Work]] = {}


def workload(function: Callable[[str], Work]) -> Callable[[str], Work]:
    """Register a builder under its own name."""
    WORKLOADS[function.__name__] = function
    return function


def train(loss: Callable[[], Any], optimizer: Any) -> Work:
    """Return one training step."""

    def run() -> None:
        loss().backward()
        optimizer.step()
        optimizer.zero_grad()

    return run


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
def recommender(device: str) -> Work:
    bags = nn.ModuleList(
        nn.EmbeddingBag(1000 * (i + 1), 64, mode="mean", sparse=i == 0) for i in range(4)
    ).to(device)
    top = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.BatchNorm1d(64), nn.Linear(64, 1)).to(device)
    ids, offsets = torch.randint(0, 900, (4, 2048), device=device), torch.arange(0, 2048, 4, device=device)
    optimizer = torch.optim.SGD([*bags.parameters(), *top.parameters()], 0.1)

    def loss() -> Any:
        features = torch.stack([bag(i, offsets) for bag, i in zip(bags, ids, strict=True)], 1)
        pairs = torch.bmm(features, features.mT).flatten(1)[:, :10]
        return F.binary_cross_entropy_with_logits(top(pairs)[:, 0], torch.ones(512, device=device))

    return train(loss, optimizer)


@workload
def generative_adversarial(device: str) -> Work:
    side = 8 if small(device) else 64
    make = nn.Sequential(
        nn.ConvTranspose2d(100, side * 4, 4),
        nn.BatchNorm2d(side * 4),
        nn.ReLU(),
        nn.ConvTranspose2d(side * 4, side, 4, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(side, 3, 4, 2, 1),
        nn.Tanh(),
    ).to(device)
    judge = nn.Sequential(
        nn.utils.spectral_norm(nn.Conv2d(3, side, 4, 2, 1)), nn.LeakyReLU(0.2), nn.Conv2d(side, 1, 8)
    ).to(device)
    optimizer = torch.optim.Adam([*make.parameters(), *judge.parameters()], betas=(0.5, 0.9))

    def loss() -> Any:
        fake = make(torch.randn(32, 100, 1, 1, device=device))
        gradient = torch.autograd.grad(judge(fake).sum(), fake, create_graph=True)[0]
        return F.softplus(-judge(fake)).mean() + (gradient.flatten(1).norm(dim=1) - 1).square().mean()

    return train(loss, optimizer)


@workload
def graph_networks(device: str) -> Work:
    geometric = importlib.import_module("torch_geometric.nn")
    x, edges = torch.randn(5000, 64, device=device), torch.randint(0, 5000, (2, 40000), device=device)
    layers = [
        geometric.GCNConv(64, 64),
        geometric.GATConv(64, 16, heads=4),
        geometric.SAGEConv(64, 64),
        geometric.GINConv(nn.Linear(64, 64)),
    ]
    batch = torch.arange(5000, device=device) // 100
    nodes = x.detach().requires_grad_()

    def convolve() -> None:
        for layer in layers:
            layer.to(device)(nodes, edges).sum().backward()

    return each(
        convolve,
        forward_backward(lambda t: geometric.global_max_pool(t, batch), x),
        forward_backward(lambda t: geometric.global_add_pool(t, batch), x),
    )


@workload
def science(device: str) -> Work:
    points = torch.randn(2000, 3, device=device)
    matrix = torch.randn(64, 48, 48, device=device, dtype=torch.float64)
    field = torch.randn(2, 16, 128, 128, device=device)
    weights = torch.randn(16, 16, 12, 12, device=device, dtype=torch.complex64)

    def neighbours() -> None:
        near, index = torch.cdist(points, points).topk(16, largest=False)
        torch.scatter_reduce(torch.zeros(2000, device=device), 0, index.flatten(), near.flatten(), "mean")

    def fourier_layer(x: Any) -> Any:
        spectrum = torch.fft.rfft2(x)
        out = torch.zeros_like(spectrum)
        out[:, :, :12, :12] = torch.einsum("bixy,ioxy->boxy", spectrum[:, :, :12, :12], weights)
        return torch.fft.irfft2(out)

    def gaussians() -> None:
        covariance = matrix @ matrix.mT + torch.eye(48, device=device, dtype=torch.float64)
        torch.distributions.MultivariateNormal(matrix[:, 0], covariance).log_prob(matrix[:, 1])
        (
            torch.linalg.eigvalsh(covariance),
            torch.logdet(covariance),
            torch.trapezoid(matrix),
            torch.kron(matrix[0], matrix[1]),
        )

    def rays(x: Any) -> Any:
        encoded = torch.cat([f(x * 2**i) for i in range(6) for f in (torch.sin, torch.cos)], -1)
        density = F.softplus(encoded @ torch.ones(36, 1, device=device))
        return (torch.cumprod(torch.exp(-density), 0) * density).sum(0)

    return each(
        neighbours,
        forward_backward(fourier_layer, field),
        gaussians,
        forward_backward(rays, points),
        lambda: torch.quantile(points, 0.5, dim=0),
        lambda: torch.combinations(points[:40, 0], 3),
        lambda: torch.corrcoef(points.t()),
        lambda: torch.diff(points, dim=0),
        lambda: torch.tensordot(points, points, dims=([0], [0])),
        lambda: torch.block_diag(*points[:9, None]),
        lambda: torch.cartesian_prod(points[:50, 0], points[:50, 1]),
    )


@workload
def reinforcement_learning(device: str) -> Work:
    policy = nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.LSTM(64, 64, batch_first=True)).to(device)
    heads = nn.Linear(64, 7).to(device)
    optimizer = torch.optim.NAdam([*policy.parameters(), *heads.parameters()])

    def loss() -> Any:
        choice = torch.distributions.Categorical(
            logits=heads(policy(torch.randn(16, 20, 32, device=device))[0])
        )
        action = choice.sample()
        advantage = torch.randn(16, 20, device=device)
        ratio = (choice.log_prob(action) - choice.log_prob(action).detach()).exp()
        return (
            -torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
            - 0.01 * choice.entropy().mean()
        )

    return train(loss, optimizer)


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


@workload
def jax_training(device: str) -> Work:
    if small(device):
        return lambda: None
    jax, flax, optax = (importlib.import_module(n) for n in ("jax", "flax.linen", "optax"))
    jnp = jax.numpy
    layers = [
        flax.Conv(32, (3, 3)),
        flax.BatchNorm(use_running_average=True),
        flax.relu,
        lambda x: flax.max_pool(x, (2, 2)),
        flax.LayerNorm(),
        flax.SelfAttention(4),
        lambda x: x.mean((1, 2)),
        flax.Dense(10),
    ]
    model, x = flax.Sequential(layers), jnp.ones((8, 32, 32, 3))
    params = model.init(jax.random.PRNGKey(0), x)
    optimizer = optax.adamw(1e-3)
    state = optimizer.init(params)

    def step(params: Any, state: Any) -> Any:
        gradient = jax.grad(
            lambda p: optax.softmax_cross_entropy_with_integer_labels(
                model.apply(p, x), jnp.zeros(8, int)
            ).mean()
        )(params)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state

    compiled = jax.jit(step)
    return lambda: jax.block_until_ready(compiled(params, state))
