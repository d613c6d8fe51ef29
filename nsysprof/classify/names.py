"""Take a kernel's name apart, in any spelling: nsys's, CUPTI's, or Itanium-mangled.

nsys writes ``<unnamed>::`` and ``(int)128`` where CUPTI writes ``(anonymous namespace)::`` and ``128``; some tools
leave names mangled. All of them become a ``Signature`` with the same head. The work is linear in the length of the
name, and names beyond ``MAX_LENGTH`` are cut, so a hostile name costs no more than a long one.
"""

import re
from dataclasses import dataclass

from nsysprof.classify.mangled import unmangle

MAX_LENGTH = 4096
"""Characters of a name that are looked at; what says what a kernel is stands well before that."""

_ANONYMOUS = re.compile(
    r"<unnamed>::|\(anonymous namespace\)::|\{anonymous\}::|`anonymous namespace'::|_GLOBAL__N__\w+::"
)
_ENABLE_IF = ">::type "
_BRACKET = re.compile(r"[<>]")
_CAST = re.compile(
    r"\((?:bool|(?:signed |unsigned )?char|(?:unsigned )?(?:short|int|long(?: long)?))\)(?=-?\d)"
)
_VAGUE = frozenset({"kernel", "Kernel", "Kernel2", "device_kernel", "DeviceKernel", "run", "operator"})
"""Function names that say nothing: the name of the class or namespace around them belongs to the head."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A kernel's name in parts."""

    scope: str
    """Namespaces and classes around the function, such as ``at::native``; anonymous ones left out."""
    head: str
    """The function's own name, with the last part of the scope before it where alone it says nothing."""
    rest: str
    """Template arguments and parameters, from the first bracket behind the head on."""

    @property
    def subject(self) -> str:
        """What rules look at: the head with all that follows it."""
        return self.head + self.rest


def parse(name: str) -> Signature:
    """Take a name apart; any string has a signature, if only an empty one."""
    text = name[:MAX_LENGTH].strip()
    if text.startswith(("_Z", "__Z")):
        text = unmangle(text)
    if "n" in text:
        text = _ANONYMOUS.sub("", text)
    begin, end = _qualified_name(text)
    qualified = text[begin:end]
    scope, separator, head = qualified.rpartition("::")
    if separator and head in _VAGUE:
        outer = scope.rpartition("::")[2]
        head = f"{outer}::{head}" if outer else head
    return Signature(scope, head, text[end:])


def plain_numbers(text: str) -> str:
    """Write ``(int)128`` as ``128``, as CUPTI does."""
    return _CAST.sub("", text)


def _qualified_name(text: str) -> tuple[int, int]:
    """Return where the function's qualified name begins and ends: before its template arguments or parameters."""
    result = text.find(_ENABLE_IF) + len(_ENABLE_IF) if text.startswith("std::enable_if<") else 0
    begin = result if result >= len(_ENABLE_IF) else 0  # its conditions hold comparison signs
    while True:
        end = _first_bracket(text, begin)
        begin = text.rfind(" ", begin, end) + 1 or begin  # a return type may stand before the name
        if end == len(text) or text[end] == "(":
            return begin, end
        close = _closing(text, end)
        if close < 0:
            return begin, end
        if text.startswith("::", close + 1):  # the arguments of a class or of a return type such as enable_if
            begin = close + 3
        elif text.startswith(" ", close + 1) and _is_name(text[close + 2 : close + 3]):
            begin = close + 2
        else:
            return begin, end


def _first_bracket(text: str, begin: int) -> int:
    angle, paren = text.find("<", begin), text.find("(", begin)
    return min(position if position >= 0 else len(text) for position in (angle, paren))


def _is_name(character: str) -> bool:
    return character.isalpha() or character == "_"


def _closing(text: str, begin: int) -> int:
    """Return where the angle bracket at ``begin`` closes, -1 if it never does."""
    depth = 0
    for match in _BRACKET.finditer(text, begin):
        at = match.start()
        if text[at] == "<":
            depth += 1
        elif text[at - 1] != "-":  # not an arrow
            depth -= 1
            if depth == 0:
                return at
    return -1
