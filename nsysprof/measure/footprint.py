"""The memory that a trace takes to measure, estimated before it is loaded."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nsysprof.errors import MemoryLimitError
from nsysprof.free_memory import free_memory, resident_bytes
from nsysprof.trace import Trace
from nsysprof.trace.extent import Extent
from nsysprof.units import size

# Measured on traces of 0.02 to 5.4 million kernels, 0.05 to 14 million API calls and up to 1.5 million ranges
# with texts of 20 to 4,000 characters; `python -m bench.footprint` measures again. With the page, the peak
# itself varies by 15 %.
_HINT = "free some, use a machine with more, or capture fewer steps; `nsysprof query` needs little"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rates:
    """Bytes at the peak of one part of the work."""

    base: int
    operation: int = 0
    api_call: int = 0
    memory_event: int = 0
    nvtx_range: int = 0
    string: int = 0
    character: float = 0.0
    """Of a string."""
    own_text: int = 0
    """What a row of NVTX with a text of its own takes beside the text."""
    own_size: float = 0.0
    """For each byte of all such texts, equal ones included."""
    distinct: int = 0
    """What each different one takes beside its text."""
    distinct_size: float = 0.0
    """For each byte of the different ones."""


_PARTS = (
    _Rates(
        base=72_000_000,
        operation=130,
        api_call=40,
        memory_event=118,
        nvtx_range=60,
        string=300,
        character=2.0,
        distinct=200,
        distinct_size=1.1,
    ),
    _Rates(
        base=72_000_000,
        nvtx_range=200,
        string=300,
        character=2.0,
        own_text=30,
        own_size=1.15,
        distinct=200,
    ),
)
"""What measuring takes, and what loading ranges takes, while nothing else is at its peak."""
_PAGE = (
    _Rates(
        base=105_000_000,
        operation=150,
        api_call=43,
        memory_event=60,
        nvtx_range=60,
        string=300,
        character=3.5,
        distinct=200,
        distinct_size=3.2,
    ),
    _Rates(base=130_000_000),
)
"""What making the page takes, and the least that it ever took."""


def memory_needed(extent: Extent, page: bool = False) -> int:
    """Return the bytes that the whole process takes at its peak; ``page`` when the page is made, too."""
    return max(_needed(rates, extent) for rates in ((*_PARTS, *_PAGE) if page else _PARTS))


def _needed(rates: _Rates, extent: Extent) -> int:
    own = extent.own_texts
    return round(
        rates.base
        + rates.operation * extent.operations
        + rates.api_call * extent.api_calls
        + rates.memory_event * extent.memory_events
        + rates.nvtx_range * extent.ranges
        + rates.string * extent.strings
        + rates.character * extent.characters
        + rates.own_text * own.rows
        + rates.own_size * own.size
        + rates.distinct * own.distinct
        + rates.distinct_size * own.distinct_size
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
