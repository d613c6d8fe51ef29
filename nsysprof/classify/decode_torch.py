"""Facts in the names of PyTorch's own kernels, of Triton kernels that torch.compile writes, and of NCCL."""

import re

from nsysprof.classify.grammar import TYPES, Facts, Grammar, bytes_of, number, number_type

_TYPE = r"(?:c10::)?(?:complex<float>|complex<double>|[A-Za-z_]\w*)"
_DATA = re.compile(
    r"\b(?:c10::)?(Half|BFloat16|Float8_e4m3fn|Float8_e5m2|complex<float>|complex<double>|double|float|bool|"
    r"unsigned char|signed char|short|int|long)\b(?! \(instance)"
)
_VERBS = {
    "direct_copy": "copy", "CUDAFunctor_add": "add", "CUDAFunctorOnSelf_add": "add",
    "CUDAFunctorOnOther_add": "add", "launch_clamp_scalar": "clamp", "float16_copy": "cast to fp16",
    "bfloat16_copy": "cast to bf16", "float8_copy": "cast to fp8", "gpu_index": "index",
    "CompareEq": "equal", "WelfordOps": "mean and variance",
    "GroupNormKernelImplInternal": "group norm", "arange_cuda_out": "arange",
    "uniform_kernel": "uniform", "normal_kernel": "normal",
}  # fmt: skip
_ENDINGS = re.compile(
    r"(?:_kernel(?:_impl|_cuda)*|_cuda(?:_kernel)?|_functor|Functor|CUDAKernelImpl|KernelImpl|Ops|_out)+_?$"
)
_KINDS = {
    "poi": "pointwise", "per": "persistent reduction", "red": "looped reduction", "tem": "template",
    "for": "foreach",
}  # fmt: skip
_ACCUMULATING = re.compile(r"(?:vectorized_layer_norm|softmax_warp|cunn_\w*SoftMax|layer_norm_grad_input)\w*")


def plain_functor(inner: str) -> str | None:
    """Return what a functor does, in a word where that is known: ``GeluCUDAKernelImpl`` is ``gelu``."""
    if not inner:
        return None
    for name, verb in _VERBS.items():
        if inner.startswith(name):
            return verb
    return _ENDINGS.sub("", inner).lower() or inner


def data_type(rest: str, inner: str) -> str | None:
    """Return the type of the elements: the first number type behind the functor's name."""
    at = rest.find(inner) if inner else 0
    found = _DATA.search(rest, max(at, 0), at + 400)
    return TYPES.get(found.group(1)) if found else None


def _elementwise(match: re.Match[str]) -> Facts:
    element = data_type(match["rest"], match["inner"])
    threads, per_thread = number(match["threads"]), number(match["per_thread"])
    width = number(match["width"])
    return {
        "functor": plain_functor(match["inner"]),
        "operand_type": element,
        "threads": threads,
        "elements_per_thread": per_thread,
        "vector_width": width,
        "vector_bytes": bytes_of(width, element),
    }


def _reduction(match: re.Match[str]) -> Facts:
    return {
        "functor": plain_functor(match["inner"]),
        "operand_type": number_type(match["type"]),
        "vector_width": number(match["width"]) if match["width"] != "1" else None,
    }


def _wrapped(match: re.Match[str]) -> Facts:
    return {
        "functor": plain_functor(match["inner"]),
        "operand_type": data_type(match["rest"], match["inner"]),
    }


def _typed(match: re.Match[str]) -> Facts:
    accumulates = _ACCUMULATING.match(match["head"]) is not None
    return {
        "operand_type": number_type(match["first"]),
        "accumulator_type": number_type(match["second"]) if accumulates and match["second"] else None,
        "direction": _direction(match["head"]),
    }


def _direction(head: str) -> str | None:
    if re.search(r"[Bb]ackward|_bwd|_grad|Grad", head):
        return "backward"
    return "forward" if re.search(r"[Ff]orward|_fwd", head) else None


def _concatenation(match: re.Match[str]) -> Facts:
    size, width = int(match["size"]), number(match["width"])
    return {"functor": "concatenate", "vector_width": width, "vector_bytes": size * width if width else None}


def _gather(match: re.Match[str]) -> Facts:
    return {"functor": "gather", "vector_bytes": int(match["bytes"])}


def _inductor(match: re.Match[str]) -> Facts:
    return {"algorithm": _KINDS.get(match["kind"]), "functor": match["operators"].strip("_") or None}


def _collective(match: re.Match[str]) -> Facts:
    algorithm = ", ".join(part.lower() for part in (match["algorithm"], match["protocol"]) if part)
    operation = " ".join(part for part in (match["collective"], match["operation"]) if part)
    return {"functor": operation, "operand_type": number_type(match["type"]), "algorithm": algorithm or None}


GRAMMARS = (
    Grammar(
        (
            r"(?:vectorized_|unrolled_|legacy_)?elementwise_kernel\w*<(?P<inner>\w*)>"
            r"(?P<rest><(?:(?P<threads>\d+), (?P<per_thread>\d+), |(?P<width>\d+), )?.*)"
        ),
        _elementwise,
    ),
    Grammar(
        (
            r"reduce_kernel<(?P<inner>\w+)><\d+, (?P<width>\d+), at::native::ReduceOp<(?P<type>"
            + _TYPE
            + r")[,>]"
        ),
        _reduction,
    ),
    Grammar(
        (
            r"(?:multi_tensor_apply_kernel|distribution_\w+|\w+elementwise_kernel)<(?P<inner>\w+)>(?P<rest><.*)"
        ),
        _wrapped,
    ),
    Grammar(
        (
            r"CatArrayBatchedCopy\w*<at::native::OpaqueType<(?P<size>\d+)u?>[^>]{0,80}?"
            r"(?:, 16, (?P<width>\d+))?>"
        ),
        _concatenation,
    ),
    Grammar((r"vectorized_gather_kernel<(?P<bytes>\d+), "), _gather),
    Grammar((r"triton_(?P<kind>poi|per|red|tem|for)\w*?_fused_(?P<operators>\w*?)_?\d*$"), _inductor),
    Grammar(
        (
            r"nccl(?:Dev)?Kernel_(?P<collective>[A-Z][A-Za-z]+?)(?:_(?P<operation>Sum|Prod|Max|Min|MinMax|Avg|PreMulSum|SumPostDiv))?"
            r"(?:_(?P<type>[a-z]\w*?))?(?:_(?P<algorithm>RING|TREE|COLLNET\w*|NVLS\w*|PAT))?(?:_(?P<protocol>LL128|LL|SIMPLE))?(?:[(<]|$)"
        ),
        _collective,
    ),
    Grammar((r"(?P<head>\w+)<(?P<first>" + _TYPE + r")(?:, (?P<second>" + _TYPE + r"))?[,>]"), _typed),
)
"""In the order in which they are tried."""
