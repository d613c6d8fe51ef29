"""Read the identifiers out of an Itanium-mangled name: enough to tell which kernel it is.

This is no demangler: substitutions and built-in types are passed over, so that
``_ZN2at6native13reduce_kernelILi512ELi1ENS0_8ReduceOpIfNS0_7MeanOpsIffffEEjfLi4EEEEEvT1_`` becomes
``at::native::reduce_kernel<512, 1, ReduceOp, MeanOps, 4>``.
"""

import re

_TOKEN = re.compile(r"L[a-z](n?\d+)E|\d")
_LONGEST = 400
"""Characters of the longest identifier that is believed."""


def unmangle(mangled: str) -> str:
    """Return ``scope::head<arguments>``, or the name itself if it is not mangled after all."""
    scope, position = _nested_name(mangled)
    if not scope:
        return mangled
    arguments = _arguments(mangled, position)
    return "::".join(scope) + (f"<{', '.join(arguments)}>" if arguments else "")


def _identifier(mangled: str, position: int) -> tuple[str, int]:
    """Return the length-prefixed identifier at a position and where it ends; empty if there is none."""
    end = position
    while end < len(mangled) and mangled[end].isdecimal() and end - position < 4:
        end += 1
    if end == position:
        return "", position
    length = int(mangled[position:end])
    if length > _LONGEST or end + length > len(mangled):
        return "", end
    return mangled[end : end + length], end + length


def _nested_name(mangled: str) -> tuple[list[str], int]:
    """Return the parts of the function's qualified name and where they end."""
    position = mangled.index("Z") + 1
    nested = mangled.startswith("N", position)
    position += nested
    while mangled[position : position + 1] in ("K", "V", "L"):
        position += 1
    parts: list[str] = ["std"] if mangled.startswith("St", position) else []
    position += 2 * len(parts)
    while True:
        part, end = _identifier(mangled, position)
        if not part:
            return parts, position
        if not _is_anonymous(part):
            parts.append(part)
        position = end
        if not nested:
            return parts, position


def _arguments(mangled: str, position: int) -> list[str]:
    """Return qualified identifiers and integers of template arguments and parameters, in order."""
    found: list[str] = []
    last_end = -1
    while match := _TOKEN.search(mangled, position):
        literal = match.group(1)
        if literal:
            found.append(literal.replace("n", "-"))
            position = match.end()
            continue
        if mangled[match.start() - 1] in "ST" and mangled[match.end() : match.end() + 1] == "_":
            position = match.end()  # a substitution such as S0_, a template parameter such as T1_
            continue
        part, position = _identifier(mangled, match.start())
        if not part or _is_anonymous(part):
            last_end = position
        elif match.start() == last_end:  # directly behind another one: a namespace and what is in it
            found[-1:] = [f"{found[-1]}::{part}"] if found else [part]
            last_end = position
        else:
            found.append(part)
            last_end = position
        position = max(position, match.end())
    return found


def _is_anonymous(part: str) -> bool:
    return part.startswith(("_GLOBAL__N_", "_INTERNAL_"))
