"""The fresh held-out set's networks for language, vision and speech, and what the compiler makes of some."""

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from gpu.corpus_models import inference, small
from gpu.corpus_ops import Work, each, forward_backward
from gpu.heldout import train

WORKLOADS: dict[str, Callable[[str], Work]] = {}


def workload(function: Callable[[str], Work]) -> Callable[[str], Work]:
    """Register a builder under its own name."""
    WORKLOADS[function.__name__] = function
    return function


def network(name: str, task: str, device: str, dtype: torch.dtype, **options: Any) -> Any:
    """Return a model of transformers with random weights; ``name`` is that of its configuration."""
    transformers = importlib.import_module("transformers")
    config = getattr(transformers, f"{name}Config")(**options)
    return getattr(transformers, task)(config).to(device, dtype).eval()


def widths(device: str, **more: Any) -> dict[str, Any]:
    """Return a language model's sizes."""
    wide = 64 if small(device) else 1536
    sizes = {
        "hidden_size": wide,
        "intermediate_size": 2 * wide,
        "num_attention_heads": 4 if small(device) else 12,
    }
    return {**sizes, "num_hidden_layers": 2, "vocab_size": 8000, **more}


def decoders(device: str, dtype: torch.dtype, *choices: tuple[str, dict[str, Any]]) -> Work:
    """Prefill and decode a few tokens with each of the causal models."""
    prompt = torch.randint(5, 8000, (3, 90), device=device)
    options = {"max_new_tokens": 3, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    works: list[Work] = []
    for name, sizes in choices:
        model = network(name, f"{name.removesuffix('Text')}ForCausalLM", device, dtype, **sizes)
        works.append(inference(partial(model.generate, prompt, **options)))
    return each(*works)


@workload
def older_decoders(device: str) -> Work:
    sizes = widths(device)
    choices = (
        ("GPTNeoX", sizes),
        ("Falcon", {**sizes, "alibi": True}),
        ("Bloom", {"hidden_size": sizes["hidden_size"], "n_head": 4, "n_layer": 2, "vocab_size": 8000}),
        ("OPT", {"hidden_size": sizes["hidden_size"], "num_hidden_layers": 2, "vocab_size": 8000,
        "ffn_dim": 512,
                 "num_attention_heads": 4, "word_embed_proj_dim": sizes["hidden_size"]}),
        ("Phi", sizes),
    )  # fmt: skip
    return decoders(device, torch.bfloat16 if small(device) else torch.float16, *choices)


@workload
def newer_decoders(device: str) -> Work:
    sizes = widths(device, num_key_value_heads=4)
    choices = (
        ("Gemma3Text", {**sizes, "head_dim": 256, "sliding_window": 32}),
        ("Qwen3", {**sizes, "head_dim": 128}),
        ("Cohere2", {**sizes, "sliding_window": 32}),
        ("Olmo2", sizes),
    )
    return decoders(device, torch.bfloat16, *choices)


@workload
def expert_decoders(device: str) -> Work:
    sizes = widths(device, num_key_value_heads=4)
    experts = {"num_local_experts": 8, "num_experts_per_tok": 2, "moe_intermediate_size": 256}
    latent = {"q_lora_rank": 96, "kv_lora_rank": 64, "n_routed_experts": 8, "n_group": 2, "topk_group": 1}
    heads = {"num_key_value_heads": sizes["num_attention_heads"], "first_k_dense_replace": 1}
    choices = (
        ("DeepseekV3", {**sizes, **experts, **latent, **heads, "num_experts_per_tok": 2}),
        ("GptOss", {**sizes, **experts, "head_dim": 64}),
        ("Qwen3Moe", {**sizes, **experts, "num_experts": 8}),
    )
    return decoders(device, torch.bfloat16, *choices)


@workload
def state_space_decoders(device: str) -> Work:
    wide = 64 if small(device) else 1024
    mamba = {"hidden_size": wide, "num_hidden_layers": 1, "vocab_size": 8000}
    choices = (
        ("Mamba2", {**mamba, "num_heads": wide // 32, "head_dim": 64, "n_groups": 2, "state_size": 64}),
        ("FalconMamba", mamba),
        ("RecurrentGemma", {**widths(device), "num_hidden_layers": 3, "num_key_value_heads": 1}),
    )
    return decoders(device, torch.bfloat16, *choices)


@workload
def static_cache_decoding(device: str) -> Work:
    model = network(
        "Llama", "LlamaForCausalLM", device, torch.bfloat16, **widths(device, num_key_value_heads=4)
    )
    prompt = torch.randint(5, 8000, (2, 50), device=device)
    options = {"max_new_tokens": 3, "cache_implementation": "static", "pad_token_id": 0, "top_k": 9}
    return inference(partial(model.generate, prompt, do_sample=True, disable_compile=True, **options))


@workload
def masked_language_training(device: str) -> Work:
    tokens = torch.randint(5, 8000, (4, 192), device=device)
    works = []
    for name in ("ModernBert", "Electra", "XLNet", "FNet"):
        sizes = {"hidden_size": 384, "num_hidden_layers": 2, "num_attention_heads": 6, "vocab_size": 8000}
        sizes |= {
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "cls_token_id": 1,
            "sep_token_id": 2,
        }
        more = {"d_model": 384, "n_layer": 2, "n_head": 6, "vocab_size": 8000} if name == "XLNet" else sizes
        task = "XLNetLMHeadModel" if name == "XLNet" else f"{name}ForMaskedLM"
        model = network(name, task, device, torch.float32, **more).train()

        def loss(model: Any = model) -> Any:
            with torch.autocast(device, torch.bfloat16):
                return model(tokens, labels=tokens).loss

        works.append(train(loss, torch.optim.NAdam(model.parameters(), foreach=True)))
    return each(*works)


@workload
def sequence_to_sequence(device: str) -> Work:
    sizes: dict[str, Any] = {
        "d_model": 256,
        "vocab_size": 8000,
        "d_kv": 64,
        "d_ff": 512,
        "num_layers": 2,
        "num_heads": 4,
    }
    sizes |= {"feed_forward_proj": "gated-gelu", "decoder_start_token_id": 0}
    t5 = network("T5", "T5ForConditionalGeneration", device, torch.float32, **sizes)
    more = {"d_model": 256, "encoder_layers": 1, "decoder_layers": 1, "vocab_size": 8000}
    bart = network("Bart", "BartForConditionalGeneration", device, torch.bfloat16, **more)
    tokens = torch.randint(5, 8000, (3, 60), device=device)
    beams = partial(bart.generate, tokens, num_beams=4, max_new_tokens=4, no_repeat_ngram_size=2)
    return each(
        train(lambda: t5(input_ids=tokens, labels=tokens).loss, torch.optim.Adafactor(t5.parameters())),
        inference(beams),
    )


@workload
def contrastive_training(device: str) -> Work:
    text = {"hidden_size": 256, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 8000}
    seen = {
        "hidden_size": 384,
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
        "patch_size": 16,
        "image_size": 224,
    }
    clip = network("CLIP", "CLIPModel", device, torch.float32, text_config=text, vision_config=seen)
    siglip = network("Siglip", "SiglipModel", device, torch.float32, text_config=text,
                     vision_config={**seen, "hidden_size": 256, "num_attention_heads": 4})  # fmt: skip
    pixels, words = torch.randn(4, 3, 224, 224, device=device), torch.randint(5, 8000, (4, 40), device=device)

    def loss(model: Any) -> Any:
        with torch.autocast(device, torch.bfloat16):
            return model(input_ids=words, pixel_values=pixels, return_loss=True).loss

    return each(
        *(train(partial(loss, m), torch.optim.AdamW(m.parameters(), fused=True)) for m in (clip, siglip))
    )


@workload
def vision_backbones(device: str) -> Work:
    works: list[Work] = []
    dtypes = (torch.bfloat16,) if small(device) else (torch.float16, torch.float32)
    names = (
        "Dinov2",
        "ConvNextV2",
        "MobileViT",
        "PoolFormer",
        "Segformer",
        "Swinv2",
        "RegNet",
        "Levit",
        "Cvt",
    )
    for name in names:
        for dtype in dtypes:
            model = network(name, f"{name}Model", device, dtype)
            side = model.config.image_size if name in ("Levit", "Swinv2", "MobileViT") else 224
            pixels = torch.randn(2, 3, side, side, device=device, dtype=dtype)
            works.append(inference(partial(model, pixels)))
    return each(*works)


@workload
def dense_prediction(device: str) -> Work:
    transformers = importlib.import_module("transformers")
    backbone = transformers.ResNetConfig(out_features=["stage2", "stage3", "stage4"], depths=[1, 1, 1, 1])
    layers = {"encoder_layers": 1, "decoder_layers": 1, "backbone_config": backbone}
    deformable = network("DeformableDetr", "DeformableDetrModel", device, torch.float32, **layers)
    last = transformers.ResNetConfig(out_features=["stage4"], depths=[1, 1, 1, 1])
    detr = network("Detr", "DetrModel", device, torch.float32, **{**layers, "backbone_config": last})
    segment = network(
        "Segformer", "SegformerForSemanticSegmentation", device, torch.float32, num_labels=19
    ).train()
    pixels = torch.randn(2, 3, 192, 256, device=device)
    seen = torch.randint(0, 19, (2, 192, 256), device=device)
    optimizer = torch.optim.AdamW(segment.parameters(), foreach=True)
    return each(
        forward_backward(lambda p: deformable(p).last_hidden_state, pixels),
        forward_backward(lambda p: detr(p).last_hidden_state, pixels),
        train(lambda: segment(pixels, labels=seen).loss, optimizer),
    )


@workload
def audio_networks(device: str) -> Work:
    wave = torch.randn(2, 1, 8000, device=device)
    codecs = [network(name, f"{name}Model", device, torch.float32) for name in ("Encodec", "Dac")]
    hubert = network("Hubert", "HubertForCTC", device, torch.float32, num_hidden_layers=1, hidden_size=384,
                     num_attention_heads=6, vocab_size=40, mask_time_length=2).train()  # fmt: skip
    half = torch.bfloat16 if small(device) else torch.float16
    bert = network("Wav2Vec2Bert", "Wav2Vec2BertModel", device, half,
                   num_hidden_layers=1, hidden_size=384, num_attention_heads=6)  # fmt: skip
    said = torch.randint(1, 40, (2, 5), device=device)
    frames = torch.randn(2, 80, 160, device=device, dtype=bert.dtype)
    return each(
        *(inference(partial(codec, wave)) for codec in codecs),
        train(lambda: hubert(wave[:, 0], labels=said).loss, torch.optim.RMSprop(hubert.parameters())),
        inference(lambda: bert(frames)),
    )


@workload
def compiled_networks(device: str) -> Work:
    if small(device):
        return lambda: None
    sizes = {"hidden_sizes": [96, 192], "depths": [1, 1], "num_stages": 2}
    vision = network("ConvNextV2", "ConvNextV2Model", device, torch.float32, **sizes)
    language = network(
        "Qwen3", "Qwen3ForCausalLM", device, torch.bfloat16, **widths(device, num_hidden_layers=1)
    )
    see, read = torch.compile(vision), torch.compile(language, dynamic=True)
    pixels, tokens = torch.randn(4, 3, 96, 96, device=device), torch.randint(5, 8000, (2, 130), device=device)

    def learn() -> None:
        with torch.autocast(device, torch.bfloat16):
            see(pixels).pooler_output.float().square().sum().backward()

    return each(learn, inference(lambda: read(tokens, use_cache=False)))


@workload
def compiled_functions(device: str) -> Work:
    if small(device):
        return lambda: None

    def turn(q: Any, angle: Any) -> Any:
        left, right = q.chunk(2, -1)
        return q * angle.cos() + torch.cat([-right, left], -1) * angle.sin()

    def gated(x: Any, w: Any) -> Any:
        up, gate = (F.rms_norm(x, x.shape[-1:]) @ w).chunk(2, -1)
        return F.dropout(F.silu(gate) * up, 0.2, True)

    def quantise(x: Any) -> Any:
        scale = x.abs().amax(-1, keepdim=True).float() / 448
        return (x / scale).to(torch.float8_e4m3fn), torch.histc(x.float(), 20), x.cumsum(-1).argmin(-1)

    x, w = (torch.randn(*s, device=device, dtype=torch.bfloat16) for s in ((700, 640), (640, 1280)))
    graphed = torch.compile(quantise, mode="reduce-overhead")
    tuned = torch.compile(lambda a, b: torch.addmm(a[:, :1], a, b).relu(), mode="max-autotune-no-cudagraphs")
    return each(
        forward_backward(torch.compile(turn), x, x),
        forward_backward(torch.compile(gated, dynamic=True), x, w),
        inference(lambda: graphed(x)),
        inference(lambda: tuned(x, w)),
    )


@workload
def flexible_attention(device: str) -> Work:
    if small(device):
        return lambda: None
    flex = importlib.import_module("torch.nn.attention.flex_attention")
    slope = torch.linspace(0.1, 0.9, 12, device=device)
    attend = torch.compile(flex.flex_attention, dynamic=False)
    window = flex.create_block_mask(
        lambda _b, _h, i, j: (i >= j) & (i - j < 200), None, None, 768, 768, device=device
    )
    q, kv = (torch.randn(2, h, 768, 96, device=device, dtype=torch.bfloat16) for h in (12, 4))

    def alibi(score: Any, _b: Any, head: Any, i: Any, j: Any) -> Any:
        return score + slope[head] * (j - i)

    def capped(score: Any, *_: Any) -> Any:
        return 20 * torch.tanh(score / 20)

    return each(
        forward_backward(lambda a, b: attend(a, b, b, score_mod=alibi, enable_gqa=True), q, kv),
        forward_backward(lambda a, b: attend(a, b, b, block_mask=window, enable_gqa=True), q, kv),
        inference(lambda: attend(q[:, :4, :1], kv, kv, score_mod=capped)),
    )
