"""When each step ran on each GPU."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nsysprof.trace.model import I32, I64


@dataclass(frozen=True, slots=True)
class Windows:
    """GPU windows, shape (steps, devices); start equals end where a step did nothing on a device."""

    start_ns: I64
    end_ns: I64
    present: npt.NDArray[np.bool_]
    """Whether the step ran anything on the device."""


@dataclass(frozen=True, slots=True)
class StepOps:
    """What windows are made of: one value per operation."""

    step: I32
    """Step, -1 outside."""
    device: I32
    """Position among the devices."""
    start_ns: I64
    end_ns: I64
    is_kernel: npt.NDArray[np.bool_]


def gpu_windows(ops: StepOps, chain: I32, devices: int) -> Windows:
    """Return each step's window on each device.

    It runs from the step's first kernel's start (first operation's, where it has no kernel) to that of the
    next step in its chain, and for the last step of a chain to the end of its own last operation.
    """
    steps = len(chain)
    inside = np.flatnonzero(ops.step >= 0)
    cell = ops.step[inside].astype(np.int64) * devices + ops.device[inside]
    kernel = ops.is_kernel[inside]
    first = _first(cell[kernel], ops.start_ns[inside[kernel]], steps * devices)
    any_first = _first(cell[~kernel], ops.start_ns[inside[~kernel]], steps * devices)
    first = np.where(first == _NEVER, any_first, first).reshape(steps, devices)
    last = np.full(steps * devices, -1, np.int64)
    np.maximum.at(last, cell, ops.end_ns[inside])
    present = first != _NEVER
    start = np.where(present, first, 0)
    end = np.where(present, last.reshape(steps, devices), 0)
    for device in range(devices):
        at = np.flatnonzero(present[:, device])
        at = at[np.argsort(chain[at], kind="stable")]
        follows = np.flatnonzero(chain[at[1:]] == chain[at[:-1]])
        end[at[follows], device] = start[at[follows + 1], device]
    return Windows(start, np.maximum(start, end), present)


_NEVER = np.iinfo(np.int64).max


def _first(cell: I64, start_ns: I64, cells: int) -> I64:
    first = np.full(cells, _NEVER, np.int64)
    np.minimum.at(first, cell, start_ns)
    return first
