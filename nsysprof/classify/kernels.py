"""Kernel names to categories, once per unique name."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from nsysprof.classify.names import MAX_LENGTH, Signature, parse
from nsysprof.classify.rules import RuleSet, builtin_rule_set

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
    """Short readable name of the kernel without tile sizes and types, at most ``FAMILY_LENGTH`` characters."""
    rule: str
    """Pattern of the rule that matched; empty when none did."""


@lru_cache(maxsize=1 << 17)
def _classify(name: str) -> KernelClass:
    return classify_with(builtin_rule_set(), name)


def classify_kernel(name: str) -> KernelClass:
    """Return what a kernel is, by its demangled or mangled name."""
    return _classify(name[:MAX_LENGTH])


def classify_names(names: Sequence[str], rules: RuleSet | None = None) -> list[KernelClass]:
    """Return what each kernel is; ``rules`` replaces the package's own."""
    if rules is None:
        return [classify_kernel(name) for name in names]
    return [classify_with(rules, name) for name in names]


def classify_with(rules: RuleSet, name: str) -> KernelClass:
    """Return what a kernel is by other rules than the package's own."""
    signature = parse(name)
    rule = rules.find(signature)
    if rule is None:
        return KernelClass("unknown", library_of(signature.scope), family_of(signature), "")
    library = rule.library or library_of(signature.scope)
    return KernelClass(rule.category, library, rule.family or family_of(signature), rule.pattern)


_LIBRARIES = (
    ("at::", "pytorch"), ("c10", "pytorch"), ("pytorch_flash", "flash-attention"), ("flash", "flash-attention"),
    ("cudnn", "cudnn"), ("cask_cudnn", "cudnn"), ("cask__5x_cudnn", "cudnn"), ("cublas", "cublas"),
    ("cutlass", "cutlass"), ("cute", "cutlass"), ("cub::", "cub"), ("thrust", "thrust"), ("vllm", "vllm"),
    ("flashinfer", "flashinfer"), ("sglang", "sglang"), ("sgl_kernel", "sglang"), ("tensorrt_llm", "tensorrt-llm"),
    ("nvinfer", "tensorrt"), ("transformer_engine", "transformer-engine"), ("cusparse", "cusparse"),
    ("cusolver", "cusolver"), ("nccl", "nccl"), ("fastertransformer", "fastertransformer"), ("xla", "xla"),
    ("tensorflow", "tensorflow"), ("deep_gemm", "deepgemm"), ("deep_ep", "deepep"), ("caffe2", "pytorch"),
    ("marlin", "marlin"), ("internal", "cublas"), ("mscclpp", "mscclpp"), ("cudapy", "numba"),
)  # fmt: skip


def library_of(scope: str) -> str:
    """Return the library whose namespace a kernel is in; empty when it is none that is known."""
    return next((library for prefix, library in _LIBRARIES if f"{scope}::".startswith(prefix)), "")


_WORD = re.compile(r"[A-Za-z_]\w*")
_WRAPPERS = re.compile(
    r"\w*elementwise_kernel\w*|reduce_kernel|multi_tensor_apply_kernel|distribution_\w+|\w+_agent"
)
_WRAPPED = re.compile(
    r"at|native|c10|std|cuda|detail|binary_internal|memory|templates|void|bool|int|unsigned|long|float|double|half|Half|char"
    r"|short|signed|BFloat16|Float8_\w+|complex|const|array|operator|lambda|instance|function_traits|thrust|cuda_cub|core"
    r"|__half|__nv_bfloat16|__nv_fp8\w*|gpu_kernel\w*|opmath_\w+|[AB]UnaryFunctor|BinaryFunctor|BinaryFunctor\w+|ReduceOp|"
    r"func_wrapper_t|TensorListMetadata\w*|_?FusedOptimizer\w*|THRUST_\w+|CUB_\w+|OpaqueType|TensorIteratorBase|TensorBase|"
    r"uniform_and_transform|normal_and_transform|true|false|T\d|cub|Tensor|ops|unnamed|anonymous|namespace|philox\w*"
)
_SIZES = re.compile(
    r"[_:]?(?:tilesize)?\d+x\d+|_stage|_warp|_align|_sm\d|_\d+$|_kernel\d|_0x|_ldg|_knob|_fused_(?=\d)|_g\d+_|__5x"
)
_NVJET = re.compile(r"nvjet(?:_sm\d+)?_([a-z0-9]+?)_")


def family_of(signature: Signature) -> str:
    """Return a kernel's short name: without sizes and types, with the functor that a general kernel applies."""
    head = signature.head
    if nvjet := _NVJET.match(head):
        return f"nvjet_{nvjet.group(1)}"
    if head.endswith(("::Kernel", "::Kernel2", "::device_kernel", "::kernel")):
        inner = _inner_name(signature.rest)
        return _shorten(_flat_family(inner) if inner else head)
    if _WRAPPERS.fullmatch(head):
        inner = _inner_name(signature.rest)
        return _shorten(f"{head}<{inner}>" if inner else head)
    return _shorten(_flat_family(head))


def _inner_name(rest: str) -> str:
    """Return the first telling identifier of the template arguments."""
    for word in _WORD.finditer(rest, 0, 1000):
        if not _WRAPPED.fullmatch(word.group()):
            return word.group()
    return ""


def _flat_family(head: str) -> str:
    """Cut tile sizes and what follows them off a name such as ``ampere_fp16_s16816gemm_fp16_128x256_ldg8``."""
    sizes = _SIZES.search(head, 1)
    return head[: sizes.start()] if sizes and sizes.start() > 2 else head


def _shorten(family: str) -> str:
    if len(family) <= FAMILY_LENGTH:
        return family
    end = ">" if family.endswith(">") else ""
    return f"{family[: FAMILY_LENGTH - 1 - len(end)]}…{end}"
