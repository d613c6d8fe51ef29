"""Trying only what can match finds what trying everything in order finds."""

import re
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_classify_corpus import rows

from nsysprof.classify import classify_kernel, first, rule_set
from nsysprof.classify.first import ANY, Ordered, alternatives, first_characters
from nsysprof.classify.rules import ANYWHERE, builtin_rules

PATTERNS = [rule.pattern.removeprefix(ANYWHERE) for rule in builtin_rules()]
PIECES = sorted({piece for pattern in PATTERNS for piece in re.findall(r"\w+|\W", pattern)})


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("abc", "a"),
        ("a?bc", "ab"),
        ("a{0,3}b", "ab"),
        ("a+b", "a"),
        ("(?:ab|[cd]e)f", "acd"),
        ("(?:ab)?(?!x)(?<!y)c", "ac"),
        (r"\(a", "("),
        (r"\dx", "0123456789"),
        ("^a|b", "ab"),
        ("(?:^|_)conv_", "_c"),
        ("a*", ANY),
        (".b", ANY),
        ("[^a]b", ANY),
        (r"\sx", ANY),
        ("(?i:a)b", ANY),
        ("", ANY),
    ],
)
def test_first_characters(pattern: str, found: str | None) -> None:
    assert first_characters(pattern) == (frozenset(found) if found is not None else ANY)


def test_alternatives() -> None:
    assert alternatives("a|b(?:c|d)|[|]|e\\|f") == ["a", "b(?:c|d)", "[|]", "e\\|f"]
    assert alternatives("(?:(?:a|b)|c)") == ["(?:a|b)", "c"]
    assert alternatives("(?:a|b)c") == ["(?:a|b)c"]


def plain_match(text: str, at: int) -> int | None:
    return next(
        (number for number, pattern in enumerate(PATTERNS) if re.compile(pattern).match(text, at)), None
    )


@pytest.mark.parametrize("many", [0, 10**9])
@given(st.lists(st.sampled_from(PIECES), max_size=6).map("".join))
def test_the_first_that_matches_is_found(many: int, text: str) -> None:
    with patch.object(first, "_MANY", many):  # together, and one by one
        ordered = Ordered(PATTERNS)
        assert ordered.match(text) == plain_match(text, 0)
        positions = [plain_match(text, at) for at in range(len(text))]
        found = [number for number in positions if number is not None]
        assert ordered.search(text) == min(found, default=None)


def test_names_differ_in_numbers_and_are_one_unless_a_users_word_tells_them_apart(tmp_path: Path) -> None:
    assert classify_kernel("void mine::my_softmax_thing1234<int>(int)").category == "softmax"
    path = tmp_path / "rules.toml"
    path.write_text("[[rule]]\npattern = '.*?thing1234'\ncategory = 'fft'\n")
    rules = rule_set(path)
    assert classify_kernel("void mine::my_softmax_thing1234<int>(int)", rules).category == "fft"
    assert classify_kernel("void mine::my_softmax_thing1235<int>(int)", rules).category == "softmax"


@pytest.mark.parametrize(
    "pattern",
    [".*?thing1", ".*?thing12", ".*?_x[1-9]+_", ".*?12\\d", ".*?thing_?1(?:2|3)\\d+", ".*?g12(?#:()3"],
)
def test_words_of_users_see_every_digit(tmp_path: Path, pattern: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(f"[[rule]]\npattern = '{pattern}'\ncategory = 'fft'\n")
    rules = rule_set(path)
    assert classify_kernel("void mine::my_x77_softmax_thing1234<int>(int)", rules).category == "fft"


def test_a_name_of_another_script_is_tried_on_every_rule() -> None:
    assert Ordered([r"\wb", "b"]).match("äb") == 0


def test_every_name_is_found_by_the_rule_that_plain_matching_finds() -> None:
    ordered = Ordered(PATTERNS)
    together = re.compile("|".join(f"(?:{pattern})()" for pattern in PATTERNS))
    for row in rows("public.tsv"):
        found = together.match(row[0])
        assert ordered.match(row[0]) == (found.lastindex - 1 if found and found.lastindex else None)
