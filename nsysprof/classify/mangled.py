"""Read the identifiers out of an Itanium-mangled name: enough to tell which kernel it is.

This is no demangler: substitutions, literals and built-in types are passed over. ``_ZN2at6native13reduce_kernelILi512E
NS0_8ReduceOpIfNS0_7MeanOpsIffffEEjfLi4EEEEEvT1_`` becomes ``at::native::reduce_kernel<ReduceOp, MeanOps>``.
"""

import re

_NUMBER = re.compile(r"\d{1,4}")
_HALF_LITERAL = re.compile(r"L[a-z](n?\d+)E")
_NOISE = frozenset({"at", "native", "c10", "std", "cuda", "detail"})


def unmangle(mangled: str) -> str:
    """Return ``scope::head<identifiers of the arguments>``, or the name itself if it is not mangled after all."""
    scope, position = _nested_name(mangled)
    if not scope:
        return mangled
    arguments = _identifiers(mangled, position)
    return "::".join(scope) + (f"<{', '.join(arguments)}>" if arguments else "")


def _nested_name(mangled: str) -> tuple[list[str], int]:
    """Return the parts of the function's qualified name and where they end."""
    position = mangled.index("Z") + 1
    nested = mangled.startswith("N", position)
    position += nested
    while mangled[position : position + 1] in ("K", "V", "L") or mangled.startswith("St", position):
        position += 2 if mangled.startswith("St", position) else 1
    parts: list[str] = []
    while number := _NUMBER.match(mangled, position):
        length = int(number.group())
        part = mangled[number.end() : number.end() + length]
        position = number.end() + length
        if not part.startswith("_GLOBAL__N_"):
            parts.append(part)
        if not nested:
            break
    return parts, position


def _identifiers(mangled: str, position: int) -> list[str]:
    """Return the identifiers and integer literals of template arguments and parameters, in order."""
    found: list[str] = []
    while position < len(mangled):
        literal = _HALF_LITERAL.match(mangled, position)
        if literal:
            found.append(literal.group(1).replace("n", "-"))
            position = literal.end()
            continue
        number = _NUMBER.match(mangled, position)
        if number and (length := int(number.group())) and number.end() + length <= len(mangled):
            part = mangled[number.end() : number.end() + length]
            position = number.end() + length
            if part not in _NOISE and not part.startswith("_GLOBAL__N_"):
                found.append(part)
            continue
        position = number.end() if number else position + 1
    return found
