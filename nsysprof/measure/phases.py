"""NVTX ranges by text: their projection on the GPU, and the work that each was the innermost range of."""

import re
from collections.abc import Sequence

import numpy as np

from nsysprof.attribute import families
from nsysprof.attribute.buckets import WORK
from nsysprof.attribute.operations import Operations
from nsysprof.attribute.projection import project
from nsysprof.attribute.ranges import closed_ends, intervals
from nsysprof.attribute.tally import blocks, sums
from nsysprof.measure.results import OperatorHotspot, RangeHotspot
from nsysprof.trace import Trace
from nsysprof.trace.model import I32, ApiRows

MOST_RANGES = 300
"""Range texts that are kept."""
MOST_OPERATORS = 300
"""Operators that are kept."""
_PUSH_POP = (59, 70)
_DETAILS = re.compile(r",? (?:in|seq|op_id|sizes|input_op_ids) ?=.*", re.DOTALL)


def range_hotspots(trace: Trace, ops: Operations, api: ApiRows, end_ns: int) -> tuple[RangeHotspot, ...]:
    """Return the ranges that submitted GPU work by text, domain and kind, the longest on the GPU first."""
    rows = trace.ranges
    if not len(rows):
        return ()
    found = project(rows, ops, api, end_ns)
    used = np.flatnonzero(found.operations)
    is_push = np.isin(rows.kind[used], _PUSH_POP)
    place = rows.domain[used].astype(np.int64) * 2 + is_push
    key = place * len(trace.range_texts) + rows.text[used]
    values, group = np.unique(key, return_inverse=True)
    size = len(values)
    lengths = closed_ends(rows.end_ns, end_ns)[used] - rows.start_ns[used]
    columns = (
        np.bincount(group, minlength=size),
        sums(group, lengths, size),
        sums(group, found.last_ns[used] - found.first_ns[used], size),
        sums(group, found.work_ns[used], size),
        sums(group, found.operations[used], size),
    )
    longest = np.argsort(-columns[2], kind="stable")[:MOST_RANGES].tolist()
    texts, domains = trace.range_texts, trace.domains
    return tuple(
        RangeHotspot(
            texts[int(values[at]) % len(texts)],
            domains[int(values[at]) // len(texts) // 2],
            "push/pop" if int(values[at]) // len(texts) % 2 else "start/end",
            *(int(column[at]) for column in columns),
        )
        for at in longest
    )


class Operators:
    """The innermost range of every GPU operation; ranges that count steps or hold warm-up do not matter."""

    def __init__(self, trace: Trace, ops: Operations, api: ApiRows, end_ns: int) -> None:
        """Look up the ranges that were open when each operation was submitted."""
        self._ops = ops
        self.names, of_text = _operator_names(trace.range_texts)
        self.of_op: I32 = np.full(len(ops), -1, np.int32)
        """Position among ``names`` by operation, -1 outside all ranges."""
        rows = trace.ranges
        named = np.flatnonzero(of_text[rows.text] >= 0)
        if not len(named) or not len(api):
            return
        ends = closed_ends(rows.end_ns, end_ns)
        known = ops.launch >= 0
        thread = np.where(known, api.thread[ops.launch], -1)
        for which in np.flatnonzero(np.bincount(rows.thread[named] + 1)) - 1:
            member = named[rows.thread[named] == which]
            lookup = intervals(rows.start_ns[member], ends[member], of_text[rows.text[member]])
            mine = np.flatnonzero(thread == which)
            self.of_op[mine] = lookup.innermost(api.start_ns[ops.launch[mine]])

    def hotspots(self) -> tuple[OperatorHotspot, ...]:
        """Return the work of each operator, largest first."""
        ops, kinds = self._ops, len(WORK)
        size = len(self.names) * kinds
        ns, count = np.zeros(size, np.int64), np.zeros(size, np.int64)
        total = 0
        for part in blocks(len(ops), size):
            lasted = ops.end_ns[part] - ops.start_ns[part]
            total += int(lasted.sum())
            inside = np.flatnonzero(self.of_op[part] >= 0)
            key = self.of_op[part][inside].astype(np.int64) * kinds + ops.code[part][inside]
            ns += sums(key, lasted[inside], size)
            count += np.bincount(key, minlength=size)
        table, counts = ns.reshape(-1, kinds), count.reshape(-1, kinds).sum(axis=1)
        sizes = table.sum(axis=1)
        order = [at for at in np.argsort(-sizes, kind="stable").tolist() if counts[at]]
        return tuple(
            OperatorHotspot(
                name=self.names[at],
                category=WORK[int(table[at].argmax())],
                count=int(counts[at]),
                ns=int(sizes[at]),
                share=int(sizes[at]) / total if total else 0.0,
            )
            for at in order[:MOST_OPERATORS]
        )

    def of_names(self, codes: I32, names: int) -> list[str]:
        """Return for each kernel name the operator that submits most of its time, empty without one.

        codes: code of each kernel's name, in the order of ``Trace.kernels``; names: how many there are.
        """
        kernels = slice(self._ops.kernels)
        operator = self.of_op[kernels]
        if not len(operator) or operator.max() < 0:
            return [""] * names
        lasted = self._ops.end_ns[kernels] - self._ops.start_ns[kernels]
        key = codes.astype(np.int64) * (len(self.names) + 1) + operator + 1
        values, group = np.unique(key, return_inverse=True)
        ns = sums(group, lasted, len(values))
        best: dict[int, tuple[int, int]] = {}
        for value, size in zip(values.tolist(), ns.tolist(), strict=True):
            code, which = divmod(value, len(self.names) + 1)
            best[code] = max(best.get(code, (-1, 0)), (size, which))
        return [self.names[best[code][1] - 1] if best[code][1] else "" for code in range(names)]


def _operator_names(texts: Sequence[str]) -> tuple[list[str], I32]:
    """Return distinct operator names, and the name of each range text, -1 for those that are no operator."""
    index: dict[str, int] = {}
    of_text = np.full(len(texts), -1, np.int32)
    for at, text in enumerate(texts):
        name = _DETAILS.sub("", text[:500])
        if name and families.parse(text) is None and not families.is_warmup(text):
            of_text[at] = index.setdefault(name, len(index))
    return list(index), of_text
