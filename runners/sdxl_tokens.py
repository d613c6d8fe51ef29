"""Tokens for the text encoders: a model's own tokenizers, or random tokens where there are none."""

import re
import zlib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy
from sdxl_options import TEXT_LENGTH, Options

from nsysprof.errors import UsageError

_FIRST_OF_CLIP = "!"  # token 0, with which SDXL's second tokenizer pads


class RandomTokenizer:
    """Stands in for a CLIP tokenizer: random tokens between CLIP's begin and end, padded to its length.

    The same text and seed give the same tokens, so that both text encoders read the same "prompt", as they do
    with real tokenizers. Without a count, a text stands for about as many tokens as CLIP would make of it.
    """

    model_max_length = TEXT_LENGTH

    def __init__(self, vocabulary: int, count: int | None, seed: int, pad_with_end: bool) -> None:
        """Draw ``count`` tokens per text from a ``vocabulary`` whose last two are begin and end."""
        self._begin, self._end = vocabulary - 2, vocabulary - 1
        self._count = count
        self._seed = seed
        self._pad = self._end if pad_with_end else 0
        self.added_tokens_encoder: dict[str, int] = {}

    def tokenize(self, text: str) -> list[str]:
        """Return the text's words; diffusers looks for textual inversions among them and finds none."""
        return re.findall(r"\w+|[^\w\s]", text)

    def __call__(self, text: str | Sequence[str], **_: object) -> SimpleNamespace:
        """Return ``input_ids``, int64[texts, 77]."""
        import torch

        texts = [text] if isinstance(text, str) else text
        return SimpleNamespace(input_ids=torch.tensor([self._ids(one) for one in texts], device="cpu"))

    def _ids(self, text: str) -> list[int]:
        count = len(self.tokenize(text)) if self._count is None or not text else self._count
        count = min(count, TEXT_LENGTH - 2)
        # crc32, because hash() of a text differs from process to process
        draw = numpy.random.default_rng([zlib.crc32(text.encode()), self._seed])
        ids = [self._begin, *draw.integers(self._begin, size=count).tolist(), self._end]
        return ids + [self._pad] * (TEXT_LENGTH - len(ids))


def random_tokenizers(options: Options, vocabulary: int) -> dict[str, RandomTokenizer]:
    """Return stand-ins for SDXL's two tokenizers, which pad with the end token and with token 0."""
    return {
        name: RandomTokenizer(vocabulary, options.prompt_tokens, options.seed, pad_with_end)
        for name, pad_with_end in (("tokenizer", True), ("tokenizer_2", False))
    }


def load_tokenizers(place: str, vocabulary: int) -> dict[str, Any]:
    """Load SDXL's two tokenizers from a hub id or folder: of an SDXL model, or of a plain CLIP tokenizer.

    Raises UsageError when there is none, or when it has more tokens than the text encoders know.
    """
    first = _load_tokenizer(place, subfolder="tokenizer") or _load_tokenizer(place)
    second = _load_tokenizer(place, subfolder="tokenizer_2") or _load_tokenizer(
        place, pad_token=_FIRST_OF_CLIP
    )
    if first is None or second is None:
        raise UsageError(f"no CLIP tokenizer in {place}", "give an SDXL or CLIP model, hub id or folder")
    if len(first) > vocabulary:
        raise UsageError(
            f"{place} has more tokens than the text encoders know ({vocabulary})", "give another"
        )
    return {"tokenizer": first, "tokenizer_2": second}


def _load_tokenizer(place: str, **settings: str) -> Any:
    """Return the CLIP tokenizer at ``place``, None where there is none."""
    from transformers import CLIPTokenizer

    try:
        tokenizer = CLIPTokenizer.from_pretrained(place, **settings)
    except Exception:  # the Rust library below raises bare ones for a damaged file
        return None
    # without its files transformers makes an empty one, which knows the special tokens only
    return tokenizer if len(tokenizer) > len(tokenizer.all_special_tokens) + 1 else None
