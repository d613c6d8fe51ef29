"""The rules as data: each example reaches its own rule, and a user's rules come first."""

import re
from pathlib import Path

import pytest

from nsysprof.classify import classify_kernel, rule_set
from nsysprof.classify.categories import CATEGORY_KEYS
from nsysprof.classify.names import parse
from nsysprof.classify.rules import Rule, builtin_rule_set, builtin_rules, read_rules
from nsysprof.errors import UsageError


def test_every_example_reaches_its_own_rule_first() -> None:
    wrong = [rule for rule in builtin_rules() if builtin_rule_set().find(parse(rule.example)) != rule]
    assert wrong == []


def test_rules_are_whole_and_distinct() -> None:
    rules = builtin_rules()
    assert len({rule.pattern for rule in rules}) == len(rules) > 150
    for rule in rules:
        assert rule.example
        assert rule.category in CATEGORY_KEYS
        assert rule.category not in ("unknown", "memcpy", "memset")
        assert re.compile(rule.pattern).groups == 0


def test_no_pattern_names_a_part_that_is_not_there() -> None:
    assert [rule.pattern for rule in builtin_rules() if re.search(r"\{[a-z]", rule.pattern)] == []


def test_no_category_is_without_a_rule() -> None:
    assert {rule.category for rule in builtin_rules()} == set(CATEGORY_KEYS) - {"unknown", "memcpy", "memset"}


def test_users_rules_come_before_the_packages(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        """
        [[rule]]
        pattern = "nvjet_sm90_hsh"
        category = "conv"
        library = "mine"

        [[rule]]
        pattern = ".*?frobnicate"
        category = "sparse"
        family = "frob"
        """
    )
    rules = rule_set(path)
    first = classify_kernel("nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_splitK_bias_TNT", rules)
    assert (first.category, first.library) == ("conv", "mine")
    second = classify_kernel("void mine::do_frobnicate_it<int>(int)", rules)
    assert (second.category, second.family) == ("sparse", "frob")
    assert classify_kernel("nvjet_sm90_tst_64x8_64x16_4x1_v_bz_TNT", rules).category == "gemm"
    assert classify_kernel("nvjet_sm90_hsh_64x8_64x16_4x1_v_bz_splitK_bias_TNT").category == "gemm"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[rule]\n", "is no valid TOML"),
        ("", "holds no rules"),
        ("rule = 3\n", "holds no rules"),
        ("[[rules]]\npattern = 'x'\ncategory = 'gemm'\n", "holds no rules"),
        ("[[rule]]\ncategory = 'gemm'\n", "rule 1 of {} has no pattern"),
        ("[[rule]]\npattern = 'x'\n", "rule 1 of {} has no category"),
        ("[[rule]]\npattern = 3\ncategory = 'gemm'\n", "rule 1 of {} is no table of strings"),
        ("[[rule]]\npattern = 'x'\ncategory = 'gemm'\nlib = 'a'\n", "rule 1 of {} has an unknown key 'lib'"),
        ("[[rule]]\npattern = 'x'\ncategory = 'GEMM'\n", "rule 1 of {}: no category 'GEMM'"),
        ("[[rule]]\npattern = 'x('\ncategory = 'gemm'\n", "rule 1 of {}: bad regular expression 'x('"),
        (
            "[[rule]]\npattern = '(?i)x'\ncategory = 'gemm'\n",
            "rule 1 of {}: bad regular expression '(?i)x'",
        ),
        ("[[rule]]\npattern = '(x)'\ncategory = 'gemm'\n", "rule 1 of {}: capturing group in '(x)'"),
    ],
)
def test_a_bad_rule_file_is_a_usage_error(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as raised:
        read_rules(path)
    assert message.format(path) in str(raised.value)
    assert raised.value.hint


def test_rules_in_the_users_config_folder_need_no_option(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "nsysprof" / "rules.toml"
    path.parent.mkdir()
    path.write_text("[[rule]]\npattern = 'my_kernel'\ncategory = 'fft'\n")
    monkeypatch.setattr("typer.get_app_dir", lambda name: str(tmp_path / name))
    rule_set.cache_clear()
    assert classify_kernel("my_kernel").category == "fft"
    rule_set.cache_clear()


def test_a_missing_rule_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the rules in"):
        read_rules(tmp_path / "absent.toml")


def test_a_rule_is_a_plain_record() -> None:
    rule = Rule("gemm", "cublas", "", "x", "y")
    assert (rule.category, rule.library, rule.family, rule.pattern, rule.example) == (
        "gemm",
        "cublas",
        "",
        "x",
        "y",
    )
