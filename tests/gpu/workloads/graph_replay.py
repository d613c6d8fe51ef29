"""Replay a CUDA graph of a small transformer in a loop, with a few eager kernels round each replay.

True steps: ``step {i}``. Prologue: warm-up on a side stream and the capture. Epilogue: decoding the result.
"""

import argparse

import torch
from torch import nn

from nsysprof.ranges import annotate, step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=24)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device("cuda")
    layer = nn.TransformerEncoderLayer(512, 8, 2048, dropout=0.0, batch_first=True, norm_first=True)
    model = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False).to(device, torch.float16)
    model.requires_grad_(False)
    decoder = nn.Sequential(nn.Conv1d(512, 256, 3, padding=1), nn.SiLU(), nn.Conv1d(256, 64, 3, padding=1))
    decoder = decoder.to(device, torch.float16)
    static = torch.randn(4, 256, 512, device=device, dtype=torch.float16)
    side = torch.cuda.Stream()
    with annotate("warmup"):
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                model(static)
        torch.cuda.current_stream().wait_stream(side)
    with annotate("capture"):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = model(static)
    sample = torch.randn_like(static)
    with annotate("denoise"):
        for index in range(arguments.steps):
            with annotate(step(index)):
                static.copy_(sample * (1.0 / (1.0 + 0.01 * index)))
                graph.replay()
                sample = sample - 0.05 * output
    with annotate("epilogue"), torch.no_grad():
        picture = decoder(sample.transpose(1, 2)).float()
    print(f"std {picture.std().item():.3f}")


if __name__ == "__main__":
    main()
