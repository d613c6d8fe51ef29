"""Kernel names to categories and facts, API names to classes; once per unique name."""

from nsysprof.classify.api import ApiClass, classify_api
from nsysprof.classify.decoder import decode
from nsysprof.classify.facts import KernelFacts
from nsysprof.classify.kernels import KernelClass, classify_kernel, classify_names
from nsysprof.classify.rules import RuleSet, rule_set

__all__ = [
    "ApiClass",
    "KernelClass",
    "KernelFacts",
    "RuleSet",
    "classify_api",
    "classify_kernel",
    "classify_names",
    "decode",
    "rule_set",
]
