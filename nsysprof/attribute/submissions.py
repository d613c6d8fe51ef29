"""Operations by the thread that submitted them and the moment at which it did."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nsysprof.attribute.operations import Operations
from nsysprof.attribute.ranges import Intervals
from nsysprof.trace.model import I32, I64, ApiRows


@dataclass(frozen=True, slots=True)
class Submitted:
    """Operations of one thread in the order of their launches."""

    rows: I64 | slice
    """Which operations."""
    place: I32 | I64
    """Place of each one's launch among all API calls by start; ascending."""


class Submissions:
    """The order in which threads submitted operations."""

    def __init__(self, ops: Operations, api: ApiRows) -> None:
        """Look at the operations of a trace and its API calls."""
        self.ops = ops
        self.api = api

    def by_time(self, times: I64) -> I64:
        """Return how many API calls began before each time."""
        return np.searchsorted(self._starts, times)

    def of_thread(self, thread: int) -> Iterator[Submitted]:
        """Yield the operations that a thread submitted, in one or two groups: kernels, and the rest."""
        for part, place, threads in self._parts:
            if isinstance(threads, int):
                if threads == thread:
                    yield Submitted(part, place)
                continue
            mine = np.flatnonzero(threads == thread)
            if not len(mine):
                continue
            chosen = place[mine]
            if not (chosen[1:] >= chosen[:-1]).all():
                order = np.argsort(chosen, kind="stable")
                mine, chosen = mine[order], chosen[order]
            yield Submitted(mine + part.start, chosen)

    def threads(self) -> list[int]:
        """Return the threads that submitted anything."""
        found = set()
        for _, _, threads in self._parts:
            if isinstance(threads, int):
                found.add(threads)
            else:
                found |= set((np.flatnonzero(np.bincount(threads + 1)) - 1).tolist())
        return sorted(found - {-1})

    def fill(self, out: I32, thread: int, lookup: Intervals) -> None:
        """Set ``out`` for a thread's operations to the innermost interval open when each was submitted."""
        turns, values = lookup.turns()
        until = self.by_time(turns).astype(np.int32)
        for group in self.of_thread(thread):
            lengths = np.diff(np.searchsorted(group.place, until), prepend=0, append=len(group.place))
            out[group.rows] = np.repeat(values, lengths)

    @cached_property
    def times(self) -> I64:
        """Start of the call that submitted each operation, -1 where there is none."""
        launch = self.ops.launch
        if not len(self.api):
            return np.full(len(launch), -1, np.int64)
        found = self.api.start_ns[launch]
        found[launch < 0] = -1
        return found

    @cached_property
    def _order(self) -> I64 | None:
        start = self.api.start_ns
        return None if (start[1:] >= start[:-1]).all() else np.argsort(start, kind="stable")

    @cached_property
    def _starts(self) -> I64:
        return self.api.start_ns if self._order is None else self.api.start_ns[self._order]

    @cached_property
    def _parts(self) -> list[tuple[slice, I32 | I64, int | I32]]:
        """Kernels, and all other operations: rows, places of their launches, threads (a number if only one).

        A group whose launches do not ascend counts as one of several threads, so that it gets sorted.
        """
        found: list[tuple[slice, I32 | I64, int | I32]] = []
        ranks = None if self._order is None else np.argsort(self._order).astype(np.int32)
        for part in (slice(0, self.ops.kernels), slice(self.ops.kernels, len(self.ops))):
            place: I32 | I64 = self.ops.launch[part]
            if not len(place) or not len(self.api):
                continue
            ascends = bool((place[1:] >= place[:-1]).all()) and ranks is None
            threads = self.api.thread[place]
            threads[place < 0] = -1
            alone = ascends and place[0] >= 0 and bool((threads == threads[0]).all())
            found.append(
                (part, place if ranks is None else ranks[place], int(threads[0]) if alone else threads)
            )
        return found
