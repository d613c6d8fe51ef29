"""The memory that a trace takes to measure, estimated before it is loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nsysprof.errors import MemoryLimitError
from nsysprof.free_memory import free_memory, resident_bytes
from nsysprof.trace import Trace
from nsysprof.trace.extent import Extent
from nsysprof.units import size

# Measured on traces of 0.02 to 5.4 million kernels and 0.05 to 14 million API calls: with these the estimate
# lies 0 to 30 % above the peak of the whole process, further above where ranges are most of the trace.
# `python -m bench.footprint` measures again; with the page, the peak itself varies by 15 %.
_HINT = "free some, use a machine with more, or capture fewer steps; `nsysprof query` needs little"


@dataclass(frozen=True, slots=True)
class _Rates:
    """Bytes at the peak of one part of the work."""

    base: int
    operation: int
    api_call: int
    memory_event: int
    nvtx_range: int


_PARTS = (_Rates(78_000_000, 130, 40, 118, 60), _Rates(78_000_000, 0, 0, 0, 390))
"""What measuring takes, and what loading ranges takes, while nothing else is at its peak."""
_PAGE = _Rates(130_000_000, 150, 43, 60, 60)
_STRING, _CHARACTER = 200, 2


def memory_needed(extent: Extent, page: bool = False) -> int:
    """Return the bytes that the whole process takes at its peak; ``page`` when the page is made, too."""
    parts = (*_PARTS, _PAGE) if page else _PARTS
    strings = _STRING * extent.strings + _CHARACTER * extent.characters
    return strings + max(
        rates.base
        + rates.operation * extent.operations
        + rates.api_call * extent.api_calls
        + rates.memory_event * extent.memory_events
        + rates.nvtx_range * extent.ranges
        for rates in parts
    )


@contextmanager
def within_memory(trace: Trace, page: bool = False) -> Iterator[None]:
    """Measure ``trace`` in this block, and make the page of it with ``page``.

    Raises MemoryLimitError when that takes more memory than there is: as a rule before the block begins.
    """
    _check(trace, page)
    try:
        yield
    except MemoryError:
        raise MemoryLimitError(f"{trace.path} takes more memory than there is", _HINT) from None


def _check(trace: Trace, page: bool) -> None:
    free, held = free_memory(), resident_bytes()
    if free is None:
        return
    fits = [memory_needed(trace.extent, more) - held <= free.bytes for more in (page, False)]
    if not fits[0]:
        raise MemoryLimitError(
            f"{trace.path} takes about {size(memory_needed(trace.extent, page))} of memory, and "
            f"{size(free.bytes)} is free {free.limit}",
            "--no-html takes less, and fits" if fits[1] else _HINT,
        )
