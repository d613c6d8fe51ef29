"""How well detected steps match the true ones: overlap (IoU) and F1.

python tests/step_scoring.py TRACE.sqlite ...     scores traces whose NVTX ranges mark steps
"""

import shutil
import sqlite3
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Hotspots
from nsysprof.trace import open_trace

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

LEAST_IOU = 0.9
"""Intersection over union from which a step counts as found."""


def overlaps(found: I64, true: I64) -> F64:
    """Return the IoU of each true interval with the found one that overlaps it most.

    found, true: half-open intervals, shapes (n, 2) and (m, 2), in any unit; the result has shape (m,).
    """
    if not len(found):
        return np.zeros(len(true))
    common = np.minimum(true[:, 1, None], found[:, 1]) - np.maximum(true[:, 0, None], found[:, 0])
    common = np.maximum(common, 0)
    union = (true[:, 1] - true[:, 0])[:, None] + (found[:, 1] - found[:, 0]) - common
    return np.asarray((common / union).max(axis=1))


def f1(found: I64, true: I64) -> float:
    """Return the harmonic mean of precision and recall; no found step matches two true ones, as IoU > 0.5."""
    if not len(found) + len(true):
        return 1.0
    return float(2 * np.count_nonzero(overlaps(found, true) >= LEAST_IOU) / (len(found) + len(true)))


def measure(path: Path) -> Hotspots:
    """Return the hotspots of a trace, its steps by ranges or else by detection."""
    with open_trace(path) as trace:
        return measure_hotspots(trace)


def without_ranges(path: Path, folder: Path) -> Path:
    """Copy a trace into ``folder``, less all NVTX, and return the copy."""
    bare = folder / f"bare-{path.name}"
    shutil.copyfile(path, bare)
    connection = sqlite3.connect(bare)
    connection.execute("DROP TABLE NVTX_EVENTS")
    connection.commit()
    connection.close()
    return bare


def gpu_windows(hotspots: Hotspots) -> I64:
    """Return the GPU windows of all steps, shape (steps, 2)."""
    windows = [(step.gpu_start_ns, step.gpu_end_ns) for step in hotspots.steps]
    return np.array(windows, np.int64).reshape(-1, 2)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path in map(Path, sys.argv[1:]):
            true, found = measure(path), measure(without_ranges(path, Path(folder)))
            windows = gpu_windows(found), gpu_windows(true)
            print(
                f"{path.name}: {len(true.steps)} true steps, {len(found.steps)} found, "
                f"F1 {f1(*windows):.3f}, least IoU {overlaps(*windows).min():.3f}, "
                f"confidence {found.steps_confidence:.2f}"
            )


if __name__ == "__main__":
    main()
