"""Facts in the template arguments of plain kernels: of what type the numbers are that they read.

A template argument may be the type of an index or of a size as well, and a user's kernel may name anything.
So a type counts where the parameters have a pointer to it or a tensor of it, and in kernels of cuBLAS.
"""

import re

from nsysprof.classify.grammar import Facts, Grammar, arguments_until, number_type

_INDICES = frozenset({"int32", "uint32", "int64", "uint64"})
_WORDS = frozenset({"uint16", "uint32", "uint64"})
"""What kernels that move data take for it, whatever it is."""
_ACCESSORS = r"(?:TensorInfo|TensorAccessor\w*)<(?:c10::ArrayRef<long>, )?"
_ORDERS = (
    (
        re.compile(r"(?:\w*_)?softmax_warp_(?:for|back)ward$"),
        ("operand_type", "output_type", "accumulator_type"),
    ),
    (re.compile(r"cunn_(?:Spatial)?SoftMaxForward"), ("operand_type", "accumulator_type", "output_type")),
    (re.compile(r"cunn_(?:Spatial)?SoftMaxBackward"), ("output_type", "accumulator_type", "operand_type")),
)
"""What the types of softmax kernels stand for, in their order."""
_WITH_SUMS = re.compile(r"vectorized_layer_norm_kernel|layer_norm_grad_input_kernel")
_GRADIENT = re.compile(
    r"[Bb]ackward|_bwd|(?:[Ll]ayer_?[Nn]orm|[Bb]ias|depthwise[23]d)_?[Gg]rad|_grad_(?:input|weight)|InternalGradients"
    r"|accGradParameters|[Gg]rad_?[Ii]nput|compute_grad|ctc_loss\w*_gradients"
)
_NO_DIRECTION = re.compile(r"csr|bsr|coo|gebsr|trs[mv]|lu_|\w*(?:[Ss]olve|[Ss]ubstitut|fft|FFT)")
"""Where backward means a substitution, and forward a transform."""


def _typed(match: re.Match[str]) -> Facts:
    text, head = match.string, match["head"]
    spelled, end = arguments_until(text, match.end())
    types = [number_type(part) for part in spelled]
    direction = _direction(head)
    order = next((order for pattern, order in _ORDERS if pattern.match(head)), None)
    if order:
        if spelled and spelled[0].isdecimal():  # elements at once
            types = types[1:]
        return {**dict(zip(order, types, strict=False)), "direction": direction}
    at = None if "int8" in head else _data_type(spelled, types, text[end:])  # four of those in an int
    accumulates = at == 0 and _WITH_SUMS.match(head) and len(types) > 1
    return {
        "operand_type": None if at is None else types[at],
        "accumulator_type": types[1] if accumulates else None,
        "direction": direction,
    }


def _data_type(spelled: list[str], types: list[str | None], parameters: str) -> int | None:
    """Return which template argument is the type of what is read; None where that is not certain."""
    leading = next((at for at, kind in enumerate(types) if kind is None), len(types))
    at = next((at for at in range(leading) if types[at] not in _INDICES), 0)
    if at == leading or types[at] in _WORDS:
        return None
    structures = any("cublas" in part for part in (*spelled, parameters))
    return at if (structures and types[at] not in _INDICES) or _is_read(spelled[at], at, parameters) else None


def _is_read(argument: str, at: int, parameters: str) -> bool:
    """Return whether the parameters have a pointer to, or a tensor of, a template argument's type."""
    name = rf"(?:{re.escape(argument)}|T{at + 1})"
    if re.search(rf"(?<![\w:]){name} const ?\*|(?<![\w:])const {name} ?\*", parameters):
        return True
    if re.search(rf"{_ACCESSORS}(?:const )?{name}(?: const)?,", parameters):
        return True
    if "const" in parameters:
        return False
    pointers = re.findall(r"([\w:]+) ?\*+", parameters)  # what is written in place is read as well
    return len(pointers) > 1 and set(pointers) in ({argument}, {f"T{at + 1}"})


def _direction(head: str) -> str | None:
    if _NO_DIRECTION.match(head):
        return None
    if _GRADIENT.search(head):
        return "backward"
    return "forward" if re.search(r"[Ff]orward|_fwd", head) else None


GRAMMARS = (Grammar(r"(?P<head>\w+)<", _typed), Grammar(r"(?P<head>gemvx?::kernel)<", _typed))
"""In the order in which they are tried."""
