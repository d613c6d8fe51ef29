"""How well detected steps match the true ones: overlap (IoU) and F1."""

import numpy as np
import numpy.typing as npt

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
