"""Some of the cases of `make fuzz`, and that they are what they say."""

from pathlib import Path

from fuzz.cases import MILLION, kind_of, make
from fuzz.damage import DAMAGES, FILES
from fuzz.originals import Originals
from fuzz.rows import CHANGES
from fuzz.workers import run_cases


def test_some_cases() -> None:
    results = list(run_cases(range(240), workers=2))
    assert sorted(result.number for result in results) == list(range(240))
    assert [(result.number, result.kind, result.wrong) for result in results if result.wrong] == []
    assert {result.code for result in results} == {0, 3}


def test_ten_thousand_cases_hold_every_kind_often() -> None:
    kinds = [kind_of(number) for number in range(10_000)]
    assert set(kinds) == {*DAMAGES, *FILES, *CHANGES, MILLION}
    assert min(kinds.count(kind) for kind in {*kinds} - {MILLION}) > 40


def test_a_case_is_the_same_alone(tmp_path: Path) -> None:
    written = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        (folder / "case").mkdir(parents=True)
        originals = Originals(folder)
        if folder.name == "other":
            (folder / "before").mkdir()
            make(6, folder / "before", originals)
        written.append(make(7, folder / "case", originals).path.read_bytes())
    assert written[0] == written[1]
