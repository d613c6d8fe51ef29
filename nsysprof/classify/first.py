"""The first of many regular expressions that matches, with few of them tried.

Most cannot match, as a match of theirs begins with other characters than those at hand. What of an expression
is not read here counts as any character: it is tried in vain then, never left out.
"""

import re
import string
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

ANY = None
"""Stands for every character."""
_WORD = frozenset(string.ascii_letters + string.digits + "_")
_ZERO_WIDTH = ("(?=", "(?!", "(?<!", "(?<=")
_CLASS = re.compile(r"\[(?:[\w: /,.<>(){}|*&+#@-]+)\]")
_SCOPE = r"\w+::"
_QUALIFIED = re.compile(_SCOPE).match
_Compiled = tuple[Callable[[str, int], re.Match[str] | None], list[int]]
_PLAIN = re.compile(r"(\w)(?![?*{])[^|]*$")
"""A pattern that begins with a character as it is, and is no choice."""
_PLAIN_CHARACTERS = re.compile(r"(?:\w(?![?*{+]))+")
_MANY = 1_000  # texts and positions, after which compiling patterns together is worth its time
_QUANTIFIER = re.compile(r"[?*+]|\{(\d*)(?:,\d*)?\}")


class _UnreadError(Exception):
    """The expression has a part that is not read here."""


class Ordered:
    """Patterns of which the first that matches is looked for, with only those tried that can.

    Compiling takes longer than matching a few texts, so at first each pattern is compiled when its literal
    beginning is met, and only for many texts those with one first character are compiled together.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        """Take the patterns apart; each is valid and without capturing groups."""
        self._parts = [
            (number, part, literal)
            for number, pattern in enumerate(patterns)
            for part, literal in _parts(pattern)
        ]
        self._single: dict[str, Callable[[str, int], re.Match[str] | None]] = {}
        self._together: dict[str, _Compiled | None] = {}
        self._asked = 0

    def match(self, text: str, at: int = 0) -> int | None:
        """Return the number of the first pattern that matches at a position, None if none does."""
        self._asked += 1
        if self._asked < _MANY:
            return self._match_singly(text, at)
        key = text[at : at + 1]
        if not at and _QUALIFIED(text):
            key += "::"
        try:
            compiled = self._together[key]
        except KeyError:
            compiled = self._together[key] = self._compile(key[:1], qualified=at > 0 or len(key) > 1)
        if compiled is None:
            return None
        found = compiled[0](text, at)
        return compiled[1][found.lastindex - 1] if found and found.lastindex else None

    def search(self, text: str) -> int | None:
        """Return the number of the first pattern that matches anywhere, None if none does."""
        found = [number for at in range(len(text)) if (number := self.match(text, at)) is not None]
        return min(found, default=None)

    def _match_singly(self, text: str, at: int) -> int | None:
        for number, part, literal in self._parts:
            if text.startswith(literal, at):
                try:
                    match = self._single[part]
                except KeyError:
                    match = self._single[part] = re.compile(part).match
                if match(text, at):
                    return number
        return None

    def _compile(self, character: str, qualified: bool) -> _Compiled | None:
        parts = [
            (number, part)
            for number, part, first in self._by_character
            if (first is ANY or character in first or not character.isascii())
            and (qualified or not part.startswith(_SCOPE))
        ]
        # an empty group behind each part tells which one matched
        pattern = re.compile("|".join(f"(?:{part})()" for _, part in parts))
        return (pattern.match, [number for number, _ in parts]) if parts else None

    @cached_property
    def _by_character(self) -> list[tuple[int, str, frozenset[str] | None]]:
        return [(number, part, first_characters(part)) for number, part, _ in self._parts]


def _parts(pattern: str) -> list[tuple[str, str]]:
    """Return the alternatives of a pattern, each with characters that every match of it begins with."""
    try:
        parts = alternatives(pattern)
    except _UnreadError:
        return [(pattern, "")]
    plain = [_PLAIN_CHARACTERS.match(part) for part in parts]
    return [(part, found.group() if found else "") for part, found in zip(parts, plain, strict=True)]


def alternatives(pattern: str) -> list[str]:
    """Return the alternatives that a pattern consists of, or the pattern alone."""
    if pattern.startswith("(?:") and _group_end(pattern, 0) == len(pattern):
        return alternatives(pattern[3:-1])
    found, depth, start = [], 0, 0
    for at, character in _signs(pattern):
        if character in "()":
            depth += 1 if character == "(" else -1
        elif character == "|" and depth == 0:
            found.append(pattern[start:at])
            start = at + 1
    return [*found, pattern[start:]]


def first_characters(pattern: str) -> frozenset[str] | None:
    """Return the characters with which a match can begin; ``ANY`` if it can with others, or with none."""
    if plain := _PLAIN.match(pattern):
        return frozenset(plain[1])
    try:
        characters, empty = _of_alternatives(pattern)
    except (_UnreadError, IndexError):
        return ANY
    return ANY if empty else characters


def _of_alternatives(pattern: str) -> tuple[frozenset[str], bool]:
    """Return the first characters, and whether the pattern can match nothing."""
    parts = [_of_sequence(part) for part in alternatives(pattern)]
    return frozenset().union(*(part[0] for part in parts)), any(empty for _, empty in parts)


def _of_sequence(sequence: str) -> tuple[frozenset[str], bool]:
    found: frozenset[str] = frozenset()
    at = 0
    while at < len(sequence):
        characters, empty, at = _of_atom(sequence, at)
        quantifier = _QUANTIFIER.match(sequence, at)
        if quantifier:
            at = quantifier.end() + sequence.startswith("?", quantifier.end())
            text = quantifier.group()
            empty = empty or text in "?*" or (text[0] == "{" and quantifier[1] in ("", "0"))
        found |= characters
        if not empty:
            return found, False
    return found, True


def _of_atom(sequence: str, at: int) -> tuple[frozenset[str], bool, int]:
    """Return the first characters of one atom, whether it can match nothing, and where it ends."""
    character = sequence[at]
    if character == "(":
        end = _group_end(sequence, at)
        if sequence.startswith(_ZERO_WIDTH, at):
            return frozenset(), True, end
        if not sequence.startswith("(?:", at):
            raise _UnreadError
        return *_of_alternatives(sequence[at + 3 : end - 1]), end
    if character == "[":
        end = _class_end(sequence, at)
        if not _CLASS.fullmatch(sequence, at, end):
            raise _UnreadError
        members = re.compile(sequence[at:end])
        return frozenset(filter(members.match, map(chr, range(128)))), False, end
    if character == "\\":
        escaped = sequence[at + 1]
        if escaped == "b":
            return frozenset(), True, at + 2
        if escaped in "wd":
            return _WORD if escaped == "w" else frozenset(string.digits), False, at + 2
        if escaped.isalnum():
            raise _UnreadError
        return frozenset(escaped), False, at + 2
    if character in "^$":
        return frozenset(), True, at + 1
    if character in ".?*+{":
        raise _UnreadError
    return frozenset(character), False, at + 1


def _class_end(pattern: str, at: int) -> int:
    end = at + 1
    while pattern[end] != "]" or end == at + 1:
        end += 2 if pattern[end] == "\\" else 1
    return end + 1


def _group_end(pattern: str, at: int) -> int:
    depth = 0
    for place, character in _signs(pattern, at):
        if character in "()":
            depth += 1 if character == "(" else -1
            if depth == 0:
                return place + 1
    raise _UnreadError  # a comment, in which brackets need not match


def _signs(pattern: str, at: int = 0) -> Iterator[tuple[int, str]]:
    """Yield place and character of all from ``at`` on that is neither escaped nor in a class."""
    while at < len(pattern):
        character = pattern[at]
        if character == "\\":
            at += 2
        elif character == "[":
            at = _class_end(pattern, at)
        else:
            yield at, character
            at += 1
