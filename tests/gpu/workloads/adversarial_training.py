"""Train a small GAN: two networks in turn in every step, a gradient penalty in every fourth one.

True steps: ``step {i}``; every fourth one launches twice as many kernels.
Prologue: real images and their statistics. Epilogue: samples and their distances.
"""

import argparse

import torch
from torch import nn

from nsysprof.ranges import annotate, step


def generator() -> nn.Sequential:
    """Return a network from 64 numbers to a 32x32 picture."""
    return nn.Sequential(
        nn.Linear(64, 128 * 16), nn.Unflatten(1, (128, 4, 4)),
        nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def discriminator() -> nn.Sequential:
    """Return a network from a 32x32 picture to one number."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(128 * 16, 1),
    )  # fmt: skip


def penalty(network: nn.Sequential, real: torch.Tensor) -> torch.Tensor:
    """Return the mean squared gradient of the discriminator at real pictures."""
    real = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(network(real).sum(), real, create_graph=True)
    return gradient.square().flatten(1).sum(1).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    maker, judge = generator().to(device), discriminator().to(device)
    maker_optimizer = torch.optim.Adam(maker.parameters(), 2e-4)
    judge_optimizer = torch.optim.Adam(judge.parameters(), 2e-4)
    softplus = nn.functional.softplus
    with annotate("prologue"):
        images = torch.rand(256, 3, 32, 32, device=device)
        images = (images - images.mean((0, 2, 3), keepdim=True)) / images.std((0, 2, 3), keepdim=True)
    with annotate("train"):
        for index in range(arguments.steps):
            with annotate(step(index)):
                real = images[torch.randint(0, 256, (32,), device=device)]
                with torch.no_grad():
                    fake = maker(torch.randn(32, 64, device=device))
                loss = softplus(judge(fake)).mean() + softplus(-judge(real)).mean()
                if index % 4 == 0:
                    loss = loss + penalty(judge, real)
                judge_optimizer.zero_grad()
                loss.backward()
                judge_optimizer.step()
                loss = softplus(-judge(maker(torch.randn(32, 64, device=device)))).mean()
                maker_optimizer.zero_grad()
                loss.backward()
                maker_optimizer.step()
    with annotate("epilogue"), torch.inference_mode():
        samples = maker(torch.randn(64, 64, device=device)).flatten(1)
        distance = torch.cdist(samples, images.flatten(1)).min(1).values.mean()
    print(f"loss {loss.item():.3f}, distance {distance.item():.3f}")


if __name__ == "__main__":
    main()
