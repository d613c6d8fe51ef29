"""When and where the nodes of CUDA graphs were captured."""

from dataclasses import dataclass

import numpy as np

from nsysprof.trace.model import I32, I64, GraphNodeRows


@dataclass(frozen=True, slots=True)
class Captures:
    """Where each node's work was first asked for; sorted by node."""

    node: I64
    time_ns: I64
    thread: I32
    """Index into ``Trace.threads``, -1 when unknown."""

    def places(self, node: I64) -> I64:
        """Return the position of each node, -1 for those that are not known."""
        if not len(self.node):
            return np.full(len(node), -1, np.int64)
        at = np.minimum(np.searchsorted(self.node, node), len(self.node) - 1)
        return np.where(self.node[at] == node, at, -1)


def captures(rows: GraphNodeRows) -> Captures:
    """Follow every node back to the one that it is a copy of, as far as the trace tells."""
    first = np.lexsort(
        (rows.start_ns, rows.original >= 0, rows.node)
    )  # a node's own event before its copying
    node, kept = np.unique(rows.node[first], return_index=True)
    origin = np.arange(len(node))
    copies = np.flatnonzero(rows.original >= 0)
    mine, source = np.searchsorted(node, rows.node[copies]), np.searchsorted(node, rows.original[copies])
    found = np.flatnonzero(node[np.minimum(source, len(node) - 1)] == rows.original[copies])
    origin[mine[found]] = source[found]
    for _ in range(len(node).bit_length()):  # a copy of a copy; doubles each time, ends on a circle too
        origin = origin[origin]
    at = first[kept][origin]
    return Captures(node, rows.start_ns[at], rows.thread[at])
