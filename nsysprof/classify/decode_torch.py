"""Facts in names of PyTorch's reductions and copies, of torch.compile's Triton kernels, and of NCCL."""

import re

from nsysprof.classify.decode_elementwise import plain_functor
from nsysprof.classify.grammar import Facts, Grammar, number, number_type

_TYPE = r"(?:c10::)?(?:complex<float>|complex<double>|[A-Za-z_]\w*)"
_KINDS = {
    "poi": "pointwise", "per": "persistent reduction", "red": "looped reduction", "tem": "template",
    "for": "foreach",
}  # fmt: skip


def _reduction(match: re.Match[str]) -> Facts:
    return {
        "functor": plain_functor(match["inner"]),
        "operand_type": number_type(match["type"]),
        "vector_width": number(match["width"]) if match["width"] != "1" else None,
    }


def _concatenation(match: re.Match[str]) -> Facts:
    size, width = int(match["size"]), number(match["width"])
    return {"functor": "concatenate", "vector_width": width, "vector_bytes": size * width if width else None}


def _gather(match: re.Match[str]) -> Facts:
    return {"functor": "gather", "vector_bytes": int(match["bytes"])}


def _inductor(match: re.Match[str]) -> Facts:
    return {"algorithm": _KINDS.get(match["kind"]), "functor": match["operators"].strip("_") or None}


def _collective(match: re.Match[str]) -> Facts:
    """Read what an NCCL kernel can do at once; it is launched for other operations and protocols as well.

    One kernel stands for each collective and type: the one that sums by rings in the protocol LL, whatever
    is asked for. Only what differs from that tells something.
    """
    collective, kind, algorithm = match["collective"], match["type"], match["algorithm"] or ""
    if collective == "Generic" or (collective == "SendRecv" and algorithm):
        return {}  # NCCL 2.13 runs every collective as SendRecv_RING_SIMPLE_Sum_int8_t
    reduces = "Reduce" in collective
    signed = kind and not kind.startswith("u")  # unsigned integers stand for signed ones, too
    return {
        "functor": collective,
        "operand_type": number_type(kind) if reduces and signed else None,
        "algorithm": algorithm.lower() if algorithm.upper() not in ("", "RING") else None,
    }


_OPERATIONS = "Sum|Prod|MinMax|Max|Min|Avg|PreMulSum|SumPostDiv"
_ALGORITHMS = r"RING|TREE|COLLNET\w*?|NVLS\w*?|PAT"
GRAMMARS = (
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
            r"CatArrayBatchedCopy\w*<at::native::OpaqueType<(?P<size>\d+)u?>[^>]{0,80}?"
            r"(?:, 16, (?P<width>\d+))?>"
        ),
        _concatenation,
    ),
    Grammar((r"vectorized_gather_kernel<(?P<bytes>\d+), "), _gather),
    Grammar((r"triton_(?P<kind>poi|per|red|tem|for)\w*?_fused_(?P<operators>\w*?)_?\d*$"), _inductor),
    Grammar(
        (
            rf"nccl(?:Dev)?Kernel_(?P<collective>[A-Z][A-Za-z]+?)(?:_(?P<operation>{_OPERATIONS}))?"
            rf"(?:_(?P<type>[a-z]\w*?))?(?:_(?P<algorithm>{_ALGORITHMS}))?(?:_(?P<protocol>LL128|LL|SIMPLE))?(?:[(<]|$)"
        ),
        _collective,
    ),
    Grammar(  # before NCCL 2.18
        (
            rf"nccl(?:Dev)?Kernel_(?P<collective>[A-Z][A-Za-z]+?)_(?P<algorithm>{_ALGORITHMS})_(?P<protocol>LL128|LL|SIMPLE)"
            rf"_(?P<operation>{_OPERATIONS})_(?P<type>[a-z]\w*?)(?:[(<]|$)"
        ),
        _collective,
    ),
    Grammar(  # before NCCL 2.8
        (
            r"nccl(?P<collective>[A-Z][A-Za-z]+?)(?P<algorithm>Ring|Tree|CollNet)?(?P<protocol>LL128|LL)?"
            r"Kernel_(?P<operation>sum|prod|max|min|copy)_(?P<type>[a-z]\w*?)(?:[(<]|$)"
        ),
        _collective,
    ),
)
"""In the order in which they are tried."""
