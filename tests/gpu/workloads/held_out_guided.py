"""Sample latents with a small diffusion transformer, guidance in two passes, and decode them.

Held out until detection was finished and scored on it once (tests/data/traces); no longer held out.
True steps: ``step {i}``: conditional pass, unconditional pass, guidance, second-order multistep solver.
Prologue: a text encoder, after a warm-up of four steps at another size. Epilogue: a convolutional decoder.
"""

import argparse

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, PixArtTransformer2DModel
from transformers import CLIPTextConfig, CLIPTextModel

from nsysprof.ranges import annotate, step


class Pipeline:
    """A text encoder, a transformer, a solver and a decoder."""

    def __init__(self, device: torch.device) -> None:
        text = CLIPTextConfig(
            vocab_size=1000, hidden_size=256, intermediate_size=1024, num_hidden_layers=6,
            num_attention_heads=4, bos_token_id=998, eos_token_id=999,
        )  # fmt: skip
        self.text = CLIPTextModel(text).to(device).eval()
        self.transformer = PixArtTransformer2DModel(
            num_attention_heads=4, attention_head_dim=64, in_channels=4, out_channels=8, num_layers=5,
            cross_attention_dim=256, caption_channels=256, sample_size=32,
        ).to(device).eval()  # fmt: skip
        self.decoder = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=(32, 64, 128), latent_channels=4,
        ).to(device).eval()  # fmt: skip
        self.device = device

    def generate(self, steps: int, size: int) -> torch.Tensor:
        """Return a picture after so many steps."""
        solver = DPMSolverMultistepScheduler()
        solver.set_timesteps(steps, device=self.device)
        with annotate("text_encode"):
            tokens = torch.randint(0, 998, (2, 40), device=self.device)
            wanted, unwanted = self.text(tokens).last_hidden_state.chunk(2)
        latents = torch.randn(1, 4, size, size, device=self.device)
        for index, time in enumerate(solver.timesteps):
            with annotate(step(index)):
                scaled = solver.scale_model_input(latents, time)
                passes = []
                for text in (wanted, unwanted):
                    noise = self.transformer(
                        scaled, encoder_hidden_states=text, timestep=time[None],
                        added_cond_kwargs={"resolution": None, "aspect_ratio": None},
                    ).sample  # fmt: skip
                    passes.append(noise.chunk(2, 1)[0])
                guided = passes[1] + 4.5 * (passes[0] - passes[1])
                latents = solver.step(guided, time, latents).prev_sample
        with annotate("vae_decode"):
            return self.decoder.decode(latents / 0.18).sample


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    pipeline = Pipeline(torch.device(arguments.device))
    with torch.inference_mode():
        with annotate("warmup"):
            pipeline.generate(4, 16)
        with annotate("generate"):
            picture = pipeline.generate(arguments.steps, 32)
    print(f"std {picture.std().item():.3f}")


if __name__ == "__main__":
    main()
