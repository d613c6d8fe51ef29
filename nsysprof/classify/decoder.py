"""One kernel name to facts: the first grammar that the name follows reads it."""

import re
from collections.abc import Callable
from functools import cache, lru_cache

from nsysprof.classify import (
    decode_attention,
    decode_cutlass,
    decode_elementwise,
    decode_matrix,
    decode_torch,
    decode_typed,
)
from nsysprof.classify.facts import KernelFacts
from nsysprof.classify.grammar import Grammar
from nsysprof.classify.kernels import classify_kernel
from nsysprof.classify.names import MAX_LENGTH, Signature, parse, plain_numbers
from nsysprof.classify.rules import RuleSet
from nsysprof.classify.tokens import read_token


@cache
def _grammars() -> tuple[tuple[Callable[[str], re.Match[str] | None], Grammar], ...]:
    """Return the grammars in the order in which they are tried, with what finds them in a name."""
    grammars = (
        *decode_attention.GRAMMARS,
        *decode_matrix.GRAMMARS,
        *decode_cutlass.GRAMMARS,
        *decode_elementwise.GRAMMARS,
        *decode_torch.GRAMMARS,
        *decode_typed.GRAMMARS,
    )
    compiled = ((re.compile(grammar.pattern, re.DOTALL), grammar) for grammar in grammars)
    return tuple(
        (pattern.search if grammar.anywhere else pattern.match, grammar) for pattern, grammar in compiled
    )


@lru_cache(maxsize=1 << 12)
def decode(name: str, rules: RuleSet | None = None) -> KernelFacts:
    """Return what a kernel's name says; fields that it does not tell are None."""
    kernel = classify_kernel(name, rules)
    signature = parse(plain_numbers(name[:MAX_LENGTH]))
    return KernelFacts(
        name=name,
        category=kernel.category,
        library=kernel.library or None,
        family=kernel.family or None,
        **({} if read_token(name) else _read(signature)),  # type: ignore[arg-type]
    )


def _read(signature: Signature) -> dict[str, object]:
    subject = signature.subject
    for find, grammar in _grammars():
        match = find(subject)
        if match:
            return {key: value for key, value in grammar.read(match).items() if value is not None}
    return {}
