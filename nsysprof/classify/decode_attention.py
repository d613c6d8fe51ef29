"""Facts in the names of fused attention: cuDNN, FlashAttention, FMHA, memory-efficient attention."""

import re

from nsysprof.classify.grammar import Facts, Grammar, flag, number_type, shape

_WARP = 32
_CUDNN_TYPES = {"f16": "fp16 or bf16", "bf16": "bf16"}
"""cuDNN runs bf16 attention by kernels that say f16, too."""


def _cudnn(match: re.Match[str]) -> Facts:
    tile = shape(match["tile"]) or ()
    return {
        "architecture": match["sm"],
        "algorithm": match["algorithm"],
        "direction": "forward" if match["direction"] == "fprop" else "backward",
        "operand_type": _CUDNN_TYPES.get(match["type"]) or number_type(match["type"]),
        "tile": tile,
        "head_dim": tile[2],
        "warps": None if match["groups"] else shape(match["warps"]),  # of one group of those on Hopper
        "cluster": shape(match["cluster"]),
    }


def _causal(causal: str, local: str | None) -> bool | None:
    """Return whether attention is causal; within a window of its own it may be so without the flag."""
    return True if flag(causal) else None if local is None or flag(local) else False


def _flash(match: re.Match[str]) -> Facts:
    warps = int(match["warps"])
    forward = match["direction"] == "fwd"
    split = "splitkv" in match["variant"]  # for decoding: it has no dropout, the first flag says causal
    return {
        "algorithm": "flash over parts of the keys" if split else "flash",
        "direction": "forward" if forward else "backward",
        "head_dim": int(match["head_dim"]),
        "tile": (int(match["m"]), int(match["n"])),
        "warps": (warps,),
        "threads": warps * _WARP,
        "operand_type": number_type(match["type"]),
        "dropout": None if split else flag(match["first"]),
        "causal": _causal(*match.group(*(("first", "second") if split else ("second", "third")))),
    }


def _memory_efficient(match: re.Match[str]) -> Facts:
    head = match["head"]
    return {
        "architecture": match["sm"],
        "algorithm": "memory-efficient",
        "direction": "forward" if match["direction"] == "F" else "backward",
        "operand_type": number_type(match["type"]),
        "tile": shape(match["tile"]),
        "head_dim": int(head) if head and int(head) < 65536 else None,  # 65536 stands for any
        "dropout": True if "_dropout" in match["rest"] else None,
    }


def _fmha(match: re.Match[str]) -> Facts:
    warps = int(match["warps_m"]), int(match["warps_n"])
    return {
        "algorithm": "flash",
        "direction": "forward" if match["direction"] in ("fwd", "fprop") else "backward",
        "operand_type": number_type(match["type"]),
        "tile": (int(match["keys"]), int(match["head_dim"])),
        "head_dim": int(match["head_dim"]),
        "rows_per_step": int(match["rows"]),
        "warps": warps,
        "threads": warps[0] * warps[1] * _WARP,
        "dropout": flag(match["dropout"]),
        "causal": flag(match["causal"]),
    }


def _flash_hopper(match: re.Match[str]) -> Facts:
    """Read FlashAttention 3's main loop; numbers stand before the tile, flags behind the architecture."""
    queries, keys, head = (int(match[key]) for key in ("m", "n", "k"))
    cluster = [int(size) for size in re.findall(r"C<(\d+)>", match["cluster"] or "")]
    return {
        "architecture": f"sm{match['sm']}" if match["sm"] else None,
        "algorithm": "flash",
        "direction": "forward" if match["direction"] == "Fwd" else "backward",
        "operand_type": number_type(match["type"]),
        "accumulator_type": number_type(match["sums"]),
        "tile": (queries, keys),
        "head_dim": head,
        "cluster": tuple(cluster) or None,
        "causal": _causal(match["causal"], match["local"]),
    }


_TUPLE3 = r"cute::tuple<cute::C<(?P<m>\d+)>, cute::C<(?P<n>\d+)>, cute::C<(?P<k>\d+)> ?>"
GRAMMARS = (
    Grammar(
        (
            r"CollectiveMainloop(?P<direction>Fwd|Bwd)(?:Sm\d+)?<(?:\w+, ){1,4}"
            r"(?P<cluster>cute::tuple<cute::C<\d+>, cute::C<\d+>, cute::C<\d+> ?>, (?=cute::tuple<))?"
            + _TUPLE3
            + r", (?:\d+, )?(?P<type>cutlass::\w+), (?P<sums>float), cutlass::arch::Sm(?P<sm>\d+), "
            r"(?P<causal>true|false|[01]), (?P<local>true|false|[01])"
        ),
        _flash_hopper,
        anywhere=True,
    ),
    Grammar(
        (
            r"cudnn_generated_\w{0,40}?sdpa_(?P<sm>sm\d+)_(?P<algorithm>flash)_(?P<direction>fprop|bprop|dgrad)_"
            r"\w{0,40}?(?P<groups>(?:wgmma_)?)(?P<type>f16|bf16|e4m3|e5m2|fp8)_\w{0,40}?(?P<tile>\d+x\d+x\d+)_(?P<warps>\d+x\d+x\d+)"
            r"(?:_cga(?P<cluster>\d+x\d+x\d+))?"
        ),
        _cudnn,
    ),
    Grammar(
        (
            r"flash_(?P<direction>fwd|bwd)_(?P<variant>\w*)<\w*Flash_\w+_kernel_traits<(?P<head_dim>\d+), "
            r"(?P<m>\d+), (?P<n>\d+), (?P<warps>\d+), .{0,120}?(?P<type>half_t|bfloat16_t)\b"
            r"[^>]{0,200}(?:> ?){1,3}, "
            r"(?P<first>true|false|[01]), (?P<second>true|false|[01])(?:, (?P<third>true|false|[01]))?"
        ),
        _flash,
    ),
    Grammar(
        (
            r"fmha_cutlass(?P<direction>[FB])_(?P<type>f16|bf16|f32)_(?:not)?aligned_(?P<tile>\d+x\d+)"
            r"(?:_(?:rf|gmem))?(?:_k(?P<head>\d+))?(?P<rest>\w*?)_(?P<sm>sm\d+)"
        ),
        _memory_efficient,
    ),
    Grammar(
        (
            r"fmha_(?P<direction>fwd|bwd|fprop|dgrad)_\w+<\w*FMHA_kernel_traits<(?P<keys>\d+), "
            r"(?P<head_dim>\d+), (?P<rows>\d+), (?P<warps_m>\d+), (?P<warps_n>\d+), \d+u?, (?P<type>\w+) ?>, "
            r"(?P<dropout>\w+), (?P<causal>\w+)"
        ),
        _fmha,
    ),
)
"""In the order in which they are tried."""
