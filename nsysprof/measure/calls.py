"""CUDA API calls: by function over the whole trace, by class in each step."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.attribute.buckets import CAUSE_CODE, CAUSE_OF_API_CLASS
from nsysprof.attribute.tally import (
    Coded,
    Spread,
    blocks,
    code,
    count_and_sum,
    cuts_until,
    distinct,
    spread,
    sums,
)
from nsysprof.classify import ApiClass, classify_api
from nsysprof.classify.categories import API_CLASSES
from nsysprof.measure.results import Amount, ApiHotspot
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64, ApiRows

_MOST_CELLS = 1 << 21
"""Of a table of all sums."""


@dataclass(frozen=True, slots=True)
class Calls:
    """The API calls of a trace and what their functions are."""

    rows: ApiRows
    coded: Coded
    """Functions by code, and the code of each row."""
    kinds: tuple[ApiClass, ...]
    """Class of each function, by code."""

    def cause(self) -> npt.NDArray[np.int8]:
        """Return the cause of idleness by row, index into ``buckets.IDLE_CAUSES``."""
        causes = [CAUSE_CODE[CAUSE_OF_API_CLASS[kind.key]] for kind in self.kinds]
        return np.array(causes, np.int8)[self.coded.codes]

    def is_class(self, *keys: str, rows: I64 | slice = slice(None)) -> npt.NDArray[np.bool_]:
        """Return which of the given rows are calls of one of the given classes."""
        return np.array([kind.key in keys for kind in self.kinds], bool)[self.coded.codes[rows]]


def load_calls(trace: Trace) -> Calls:
    """Load and classify the API calls of a trace."""
    coded = code(trace.api_calls.name)
    names = [trace.strings.get(id_, "") for id_ in coded.values.tolist()]
    return Calls(trace.api_calls, coded, tuple(classify_api(name) for name in names))


@dataclass(frozen=True, slots=True)
class CallWindows:
    """CPU windows of steps; they may overlap."""

    start_ns: I64
    end_ns: I64
    processes: npt.NDArray[np.bool_]
    """Which processes run the step, shape (steps, processes)."""
    thread_process: I32
    """Process index by thread index, -1 when unknown."""


@dataclass(frozen=True, slots=True)
class CallTable:
    """All calls, summed."""

    by_function: tuple[ApiHotspot, ...]
    """By total time, largest first; functions that differ by suffix alone are one."""
    ns: I64
    """Calls that began in each step's CPU window, shape (steps, classes)."""
    count: I64
    """Shape like ``ns``."""

    def of_step(self, step: int) -> dict[str, Amount]:
        """Return a step's calls by class key, in the order of ``API_CLASSES``, absent classes left out."""
        ns, count = self.ns[step].tolist(), self.count[step].tolist()
        return {key: Amount(ns[i], count[i]) for i, key in enumerate(API_CLASSES) if count[i]}

    def by_class(self) -> dict[str, Amount]:
        """Return the time of all calls by class, largest first."""
        totals: dict[str, Amount] = {}
        for entry in self.by_function:
            before = totals.get(entry.api_class, Amount(0, 0))
            totals[entry.api_class] = Amount(before.ns + entry.total_ns, before.count + entry.count)
        return dict(sorted(totals.items(), key=lambda item: -item[1].ns))


def summarise(calls: Calls, windows: CallWindows) -> CallTable:
    """Sum calls by function and, in one go, by step and class.

    A call belongs to the windows of its process that it began in.
    """
    cuts = distinct(np.concatenate([windows.start_ns, windows.end_ns]))
    across = max(len(calls.kinds), len(API_CLASSES))
    if (windows.processes.shape[1] + 1) * (len(cuts) + 1) * across > _MOST_CELLS:
        codes, rows = calls.coded.codes, calls.rows
        entries = _entries(calls, spread(codes, rows.start_ns, rows.end_ns, len(calls.kinds)))
        return CallTable(entries, *_by_process(calls, cuts, windows))
    sums_ = _Sums(calls, cuts, windows)
    entries = _entries(calls, sums_.by_function())
    to_class = np.zeros((len(calls.kinds), len(API_CLASSES)), np.int64)
    for at, kind in enumerate(calls.kinds):
        to_class[at, API_CLASSES.index(kind.key)] = 1
    first, last = np.searchsorted(cuts, windows.start_ns) + 1, np.searchsorted(cuts, windows.end_ns) + 1
    ns, count = (
        _within(table @ to_class, windows.processes, first, last) for table in (sums_.ns, sums_.count)
    )
    return CallTable(entries, ns, count)


class _Sums:
    """Calls by process, stretch between cuts, and function."""

    def __init__(self, calls: Calls, cuts: I64, windows: CallWindows) -> None:
        functions, stretches = len(calls.kinds), len(cuts) + 1
        teams = windows.processes.shape[1] + 1  # the last is "unknown"
        team_of = np.append(windows.thread_process.astype(np.int64) % teams, teams - 1) if teams > 2 else None
        shape = (teams if teams > 2 else 1, stretches, functions)
        size = int(np.prod(shape))
        ns, count = np.zeros(size, np.int64), np.zeros(size, np.int64)
        self.shortest = np.full(functions, np.iinfo(np.int64).max)
        self.longest = np.zeros(functions, np.int64)
        rows = calls.rows
        for part in blocks(len(rows), size):
            function, lasted = calls.coded.codes[part], rows.end_ns[part] - rows.start_ns[part]
            np.minimum.at(self.shortest, function, lasted)
            np.maximum.at(self.longest, function, lasted)
            key = cuts_until(cuts, rows.start_ns[part]) * functions + function
            if team_of is not None:
                key += team_of[rows.thread[part]] * (stretches * functions)
            count += np.bincount(key, minlength=size)
            ns += sums(key, lasted, size)
        self.ns: I64 = ns.reshape(shape)
        self.count: I64 = count.reshape(shape)

    def by_function(self) -> Spread:
        """Return the sums over processes and stretches."""
        return Spread(self.count.sum(axis=(0, 1)), self.ns.sum(axis=(0, 1)), self.shortest, self.longest)


def _by_process(calls: Calls, cuts: I64, windows: CallWindows) -> tuple[I64, I64]:
    """Return ns and count of ``CallTable``, summed for one process after another.

    Slower than all at once, but however many processes, steps and functions there are, memory suffices.
    """
    classes, rows = len(API_CLASSES), calls.rows
    of_function = np.array([API_CLASSES.index(kind.key) for kind in calls.kinds], np.int64)
    key = cuts_until(cuts, rows.start_ns) * classes + of_function[calls.coded.codes]
    several = windows.processes.shape[1] > 1
    process = np.append(windows.thread_process, -1)[rows.thread] if several else np.zeros(len(rows), np.int32)
    order = np.argsort(process, kind="stable")
    teams = distinct(process)
    bounds = np.searchsorted(process[order], np.append(teams, teams[-1:] + 1))
    first, last = np.searchsorted(cuts, windows.start_ns) + 1, np.searchsorted(cuts, windows.end_ns) + 1
    total = np.zeros((2, len(first), classes), np.int64)
    for team, low, high in zip(teams.tolist(), bounds[:-1], bounds[1:], strict=True):
        steps = np.flatnonzero(windows.processes[:, team]) if several else np.arange(len(first))
        if team < 0 or not len(steps):
            continue
        mine = order[low:high]
        found = count_and_sum(key[mine], rows.start_ns[mine], rows.end_ns[mine], (len(cuts) + 1) * classes)
        for sums_, table in zip(total, reversed(found), strict=True):
            through = np.cumsum(table.reshape(-1, classes), axis=0)
            sums_[steps] += through[last[steps] - 1] - through[first[steps] - 1]
    return total[0], total[1]


def _within(table: I64, processes: npt.NDArray[np.bool_], first: I64, last: I64) -> I64:
    """Return the sums of a table (processes, stretches, classes) over each step's stretches and processes."""
    before = np.zeros((len(table), 1, table.shape[2]), np.int64)
    through = np.concatenate([before, np.cumsum(table, axis=1)], axis=1)
    total = np.zeros((len(first), table.shape[2]), np.int64)
    if len(table) == 1:
        total += through[0][last] - through[0][first]
        return total
    for process in range(processes.shape[1]):
        mine = processes[:, process]
        total[mine] += through[process][last[mine]] - through[process][first[mine]]
    return total


def _entries(calls: Calls, found: Spread) -> tuple[ApiHotspot, ...]:
    count, ns = found.count.tolist(), found.ns.tolist()
    merged: dict[str, ApiHotspot] = {}
    for at, kind in enumerate(calls.kinds):
        shortest, longest, calls_, total = (
            int(found.shortest_ns[at]),
            int(found.longest_ns[at]),
            count[at],
            ns[at],
        )
        if kind.name in merged:
            other = merged[kind.name]
            calls_, total = calls_ + other.count, total + other.total_ns
            shortest, longest = min(shortest, other.min_ns), max(longest, other.max_ns)
        mean = total / calls_
        merged[kind.name] = ApiHotspot(
            kind.name, kind.key, kind.is_async, calls_, total, mean, shortest, longest
        )
    return tuple(sorted(merged.values(), key=lambda entry: (-entry.total_ns, entry.name)))
