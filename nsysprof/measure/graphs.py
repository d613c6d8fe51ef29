"""CUDA graphs: launches whose work the trace shows, and those whose work it hides."""

import numpy as np

from nsysprof.attribute.operations import Operations
from nsysprof.measure.calls import Calls
from nsysprof.trace.model import I64


def hidden_launches(calls: Calls, ops: Operations) -> I64:
    """Return the API rows of graph launches to which no operation belongs.

    nsys hides the kernels of a graph under ``--cuda-graph-trace=graph``; what it records of the graph as a
    whole counts as an operation.
    """
    if not any(kind.key == "graph_launch" for kind in calls.kinds):
        return np.zeros(0, np.int64)
    launches = calls.is_class("graph_launch")
    launches[ops.launch[ops.launch >= 0]] = False
    return np.flatnonzero(launches)


def hidden_by_step(rows: I64, calls: Calls, start_ns: I64, end_ns: I64) -> I64:
    """Return how many of the given launches began in each CPU window."""
    begun = np.sort(calls.rows.start_ns[rows])
    hidden: I64 = np.searchsorted(begun, end_ns) - np.searchsorted(begun, start_ns)
    return hidden
