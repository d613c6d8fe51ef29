"""The rules against kernels that ran or that libraries ship; data/kernel_names/README.md says where from."""

import gzip
import re
from collections import defaultdict
from pathlib import Path

import pytest

from nsysprof.classify import classify_kernel

DATA = Path(__file__).parent / "data/kernel_names"


def rows(name: str) -> list[list[str]]:
    """Return the rows of a table without its heading."""
    data = (DATA / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    return [line.split("\t") for line in text.splitlines()[1:]]


@pytest.fixture(scope="module")
def corpus() -> list[list[str]]:
    """Set, workload, kernel, operator, launches, total ns."""
    return rows("corpus.tsv.gz")


UNTOLD = (
    "_Sub__map_0_0_27(float*, float const*, float const*)",
    "_h3_vsa_o_bundle_kernel",
    "_h3_vsa_o_bundle_local_gate_kernel",
    "_h3_vsa_tile_pack_kernel",
    "_indexed_gate_kernel",
    "_indexed_scale_shift_kernel",
    "cuda::expand_to_fused_with_scales_impl"
    "(int4 const*, int4*, float const*, float*, int const*, int const*, int, int, int, int, int)",
    "void at::native::mbtopk::fill<unsigned int, unsigned int>(T1 *, T1, T2)",
)
"""Kernels of ``held_out_profiles.tsv`` whose names do not say, or say wrongly, what they are."""


def test_kernels_of_libraries_are_what_their_labels_say() -> None:
    labelled = rows("public.tsv")
    wrong = [(name, label, classify_kernel(name).category) for name, label, _ in labelled]
    assert [row for row in wrong if row[1] != row[2]] == []
    assert len(labelled) > 2000


def test_kernels_of_public_profiles_are_what_their_labels_say() -> None:
    labelled = rows("held_out_public.tsv")
    wrong = [(row[0], row[1], classify_kernel(row[0]).category) for row in labelled]
    assert [row for row in wrong if row[1] != row[2]] == []
    assert len(labelled) == 665


def test_kernels_of_the_fresh_workloads_are_what_their_labels_say() -> None:
    labelled = rows("held_out_fresh.tsv.gz")
    wrong = [(name, label, classify_kernel(name).category) for name, _, label, *_ in labelled]
    assert [row for row in wrong if row[1] != row[2]] == []
    assert len(labelled) == 1938


def test_kernels_of_further_profiles_are_what_their_labels_say() -> None:
    labelled = rows("held_out_profiles.tsv")
    wrong = []
    for name, label, _, second, _, _, corrected in labelled:
        found = classify_kernel(name).category
        if label != "unknowable" and found not in {corrected or label, second or label}:
            wrong.append(name)
    assert sorted(wrong) == sorted(UNTOLD)
    assert len(labelled) == 768


def test_kernels_that_libraries_register_are_what_their_labels_say() -> None:
    labelled = rows("registered.tsv.gz")
    wrong = [(name, label, classify_kernel(name).category) for name, label, _ in labelled]
    assert [row for row in wrong if row[1] != row[2]] == []
    assert len(labelled) > 3000


def test_no_kernel_that_ran_is_unclassified(corpus: list[list[str]]) -> None:
    names = {row[2] for row in corpus}
    assert [name for name in names if classify_kernel(name).category == "unknown"] == []
    assert len(names) > 4000


def test_kernels_are_what_their_operators_do_or_it_is_explained(corpus: list[list[str]]) -> None:
    expected = {row[0]: row[1] for row in rows("operators.tsv")}
    explained = {(operator, category): reason for operator, category, _, reason in rows("disagreements.tsv")}
    found = {
        (row[3], category)
        for row in corpus
        if row[3] in expected and (category := classify_kernel(row[2]).category) != expected[row[3]]
    }
    assert found == set(explained)
    assert all(explained.values())


@pytest.fixture(scope="module")
def nsys_names() -> list[str]:
    """Kernels of the same workloads in nsys's own spelling."""
    return [row[0] for row in rows("nsys.tsv.gz")]


def test_no_kernel_is_unclassified_in_the_spelling_of_nsys(nsys_names: list[str]) -> None:
    assert [name for name in nsys_names if classify_kernel(name).category == "unknown"] == []
    assert len(nsys_names) > 2000


LAMBDA = re.compile(
    r"[{\[]lambda\([^()]*(?:\([^()]*\)[^()]*)*\)(?: \(instance (?P<nsys>\d+)\)\]|#(?P<cupti>\d+)\})"
)


def skeleton(name: str) -> str:
    """Return what both spellings share: no parameters, casts, anonymous namespaces, ``void``, ``const``."""
    name = name.replace("(anonymous namespace)::", "").replace("<unnamed>::", "")
    name = LAMBDA.sub(lambda found: f"#{found['nsys'] or found['cupti']}", name)
    shorter = ""
    while shorter != name:
        name, shorter = re.sub(r"\([^()]*\)", "", name), name
    name = re.sub(r"\btrue\b", "1", re.sub(r"\bfalse\b", "0", name))
    name = re.sub(r"\b(\d+)(?:ul|u|l)\b", r"\1", name)
    return re.sub(r"\bvoid |\bconst\b|[\s()]", "", name)


def test_one_kernel_is_the_same_in_the_spellings_of_nsys_and_cupti(
    corpus: list[list[str]], nsys_names: list[str]
) -> None:
    by_skeleton = defaultdict(set)
    for row in corpus:
        by_skeleton[skeleton(row[2])].add(row[2])
    pairs = [(name, twin) for name in nsys_names for twin in by_skeleton[skeleton(name)]]
    assert [pair for pair in pairs if classify_kernel(pair[0]) != classify_kernel(pair[1])] == []
    assert len({name for name, _ in pairs}) == 2149
    assert sum(name != twin for name, twin in pairs) > 1800


def test_every_operator_has_a_category(corpus: list[list[str]]) -> None:
    operators = {row[3] for row in corpus if row[3].startswith(("aten::", "torchvision::", "nccl:"))}
    assert operators <= {row[0] for row in rows("operators.tsv")}
