"""NVTX ranges by text: their projection on the GPU, and the work that each was the innermost range of."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from nsysprof.attribute import families
from nsysprof.attribute.buckets import WORK
from nsysprof.attribute.captures import captures
from nsysprof.attribute.projection import project
from nsysprof.attribute.ranges import Intervals, closed_ends, intervals
from nsysprof.attribute.submissions import Submissions
from nsysprof.attribute.tally import Coded, blocks, count_and_sum, distinct, long_sums, sums
from nsysprof.classify import KernelClass
from nsysprof.measure.results import MOST_LAUNCHERS, Launcher, OperatorHotspot, RangeHotspot
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, I64

MOST_RANGES = 300
"""Range texts that are kept."""
MOST_OPERATORS = 300
"""Operators that are kept."""
_PUSH_POP = (59, 70)
_MOST_CELLS = 1 << 20


def range_hotspots(trace: Trace, submissions: Submissions, end_ns: int) -> tuple[RangeHotspot, ...]:
    """Return the ranges that submitted GPU work by text, domain and kind, the longest on the GPU first."""
    rows = trace.ranges
    if not len(rows):
        return ()
    found = project(rows, submissions, end_ns)
    used = np.flatnonzero(found.operations)
    is_push = np.isin(rows.kind[used], _PUSH_POP)
    place = rows.domain[used].astype(np.int64) * 2 + is_push
    key = place * len(trace.range_texts) + rows.text[used]
    values, group = np.unique(key, return_inverse=True)
    size = len(values)
    lengths = closed_ends(rows.end_ns, end_ns)[used] - rows.start_ns[used]
    columns = (
        np.bincount(group, minlength=size),
        long_sums(group, lengths, size),
        long_sums(group, found.last_ns[used] - found.first_ns[used], size),
        sums(group, found.work_ns[used], size),
        sums(group, found.operations[used], size),
    )
    longest = np.argsort(-columns[2], kind="stable")[:MOST_RANGES].tolist()
    texts, domains = trace.range_texts, trace.domains
    entries = [
        RangeHotspot(
            texts[int(values[at]) % len(texts)],
            domains[int(values[at]) // len(texts) // 2],
            "push/pop" if int(values[at]) // len(texts) % 2 else "start/end",
            *(int(column[at]) for column in columns),
        )
        for at in longest
    ]
    return tuple(sorted(entries, key=lambda one: (-one.gpu_ns, -one.cpu_ns, one.domain, one.text, one.kind)))


class Operators:
    """The innermost range of every GPU operation; ranges that count steps or hold warm-up do not matter."""

    def __init__(self, trace: Trace, submissions: Submissions, kernel_names: Coded, end_ns: int) -> None:
        """Sum the work that was submitted within each operator's ranges."""
        self._names, of_text = _operator_names(trace.range_texts)
        self._ops = submissions.ops
        self._kernels = len(kernel_names.values)
        rows, of_op = trace.ranges, np.full(len(self._ops), -1, np.int32)
        named = np.flatnonzero(of_text[rows.text] >= 0)
        ends = closed_ends(rows.end_ns, end_ns)
        lookups = {}
        for thread in distinct(rows.thread[named]).tolist():
            member = named[rows.thread[named] == thread]
            lookups[thread] = intervals(rows.start_ns[member], ends[member], of_text[rows.text[member]])
        for thread in submissions.threads():
            if thread in lookups:
                submissions.fill(of_op, thread, lookups[thread])
        _by_capture(trace, lookups, of_op)
        self._pairs, self._count, self._ns = self._sum(of_op, kernel_names.codes)

    def _sum(self, of_op: I32, kernel: I32) -> tuple[I64, I64, I64]:
        """Return the pairs of operator and kernel name (or kind of other work), their counts and ns."""
        columns = self._kernels + len(WORK)
        kind = np.concatenate([kernel, self._ops.code[self._ops.kernels :] + np.int32(self._kernels)])
        size = (len(self._names) + 1) * columns
        if not len(self._names):
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int64)
        if size > _MOST_CELLS:  # thousands of operators, of which each launches few kernels
            key = (of_op + 1) * np.int64(columns) + kind
            pairs, key = np.unique(key, return_inverse=True)
            return pairs, *count_and_sum(key, self._ops.start_ns, self._ops.end_ns, len(pairs))
        count, ns = np.zeros(size, np.int64), np.zeros(size, np.int64)
        for part in blocks(len(of_op), size):
            key = (of_op[part] + 1) * np.int64(columns) + kind[part]
            count += np.bincount(key, minlength=size)
            ns += sums(key, self._ops.end_ns[part] - self._ops.start_ns[part], size)
        pairs = np.flatnonzero(count)
        return pairs, count[pairs], ns[pairs]

    def hotspots(self, classes: Sequence[KernelClass]) -> tuple[OperatorHotspot, ...]:
        """Return the work of each operator, largest first; ``classes`` are those of the kernel names."""
        keys = [*(kind.category for kind in classes), *WORK]
        found: dict[int, dict[str, int]] = {}
        counts: dict[int, int] = {}
        columns, total = self._kernels + len(WORK), int(self._ns.sum())
        for pair, count, ns in self._entries():
            operator, kind = divmod(pair, columns)
            kinds = found.setdefault(operator, {})
            kinds[keys[kind]] = kinds.get(keys[kind], 0) + ns
            counts[operator] = counts.get(operator, 0) + count
        sizes = {operator: sum(kinds.values()) for operator, kinds in found.items() if operator}
        return tuple(
            OperatorHotspot(
                name=self._names[operator - 1],
                category=max(found[operator], key=lambda key: found[operator][key]),
                count=counts[operator],
                ns=ns,
                share=ns / total if total else 0.0,
            )
            for operator, ns in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:MOST_OPERATORS]
        )

    def of_names(self) -> list[tuple[Launcher, ...]]:
        """Return for each kernel name who submitted how much of it, most time first; none without ranges."""
        found: list[list[Launcher]] = [[] for _ in range(self._kernels)]
        for pair, count, ns in self._entries():
            operator, kernel = divmod(pair, self._kernels + len(WORK))
            if kernel < self._kernels:
                name = self._names[operator - 1] if operator else ""
                found[kernel].append(Launcher(name, ns, count))
        return [tuple(sorted(some, key=lambda one: (-one.ns, one.name))[:MOST_LAUNCHERS]) for some in found]

    def _entries(self) -> Iterator[tuple[int, int, int]]:
        return zip(self._pairs.tolist(), self._count.tolist(), self._ns.tolist(), strict=True)


def _by_capture(trace: Trace, lookups: Mapping[int, Intervals], of_op: I32) -> None:
    """Give the kernels of CUDA graphs the operators that were open when they were captured, if any."""
    if not len(trace.graph_nodes):
        return
    found = captures(trace.graph_nodes)
    kernels = np.flatnonzero(trace.kernels.graph_node >= 0)
    place = found.places(trace.kernels.graph_node[kernels])
    operator = np.full(len(found.node), -1, np.int32)
    for thread, lookup in lookups.items():
        mine = np.flatnonzero(found.thread == thread)
        operator[mine] = lookup.innermost(found.time_ns[mine])
    known = np.flatnonzero(place >= 0)
    known = known[operator[place[known]] >= 0]
    of_op[kernels[known]] = operator[place[known]]


def _operator_names(texts: Sequence[str]) -> tuple[list[str], I32]:
    """Return distinct operator names in their order, and the name of each text, -1 for those without."""
    named = {at: name for at, text in enumerate(texts) if (name := families.operator_name(text))}
    names = sorted(set(named.values()))
    index = {name: position for position, name in enumerate(names)}
    of_text = np.full(len(texts), -1, np.int32)
    of_text[list(named)] = [index[name] for name in named.values()]
    return names, of_text
