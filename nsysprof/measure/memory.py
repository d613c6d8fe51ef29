"""Device memory: how much was in use when, and what each step asked CUDA for."""

from dataclasses import dataclass

import numpy as np

from nsysprof.attribute.tally import distinct
from nsysprof.measure.results import DeviceMemory, MemoryPoint, StepMemory
from nsysprof.trace.model import I32, I64, Bools, MemoryRows

POINTS = 400
"""Points of a device's curve, at most about twice as many are kept."""
_DEVICE = 2
_RELEASE = 1


@dataclass(frozen=True, slots=True)
class _Curve:
    """Memory events of one device in order of time."""

    device: int
    time_ns: I64
    before: int
    """Bytes in use before the first event."""
    used: I64
    """Bytes in use after each event."""
    process: I32
    """Process of each event, an index into ``Trace.processes``, -1 when unknown."""
    bytes: I64
    is_release: I64
    pool: I64
    pool_used: I64


def device_memory(rows: MemoryRows, begin_ns: int) -> tuple[DeviceMemory, ...]:
    """Return the memory of every device that the trace has events of.

    begin_ns: first event of anything else; what nsys dates before that was there when recording began.
    """
    return tuple(_summary(curve, begin_ns) for curve in _curves(rows))


def memory_by_step(
    rows: MemoryRows, start_ns: I64, end_ns: I64, processes: Bools
) -> tuple[StepMemory | None, ...]:
    """Return what happened to device memory in each CPU window; None everywhere without memory events.

    processes: which processes run each step, shape (steps, processes): the memory of others is not theirs.
    """
    curves = _curves(rows)
    if not curves:
        return (None,) * len(start_ns)
    found = np.zeros((4, len(start_ns)), np.int64)
    steps_of: dict[bytes, list[int]] = {}
    for step, team in enumerate(processes):
        steps_of.setdefault(team.tobytes(), []).append(step)
    for steps in map(np.array, steps_of.values()):
        own = np.append(processes[steps[0]], True)  # the last is for events of an unknown process
        for curve in curves:
            if own[curve.process].any():
                _add(found, steps, curve, own[curve.process], start_ns[steps], end_ns[steps])
    return tuple(StepMemory(*step) for step in found.T.tolist())


def _add(found: I64, steps: I64, curve: _Curve, own: Bools, start_ns: I64, end_ns: I64) -> None:
    """Add a device's peak, and its events as far as they are ``own``, to the rows of ``found``."""
    first = np.searchsorted(curve.time_ns, start_ns)
    last = np.maximum(np.searchsorted(curve.time_ns, end_ns), first)
    found[0, steps] = np.maximum(found[0, steps], _peaks(curve, first, last))
    gained = np.where(curve.is_release, 0, curve.bytes)
    for row, values in enumerate((1 - curve.is_release, gained, curve.is_release), 1):
        through = np.concatenate([[0], np.cumsum(values * own)])
        found[row, steps] += through[last] - through[first]


def _peaks(curve: _Curve, first: I64, last: I64) -> I64:
    """Return the most memory in use from before event ``first`` to after event ``last - 1``."""
    before = np.concatenate([[curve.before], curve.used])  # before[i] is what was in use when event i came
    padded = np.append(before, 0)
    bounds = np.stack([first, last + 1], axis=1).ravel()
    peaks: I64 = np.maximum.reduceat(padded, bounds)[::2]
    return peaks


def _curves(rows: MemoryRows) -> list[_Curve]:
    on_device = np.flatnonzero(rows.kind == _DEVICE)
    found = []
    for device in distinct(rows.device[on_device]).tolist():
        mine = on_device[rows.device[on_device] == device]
        time = rows.start_ns[mine]
        if not (time[1:] >= time[:-1]).all():
            mine = mine[np.argsort(time, kind="stable")]
        release = (rows.operation[mine] == _RELEASE).astype(np.int64)
        used = np.cumsum(np.where(release, -rows.bytes[mine], rows.bytes[mine]))
        before = -min(int(used.min()), 0)  # what is released without an allocation was there from the start
        found.append(
            _Curve(
                device,
                rows.start_ns[mine],
                before,
                used + before,
                rows.process[mine],
                rows.bytes[mine],
                release,
                rows.pool_bytes[mine],
                rows.pool_used_bytes[mine],
            )
        )
    return found


def _summary(curve: _Curve, begin_ns: int) -> DeviceMemory:
    top = int(np.argmax(curve.used))
    earlier = int(np.searchsorted(curve.time_ns, begin_ns))
    released = curve.is_release[earlier:]
    falls = curve.before > curve.used[top]  # never again as much as at the start
    releases = int(released.sum())
    keep = _thinned(curve.used).tolist()
    return DeviceMemory(
        device=curve.device,
        peak_bytes=curve.before if falls else int(curve.used[top]),
        peak_at_ns=int(curve.time_ns[0 if falls else top]),
        allocations=len(released) - releases,
        allocated_bytes=int(curve.bytes[earlier:][released == 0].sum()),
        releases=releases,
        pool_peak_bytes=int(curve.pool.max()),
        pool_used_peak_bytes=int(curve.pool_used.max()),
        points=tuple(
            MemoryPoint(int(curve.time_ns[at]), int(curve.used[at]), int(curve.pool[at])) for at in keep
        ),
        initial_bytes=int(curve.used[earlier - 1]) if earlier else curve.before,
    )


def _thinned(used: I64) -> I64:
    """Return the positions of the lowest and highest value of each of ``POINTS`` groups, and the last one."""
    if len(used) <= 2 * POINTS:
        return np.arange(len(used))
    first = np.linspace(0, len(used), POINTS, endpoint=False).astype(np.int64)
    group = np.repeat(np.arange(POINTS), np.diff(first, append=len(used)))
    by_value = np.lexsort((used, group))
    last = np.append(first[1:], len(used)) - 1
    return distinct(np.concatenate([by_value[first], by_value[last], [len(used) - 1]]))
