"""Facts in the names of PyTorch's kernels that apply a functor to each element."""

import re
from typing import NamedTuple

from nsysprof.classify.grammar import Facts, Grammar, arguments, bytes_of, number, number_type

_VERBS = {
    "direct_copy": "copy", "CUDAFunctor_add": "add", "CUDAFunctorOnSelf_add": "add",
    "CUDAFunctorOnOther_add": "add", "launch_clamp_scalar": "clamp", "float16_copy": "cast to fp16",
    "bfloat16_copy": "cast to bf16", "float8_copy": "cast to fp8", "gpu_index": "index",
    "CompareEq": "equal", "WelfordOps": "mean and variance",
    "GroupNormKernelImplInternal": "group norm",
    "GroupNormBackwardKernelImplInternal": "group norm backward", "arange_cuda_out": "arange",
    "uniform_kernel": "uniform", "normal_kernel": "normal",
}  # fmt: skip
_ENDINGS = re.compile(r"(?:_kernel|_impl|_cuda|_functor|Functor|CUDAKernelImpl|KernelImpl|Ops|_out)+_?$")
_LAMBDA = re.compile(r"[{\[]lambda\(([^()]*)\)(?:#\d+\}| \(instance \d+\)\])$")
_CASTING = re.compile(r"(?:void )?(?:\w+::)*gpu_kernel_impl<")
_WITHOUT_CASTS = re.compile(r"(?:void )?(?:\w+::)*gpu_kernel_impl_nocast<")
_TEMPLATE = re.compile(r"(?:void )?(?:\w+::)*(\w+)<")


class Elements(NamedTuple):
    """Types that a functor's name tells, None for each that it does not."""

    inputs: tuple[str | None, ...] = ()
    output: str | None = None


def plain_functor(inner: str) -> str | None:
    """Return what a functor does, in a word where that is known: ``GeluCUDAKernelImpl`` is ``gelu``."""
    if not inner:
        return None
    for name, verb in _VERBS.items():
        if inner.startswith(name):
            return verb
    return _ENDINGS.sub("", inner).lower() or inner


def elements_of(functor: str) -> Elements:
    """Return the types that a functor takes and gives: those of a lambda's parameters or of a template."""
    if found := _LAMBDA.search(functor):
        return Elements(tuple(number_type(part) for part in found[1].split(", ")) if found[1] else ())
    template = _TEMPLATE.match(functor)
    if not template:
        return Elements()
    types = [number_type(part) for part in arguments(functor, template.end())]
    if template[1] in ("AUnaryFunctor", "BUnaryFunctor", "BinaryFunctor") and len(types) > 3:
        first, second, result = types[:3]  # one operand of a unary one is a number that it carries along
        inputs = {"AUnaryFunctor": (second,), "BUnaryFunctor": (first,)}.get(template[1], (first, second))
        return Elements(inputs, result)
    if template[1] == "FillFunctor":
        return Elements((), types[0] if types else None)
    return Elements((types[0],) if types else ())


def _elementwise(match: re.Match[str]) -> Facts:
    width = number(match["width"])
    parts = arguments(match["rest"], 1)
    casts = "LoadWithCast" in match["rest"]
    functor = next((part for part in parts if not part.isdecimal()), "")
    if wrapper := _CASTING.match(functor) or _WITHOUT_CASTS.match(functor):
        casts = casts or "nocast" not in wrapper.group()
        functor = next(iter(arguments(functor, wrapper.end())), "")
    elif match["threads"]:  # calls its functor with an index, not with an element
        functor = ""
    elements = elements_of(functor)
    inputs = elements.inputs
    if "std::array<char*, 1>" in parts or "std::array<char *, 1>" in parts:  # writes, and reads nothing
        elements, inputs = Elements((), elements.output or next(iter(inputs), None)), ()
    first = next(iter(inputs), None)
    same = len(set(inputs)) == 1
    facts = {
        "functor": plain_functor(match["inner"]),
        "threads": number(match["threads"]),
        "elements_per_thread": number(match["per_thread"]),
        "vector_width": width,
    }
    if casts:  # what it loads is cast to what the functor takes
        return {**facts, "element_type": first if same else None}
    return {
        **facts,
        "operand_type": first,
        "second_operand_type": next((item for item in inputs if item != first), None) if first else None,
        "output_type": elements.output,
        "vector_bytes": bytes_of(width, first)
        if same
        else bytes_of(width, None if inputs else elements.output),
    }


def _list_of_tensors(match: re.Match[str]) -> Facts:
    functor = next(iter(arguments(match["rest"], 1)[1:]), "")
    facts = {"functor": plain_functor(match["inner"])}
    template = _TEMPLATE.match(functor)
    types = [number_type(part) for part in arguments(functor, template.end())] if template else []
    if template and template[1] == "CopyFunctor" and len(types) > 1:
        return {**facts, "operand_type": types[1], "output_type": types[0]}
    return {**facts, "operand_type": next(iter(types), None)}


def _random_numbers(match: re.Match[str]) -> Facts:
    """Read what is written; nothing is read where the numbers are made from nothing."""
    made = re.search(r"\b(?:uniform|normal)_and_transform<(?P<type>c10::\w+|\w+),", match["rest"])
    return {
        "functor": plain_functor(match["inner"]),
        "output_type": number_type(made["type"]) if made else None,
    }


def _other(match: re.Match[str]) -> Facts:
    return {"functor": plain_functor(match["inner"])}


GRAMMARS = (
    Grammar(
        (
            r"(?P<vectorized>vectorized_)?(?:unrolled_|legacy_)?elementwise_kernel(?:_for_multi_outputs)?<(?P<inner>\w*)>"
            r"(?P<rest><(?:(?P<threads>\d+), (?P<per_thread>\d+), |(?(vectorized)(?P<width>\d+)), )?.*)"
        ),
        _elementwise,
    ),
    Grammar(r"multi_tensor_apply_kernel<(?P<inner>\w+)>(?P<rest><.*)", _list_of_tensors),
    Grammar(r"distribution_\w+<(?P<inner>\w+)>(?P<rest><.*)", _random_numbers),
    Grammar(r"\w*elementwise_kernel\w*<(?P<inner>\w+)><", _other),
)
"""In the order in which they are tried."""
