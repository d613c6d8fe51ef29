"""Train a small diffusion UNet with two gradient-accumulation halves and an EMA copy in each step.

True steps: ``step {i}``, one optimizer step of two nearly equal halves. Epilogue: sampling in a short loop.
"""

import argparse

import torch
from diffusers import DDPMScheduler, UNet2DModel
from torch import nn

from nsysprof.ranges import annotate, step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    shape = {"sample_size": 32, "block_out_channels": (64, 128), "layers_per_block": 1, "norm_num_groups": 16}
    blocks = {
        "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    }
    model = UNet2DModel(**shape, **blocks).to(device)
    average = UNet2DModel(**shape, **blocks).to(device)
    scheduler = DDPMScheduler(num_train_timesteps=1000)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    with annotate("prologue"):
        images = torch.rand(32, 3, 32, 32, device=device) * 2 - 1
    with annotate("train"):
        for index in range(arguments.steps):
            with annotate(step(index)):
                for half in range(2):
                    with annotate(f"half {half}"):
                        clean = images[torch.randint(0, 32, (8,), device=device)]
                        noise = torch.randn_like(clean)
                        times = torch.randint(0, 1000, (8,), device=device)
                        noisy = scheduler.add_noise(clean, noise, times)
                        loss = nn.functional.mse_loss(model(noisy, times).sample, noise) / 2
                        loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                with torch.no_grad():
                    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 0.01)
    with annotate("epilogue"), torch.inference_mode():
        scheduler.set_timesteps(3)
        sample = torch.randn(2, 3, 32, 32, device=device)
        for time in scheduler.timesteps:
            sample = scheduler.step(average(sample, time).sample, time, sample).prev_sample
    print(f"loss {loss.item():.3f}, sample {sample.std().item():.3f}")


if __name__ == "__main__":
    main()
