"""Tokens that stand for kernel names in a shared trace: they hide the name and tell what the kernel is.

``kernel:gemm:cublas:x1f0c9a27:x3fa9c1d2b7e4``: category, library (a hash where it is the user's word; may be
empty), hash of the family, hash of the name. No compiler writes such a name, so no rule is asked about it.
"""

import re
from typing import NamedTuple

from nsysprof.classify.categories import CATEGORY_KEYS

_TOKEN = re.compile(rf"kernel:({'|'.join(CATEGORY_KEYS)}):([\w.+-]{{0,40}}):(x[0-9a-f]{{8}}):x[0-9a-f]{{12}}")


class Meaning(NamedTuple):
    """What a token tells."""

    category: str
    library: str
    family: str
    """A token too, such as ``family_x1f0c9a27``."""


def kernel_token(category: str, library: str, family_hash: str, name_hash: str) -> str:
    """Return the token of a kernel; the hashes are ``x`` and 8 or 12 hexadecimal digits.

    Raises ValueError where ``read_token`` would not give back what the token says.
    """
    token = f"kernel:{category}:{library}:{family_hash}:{name_hash}"
    if read_token(token) != Meaning(category, library, f"family_{family_hash}"):
        raise ValueError(f"{library!r} cannot stand in a token")
    return token


def read_token(name: str) -> Meaning | None:
    """Return what a kernel's token tells; None for any other name."""
    found = _TOKEN.fullmatch(name) if name.startswith("kernel:") else None
    return Meaning(found[1], found[2], f"family_{found[3]}") if found else None
