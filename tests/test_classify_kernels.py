"""Categories, libraries and families of kernels that matter, among them those that others get wrong."""

from pathlib import Path

import pytest

from nsysprof.classify import classify_kernel, classify_names

LABELLED = (Path(__file__).parent / "data/kernel_names/labelled.tsv").read_text().splitlines()[1:]


@pytest.mark.parametrize("row", LABELLED)
def test_classify_kernel(row: str) -> None:
    name, category, library, family = row.split("\t")
    kernel = classify_kernel(name)
    assert (kernel.category, kernel.library, kernel.family) == (category, library, family)
    assert bool(kernel.rule) == (category != "unknown")


def test_names_are_classified_in_order() -> None:
    names = ["nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_TNT", "what", "reduce_kernel<512, 1>"]
    assert [kernel.category for kernel in classify_names(names)] == ["gemm", "unknown", "reduction"]
