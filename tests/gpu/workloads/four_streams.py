"""Run four different networks on four streams in every step, their launches interleaved layer by layer.

One network has an inner solver whose number of iterations changes from step to step.
True steps: ``step {i}``. Prologue: input statistics. Epilogue: joining the results.
"""

import argparse
from itertools import zip_longest

import torch
from torch import nn

from nsysprof.ranges import annotate, step

Layers = list[nn.Module]


def networks(device: torch.device) -> list[Layers]:
    """Return four small networks of different depth, as lists of layers."""
    convolutions: Layers = [layer for _ in range(6) for layer in (nn.Conv2d(16, 16, 3, padding=1), nn.SiLU())]
    perceptron: Layers = [
        layer for _ in range(8) for layer in (nn.Linear(256, 256), nn.GELU(), nn.LayerNorm(256))
    ]
    attention: Layers = [
        nn.TransformerEncoderLayer(256, 8, 512, dropout=0.0, batch_first=True) for _ in range(2)
    ]
    pooling: Layers = [nn.AvgPool2d(2), nn.Upsample(scale_factor=2), nn.GroupNorm(4, 16), nn.Softmax(dim=1)]
    lists = [convolutions, perceptron, attention, pooling]
    return [[layer.to(device).requires_grad_(False) for layer in layers] for layers in lists]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device("cuda")
    nets = networks(device)
    shapes = [(4, 16, 64, 64), (512, 256), (8, 64, 256), (4, 16, 64, 64)]
    with annotate("prologue"):
        inputs = [torch.randn(shape, device=device) for shape in shapes]
        inputs = [(value - value.mean()) / value.std() for value in inputs]
    streams = [torch.cuda.Stream() for _ in nets]
    torch.cuda.synchronize()
    with annotate("loop"), torch.no_grad():
        for index in range(arguments.steps):
            with annotate(step(index)):
                for stream in streams:
                    stream.wait_stream(torch.cuda.current_stream())
                for layers in zip_longest(*nets):
                    for lane, layer in enumerate(layers):
                        if layer is not None:
                            with torch.cuda.stream(streams[lane]):
                                inputs[lane] = layer(inputs[lane])
                with torch.cuda.stream(streams[3]):
                    for _ in range(2 + index % 3):
                        inputs[3] = inputs[3] * 0.5 + inputs[3].cos()
                for stream in streams:
                    torch.cuda.current_stream().wait_stream(stream)
                inputs = [torch.tanh(value) for value in inputs]
    with annotate("epilogue"):
        total = torch.cat([value.flatten().sort().values[:16] for value in inputs]).sum()
    print(f"total {total.item():.3f}")


if __name__ == "__main__":
    main()
