"""What becomes of each name of a shared trace: it stays, or a token stands for it that tells what it is.

Tokens are hashes, the same for the same name in every trace. Without a key of one's own, whoever guesses a
name can check the guess.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

from nsysprof import ranges
from nsysprof.attribute import families
from nsysprof.classify import RuleSet, classify_kernel
from nsysprof.classify.kernels import builtin_libraries
from nsysprof.classify.tokens import kernel_token
from nsysprof.share.telling import tells_place_or_secret

_OWN_RANGES = frozenset(
    {
        *(ranges.LOAD, ranges.WARMUP, ranges.GENERATE, ranges.TEXT_ENCODE, ranges.DENOISE, ranges.UNET),
        *(ranges.SCHEDULER, ranges.VAE_DECODE, ranges.CAPTURE, ""),
    }
)
_STEPS = re.compile(r"(?:step|ProfilerStep|denoising_step)[ _#]\d+|denoising_step_\d+_t\d+(?:\.\d+)?")
"""Steps as nsysprof, PyTorch and SGLang name them: there is nothing of the user in them."""
_KINDS = {2: "step", 4: "block"}
"""What a family's token begins with, so that it fits steps as well as the name did; others: ``range``."""
_API = re.compile(r"cu(?:da)?[A-Z]\w{1,100}")
_OVERHEAD = re.compile(
    r"(?:CUDA|CUPTI|NVTX|cuDNN|cuBLAS|Buffer|Chunk|TLS|OS runtime)(?: [A-Za-z]+){0,8}|dlclose|Unknown"
)


@dataclass(frozen=True)
class Names:
    """How names are shared."""

    anonymize: bool = False
    """Put tokens in place of all names of kernels and ranges, not just those that tell places or secrets."""
    key: bytes = b""
    """Secret that tokens depend on; with none, equal names have equal tokens everywhere."""
    rules: RuleSet | None = None
    """Rules for kernels; None: the package's and the user's."""
    hosts: frozenset[str] = frozenset()
    """Names that must not appear inside another: the host's and the user's."""

    def of_kernel(self, name: str) -> str:
        """Return what stands for a kernel's name."""
        if not self._hides(name):
            return name
        kind = classify_kernel(name, self.rules)
        library = kind.library
        if library not in builtin_libraries():  # the user's own word
            library = f"library_{self._hash(library, 8)}"
        return kernel_token(kind.category, library, self._hash(kind.family, 8), self._hash(name, 12))

    def of_range(self, text: str) -> str:
        """Return what stands for a range's text, or for the name of its domain.

        A counted text keeps its number, and an operator's the place where its arguments stand.
        """
        if not self._hides(text) or text in _OWN_RANGES or _STEPS.fullmatch(text):
            return text
        kind = "warmup_" if families.is_warmup(text) else ""
        counted = families.parse(text)
        if counted is None:
            operator = families.operator_of(text)
            details = f" in={self._hash(text, 12)}" if operator != text else ""
            return f"{kind or 'range_'}{self._hash(operator, 12)}{details}" if operator else details
        rank = families.rank(counted.family)
        if rank <= families.CERTAIN_RANK:
            step, _, time = text.partition("_t")  # SGLang's step, whose time is no number
            return f"{step}_t{self._hash(time, 12)}"
        number = text[len(counted.family) :]
        return f"{kind}{_KINDS.get(rank, 'range')}_{self._hash(counted.family, 12)}{number}"

    def of_api(self, name: str) -> str:
        """Return the name of a CUDA function, a token for what is none."""
        return name if _API.fullmatch(name) else f"api_{self._hash(name, 12)}"

    def of_overhead(self, name: str) -> str:
        """Return nsys's name of a cause of overhead, without the file that it was about."""
        cause = name.partition("(")[0]
        if cause in ("dlopen", "dlsym"):
            return cause
        return name if _OVERHEAD.fullmatch(name) else "other"

    def _hides(self, name: str) -> bool:
        return self.anonymize or tells_place_or_secret(name) or bool(self._host and self._host.search(name))

    @cached_property
    def _host(self) -> re.Pattern[str] | None:
        words = "|".join(re.escape(host) for host in sorted(self.hosts))
        return re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])", re.IGNORECASE) if words else None

    def _hash(self, name: str, digits: int) -> str:
        """Return ``x`` and some hexadecimal digits; the letter keeps them from being read as a number."""
        text = name.encode("utf-8", "surrogatepass")
        key = hashlib.blake2b(self.key).digest() if self.key else b""
        return "x" + hashlib.blake2b(text, digest_size=digits // 2, key=key).hexdigest()
