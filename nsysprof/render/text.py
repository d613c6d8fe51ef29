"""Names from a trace are hostile text: what of them may reach a terminal, and in what length."""

import unicodedata

_ELLIPSIS = "…"
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories: control, format (bidi overrides too), surrogate, private, unassigned, line breaks."""


def plain(name: str) -> str:
    """Return ``name`` with control characters, bidi overrides and escapes written out, such as ``\\x1b``."""
    if name.isascii() and name.isprintable():
        return name
    return "".join(_visible(letter) for letter in name)


def shortened(name: str, width: int) -> str:
    """Return ``name`` made plain and cut in its middle to ``width`` characters: both ends tell something."""
    name = plain(name)
    if len(name) <= width:
        return name
    if width < 8:
        return name[: max(width - 1, 0)] + _ELLIPSIS
    tail = (width - 1) // 3
    return name[: width - 1 - tail] + _ELLIPSIS + name[-tail:]


def _visible(letter: str) -> str:
    if unicodedata.category(letter) not in _HIDDEN:
        return letter
    return letter.encode("unicode_escape").decode("ascii")


def readable_kernel(name: str) -> str:
    """Return a kernel's name without what tells nothing: return type, parameters and PyTorch's namespaces.

    Only for narrow columns; two kernels may share the result.
    """
    short = name.removeprefix("void ")
    for noise in ("at::native::", "(anonymous namespace)::", "<unnamed>::", "c10::", "at::", "std::"):
        short = short.replace(noise, "")
    if short.endswith(")") and (opening := _opening_parenthesis(short)) > 0:
        short = short[:opening]
    return short or name


def _opening_parenthesis(name: str) -> int:
    """Return where the last parenthesis of ``name`` opens, -1 when it never does."""
    depth = 0
    for position in range(len(name) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(name[position], 0)
        if depth == 0:
            return position
    return -1
