"""Families of counted range texts (``step 0``, ``step 1``, ...), any of which may be a program's steps."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_SGLANG = re.compile(r"(denoising_step)_(\d+)_t\S+")
_COUNTED = re.compile(r"([A-Za-z][\w.:/-]*(?: [A-Za-z][\w.:/-]*){0,5})[ _#](\d{1,9})")
_LONGEST_TEXT = 200

_OURS = "step"
_KNOWN = ("denoising_step", "ProfilerStep")
_STEP_LIKE = re.compile(r"step|iter|denois|token|decode|batch|frame", re.IGNORECASE)
_PART_LIKE = re.compile(r"layer|block|stage|rank|worker|epoch|expert|head", re.IGNORECASE)
_DETAILS = re.compile(r",? (?:in|seq|op_id|sizes|input_op_ids) ?=.*", re.DOTALL)
_OPERATOR_LENGTH = 500
_WARMUP = re.compile(r"warm[ _-]?up", re.IGNORECASE)

CERTAIN_RANK = 1
"""Families up to this rank are steps by their name; others must tile most of the GPU time too."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A range text that counts something."""

    family: str
    """What is counted, such as ``step`` or ``ProfilerStep``."""
    number: int
    """Which one."""


def parse(text: str) -> Counted | None:
    """Read ``step 3``, ``denoising_step_3_t981``, ``ProfilerStep#3``, any ``<word>[ _#]<int>``; else None."""
    if len(text) > _LONGEST_TEXT:
        return None
    match = _SGLANG.fullmatch(text) or _COUNTED.fullmatch(text)
    return Counted(match[1], int(match[2])) if match else None


def rank(family: str) -> int:
    """Return how well a family's name fits steps: 0 ours, 1 other programs', 2 the like, 4 parts of steps."""
    if family == _OURS:
        return 0
    if family in _KNOWN:
        return CERTAIN_RANK
    if _PART_LIKE.search(family):
        return 4
    return 2 if _STEP_LIKE.search(family) else 3


def is_warmup(text: str) -> bool:
    """Tell whether a range holds warm-up, steps in which do not count."""
    return len(text) <= _LONGEST_TEXT and _WARMUP.search(text) is not None


def operator_of(text: str) -> str:
    """Return a range's text without what changes from call to call: the shapes, the sequence number."""
    return _DETAILS.sub("", text[:_OPERATOR_LENGTH])


def operator_name(text: str) -> str:
    """Return a range's operator, empty for ranges that are none: those that count steps or hold warm-up."""
    return "" if parse(text) or is_warmup(text) else operator_of(text)


def by_family(texts: Sequence[str]) -> dict[str, dict[int, int]]:
    """Return the number of each text by family and text index."""
    families: dict[str, dict[int, int]] = {}
    for index, text in enumerate(texts):
        counted = parse(text)
        if counted:
            families.setdefault(counted.family, {})[index] = counted.number
    return families
