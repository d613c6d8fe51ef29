"""Kernels by name, and all work by category."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.buckets import WORK, WORK_CODE
from nsysprof.attribute.operations import Codes, Operations
from nsysprof.attribute.steps import Steps
from nsysprof.attribute.tally import Coded, code, count_and_sum, spread
from nsysprof.classify import KernelClass, RuleSet, classify_names
from nsysprof.measure.results import Amount, CategoryShare, KernelHotspot, Launcher
from nsysprof.trace import Trace
from nsysprof.trace.model import I64, Bools


@dataclass(frozen=True, slots=True)
class KernelNames:
    """The distinct kernel names of a trace."""

    coded: Coded
    """String ids, and the code of each kernel's name."""
    texts: tuple[str, ...]
    """Name by code."""
    classes: tuple[KernelClass, ...]
    """What it is, by code."""

    def kinds(self) -> Codes:
        """Return the kind of work of each kernel, index into ``buckets.WORK``."""
        return np.array([WORK_CODE[kind.category] for kind in self.classes], np.int8)[self.coded.codes]


@dataclass(frozen=True, slots=True)
class StepWork:
    """Operations by step and kind of work, shape (steps + 1, kinds); the last row is outside all steps."""

    ns: I64
    count: I64


def load_names(trace: Trace, rules: RuleSet | None = None) -> KernelNames:
    """Load and classify the kernel names of a trace, by the package's rules unless others are given."""
    coded = code(trace.kernels.name)
    texts = tuple(trace.strings.get(id_, "") for id_ in coded.values.tolist())
    return KernelNames(coded, texts, tuple(classify_names(texts, rules)))


def work_by_step(ops: Operations, steps: Steps) -> StepWork:
    """Sum operations by the step that submitted them and by kind of work."""
    rows = len(steps) + 1
    key = (steps.of_op + 1) * len(WORK) + ops.code
    count, ns = count_and_sum(key, ops.start_ns, ops.end_ns, rows * len(WORK))
    shape = rows, len(WORK)  # the first row, of operations outside all steps, becomes the last
    return StepWork(np.roll(ns.reshape(shape), -1, axis=0), np.roll(count.reshape(shape), -1, axis=0))


def category_shares(work: StepWork) -> dict[str, CategoryShare]:
    """Return all work of the trace by category, largest first."""
    ns, count = work.ns.sum(axis=0).tolist(), work.count.sum(axis=0).tolist()
    total = sum(ns)
    shares = {
        key: CategoryShare(ns[at], count[at], ns[at] / total if total else 0.0)
        for at, key in enumerate(WORK)
        if count[at]
    }
    return dict(sorted(shares.items(), key=lambda item: -item[1].ns))


def kernel_hotspots(
    trace: Trace, names: KernelNames, in_step: Bools, launchers: Sequence[tuple[Launcher, ...]], total_ns: int
) -> tuple[KernelHotspot, ...]:
    """Return every kernel name by total time, largest first.

    in_step: whether each kernel was submitted in a step. launchers: of each name, by code. total_ns: time of
    all GPU work, of which shares are parts.
    """
    rows, size = trace.kernels, len(names.texts)
    found = spread(names.coded.codes * 2 + in_step, rows.start_ns, rows.end_ns, 2 * size)
    outside_and_in = [column.reshape(size, 2) for column in (found.count, found.ns)]
    columns = (
        *(column.sum(axis=1) for column in outside_and_in),
        found.shortest_ns.reshape(size, 2).min(axis=1),
        found.longest_ns.reshape(size, 2).max(axis=1),
        *(column[:, 1] for column in outside_and_in),
    )
    entries = [
        KernelHotspot(
            name=text,
            category=kind.category,
            library=kind.library,
            family=kind.family,
            count=count,
            total_ns=ns,
            mean_ns=ns / count,
            min_ns=shortest,
            max_ns=longest,
            share=ns / total_ns if total_ns else 0.0,
            operator=who[0].name if who else "",
            launchers=who,
            in_steps=Amount(step_ns, step_count),
        )
        for text, kind, who, (count, ns, shortest, longest, step_count, step_ns) in zip(
            names.texts,
            names.classes,
            launchers,
            zip(*(column.tolist() for column in columns), strict=True),
            strict=True,
        )
    ]
    return tuple(sorted(entries, key=lambda entry: (-entry.total_ns, entry.name)))
