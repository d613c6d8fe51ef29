"""Kernel names to categories, once per unique name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from nsysprof.classify.names import MAX_LENGTH, Signature, parse
from nsysprof.classify.rules import RuleSet, rule_set
from nsysprof.classify.tokens import read_token

FAMILY_LENGTH = 60
"""The longest family name, in characters."""


@dataclass(frozen=True, slots=True)
class KernelClass:
    """What a kernel is."""

    category: str
    """Key of ``categories.CATEGORIES``; ``unknown`` when no rule matched."""
    library: str
    """Whose kernel it is, such as ``cudnn``; empty when unknown."""
    family: str
    """Short readable name without tile sizes and types, at most ``FAMILY_LENGTH`` characters."""
    rule: str
    """Pattern of the rule that matched; empty when none did, or for a token of a shared trace."""


def classify_kernel(name: str, rules: RuleSet | None = None) -> KernelClass:
    """Return what a kernel is, by its demangled or mangled name.

    Without ``rules`` the package's own decide, behind those in the user's config folder.
    """
    return _classify(rules or rule_set(), name[:MAX_LENGTH])


def classify_names(names: Sequence[str], rules: RuleSet | None = None) -> list[KernelClass]:
    """Return what each kernel is."""
    chosen = rules or rule_set()
    return [_classify(chosen, name[:MAX_LENGTH]) for name in names]


@lru_cache(maxsize=1 << 17)
def _classify(rules: RuleSet, name: str) -> KernelClass:
    token = read_token(name)
    if token:
        return _shared(token.category, token.library, token.family, "")
    signature = parse(name)
    rule = rules.find(signature)
    if rule is None:
        return _shared("unknown", library_of(signature.scope), family_of(signature), "")
    library = rule.library or library_of(signature.scope)
    return _shared(rule.category, library, rule.family or family_of(signature), rule.pattern)


_shared = lru_cache(maxsize=1 << 12)(KernelClass)
"""Kernels differ in sizes and types more than in what they are."""


_LIBRARIES = {
    "at": "pytorch", "c10": "pytorch", "c10d": "pytorch", "caffe2": "pytorch", "gloo": "gloo",
    "pytorch_flash": "flash-attention", "flash": "flash-attention", "sm90": "flashmla",
    "sm100": "flashmla", "cudnn": "cudnn", "cublas": "cublas", "cublasLt": "cublasLt",
    "internal": "cublas", "cutlass": "cutlass", "cute": "cutlass", "cub": "cub", "at_cuda_detail": "cub",
    "thrust": "thrust", "cusparse": "cusparse", "cusolver": "cusolver", "nccl": "nccl",
    "mscclpp": "mscclpp", "vllm": "vllm", "flashinfer": "flashinfer", "sglang": "sglang",
    "expert_specialization": "sglang", "tensorrt_llm": "tensorrt-llm", "nvinfer1": "tensorrt",
    "transformer_engine": "transformer-engine", "fastertransformer": "fastertransformer", "xla": "xla",
    "tensorflow": "tensorflow", "deep_gemm": "deepgemm", "deep_ep": "deepep", "marlin": "marlin",
    "marlin_moe_wna16": "marlin", "cudapy": "numba", "PyTorchMemEffAttention": "pytorch",
    "spmvop": "cusparse",
}  # fmt: skip
"""Whose namespace it is, by the outermost one."""
_NAMED = re.compile(r"(?:cask|cutlass|xmma)\w*_(cudnn|cublas)")


def library_of(scope: str) -> str:
    """Return the library whose namespace a kernel is in; empty when it is none that is known."""
    first = scope.partition("::")[0]
    named = _NAMED.match(first)
    return named.group(1) if named else _LIBRARIES.get(first, "")


_SIZES = re.compile(  # begins with a plain class, so that the search skips all other characters
    r"[_:t\d](?:(?<=_)(?:stage|warp(?=[gs]|_tile)|align\d|sm\d|\d+$|kernel\d|0x|ldg|knob|fused_(?=\d)|g\d+_|_5x"
    r"|n[cdhw]{2,4}krs?c?|n[cdhw]{2,4}kcrs?)|(?<=[_:])(?:tilesize)?\d+x\d+|(?<=t)ilesize\d+x\d+|(?<=\d)\d*x\d+)"
)
_NVJET = re.compile(r"nvjet(?:_sm\d+)?_([a-z0-9]+?)_")


def family_of(signature: Signature) -> str:
    """Return a kernel's short name: no sizes, no types, with the functor that a wrapper applies."""
    return _family(signature.head, signature.inner)


@lru_cache(maxsize=1 << 12)
def _family(head: str, inner: str) -> str:
    if nvjet := _NVJET.match(head):
        return f"nvjet_{nvjet.group(1)}"
    if not inner or head.endswith("::kernel"):
        return _shorten(_without_sizes(head))
    return _shorten(_without_sizes(inner) if "::" in head else f"{head}<{inner}>")


def _without_sizes(head: str) -> str:
    """Cut tile sizes and what follows off a name such as ``ampere_fp16_s16816gemm_fp16_128x256_ldg8``."""
    sizes = _SIZES.search(head, 1)
    return head[: sizes.start()] if sizes and sizes.start() > 2 else head


def _shorten(family: str) -> str:
    if len(family) <= FAMILY_LENGTH:
        return family
    end = ">" if family.endswith(">") else ""
    return f"{family[: FAMILY_LENGTH - 1 - len(end)]}…{end}"
