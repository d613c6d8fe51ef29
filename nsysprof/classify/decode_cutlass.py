"""Facts in the names of CUTLASS's matrix products and convolutions, whoever builds them."""

import re

from nsysprof.classify.grammar import (
    MMA_SHAPES,
    Facts,
    Grammar,
    epilogue_of,
    number,
    number_type,
    part_of,
    shape,
)


def _cutlass2(match: re.Match[str]) -> Facts:
    rest = match["rest"]
    accumulator = number_type(match["accumulator"])
    inputs = number_type(match["inputs"]) or number_type(
        part_of(r"_(tf32|bf16|f16|s8|u8|i8|e4m3|e5m2)_", rest)
    )
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
        "operand_layout": part_of(r"_([nct][nct]t?)(?:_|$)", rest),
        "tensor_layout": part_of(r"_(nhwc|nchw|ndhwc)(?:_|$)", rest),
        "alignment": number(part_of(r"_align(\d+)", rest)),
        "epilogue": epilogue_of(match["middle"] or ""),
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
        "tile": None if match["pair"] else shape(match["tile"]),  # a pair of blocks shares that of 2sm
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
        "tile": None if "2x1SM" in match.string else tuple(int(size) for size in sizes[3:6]) or None,
        "operand_type": number_type(match["type"]),
    }


_SHAPE3 = r"\d+x\d+x\d+"
_TUPLE3 = r"cute::tuple<cute::C<\d+>, cute::C<\d+>, cute::C<\d+> ?>"
GRAMMARS = (
    Grammar(
        (
            r"(?:\w+::Kernel2?<)?cutlass3x_(?P<sm>sm\d+)_\w{0,40}?tensorop_[a-z]+(?P<mma>" + _SHAPE3 + r")"
            r"(?P<kind>gemm|fprop|dgrad|wgrad)\w{0,40}?_(?P<types>[a-z]+\d+[a-z0-9]*(?:_[a-z]+\d+[a-z0-9]*|_void){4})"
            r"_(?P<tile>" + _SHAPE3 + r")_(?P<cluster>" + _SHAPE3 + r")_(?P<stages>\d+)"
            r"(?:_(?P<layout>[a-z]{3,}))?(?:_align(?P<alignment>\d+))?(?P<pair>(?:\w*_2sm)?)"
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
            r"\bMainloopSm(?P<sm>\d+)\w*<(?P<stages>\d+), (?:\d+, ){0,4}"
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
)
"""In the order in which they are tried; the first that matches reads the name."""
