"""The rules that put a kernel into a category: data, read from ``rules.tsv`` and from a user's TOML file.

A pattern is a regular expression, matched at the start of a kernel's own name: ``reduce_kernel<...`` of
``void at::native::reduce_kernel<...>(...)``, then at the start of the name with its namespaces. A pattern
that begins with ``.*?`` is a word, looked for anywhere in the name before its arguments once no other pattern
matched. The first rule that matches decides.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from nsysprof.classify.categories import CATEGORY_KEYS
from nsysprof.classify.first import Ordered
from nsysprof.classify.names import Signature
from nsysprof.errors import UsageError

ANYWHERE = ".*?"
"""What a pattern begins with that may match anywhere in a kernel's own name."""
NAME_LENGTH = 300
"""Characters of a kernel's own name in which words are looked for."""
_NUMBER = re.compile(r"\d{3,}")
"""A number that many names differ in; unless a word may tell numbers apart, one stands for all."""
_COUNTING = re.compile(r"(?<![\[\d])\d{3}|\{|\\d.?\\d|\[0|\\[1-9]")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    category: str
    """Key of ``categories.CATEGORIES``."""
    library: str
    """Whose kernel it is; empty when the pattern does not tell."""
    family: str
    """Family that the matching kernels share; empty to derive it from each name."""
    pattern: str
    """Regular expression without capturing groups."""
    example: str
    """A real kernel name that the rule was written for; empty only in users' rules."""


class RuleSet:
    """Ordered rules, compiled: those for the start of a name, and words."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Take the rules; they were checked before."""
        self._first = [rule for rule in rules if not rule.pattern.startswith(ANYWHERE)]
        self._words = [rule for rule in rules if rule.pattern.startswith(ANYWHERE)]
        self._match = Ordered([rule.pattern for rule in self._first]).match
        self._search = Ordered([rule.pattern[len(ANYWHERE) :] for rule in self._words]).search
        self._find_word = lru_cache(maxsize=1 << 14)(self._look_for_word)  # heads repeat, names do not
        known = set(builtin_rules())
        self._counting = any(_COUNTING.search(rule.pattern) or rule not in known for rule in self._words)

    def find(self, signature: Signature) -> Rule | None:
        """Return the rule that decides, or None."""
        found = self._match(signature.subject)
        if found is None and signature.scope:
            found = self._match(f"{signature.scope}::{signature.subject}")
        if found is not None:
            return self._first[found]
        name = signature.head[:NAME_LENGTH]
        word = self._find_word(name if self._counting else _NUMBER.sub("000", name))
        if word or not signature.scope:
            return word
        name = f"{signature.scope}::{signature.head}"[:NAME_LENGTH]
        return self._find_word(name if self._counting else _NUMBER.sub("000", name))

    def _look_for_word(self, name: str) -> Rule | None:
        found = self._search(name)
        return None if found is None else self._words[found]


@cache
def builtin_rules() -> tuple[Rule, ...]:
    """Return the rules that come with the package, in order."""
    text = Path(__file__).with_name("rules.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if line and line[0] != "#"]
    parts = {f"{{{fields[0][1:]}}}": fields[1] for fields in lines if fields[0][0] == "@"}
    return tuple(_from_fields(fields, parts) for fields in lines if fields[0][0] != "@")


def _from_fields(fields: Sequence[str], parts: Mapping[str, str]) -> Rule:
    category, library, family, pattern, example = fields
    for name, meaning in parts.items():
        pattern = pattern.replace(name, meaning)
    return Rule(category, library.strip("-"), family.strip("-"), pattern, example)


@cache
def builtin_rule_set() -> RuleSet:
    """Return the package's own rules, compiled."""
    return RuleSet(builtin_rules())


@cache
def rule_set(path: Path | None = None) -> RuleSet:
    """Return the package's rules behind a user's: those of a file, else of the user's config folder."""
    if path is None:
        path = users_rules()
        if not path.is_file():
            return builtin_rule_set()
    return RuleSet((*read_rules(path), *builtin_rules()))


def users_rules() -> Path:
    """Return where a user's own rules lie: ``rules.toml`` in the config folder of the platform."""
    import typer

    return Path(typer.get_app_dir("nsysprof")) / "rules.toml"


def read_rules(path: Path) -> tuple[Rule, ...]:
    """Read a user's rules from a TOML file of ``[[rule]]`` tables; raise ``UsageError`` for a bad one."""
    import tomllib  # few have rules of their own

    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"cannot read the rules in {path}: {error.strerror}", "check the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no valid TOML: {error}", "see the line that it names") from None
    tables = document.get("rule")
    if not isinstance(tables, list) or not tables or set(document) != {"rule"}:
        raise UsageError(f"{path} holds no rules", "write each as a [[rule]] table with pattern and category")
    return tuple(_from_table(table, f"rule {number} of {path}") for number, table in enumerate(tables, 1))


def _from_table(table: Any, where: str) -> Rule:
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise UsageError(f"{where} is no table of strings", "give pattern and category in quotes")
    unknown = sorted(set(table) - {"pattern", "category", "library", "family", "example"})
    missing = [key for key in ("pattern", "category") if not table.get(key)]
    if unknown or missing:
        trouble = f"has no {missing[0]}" if missing else f"has an unknown key {unknown[0]!r}"
        raise UsageError(f"{where} {trouble}", "its keys are pattern, category, library, family, example")
    if table["category"] not in CATEGORY_KEYS:
        raise UsageError(
            f"{where}: no category {table['category']!r}", f"use one of {', '.join(CATEGORY_KEYS)}"
        )
    try:
        groups = re.compile(f"(?:{table['pattern']})").groups  # as it stands among the others
    except re.error as error:
        raise UsageError(f"{where}: bad regular expression {table['pattern']!r}", str(error)) from None
    if groups:
        raise UsageError(
            f"{where}: capturing group in {table['pattern']!r}", "write (?:...) instead of (...)"
        )
    fields = {key: table.get(key, "") for key in ("library", "family", "example")}
    return Rule(table["category"], fields["library"], fields["family"], table["pattern"], fields["example"])
