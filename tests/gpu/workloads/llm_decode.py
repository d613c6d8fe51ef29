"""Decode tokens with a small Llama: launch geometry drifts from step to step as the key-value cache grows.

True steps: ``step {i}``, one token each: sampling, model. Prologue: the prompt. Epilogue: scoring.
"""

import argparse

import torch
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM

from nsysprof.ranges import annotate, step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    config = LlamaConfig(
        vocab_size=4096, hidden_size=512, intermediate_size=1408, num_hidden_layers=6,
        num_attention_heads=8, num_key_value_heads=4, max_position_embeddings=1024,
    )  # fmt: skip
    model = LlamaForCausalLM(config).to(device, torch.bfloat16).eval()
    prompt = torch.randint(0, 4096, (2, 120), device=device)
    tokens = [prompt]
    cache = DynamicCache()
    with torch.inference_mode():
        with annotate("warmup"):
            model(prompt[:, :16])
        with annotate("prologue"):
            logits = model(prompt, past_key_values=cache, use_cache=True).logits[:, -1]
        with annotate("decode"):
            for index in range(arguments.steps):
                with annotate(step(index)):
                    top = torch.topk(logits / 0.8, 50)
                    chosen = torch.multinomial(torch.softmax(top.values.float(), -1), 1)
                    token = top.indices.gather(-1, chosen)
                    tokens.append(token)
                    logits = model(token, past_key_values=cache, use_cache=True).logits[:, -1]
        with annotate("epilogue"):
            text = torch.cat(tokens, 1)
            loss = model(text, labels=text).loss
    print(f"{text.shape[1]} tokens, loss {loss.item():.3f}")


if __name__ == "__main__":
    main()
