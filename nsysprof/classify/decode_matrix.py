"""Facts in the names of matrix products and convolutions: cuBLAS, cuBLASLt, cuDNN and CUTLASS."""

import re

from nsysprof.classify.grammar import MMA_SHAPES, Facts, Grammar, bytes_of, number, number_type, shape

_EPILOGUES = (
    "bias",
    "relu",
    "dgelu",
    "drelu",
    "gelu",
    "swish",
    "silu",
    "sigmoid",
    "tanh",
    "bgrada",
    "bgradb",
)
_NVJET_TYPES = {"h": "fp16", "t": "bf16", "s": "fp32", "d": "fp64", "q": "fp8 e4m3", "r": "fp8 e5m2"}
_NVJET_EPILOGUES = {"bias": ("bias",), "relubias": ("bias", "relu"), "gelubias": ("bias", "gelu")}


def _epilogue(text: str) -> tuple[str, ...] | None:
    return tuple(word for word in _EPILOGUES if word in text.split("_")) or None


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
    rest = match["rest"]
    found = {key: re.search(pattern, rest) for key, pattern in _XMMA_PARTS.items()}
    part = {key: hit.group(1) if hit else None for key, hit in found.items()}
    kind = match["kind"]
    direction = re.search(r"[fdw](?:prop|grad)", kind)
    inputs = re.match(r"(c?[a-z]+\d+(?:m\d)?)((?:c?[a-z]+\d+(?:m\d)?)?)", match["inputs"])
    results = re.match(r"(c?[a-z]+\d+(?:m\d)?)((?:c?[a-z]+\d+(?:m\d)?)?)$", match["results"])
    first = number_type(inputs.group(1)) if inputs else None
    second = number_type(inputs.group(2)) if inputs else None
    result = number_type(results.group(1)) if results else None
    if result == "tf32":  # fp32 in memory, rounded to tf32 for the tensor cores
        first = second = "tf32"
        result = "fp32"
    algorithm = "implicit_gemm" if "implicit_gemm" in kind else None
    return {
        "architecture": match["sm"],
        "direction": direction.group() if direction else None,
        "algorithm": algorithm or ("depthwise" if "depthwise" in kind else None),
        "operand_type": first,
        "second_operand_type": second if second != first else None,
        "accumulator_type": number_type(results.group(2)) if results else None,
        "output_type": result,
        "tile": shape(part["tile"]),
        "stages": number(part["stages"]),
        "warps": shape(part["warps"]),
        "warp_groups": shape(part["groups"]),
        "mma": shape(part["mma"]),
        "alignment": number(part["alignment"]),
        "operand_layout": part["operands"].replace("_", "") if part["operands"] else None,
        "tensor_layout": part["tensors"],
        "epilogue": _epilogue(rest),
        "split_k": True if re.search(r"split_?k|segment_k_on", rest) else None,
    }


_XMMA_PARTS = {
    "tile": r"tilesize(\d+x\d+x\d+)",
    "stages": r"_stage(\d+)",
    "warps": r"_warpsize(\d+x\d+x\d+)",
    "groups": r"_warpgroupsize(\d+x\d+x\d+)",
    "mma": r"_tensor(\d+x\d+x\d+)",
    "alignment": r"_aligna(\d+)",
    "operands": r"^_?([nct][nct]_[nt])_",
    "tensors": r"_(n[cdhw]+)(?:krsc|kcrs|kdrsc|ktrsc|kcdrs)",
}


def _classic(match: re.Match[str]) -> Facts:
    """Read ``ampere_fp16_s16816gemm_fp16_128x256_ldg8_relu_f2f_stages_64x3_tn`` and the like."""
    inputs = number_type(match["inputs"])
    accumulator = number_type(match["accumulator"])
    rest = match["rest"]
    mma = MMA_SHAPES.get(match["mma"] or "")
    if inputs is None and not mma:
        inputs = accumulator  # sgemm, dgemm, cgemm: one type throughout
    elif inputs is None and accumulator == "fp16":
        inputs = "fp16"
    loads = set(re.findall(r"_ldg(\d+)", rest))
    staged = re.search(r"stages_(\d+)x(\d+)", rest)
    winograd = "winograd" in match.group()
    tile = None if winograd else shape(match["tile"])  # Winograd's counts transformed tiles, not results
    width = int(loads.pop()) if len(loads) == 1 else None
    return {
        "architecture": match["generation"],
        "algorithm": "winograd" if winograd else None,
        "operand_type": inputs,
        "accumulator_type": accumulator,
        "output_type": number_type(match["output"]) or accumulator,
        "tile": (*tile, int(staged.group(1))) if tile and staged else tile,
        "stages": int(staged.group(2)) if staged else None,
        "mma": mma,
        "vector_width": width,
        "vector_bytes": bytes_of(width, inputs),
        "epilogue": _epilogue(rest),
        "split_k": True if re.search(r"split_?[kK]", rest) else None,
        "operand_layout": _last(r"_([nct][nt])(?:_v\d+)?$", rest),
        "tensor_layout": _last(r"_(nhwc2nchw|nchw2nhwc|nhwc|nchw|ndhwc)_", rest, "2", " to "),
    }


def _last(pattern: str, text: str, old: str = "", new: str = "") -> str | None:
    found = re.search(pattern, text)
    return (found.group(1).replace(old, new) if old else found.group(1)) if found else None


def _cutlass2(match: re.Match[str]) -> Facts:
    rest = match["rest"]
    accumulator = number_type(match["accumulator"])
    inputs = number_type(match["inputs"]) or number_type(_last(r"_(tf32|bf16|f16|s8|u8|i8|e4m3|e5m2)_", rest))
    mma = MMA_SHAPES.get(match["mma"] or "")
    if inputs is None and (not mma or accumulator in ("fp16", "fp64")):
        inputs = accumulator
    tile, staged = shape(match["tile"]) or (), shape(match["staged"])  # before Ampere only the tile is told
    kind = match["kind"]
    return {
        "architecture": f"sm{match['sm']}" if match["sm"] else None,
        "direction": kind if kind in ("fprop", "dgrad", "wgrad") else None,
        "algorithm": "implicit_gemm" if kind in ("fprop", "dgrad", "wgrad") else None,
        "operand_type": inputs,
        "accumulator_type": accumulator,
        "output_type": number_type(match["output"]) or accumulator,
        "tile": (*tile, staged[0]) if staged else tile,
        "stages": staged[1] if staged else None,
        "mma": mma,
        "operand_layout": _last(r"_([nct][nct]t?)(?:_|$)", rest),
        "tensor_layout": _last(r"_(nhwc|nchw|ndhwc)(?:_|$)", rest),
        "alignment": number(_last(r"_align(\d+)", rest)),
        "epilogue": _epilogue(match["middle"] or ""),
        "split_k": True if "splitK" in rest or "split_k" in rest else None,
    }


def _cutlass3(match: re.Match[str]) -> Facts:
    types = [number_type(part) for part in match["types"].split("_")]
    stages = number(match["stages"])
    kind = match["kind"]
    layout = match["layout"]
    return {
        "architecture": match["sm"],
        "direction": kind if kind in ("fprop", "dgrad", "wgrad") else None,
        "algorithm": "implicit_gemm" if kind in ("fprop", "dgrad", "wgrad") else None,
        "operand_type": types[0],
        "second_operand_type": types[1] if types[1] != types[0] else None,
        "accumulator_type": types[2],
        "output_type": types[-1],
        "mma": shape(match["mma"]),
        "tile": shape(match["tile"]),
        "cluster": shape(match["cluster"]),
        "stages": stages or None,  # 0 leaves the number to the compiler
        "operand_layout": layout if layout and set(layout) <= set("nt") else None,
        "alignment": number(match["alignment"]),
    }


def _cutlass_template(match: re.Match[str]) -> Facts:
    return {"tile": tuple(int(part) for part in match.group(1).split(", "))}


def _cutlass3_template(match: re.Match[str]) -> Facts:
    sizes = re.findall(r"C<\s*(\d+)>", match["cluster"] + match["tile"])
    return {
        "architecture": f"sm{match['sm']}",
        "stages": int(match["stages"]),
        "cluster": tuple(int(size) for size in sizes[:3]),
        "tile": tuple(int(size) for size in sizes[3:6]) or None,
        "operand_type": number_type(match["type"]),
    }


def _split_k_reduction(match: re.Match[str]) -> Facts:
    types = [number_type(part.strip()) for part in match["types"].split(",")]
    return {"split_k": True, "accumulator_type": types[0] if types else None}


def _layout_conversion(match: re.Match[str]) -> Facts:
    return {
        "tensor_layout": f"{match['source'].lower()} to {match['target'].lower()}",
        "operand_type": number_type(match["first"]),
        "output_type": number_type(match["second"]),
    }


_SHAPE3 = r"\d+x\d+x\d+"
_TUPLE3 = r"cute::tuple<cute::C<\d+>, cute::C<\d+>, cute::C<\d+> ?>"
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
            r"(?P<sm>sm\d+)_xmma_(?P<kind>[a-z]\w{0,60}?)_(?P<inputs>c?(?:bf|tf|f|i|u|e)\d\w{0,12}?)_(?P<results>c?\w{2,14}?)"
            r"_(?P<scalar>c?[a-z]+\d+)(?P<rest>_\w*)"
        ),
        _xmma,
    ),
    Grammar(
        (
            r"(?:trt_|cudnn_infer_|cudnn_train_)?(?P<generation>maxwell|pascal|volta|turing|ampere|ada|hopper|blackwell)"
            r"_(?:(?P<output>fp16|bf16|fp32|int8|int32|uint8)_)?(?P<accumulator>gc|gz|[sdhczi])(?P<mma>\d+)?"
            r"(?P<what>gemm|cudnn[a-z0-9_]{0,20}?)(?:_(?P<inputs>fp16|bf16|tf32|int8|uint8|fp32))?_(?:winograd_)?"
            r"(?P<tile>\d+x\d+)(?P<rest>\w*)"
        ),
        _classic,
    ),
    Grammar(
        (
            r"(?:\w+::Kernel2?<)?cutlass3x_(?P<sm>sm\d+)_\w{0,40}?tensorop_[a-z]+(?P<mma>" + _SHAPE3 + r")"
            r"(?P<kind>gemm|fprop|dgrad|wgrad)\w{0,40}?_(?P<types>[a-z]+\d+[a-z0-9]*(?:_[a-z]+\d+[a-z0-9]*|_void){4})"
            r"_(?P<tile>" + _SHAPE3 + r")_(?P<cluster>" + _SHAPE3 + r")_(?P<stages>\d+)"
            r"(?:_(?P<layout>[a-z]{3,}))?(?:_align(?P<alignment>\d+))?"
        ),
        _cutlass3,
        anywhere=True,
    ),
    Grammar(
        (
            r"cutlass(?:_(?P<sm>\d+))?_(?:wmma_)?(?:tensorop|simt)_(?:(?P<output>f16|bf16|f32|s8|u8|s32|i8)_)?"
            r"(?P<accumulator>gc|gz|[sdhczi])(?P<mma>\d+)?(?P<kind>gemm|fprop|dgrad|wgrad|symm|syrk|trmm)"
            r"(?P<middle>(?:_[a-zA-Z]\w{0,40}?)??)(?:_(?P<inputs>f16|bf16|tf32|s8|u8|i8))?"
            r"(?:_[a-zA-Z]{1,20}){0,5}?_(?P<tile>\d+x\d+)(?:_(?P<staged>\d+x\d+))?(?P<rest>\w*)"
        ),
        _cutlass2,
        anywhere=True,
    ),
    Grammar(
        (
            r"Mainloop(?:[A-Z]\w{0,20}?)?Sm(?P<sm>\d+)\w*<(?P<stages>\d+), (?:\d+, ){0,4}"
            r"(?P<cluster>" + _TUPLE3 + r").{0,400}?>, (?P<tile>" + _TUPLE3 + r"), (?P<type>[\w:]+)"
        ),
        _cutlass3_template,
        anywhere=True,
    ),
    Grammar(
        r"threadblock::\w{0,40}M(?:ma|ulti)\w{1,40}<cutlass\w*::gemm::GemmShape<(\d+, \d+, \d+)>",
        _cutlass_template,
        anywhere=True,
    ),
    Grammar(r"splitKreduce_kernel<\d+, \d+, \w+, (?P<types>[\w, ]+?)[>(]", _split_k_reduction),
    Grammar(
        (r"(?P<source>nchw|nhwc)To(?P<target>N[ch][hw][wc])\w*Kernel<(?P<first>[\w:]+), (?P<second>[\w:]+)"),
        _layout_conversion,
    ),
)
"""In the order in which they are tried; the first that matches reads the name."""
