"""The pieces that the grammars of kernel names share: number types, shapes, booleans."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Shape = tuple[int, ...]
Facts = Mapping[str, object]
"""Fields of ``KernelFacts`` by name; None stands for what is not told."""

TYPES = {
    "f16": "fp16", "fp16": "fp16", "half": "fp16", "__half": "fp16", "half_t": "fp16", "Half": "fp16",
    "h": "fp16", "bf16": "bf16", "bfloat16": "bf16", "__nv_bfloat16": "bf16", "bfloat16_t": "bf16",
    "BFloat16": "bf16", "f32": "fp32", "fp32": "fp32", "float": "fp32", "s": "fp32", "tf32": "tf32",
    "tfloat32_t": "tf32", "f64": "fp64", "fp64": "fp64", "double": "fp64", "d": "fp64",
    "cf32": "complex fp32", "c": "complex fp32", "gc": "complex fp32", "cf64": "complex fp64",
    "z": "complex fp64", "gz": "complex fp64", "i8": "int8", "s8": "int8", "int8": "int8",
    "u8": "uint8", "uint8": "uint8", "i4": "int4", "s4": "int4", "i32": "int32", "s32": "int32",
    "int32": "int32", "int": "int32", "i": "int32", "e4m3": "fp8 e4m3", "f8_e4m3": "fp8 e4m3",
    "float_e4m3_t": "fp8 e4m3", "Float8_e4m3fn": "fp8 e4m3", "__nv_fp8_e4m3": "fp8 e4m3",
    "ue4m3": "fp8 e4m3", "e5m2": "fp8 e5m2", "f8_e5m2": "fp8 e5m2", "float_e5m2_t": "fp8 e5m2",
    "Float8_e5m2": "fp8 e5m2", "__nv_fp8_e5m2": "fp8 e5m2", "long": "int64", "int64_t": "int64",
    "long long": "int64", "short": "int16", "bool": "bool", "signed char": "int8",
    "unsigned char": "uint8", "unsigned int": "uint32", "char": "int8",
    "complex<float>": "complex fp32", "complex<double>": "complex fp64", "float2": "complex fp32",
    "double2": "complex fp64", "cf16": "complex fp16", "cbf16": "complex bf16", "ci8": "complex int8",
    "complex<c10::Half>": "complex fp16", "unsigned long": "uint64", "unsigned short": "uint16",
}  # fmt: skip
"""Every spelling of a number type, and ours."""

SIZES = {
    "fp16": 2, "bf16": 2, "fp32": 4, "tf32": 4, "fp64": 8, "int8": 1, "uint8": 1, "int32": 4,
    "uint32": 4, "int64": 8, "uint64": 8, "int16": 2, "uint16": 2, "bool": 1, "fp8 e4m3": 1,
    "fp8 e5m2": 1, "complex fp16": 4, "complex bf16": 4, "complex fp32": 8, "complex fp64": 16,
    "complex int8": 2,
}  # fmt: skip
"""Bytes of one number."""

MMA_SHAPES = {
    "884": (8, 8, 4), "1688": (16, 8, 8), "16816": (16, 8, 16), "16832": (16, 8, 32),
    "16864": (16, 8, 64), "8816": (8, 8, 16), "8832": (8, 8, 32), "161616": (16, 16, 16),
    "161632": (16, 16, 32), "1684": (16, 8, 4),
}  # fmt: skip
"""Shapes of tensor core instructions, written without separators in names."""


_NAMESPACE = re.compile(r"^(?:\w+::)+")


@dataclass(frozen=True, slots=True)
class Grammar:
    """How one maker of kernels builds names."""

    pattern: str
    """Regular expression of the names that it reads; compiled when the first name is decoded."""
    read: Callable[[re.Match[str]], Facts]
    """Reads the facts out of a match."""
    anywhere: bool = False
    """Whether the pattern is looked for rather than matched at the start of the kernel's own name."""


EPILOGUES = (
    "bias", "relu", "dgelu", "drelu", "gelu", "swish", "silu", "sigmoid", "tanh", "bgrada", "bgradb",
)  # fmt: skip
"""Words in names for what a kernel can apply to its result."""


def epilogue_of(text: str) -> tuple[str, ...] | None:
    """Return the epilogues among the words of a name."""
    words = text.split("_")
    return tuple(word for word in EPILOGUES if word in words) or None


def part_of(pattern: str, text: str) -> str | None:
    """Return the first group of a pattern that is looked for, None where it is not there."""
    found = re.search(pattern, text)
    return found.group(1) if found else None


_BRACKETS = re.compile(r"[<>()\[\]{},]")


def arguments_until(text: str, begin: int) -> tuple[list[str], int]:
    """Return the template arguments behind an opening bracket, and where what follows them begins."""
    found, depth, start = [], 0, begin
    for bracket in _BRACKETS.finditer(text, begin):
        at, character = bracket.start(), bracket.group()
        if character in "<([{":
            depth += 1
        elif character != "," and not (character == ">" and text[at - 1] == "-"):
            depth -= 1
        if depth < 0 or (depth == 0 and character == ","):
            found.append(text[start:at].strip())
            start = at + 1
        if depth < 0:
            return found, start
    return found, len(text)  # cut off: what stood behind the last comma is no whole argument


def arguments(text: str, begin: int) -> list[str]:
    """Return the template arguments behind an opening bracket, up to the one that closes it."""
    return arguments_until(text, begin)[0]


def number_type(text: str | None) -> str | None:
    """Return our spelling of a number type, None for one that is not known."""
    return TYPES.get(_NAMESPACE.sub("", text).strip()) if text else None


def shape(text: str | None) -> Shape | None:
    """Return ``64x128`` as numbers."""
    return tuple(int(part) for part in text.split("x")) if text else None


def number(text: str | None) -> int | None:
    """Return a number where there is one."""
    return int(text) if text else None


def flag(text: str | None) -> bool | None:
    """Return a C++ boolean: ``true``, ``1``, ``false``, ``0``."""
    return None if text is None else text in ("true", "1")


def bytes_of(elements: int | None, element_type: str | None) -> int | None:
    """Return how many bytes a number of elements takes, where both are known."""
    size = SIZES.get(element_type or "")
    return elements * size if elements and size else None
