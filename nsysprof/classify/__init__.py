"""Kernel names to categories and facts, API names to classes; once per unique name."""

from nsysprof.classify.api import ApiClass, classify_api
from nsysprof.classify.kernels import KernelClass, classify_kernel, classify_names

__all__ = ["ApiClass", "KernelClass", "classify_api", "classify_kernel", "classify_names"]
