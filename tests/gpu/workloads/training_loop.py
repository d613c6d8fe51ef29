"""Train a small transformer encoder: the backward pass launches from another thread.

True steps: ``step {i}`` round forward, backward, clipping and AdamW, whose first step makes its state.
Prologue: data. Epilogue: an evaluation pass.
"""

import argparse

import torch
from torch import nn

from nsysprof.ranges import annotate, step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    layer = nn.TransformerEncoderLayer(256, 8, 1024, dropout=0.1, batch_first=True, norm_first=True)
    model = nn.Sequential(nn.Embedding(2048, 256), nn.TransformerEncoder(layer, 4), nn.Linear(256, 2048)).to(
        device
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    with annotate("prologue"):
        data = torch.randint(0, 2048, (arguments.steps, 16, 128), device=device)
        targets = data.roll(-1, dims=2)
    with annotate("train"):
        for index in range(arguments.steps):
            with annotate(step(index)):
                with torch.autocast(device.type, torch.bfloat16):
                    logits = model(data[index])
                    loss = nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets[index].flatten())
                loss.backward()
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
                if index % 5 == 4:
                    print(f"step {index}: loss {loss.item():.3f}")
    with annotate("epilogue"), torch.inference_mode():
        model.eval()
        hits = sum(int((model(batch).argmax(-1) == batch.roll(-1, dims=1)).sum()) for batch in data[:2])
    print(f"hits {hits}")


if __name__ == "__main__":
    main()
