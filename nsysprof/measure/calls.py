"""CUDA API calls: by function over the whole trace, by class in each step."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.attribute.buckets import CAUSE_CODE, CAUSE_OF_API_CLASS
from nsysprof.attribute.tally import Coded, blocks, code, spread, sums
from nsysprof.classify import ApiClass, classify_api
from nsysprof.classify.categories import API_CLASSES
from nsysprof.measure.results import Amount, ApiHotspot
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64, ApiRows


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

    def is_class(self, *keys: str) -> npt.NDArray[np.bool_]:
        """Return which rows are calls of one of the given classes."""
        return np.array([kind.key in keys for kind in self.kinds], bool)[self.coded.codes]


def load_calls(trace: Trace) -> Calls:
    """Load and classify the API calls of a trace."""
    coded = code(trace.api_calls.name)
    names = [trace.strings.get(id_, "") for id_ in coded.values.tolist()]
    return Calls(trace.api_calls, coded, tuple(classify_api(name) for name in names))


def summarise(calls: Calls) -> tuple[ApiHotspot, ...]:
    """Return one entry for each function, by total time; names that differ by suffix alone are one."""
    names = sorted({kind.name for kind in calls.kinds})
    position = {name: index for index, name in enumerate(names)}
    merged = np.array([position[kind.name] for kind in calls.kinds], np.int32)
    by_name = {kind.name: kind for kind in calls.kinds}
    found = spread(merged[calls.coded.codes], calls.rows.start_ns, calls.rows.end_ns, len(names))
    entries = [
        ApiHotspot(
            name,
            by_name[name].key,
            by_name[name].is_async,
            count,
            ns,
            ns / count,
            shortest,
            longest,
        )
        for name, count, ns, shortest, longest in zip(
            names,
            found.count.tolist(),
            found.ns.tolist(),
            found.shortest_ns.tolist(),
            found.longest_ns.tolist(),
            strict=True,
        )
    ]
    return tuple(sorted(entries, key=lambda entry: (-entry.total_ns, entry.name)))


def class_totals(entries: tuple[ApiHotspot, ...]) -> dict[str, Amount]:
    """Return the time of all calls by class, largest first."""
    totals: dict[str, Amount] = {}
    for entry in entries:
        before = totals.get(entry.api_class, Amount(0, 0))
        totals[entry.api_class] = Amount(before.ns + entry.total_ns, before.count + entry.count)
    return dict(sorted(totals.items(), key=lambda item: -item[1].ns))


@dataclass(frozen=True, slots=True)
class StepCalls:
    """Calls that began in each step's CPU window, shape (steps, classes)."""

    ns: I64
    count: I64

    def of(self, step: int) -> dict[str, Amount]:
        """Return a step's calls by class key, in the order of ``API_CLASSES``, absent classes left out."""
        ns, count = self.ns[step].tolist(), self.count[step].tolist()
        return {key: Amount(ns[i], count[i]) for i, key in enumerate(API_CLASSES) if count[i]}


def calls_by_step(
    calls: Calls, start_ns: I64, end_ns: I64, processes: npt.NDArray[np.bool_], thread_process: I32
) -> StepCalls:
    """Sum calls by step and class; a call belongs to the windows of its process that it began in.

    start_ns, end_ns: CPU windows, which may overlap. processes: shape (steps, processes).
    """
    cuts = np.unique(np.concatenate([start_ns, end_ns]))
    classes, stretches = len(API_CLASSES), len(cuts) + 1
    teams = processes.shape[1] + 1  # the last is "unknown"
    size = teams * stretches * classes
    class_of = np.array([API_CLASSES.index(kind.key) for kind in calls.kinds], np.int64)
    team_of = thread_process.astype(np.int64) % teams if teams > 2 else None
    ns, count = np.zeros(size, np.int64), np.zeros(size, np.int64)
    rows = calls.rows
    for part in blocks(len(rows), size):
        key: I64 = np.searchsorted(cuts, rows.start_ns[part], side="right") * classes
        key += class_of[calls.coded.codes[part]]
        if team_of is not None:
            key += team_of[rows.thread[part]] * (stretches * classes)
        count += np.bincount(key, minlength=size)
        ns += sums(key, rows.end_ns[part] - rows.start_ns[part], size)
    first, last = np.searchsorted(cuts, start_ns) + 1, np.searchsorted(cuts, end_ns) + 1
    return StepCalls(
        *(_windows(table.reshape(teams, stretches, classes), processes, first, last) for table in (ns, count))
    )


def _windows(table: I64, processes: npt.NDArray[np.bool_], first: I64, last: I64) -> I64:
    before = np.zeros((len(table), 1, table.shape[2]), np.int64)
    through = np.concatenate([before, np.cumsum(table, axis=1)], axis=1)
    total = np.zeros((len(first), table.shape[2]), np.int64)
    if len(table) <= 2:
        whole = through.sum(axis=0)
        total += whole[last] - whole[first]
        return total
    for process in range(processes.shape[1]):
        mine = processes[:, process]
        total[mine] += through[process][last[mine]] - through[process][first[mine]]
    return total
