"""Which API call submitted each operation of the GPU."""

import numpy as np

from nsysprof.attribute.tally import blocks, distinct
from nsysprof.trace.model import I32, I64, ApiRows

_NOBODY = np.int32(-2)  # the process of a call whose thread the trace does not hold
_TABLE = 1 << 21  # entries of a table that still fits the processor's cache


def launch_rows(correlation: I32, process: I32, api: ApiRows, thread_process: I32) -> I32:
    """Return the row of the API call that submitted each operation, -1 where the trace has none.

    correlation, process: one value per operation, as in ``GpuRows``.
    thread_process: process index by thread index.

    The join is on (process, correlation): ids repeat across processes, and one graph launch submits many
    operations. Of several calls with one id, the one that began first counts.
    """
    if not len(api) or not len(correlation):
        return np.full(len(correlation), -1, np.int32)
    processes = distinct(thread_process)
    keys: I32 | I64
    wanted: I32 | I64
    if len(processes) < 2:
        keys, wanted = api.correlation, correlation
    else:
        keys = _key(np.append(thread_process, _NOBODY)[api.thread], api.correlation)
        wanted = _key(process, correlation)
    order = None
    if not (keys[1:] > keys[:-1]).all():
        order = np.lexsort((api.start_ns, keys))
        keys = keys[order]
    rows = np.empty(len(wanted), np.int32)
    for part in blocks(len(wanted)):
        found = _search(keys, wanted[part])
        known = (keys[found] == wanted[part]) & (correlation[part] > 0)
        if len(processes) == 1:
            known &= (process[part] == processes[0]) | (process[part] < 0)
        rows[part] = np.where(known, found if order is None else order[found], -1)
    return rows


def _key(process: I32, correlation: I32) -> I64:
    return (process.astype(np.int64) << 32) | correlation


def _search(keys: I32 | I64, wanted: I32 | I64) -> I32 | I64:
    """Return where each wanted key is among the ascending keys, or some valid place if it is not there.

    Mostly both ascend, and close together: then a small table is quicker than a search.
    """
    first, last = int(wanted[0]), int(wanted[-1])
    if not 0 <= last - first < _TABLE or not (wanted[1:] >= wanted[:-1]).all():
        return np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    low = int(np.searchsorted(keys, wanted[:1])[0])
    high = int(np.searchsorted(keys, wanted[-1:], side="right")[0])
    between = keys[low:high]
    near = (between.astype(np.int64) if wanted.itemsize > keys.itemsize else between) - first
    if (wanted[1:] > wanted[:-1]).all() and (near[1:] > near[:-1]).all():  # as a rule each call submits once
        marked = np.zeros(last - first + 1, bool)
        marked[wanted - first] = True
        hits = np.flatnonzero(marked[near])
        if len(hits) == len(wanted):
            return hits + low
    table = np.full(last - first + 1, min(low, len(keys) - 1), np.int32)
    table[near[::-1]] = np.arange(high - 1, low - 1, -1)  # the first of equals stays
    return table[wanted - first]
