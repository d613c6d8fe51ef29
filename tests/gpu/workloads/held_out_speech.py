"""Transcribe noise with a small Whisper: an encoder, then beam search over four beams, one token a step.

Held out until detection was finished and scored on it once (tests/data/traces); no longer held out.
True steps: ``step {i}``: decoder, scores, beams, cache reordered. Prologue: spectrogram, encoder, start.
Epilogue: the best beam is scored again.
"""

import argparse

import torch
from transformers import DynamicCache, EncoderDecoderCache, WhisperConfig, WhisperForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from nsysprof.ranges import annotate, step

BEAMS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=36)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device(arguments.device)
    config = WhisperConfig(
        vocab_size=2048, d_model=256, encoder_layers=3, decoder_layers=4, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=1024, decoder_ffn_dim=1024, max_source_positions=500,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config).to(device).eval()
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    with torch.inference_mode(), annotate("transcribe"):
        with annotate("prologue"):
            wave = torch.randn(160 * 1000, device=device)
            window = torch.hann_window(400, device=device)
            power = torch.stft(wave, 400, 160, window=window, return_complex=True)[:, :-1].abs().square()
            mel = torch.rand(80, 201, device=device) @ power
            mel = torch.log10(mel.clamp(min=1e-10))
            hidden = model.model.encoder((mel - mel.mean())[None]).last_hidden_state
            encoded = BaseModelOutput(last_hidden_state=hidden.repeat(BEAMS, 1, 1))
            tokens = torch.ones(BEAMS, 1, dtype=torch.long, device=device)
            scores = torch.zeros(BEAMS, device=device)
        for index in range(arguments.steps):
            with annotate(step(index)):
                output = model(
                    encoder_outputs=encoded,
                    decoder_input_ids=tokens[:, -1:],
                    past_key_values=cache,
                    use_cache=True,
                )
                totals = scores[:, None] + torch.log_softmax(output.logits[:, -1], -1)
                scores, best = totals.flatten().topk(BEAMS)
                beams = best // totals.shape[1]
                tokens = torch.cat([tokens[beams], (best % totals.shape[1])[:, None]], 1)
                cache.reorder_cache(beams)
        with annotate("epilogue"):
            again = BaseModelOutput(last_hidden_state=hidden)
            logits = model(encoder_outputs=again, decoder_input_ids=tokens[:1, :-1]).logits
            score = torch.log_softmax(logits, -1).gather(-1, tokens[:1, 1:, None]).sum()
    print(f"{tokens.shape[1]} tokens, score {score.item():.3f}")


if __name__ == "__main__":
    main()
