"""When each step ran on each GPU."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.attribute.buckets import GRAPH, WORK_CODE
from nsysprof.attribute.operations import Operations
from nsysprof.trace.model import I32, I64

_NEVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Windows:
    """GPU windows, shape (steps, devices); start equals end where a step did nothing on a device."""

    start_ns: I64
    end_ns: I64
    present: npt.NDArray[np.bool_]
    """Whether the step ran anything on the device."""
    last: npt.NDArray[np.bool_]
    """Whether the window ends with the step's own last operation, as no step of its chain follows there."""


def gpu_windows(ops: Operations, step: I32, chain: I32) -> Windows:
    """Return each step's window on each device.

    step: step of each operation, -1 outside.

    A window runs from the start of the step's first kernel or graph (first operation, where it has neither)
    to that of the next step in its chain, and for the last step of a chain to the end of its last operation.
    """
    devices = len(ops.devices)
    cells = len(chain) * devices
    cell = step if devices == 1 else np.where(step >= 0, step * devices + ops.device, -1)
    first, last = np.full(cells, _NEVER), np.full(cells, -1)
    graphs = len(ops) - np.count_nonzero(ops.code[ops.kernels :] == WORK_CODE[GRAPH])  # they come last
    memory = slice(ops.kernels, graphs)
    _extend(first, last, cell[memory], ops.start_ns[memory], ops.end_ns[memory])
    other, first = first, np.full(cells, _NEVER)
    for part in (slice(ops.kernels), slice(graphs, None)):
        _extend(first, last, cell[part], ops.start_ns[part], ops.end_ns[part])
    first = np.where(first == _NEVER, other, first)
    return _chained(first.reshape(-1, max(devices, 1)), last.reshape(-1, max(devices, 1)), chain)


def _extend(first: I64, last: I64, cell: I32, start_ns: I64, end_ns: I64) -> None:
    """Widen each cell's time to hold its operations; neighbours mostly share a cell."""
    if not len(cell):
        return
    runs = np.concatenate([[0], np.flatnonzero(cell[1:] != cell[:-1]) + 1])
    inside = cell[runs] >= 0
    np.minimum.at(first, cell[runs][inside], np.minimum.reduceat(start_ns, runs)[inside])
    np.maximum.at(last, cell[runs][inside], np.maximum.reduceat(end_ns, runs)[inside])


def _chained(first: I64, last: I64, chain: I32) -> Windows:
    present = first != _NEVER
    start, end = np.where(present, first, 0), np.where(present, last, 0)
    closing = present.copy()
    for device in range(first.shape[1]):
        at = np.flatnonzero(present[:, device])
        at = at[np.argsort(chain[at], kind="stable")]
        follows = np.flatnonzero(chain[at[1:]] == chain[at[:-1]])
        end[at[follows], device] = start[at[follows + 1], device]
        closing[at[follows], device] = False
    return Windows(start, np.maximum(start, end), present, closing)
