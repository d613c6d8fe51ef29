"""The fresh held-out set: other programs than the older sets, run once and scored once.

Operators are in ``operators_fresh.toml``, models in ``heldout_fresh_models.py`` and
``heldout_fresh_networks.py``.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from gpu.corpus_models import small
from gpu.corpus_ops import Work, each, forward_backward, read_workloads
from gpu.heldout import train
from torch import nn

WORKLOADS: dict[str, Callable[[str], Work]] = read_workloads("operators_fresh.toml")


def workload(function: Callable[[str], Work]) -> Callable[[str], Work]:
    """Register a builder under its own name."""
    WORKLOADS[function.__name__] = function
    return function


@workload
def optimizer_variants(device: str) -> Work:
    """Step every optimizer on matrices, convolutions and half-precision parameters, in its variants."""

    def step(name: str, dtype: torch.dtype, **options: Any) -> Work:
        model = nn.Sequential(nn.Conv2d(3, 20, 5), nn.Flatten(), nn.LazyLinear(33)).to(device, dtype)
        x = torch.randn(4, 3, 12, 12, device=device, dtype=dtype)
        model(x)
        optimizer = getattr(torch.optim, name)(model.parameters(), lr=1e-2, **options)
        return train(lambda: model(x).square().mean(), optimizer)

    plain: dict[str, dict[str, Any]] = {
        "Adafactor": {"weight_decay": 0.1}, "NAdam": {"decoupled_weight_decay": True, "weight_decay": 0.1},
        "RAdam": {"weight_decay": 0.1}, "Rprop": {}, "ASGD": {"t0": 0}, "Adagrad": {"lr_decay": 0.1},
        "Adamax": {"maximize": True}, "Adadelta": {"rho": 0.8}, "RMSprop": {"centered": True,
        "momentum": 0.5},
        "SGD": {"nesterov": True, "momentum": 0.9, "weight_decay": 0.01}, "Adam": {"amsgrad": True},
    }  # fmt: skip
    works = [
        step(name, dtype, **options, foreach=foreach)
        for name, options in plain.items()
        for dtype in (torch.float32, torch.bfloat16)
        for foreach in (True, False)
    ]
    fused: dict[str, dict[str, Any]] = {
        "Adam": {"amsgrad": True},
        "AdamW": {"maximize": True},
        "SGD": {"momentum": 0.8},
        "Adagrad": {},
    }
    works += [
        step(name, dtype, **options, fused=True)
        for name, options in fused.items()
        for dtype in (torch.float16, torch.float64)
    ]
    captured = ("NAdam", "RAdam", "ASGD", "Rprop", "Adadelta", "AdamW")
    if not small(device):  # what a CUDA graph may hold
        works += [step(name, torch.float32, capturable=True) for name in captured]
    matrix = nn.Linear(96, 64, bias=False).to(device)
    table = nn.Embedding(400, 24, sparse=True).to(device)
    muon, sparse = torch.optim.Muon(matrix.parameters()), torch.optim.SparseAdam(table.parameters())
    search = torch.optim.LBFGS(matrix.parameters(), max_iter=4, line_search_fn="strong_wolfe")
    x = torch.randn(50, 96, device=device)

    def loss() -> Any:
        search.zero_grad()
        value = F.smooth_l1_loss(matrix(x), x[:, :64])
        value.backward()
        return value

    ids = torch.randint(0, 400, (90,), device=device)
    return each(
        *works,
        train(lambda: matrix(x).abs().mean(), muon),
        train(lambda: table(ids).square().sum(), sparse),
        lambda: search.step(loss),
        lambda: nn.utils.clip_grad_norm_(nn.utils.get_total_norm([x]), 1.0, norm_type=1.0),
        lambda: nn.utils.parameters_to_vector(matrix.parameters()),
    )


@workload
def nested_tensors(device: str) -> Work:
    works: list[Work] = []
    for dtype in (torch.float16, torch.float32):
        parts = [torch.randn(rows, 192, device=device, dtype=dtype) for rows in (19, 256, 3, 77, 130)]
        for layout in (torch.jagged, torch.strided):
            x = torch.nested.nested_tensor(parts, layout=layout)
            functions: tuple[Callable[[Any], Any], ...] = (
                nn.Linear(192, 576).to(device, dtype),
                nn.LayerNorm(192).to(device, dtype),
                lambda t: torch.nested.to_padded_tensor(t, 0.5),
                lambda t: F.gelu(t) * 2 + t,
                lambda t: F.softmax(t, -1),
                lambda t: t.sum(-1, keepdim=True),
                lambda t: t.clone().contiguous().values().mean(),
            )
            works += [partial(function, x) for function in functions]
        encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(192, 6, 384, batch_first=True), 2)
        encoder = encoder.to(device, dtype).eval()
        padded = torch.nested.nested_tensor(parts, layout=torch.jagged).to_padded_tensor(0.0)
        ignored = padded.abs().sum(-1) == 0

        def encode(encoder: Any = encoder, padded: Any = padded, ignored: Any = ignored) -> None:
            with torch.inference_mode():
                encoder(padded, src_key_padding_mask=ignored)

        works.append(encode)
    return each(*works)


@workload
def recurrent_language_model(device: str) -> Work:
    works = []
    for kind, dtype in (("LSTM", torch.bfloat16), ("GRU", torch.float16), ("RNN", torch.float32)):
        words = nn.Embedding(12000, 200).to(device)
        core = getattr(nn, kind)(200, 300, 2, dropout=0.2, batch_first=True).to(device)
        out = nn.Linear(300, 12000).to(device)
        parameters = [*words.parameters(), *core.parameters(), *out.parameters()]
        text = torch.randint(0, 12000, (12, 36), device=device)

        def loss(
            words: Any = words, core: Any = core, out: Any = out, dtype: Any = dtype, text: Any = text
        ) -> Any:
            chosen = torch.bfloat16 if small(device) else dtype
            with torch.autocast(device, chosen, enabled=dtype != torch.float32):
                guess = out(core(words(text[:, :-1]))[0])
            return F.cross_entropy(guess.flatten(0, 1).float(), text[:, 1:].flatten())

        works.append(train(loss, torch.optim.AdamW(parameters, fused=True)))
    return each(*works)


@workload
def deep_q_learning(device: str) -> Work:
    def network() -> nn.Module:
        layers = [nn.Conv2d(4, 32, 8, 4), nn.ELU(), nn.Conv2d(32, 64, 4, 2), nn.ELU(), nn.Flatten()]
        return nn.Sequential(*layers, nn.Linear(64 * 81, 256), nn.Hardswish(), nn.Linear(256, 6)).to(device)

    online, target = network(), network()
    memory = torch.randint(0, 255, (500, 4, 84, 84), device=device, dtype=torch.uint8)
    priority = torch.rand(500, device=device)

    def loss() -> Any:
        chosen = torch.multinomial(priority, 32, replacement=True)
        now, later = memory[chosen].float() / 255, memory[(chosen + 1) % 500].float().div_(255)
        action = torch.randint(0, 6, (32, 1), device=device)
        with torch.no_grad():
            best = online(later).argmax(1, keepdim=True)
            goal = torch.randn(32, 1, device=device).sign() + 0.99 * target(later).gather(1, best)
        error = F.huber_loss(online(now).gather(1, action), goal, reduction="none")
        priority.index_copy_(0, chosen, error.detach()[:, 0].abs() + 1e-3)
        for mine, theirs in zip(target.parameters(), online.parameters(), strict=True):
            mine.data.lerp_(theirs.data, 0.01)
        return (error * error.detach().rsqrt().clamp(max=1)).mean()

    return train(loss, torch.optim.Adam(online.parameters(), eps=1e-4, foreach=True))


@workload
def message_passing(device: str) -> Work:
    """Attend over the edges of a graph with scatters, as a graph network without a library does."""
    nodes, edges = 3000, 24000
    x = torch.randn(nodes, 48, device=device)
    source, target = torch.randint(0, nodes, (2, edges), device=device)
    project = nn.Linear(48, 96).to(device)
    gate = nn.GRUCell(48, 48).to(device)

    def layer(h: torch.Tensor) -> torch.Tensor:
        query, key = project(h).chunk(2, -1)
        score = F.leaky_relu((query[target] * key[source]).sum(-1), 0.2)
        top = torch.full((nodes,), -1e9, device=device).scatter_reduce(0, target, score, "amax")
        weight = (score - top[target]).exp()
        total = torch.zeros(nodes, device=device).index_add(0, target, weight)
        message = (weight / total[target].clamp_min(1e-6))[:, None] * h[source]
        return gate(torch.zeros_like(h).index_add(0, target, message), h)

    return each(
        forward_backward(lambda h: layer(layer(h)), x), lambda: torch.unique(target, return_counts=True)
    )


@workload
def volume_segmentation(device: str) -> Work:
    """Train a small 3D U-Net with a Dice loss."""
    wide, side = (8, 16) if small(device) else (32, 64)

    def block(before: int, after: int) -> nn.Module:
        layers = [
            nn.Conv3d(before, after, 3, padding=1),
            nn.InstanceNorm3d(after, affine=True),
            nn.PReLU(after),
        ]
        return nn.Sequential(*layers, nn.Dropout3d(0.1))

    down, middle, up = block(1, wide), block(wide, 2 * wide), block(2 * wide, wide)
    smaller, larger = nn.Conv3d(wide, wide, 2, 2), nn.ConvTranspose3d(2 * wide, wide, 2, 2)
    net = nn.ModuleList([down, middle, up, smaller, larger, nn.Conv3d(wide, 4, 1)]).to(device)
    scan = torch.randn(1, 1, side, side, side, device=device)
    truth = F.one_hot(torch.randint(0, 4, (1, side, side, side), device=device), 4).movedim(-1, 1)

    def loss() -> Any:
        with torch.autocast(device, torch.bfloat16 if small(device) else torch.float16):
            high = down(scan)
            guess = net[5](up(torch.cat([larger(middle(smaller(high))), high], 1)))
        share = guess.float().softmax(1)
        return 1 - (2 * (share * truth).sum((2, 3, 4)) / (share + truth).sum((2, 3, 4))).mean()

    return train(loss, torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, nesterov=True))


@workload
def variational_autoencoder(device: str) -> Work:
    """Train in float64 and in float32 with a normalising flow's coupling layer behind."""
    works = []
    for dtype in (torch.float64, torch.float32):
        encode = nn.Sequential(nn.Linear(784, 300), nn.Softplus(), nn.Linear(300, 40)).to(device, dtype)
        decode = nn.Sequential(nn.Linear(20, 300), nn.SELU(), nn.Linear(300, 784)).to(device, dtype)
        couple = nn.Sequential(nn.Linear(10, 60), nn.Tanh(), nn.Linear(60, 20)).to(device, dtype)
        parameters = [*encode.parameters(), *decode.parameters(), *couple.parameters()]
        image = torch.rand(100, 784, device=device, dtype=dtype)

        def loss(encode: Any = encode, decode: Any = decode, couple: Any = couple, image: Any = image) -> Any:
            mean, log = encode(image).chunk(2, -1)
            posterior = torch.distributions.Normal(mean, F.softplus(log) + 1e-4)
            left, right = posterior.rsample().chunk(2, -1)
            scale, shift = couple(left).chunk(2, -1)
            latent = torch.cat([left, right * scale.sigmoid() + shift], -1)
            normal = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
            likely = torch.distributions.Bernoulli(logits=decode(latent)).log_prob(image.round()).sum(-1)
            return (torch.distributions.kl_divergence(posterior, normal).sum(-1) - likely).mean()

        works.append(train(loss, torch.optim.Adamax(parameters)))
    return each(*works)
