"""Facts decoded from kernel names: the seed's four names in full, and one or more of every grammar.

A line of ``decoded.jsonl`` gives the fields that it is about, null for what the name does not
tell; a line of ``seed.jsonl`` gives every field that the name tells, and the sentence.
"""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from test_classify_names import BAIT

from nsysprof.classify.decoder import decode
from nsysprof.classify.words import sentence

DATA = Path(__file__).parent / "data/kernel_names"
SEED = (DATA / "seed.jsonl").read_text().splitlines()
DECODED = (DATA / "decoded.jsonl").read_text().splitlines()


@pytest.mark.parametrize("line", SEED)
def test_the_seeds_names_in_full(line: str) -> None:
    wanted = json.loads(line)
    facts = decode(wanted["name"])
    told = {field: value for field, value in asdict(facts).items() if value is not None and field != "name"}
    assert json.loads(json.dumps(told)) == wanted["facts"]
    assert sentence(facts) == wanted["words"]


@pytest.mark.parametrize("line", DECODED)
def test_decode(line: str) -> None:
    wanted = json.loads(line)
    facts = asdict(decode(wanted["name"]))
    found = {field: facts[field] for field in wanted["facts"]}
    assert json.loads(json.dumps(found)) == wanted["facts"]


def test_two_spellings_tell_the_same() -> None:
    nsys = json.loads(SEED[2])
    cupti = (
        "void at::native::elementwise_kernel<128, 4, at::native::gpu_kernel_impl<at::native::CUDAFunctor_add<"
        "c10::BFloat16> >(at::TensorIteratorBase&, at::native::CUDAFunctor_add<c10::BFloat16> const&)::"
        "{lambda(int)#1}>(int)"
    )
    assert "CUDAFunctor_add<c10::BFloat16>" in nsys["name"]
    assert sentence(decode(cupti)) == nsys["words"]


@pytest.mark.parametrize(
    ("epilogue", "words"),
    [
        ("relu", "ReLU"),
        ("dgelu", "GELU's gradient"),
        ("relu_bias", "a bias and ReLU"),
        ("bgradb", "the gradient of a bias (over B)"),
    ],
)
def test_epilogues_in_words(epilogue: str, words: str) -> None:
    facts = decode(f"cutlass_80_tensorop_f16_s16816gemm_{epilogue}_f16_64x64_32x6_nn_align8")
    assert f"its epilogue can apply {words}, which" in sentence(facts)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "name",
    [
        *BAIT,
        "sm80_xmma_" + "a_f1" * 1000,
        "cutlass_tensorop_sgemm" + "_a" * 2000,
        "cutlass3x_sm100_tensorop_s1x1x1gemm" + "_f16" * 1000,
        "cudnn_generated_sdpa_sm90_flash_fprop_" + "f16_" * 1000,
        "flash_fwd_kernel<Flash_fwd_kernel_traits<1, 1, 1, 1, " + "half_t> " * 500,
        "void at::native::elementwise_kernel<" + "c10::Half, " * 400,
        "ncclDevKernel_" + "A" * 4000,
    ],
    ids=lambda name: name[:20].encode("ascii", "replace").hex(),
)
def test_hostile_names_end(name: str) -> None:
    assert sentence(decode(name)).endswith(".")


def test_a_single_stage_loads_nothing_ahead() -> None:
    words = sentence(decode("cutlass_75_wmma_tensorop_f16_s161616gemm_f16_32x32_128x1_nn_align1"))
    assert "in tiles of 128;" in words
    assert "ahead" not in words
