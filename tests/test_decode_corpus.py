"""What must hold for the facts of every kernel name in data/kernel_names, whatever it says."""

import re
from collections import defaultdict
from dataclasses import replace
from functools import cache

import pytest
from test_classify_corpus import rows, skeleton

from nsysprof.classify.decoder import decode
from nsysprof.classify.facts import KernelFacts
from nsysprof.classify.grammar import SIZES, number_type
from nsysprof.classify.words import sentence


@cache
def all_facts() -> tuple[KernelFacts, ...]:
    """Return the facts of every name that the rules are held to."""
    names = {row[2] for row in rows("corpus.tsv.gz")}
    for file in (
        "public.tsv",
        "registered.tsv.gz",
        "nsys.tsv.gz",
        "held_out_public.tsv",
        "held_out_fresh.tsv.gz",
    ):
        names.update(row[0] for row in rows(file))
    assert len(names) > 13_000
    return tuple(map(decode, sorted(names)))


def names_that(pattern: str) -> list[tuple[re.Match[str], KernelFacts]]:
    found = [(match, facts) for facts in all_facts() if (match := re.search(pattern, facts.name))]
    assert found
    return found


def test_an_ending_over_and_over_is_read_in_time() -> None:
    decode("void at::native::sin" + "_kernel_cuda" * 300 + "x(int)")


def test_a_wrapped_functor_takes_the_types_of_its_wrapper() -> None:
    wrapper = (
        r"(?P<kind>AUnary|BUnary|Binary)Functor<"
        r"(?P<first>[^,<>]+), (?P<second>[^,<>]+), (?P<result>[^,<>]+), "
    )
    for match, facts in names_that(rf"elementwise_kernel<[^(]{{0,120}}?{wrapper}"):
        read = match["second" if match["kind"] == "AUnary" else "first"]
        casts = "LoadWithCast" in facts.name or "gpu_kernel_impl<" in facts.name
        wanted = (None, None) if casts else (number_type(read), number_type(match["result"]))
        assert (facts.operand_type, facts.output_type) == wanted, facts


def test_what_is_cast_as_it_is_loaded_has_no_type() -> None:
    assert [
        facts
        for _, facts in names_that(r"LoadWithCast|gpu_kernel_impl<")
        if facts.operand_type or facts.output_type or facts.vector_bytes
    ] == []


def test_an_element_that_a_lambda_takes_has_the_type_that_is_told() -> None:
    functor = r"vectorized_elementwise_kernel<.*?\{lambda\(([^()]+)\)#\d+\}, std::array<char\*"
    for match, facts in names_that(functor):
        assert facts.operand_type == number_type(match[1].split(", ")[0]), facts


def test_no_thread_loads_more_than_16_bytes_of_narrow_numbers() -> None:
    wide = {"fp64", "complex fp32", "complex fp64", "int64"}
    for facts in all_facts():
        if facts.vector_bytes and facts.vector_bytes > 16:
            if (facts.functor or "").startswith("cast to "):  # as many as it writes 16 bytes of
                continue
            assert (facts.operand_type or facts.output_type) in wide, facts
            assert "at once" not in sentence(facts).rpartition("a thread loads")[2], facts


def test_two_types_of_inputs_only_where_kernels_mix_them() -> None:
    for facts in all_facts():
        if facts.second_operand_type and facts.category in ("gemm", "conv"):
            assert {facts.operand_type, facts.second_operand_type} == {"fp8 e4m3", "fp8 e5m2"}, facts


def test_types_of_xmma_kernels_stand_in_two_groups() -> None:
    kind = r"c?(?:bf|tf|e|f|i)\d+(?:m\d)?"
    for match, facts in names_that(rf"xmma_\w*?_((?:{kind})+)_((?:{kind})+)_{kind}_"):
        output, sums = (re.findall(kind, group)[-1] for group in match.groups())
        assert facts.output_type == number_type(output), facts
        assert (facts.accumulator_type or "").removeprefix("complex ") == number_type(sums), facts


def test_depthwise_convolutions_have_no_tile_of_a_matrix_product() -> None:
    assert [facts for _, facts in names_that("xmma_depthwise") if facts.tile] == []


def test_no_type_of_an_index_is_taken_for_the_data_of_cublas() -> None:
    for match, facts in names_that(r"^(?:void )?\w+<((?:(?:int|long), )*)(\w+)[^(]*>\([^)]*cublas"):
        if match[2] in ("float", "double", "float2", "double2", "__half", "__nv_bfloat16"):
            assert facts.operand_type == number_type(match[2]), facts


def test_softmax_sums_in_no_narrower_type_than_it_reads() -> None:
    for _, facts in names_that("softmax_warp_|cunn_(?:Spatial)?SoftMax"):
        if facts.accumulator_type:
            assert facts.accumulator_type in ("fp32", "fp64"), facts
            assert SIZES[facts.accumulator_type] >= SIZES[facts.operand_type or ""], facts


def test_no_alignment_is_wider_than_a_load() -> None:
    for facts in all_facts():
        if facts.alignment and facts.operand_type in SIZES:
            assert facts.alignment * SIZES[facts.operand_type] <= 16, facts


def test_attention_works_on_whole_tiles() -> None:
    assert [
        facts for facts in all_facts() if facts.category == "fmha" and facts.tile and min(facts.tile) < 16
    ] == []


def test_collectives_tell_neither_protocol_nor_operation() -> None:
    for _, facts in names_that("^nccl(?:Dev)?Kernel_"):
        assert facts.functor is None or re.fullmatch("[A-Z][A-Za-z]+", facts.functor), facts
        assert facts.algorithm in (None, "tree"), facts


def test_spellings_of_nsys_and_cupti_tell_the_same() -> None:
    by_skeleton = defaultdict(set)
    for row in rows("corpus.tsv.gz"):
        by_skeleton[skeleton(row[2])].add(row[2])
    for name, *_ in rows("nsys.tsv.gz"):
        if "float8_copy" not in name:  # skeletons leave out the types that these differ in
            for twin in by_skeleton[skeleton(name)]:
                assert replace(decode(name), name="") == replace(decode(twin), name=""), (name, twin)


@pytest.mark.parametrize("words", ["None", "  ", "on none data", "()", "0 elements"])
def test_no_sentence_shows_what_is_absent(words: str) -> None:
    assert [facts.name for facts in all_facts() if words in sentence(facts)] == []
