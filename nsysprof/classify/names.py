"""Take a kernel's name apart, in any spelling: nsys's, CUPTI's, or Itanium-mangled.

nsys writes ``<unnamed>::`` and ``(int)128`` where CUPTI writes ``(anonymous namespace)::`` and ``128``; some
tools leave names mangled. All of them become a ``Signature`` with the same head. The work is linear in the
length of the name, and names beyond ``MAX_LENGTH`` are cut, so a hostile name costs no more than a long one.
"""

import re
from typing import NamedTuple

from nsysprof.classify.mangled import unmangle

MAX_LENGTH = 4096
"""Characters of a name that are looked at; what says what a kernel is stands well before that."""
MANGLED_LENGTH = 1200
"""Characters of a mangled name that are looked at: parameters follow that repeat what stood before."""

_ANONYMOUS = ("<unnamed>::", "(anonymous namespace)::", "{anonymous}::", "`anonymous namespace'::")
_UNIQUE = re.compile(r"(?:_GLOBAL__N_|_INTERNAL_)\w*::")
"""What older demanglers write for an anonymous namespace: a name of the file with a hash."""
_CAST = re.compile(
    r"\((?:bool|(?:signed |unsigned )?char|(?:unsigned )?(?:short|int|long(?: long)?))\)(?=-?\d)"
)
_ASSIGNED = re.compile(r"\b(?:bool|(?:unsigned )?(?:int|long))=(?=-?\d)")
_ENABLE_IF = ">::type "
_BRACKET = re.compile(r"[<>]")
_OPENING = re.compile(r"[<(]")
_VAGUE = frozenset(
    {
        "kernel",
        "Kernel",
        "Kernel2",
        "device_kernel",
        "DeviceKernel",
        "run",
        "operator",
        "vector_fft",
        "init_device_workspace_kernel",
    }
)
"""Function names that say nothing: the name of the class or namespace around them belongs to the head."""
_WRAPPER = re.compile(
    r"\w*elementwise_kernel(?:_\w+)?$|kernelPointwiseApply\d$|kernel_wrapper$|reduce_kernel$|multi_tensor_apply_kernel$|distribution_|_?kernel_agent$"
    r"|\w+::(?:device_)?[Kk]ernel2?$|kernel$"
)
"""Heads of kernels that apply whatever their template arguments name."""
_WORD = re.compile(r"\b[A-Za-z_]\w*\b(?!::)")
_INNER_LENGTH = 1000
_TYPES = frozenset((
    "AUnaryFunctor", "BFloat16", "BUnaryFunctor", "BinaryFunctor", "CUDAGeneratorImpl",
    "Float4_e2m1fn_x2", "Float8_e4m3fn", "Float8_e5m2", "FusedOptimizerTensorListMetadata", "Half",
    "OpaqueType", "PhiloxCudaState", "ReduceOp", "Tensor", "TensorBase", "TensorIteratorBase",
    "TensorListMetadata", "TensorListScalarListMetadata", "Tuple", "__half", "__half2", "__nv_bfloat16",
    "__nv_fp8_e4m3", "__nv_fp8_e5m2", "__parallel_for", "anonymous", "array", "at", "bool", "c10",
    "char", "complex", "const", "core", "cuda", "cuda_cub", "curandStatePhilox4_32_10_t", "detail",
    "double", "false", "float", "func_wrapper_t", "gpu_kernel", "gpu_kernel_impl",
    "gpu_kernel_impl_nocast", "gpu_kernel_multiple_outputs", "gpu_kernel_with_index",
    "gpu_kernel_with_scalars", "half", "instance", "int", "int64_t", "lambda", "long", "namespace",
    "native", "normal_and_transform", "operator", "opmath_gpu_kernel_with_scalars",
    "opmath_symmetric_gpu_kernel_with_scalars", "short", "signed", "size_t", "std", "true", "tuple",
    "type", "uint32_t", "uniform_and_transform", "unnamed", "unsigned", "unsigned_long", "void",
))  # fmt: skip
"""Words in template arguments that do not tell what a kernel does."""


class Signature(NamedTuple):
    """A kernel's name in parts."""

    scope: str
    """Namespaces and classes around the function, such as ``at::native``; anonymous ones left out."""
    head: str
    """The function's own name, with the last part of the scope before it where alone it says nothing."""
    inner: str
    """What a kernel that is a wrapper wraps, such as ``MeanOps``; empty for others."""
    rest: str
    """Template arguments and parameters, from the first bracket behind the head on."""

    @property
    def subject(self) -> str:
        """What rules look at: the head, what it wraps, and all that follows."""
        return f"{self.head}<{self.inner}>{self.rest}" if self.inner else self.head + self.rest


def parse(name: str) -> Signature:
    """Take a name apart; any string has a signature, if only an empty one."""
    text = name[:MAX_LENGTH].strip()
    if text.startswith("__nv_static_") and "__Z" in text:  # a kernel of one file: its name stands behind
        text = text[text.index("__Z") + 1 :]
    if text.startswith(("_Z", "__Z")):
        text = unmangle(text[:MANGLED_LENGTH])
    if "::" in text:
        for anonymous in _ANONYMOUS:
            text = text.replace(anonymous, "")
    if "_N" in text:
        text = _UNIQUE.sub("", text)
    begin, end = _qualified_name(text)
    qualified = text[begin:end]
    scope, separator, head = qualified.rpartition("::")
    rest = text[end:]
    if separator and head in _VAGUE:
        head = f"{scope.rpartition('::')[2]}::{head}"
    wraps = ("ernel" in head or head.startswith("distribution_")) and _WRAPPER.match(head)
    return Signature(scope, head, _inner_name(rest) if wraps else "", rest)


def plain_numbers(text: str) -> str:
    """Write nsys's ``(int)128`` and ``(bool)1``, and nvprof's ``int=128``, like CUPTI: ``128`` and ``1``."""
    if "=" in text:
        text = _ASSIGNED.sub("", text)
    return _CAST.sub("", text) if ")" in text else text


def _inner_name(rest: str) -> str:
    """Return the first identifier in the template arguments that tells something."""
    for match in _WORD.finditer(rest, 0, _INNER_LENGTH):
        word = match.group()
        if word not in _TYPES and not word.startswith(("enable_", "T1", "THRUST_", "CUB_")):
            return word
    return ""


def _qualified_name(text: str) -> tuple[int, int]:
    """Return where the function's qualified name begins and ends, short of its arguments and parameters.

    The first angle bracket may belong to a class around the function, or to its return type.
    """
    begin = 0
    if text.startswith("std::enable_if<"):  # a return type whose conditions hold comparison signs
        begin = max(0, text.find(_ENABLE_IF) + len(_ENABLE_IF)) if _ENABLE_IF in text else 0
    nested = ">::" in text or ("> " in text and not text.startswith("void "))
    while True:
        end = _first_bracket(text, begin)
        begin = text.rfind(" ", begin, end) + 1 or begin  # a return type may stand before the name
        if end == len(text) or text[end] == "(" or not nested:
            return begin, end
        close = _closing(text, end)
        if close < 0:
            return begin, end
        if text.startswith("::", close + 1):  # the arguments of a class or of a return type
            begin = close + 3
        elif text.startswith(" ", close + 1) and _is_name(text[close + 2 : close + 3]):
            begin = close + 2
        else:
            return begin, end


def _first_bracket(text: str, begin: int) -> int:
    found = _OPENING.search(text, begin)
    return found.start() if found else len(text)


def _is_name(character: str) -> bool:
    return character.isalpha() or character == "_"


def _closing(text: str, begin: int) -> int:
    """Return where the angle bracket at ``begin`` closes, -1 if it never does."""
    depth = 0
    for match in _BRACKET.finditer(text, begin):
        at = match.start()
        if text[at] == "<":
            depth += 1
        elif text[at - 1] != "-":  # not an arrow
            depth -= 1
            if depth == 0:
                return at
    return -1
