"""Facts in the names of matrix products and convolutions: cuBLAS, cuBLASLt and cuDNN."""

import re

from nsysprof.classify.grammar import (
    MMA_SHAPES,
    SIZES,
    Facts,
    Grammar,
    bytes_of,
    epilogue_of,
    number,
    number_type,
    part_of,
    shape,
)

_NVJET_TYPES = {"h": "fp16", "t": "bf16", "s": "fp32", "d": "fp64", "q": "fp8 e4m3", "r": "fp8 e5m2"}
_NVJET_EPILOGUES = {"bias": ("bias",), "relubias": ("bias", "relu"), "gelubias": ("bias", "gelu")}


def _nvjet(match: re.Match[str]) -> Facts:
    types = match["types"]  # A (and B, C where there are five), sums, result
    known = all(letter in _NVJET_TYPES for letter in types) and len(types) in (3, 5)
    letters = (types[0], types[len(types) // 4]) if known else ("", "")
    first, second = (_NVJET_TYPES.get(letter) for letter in letters)
    options = match["rest"].split("_")
    return {
        "architecture": match["sm"],
        "operand_type": first,
        "second_operand_type": second if second != first else None,
        "accumulator_type": _NVJET_TYPES[types[-2]] if known else None,
        "output_type": _NVJET_TYPES[types[-1]] if known else None,
        "tile": (*(shape(match["mn"]) or ()), int(match["k"])),
        "stages": int(match["stages"]),
        "cluster": shape(match["cluster"]),
        "operand_layout": match["layout"].lower() if match["layout"] else None,
        "epilogue": next((_NVJET_EPILOGUES[item] for item in options if item in _NVJET_EPILOGUES), None),
        "split_k": True if "splitK" in options else None,
    }


def _xmma(match: re.Match[str]) -> Facts:
    """Read types as ``A[B]result_A[B]sums``: what lies in memory, then what is multiplied and added up."""
    rest, kind = match["rest"], match["kind"]
    part = {key: part_of(pattern, rest) for key, pattern in _XMMA_PARTS.items()}
    depthwise = "depthwise" in kind
    direction = part_of(r"([fdw](?:prop|grad))", kind)
    types = _xmma_types(match["memory"], match["arithmetic"]) if match["memory"] else {}
    return {
        "architecture": match["sm"],
        "direction": direction,
        "algorithm": "implicit_gemm" if "implicit_gemm" in kind else "depthwise" if depthwise else None,
        **types,
        "tile": None if depthwise else shape(part["tile"]),  # a depthwise one's is of pixels
        "stages": number(part["stages"]),
        "cluster": shape(part["cluster"]),
        "warps": shape(part["warps"]),
        "warp_groups": shape(part["groups"]),
        "mma": shape(part["mma"]) or MMA_SHAPES.get(part["short_mma"] or ""),
        "alignment": _elements(number(part["alignment"]), types.get("operand_type")),
        "operand_layout": part["operands"].replace("_", "") if part["operands"] else None,
        "tensor_layout": _tensor_layout(rest, direction),
        "epilogue": epilogue_of(rest),
        "split_k": True if re.search(r"split_?k|segment_k_on", rest) else None,
    }


def _xmma_types(memory: str, arithmetic: str) -> Facts:
    *inputs, output = (number_type(token) for token in re.findall(_XMMA_TYPE, memory))
    *multiplied, sums = (number_type(token) for token in re.findall(_XMMA_TYPE, arithmetic))
    first, second = (inputs[0], inputs[-1]) if inputs else (None, None)
    of_complex = "complex " if first and first.startswith("complex ") else ""
    if "tf32" in multiplied:  # fp32 in memory, rounded to tf32 for the tensor cores
        first = second = f"{of_complex}tf32"
    return {
        "operand_type": first,
        "second_operand_type": second if second != first else None,
        "accumulator_type": f"{of_complex}{sums}" if sums else None,
        "output_type": "fp32" if output == "tf32" else output,
    }


def _elements(count: int | None, element_type: object) -> int | None:
    """Return how many elements a number of bytes holds."""
    size = SIZES.get(str(element_type))
    return count // size if count and size else None


def _tensor_layout(text: str, direction: str | None) -> str | None:
    """Return the order of dimensions; a forward convolution may write another one than it reads."""
    found = re.search(r"_(n[cdhw]+)k[cdrst]+_(n[cdhw]+)(?:_|$)", text)
    if not found or found[1] == found[2]:
        return found[1] if found else None
    return f"{found[1]} to {found[2]}" if direction == "fprop" else None


_XMMA_TYPE = r"c?(?:bf|tf|u?e|f|i|u)\d+(?:m\d+)?"
_XMMA_PARTS = {
    "tile": r"tilesize(\d+x\d+x\d+)",
    "stages": r"_stage(\d+)",
    "cluster": r"_cgasize(\d+x\d+x\d+)",
    "warps": r"_warpsize(\d+x\d+x\d+)",
    "groups": r"_warpgroupsize(\d+x\d+x\d+)",
    "mma": r"_tensor(\d+x\d+x\d+)",
    "short_mma": r"_tensor(\d+)(?:_|$)",
    "alignment": r"_aligna(\d+)",
    "operands": r"^_([nct][nct](?:_[nt])?)_",
}


def _classic(match: re.Match[str]) -> Facts:
    """Read ``ampere_fp16_s16816gemm_fp16_128x256_ldg8_relu_f2f_stages_64x3_tn`` and the like."""
    inputs = number_type(match["inputs"])
    accumulator = number_type(match["accumulator"])
    rest = match["rest"]
    mma = MMA_SHAPES.get(match["mma"] or "")
    if packed := part_of(r"(?:^|_)(u?int8)x4_", match["packed"] + rest):
        inputs = packed
    elif inputs is None and not mma:
        inputs = accumulator  # sgemm, dgemm, cgemm: one type throughout
    elif inputs is None and accumulator == "fp16":
        inputs = "fp16"
    elif inputs and accumulator and accumulator.startswith("complex "):
        inputs = f"complex {inputs}"
    loads = set(re.findall(r"_ldg(\d+)", rest)) if not packed else set()
    staged = re.search(r"stages_(\d+)x(\d+)", rest)
    winograd = "winograd" in match.group()
    tile = None if winograd else shape(match["tile"])  # Winograd's counts transformed tiles, not results
    width = int(loads.pop()) if len(loads) == 1 else None
    layout = part_of(r"_(nhwc2nchw|nchw2nhwc|nhwc|nchw|ndhwc)_", rest)
    return {
        "architecture": match["generation"],
        "direction": part_of(r"_([dw]grad)_", rest),
        "algorithm": "winograd" if winograd else None,
        "operand_type": inputs,
        "accumulator_type": accumulator,
        "output_type": number_type(match["output"]) or accumulator,
        "tile": (*tile, int(staged.group(1))) if tile and staged else tile,
        "stages": int(staged.group(2)) if staged else None,
        "mma": mma,
        "vector_width": width,
        "vector_bytes": bytes_of(width, inputs),
        "epilogue": epilogue_of(rest),
        "split_k": True if re.search(r"split_?[kK]", rest) else None,
        "operand_layout": part_of(r"_([nct][nct])(?:_v\d+)?$", rest),
        "tensor_layout": layout.replace("2", " to ") if layout else None,
    }


def _split_k_reduction(match: re.Match[str]) -> Facts:
    """Read the types of the parts, of what they are added to, and of the sums."""
    types = [number_type(part) for part in match["types"].split(", ")]
    parts, _, sums = (
        types[:3] if len(types) > 3 or len(set(types)) == 1 < len(types) - 1 else (None, None, None)
    )
    return {"split_k": True, "operand_type": parts, "accumulator_type": sums}


def _layout_conversion(match: re.Match[str]) -> Facts:
    return {
        "tensor_layout": f"{match['source'].lower()} to {match['target'].lower()}",
        "operand_type": number_type(match["first"]),
        "output_type": number_type(match["second"]),
    }


GRAMMARS = (
    Grammar(
        (
            r"nvjet_(?:(?P<sm>sm\d+)_)?(?P<types>[a-z]{3,6})_(?:mma_)?(?P<mn>\d+x\d+)_(?P<k>\d+)x(?P<stages>\d+)"
            r"_(?P<cluster>\d+x\d+)(?P<rest>\w*?)(?:_(?P<layout>[NT]{3}))?$"
        ),
        _nvjet,
    ),
    Grammar(
        (
            rf"(?P<sm>sm\d+)_xmma_(?P<kind>[a-z]\w{{0,60}}?)_(?P<memory>(?:{_XMMA_TYPE}){{1,4}})"
            rf"_(?P<arithmetic>(?:{_XMMA_TYPE}){{1,4}})_{_XMMA_TYPE}(?P<rest>_\w*)"
        ),
        _xmma,
    ),
    Grammar(
        r"(?P<sm>sm\d+)_xmma_(?P<kind>[a-z]\w{0,60}?)(?P<memory>)(?P<arithmetic>)(?P<rest>(?:_[nct]{2})?_tilesize\w*)",
        _xmma,
    ),
    Grammar(
        (
            r"(?:trt_|_*5x_cudnn_|cudnn_(?:infer_|train_)?)?(?P<generation>maxwell|pascal|volta|turing|ampere|ada|hopper|blackwell)"
            r"_(?:(?P<output>fp16|bf16|fp32|int8|int32|uint8)_)?(?P<accumulator>gc|gz|[sdhczi])(?P<mma>\d+)?"
            r"(?P<what>gemm|cudnn[a-z0-9_]{0,20}?)(?:_(?P<inputs>fp16|bf16|tf32|int8|uint8|fp32))?"
            r"_(?:winograd_)?(?P<packed>(?:u?int8x4_)?)"
            r"(?P<tile>\d+x\d+)(?P<rest>\w*)"
        ),
        _classic,
    ),
    Grammar(r"splitKreduce_kernel<(?:\d+, \d+, \w+, )?(?P<types>[\w, ]+?)[>(]", _split_k_reduction),
    Grammar(
        (r"(?P<source>nchw|nhwc)To(?P<target>N[ch][hw][wc])\w*Kernel<(?P<first>[\w:]+), (?P<second>[\w:]+)"),
        _layout_conversion,
    ),
)
"""In the order in which they are tried; the first that matches reads the name."""
