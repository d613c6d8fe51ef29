"""Kernel names to categories, API names to classes; once per unique name. ``decoder`` tells facts."""

from nsysprof.classify.api import ApiClass, classify_api
from nsysprof.classify.kernels import KernelClass, classify_kernel, classify_names
from nsysprof.classify.rules import RuleSet, rule_set

__all__ = [
    "ApiClass",
    "KernelClass",
    "RuleSet",
    "classify_api",
    "classify_kernel",
    "classify_names",
    "rule_set",
]
