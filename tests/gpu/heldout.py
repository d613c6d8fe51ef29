"""Workloads that no rule was written against, run last and scored once; heldout_models.py holds more."""

import importlib
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from gpu.corpus_models import small
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
