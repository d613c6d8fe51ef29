"""What sharing a trace took out of it."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SharedTable:
    """A table of the trace that was shared."""

    name: str
    """As nsys calls it."""
    rows: int
    """Rows in the trace; -1 when they cannot be counted."""
    kept: int
    """Rows in the copy."""
    kept_columns: int
    """Number of columns in the copy."""
    dropped_columns: tuple[str, ...]
    """Columns that are not in the copy; empty for a table that is not in it either."""


@dataclass(frozen=True, slots=True)
class Shared:
    """How a trace and its copy differ."""

    source: str
    """The trace."""
    source_bytes: int
    """Size of the trace."""
    kept: tuple[SharedTable, ...]
    """Tables of which the copy has something."""
    removed: tuple[SharedTable, ...]
    """Tables that are not in the copy."""
    kinds: tuple[str, ...]
    """What was in the tables and columns that were removed, in words."""
    strings: int
    """Strings of the trace."""
    strings_kept: int
    """Strings in the copy, tokens included."""
    replaced: Mapping[str, int]
    """Strings that something stands for, by what they are: ``range``, ``kernel``, ``api``, ``overhead``."""
    warnings: tuple[str, ...] = ()
    """What makes it doubtful that the copy has all that analysis needs, as sentences."""
    anonymized: bool = False
    """Whether tokens stand for all names of kernels and ranges."""
    target: str = ""
    """The copy."""
    database_bytes: int = 0
    """Size of the copy before compression."""
    target_bytes: int = 0
    """Size of the copy."""
