"""Launch delays: medians over a whole trace and by step, however steps follow each other or overlap."""

from statistics import median_low

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsysprof.attribute.operations import Operations
from nsysprof.measure.queue import queue_delays
from nsysprof.trace.model import ApiRows

STEPS = 3
KERNELS = st.lists(
    st.tuples(st.integers(-1, STEPS - 1), st.integers(-5, 2**41), st.booleans()), min_size=1, max_size=30
)


@given(KERNELS)
def test_medians_are_those_of_a_plain_loop(kernels: list[tuple[int, int, bool]]) -> None:
    """Each kernel: its step, its start after its call's end, and whether that call is known."""
    count = len(kernels)
    ended = 10 * np.arange(1, count + 1, dtype=np.int64)
    row = np.arange(count, dtype=np.int32)
    api = ApiRows(ended - 5, ended, np.zeros(count, np.int32), row, row)
    begun = ended + np.array([delay for _, delay, _ in kernels], np.int64)
    launch = np.where([known for *_, known in kernels], row, -1).astype(np.int32)
    ops = Operations(begun, begun + 1, row, row, row.astype(np.int8), launch, count, (0,))
    found = queue_delays(ops, api, np.array([step for step, *_ in kernels], np.int32), STEPS)

    def median(steps: set[int]) -> int:
        delays = [max(delay, 0) for step, delay, known in kernels if known and step in steps]
        return median_low(delays) if delays else -1

    assert found.overall_ns == median({-1, *range(STEPS)})
    assert found.by_step.tolist() == [median({step}) for step in range(STEPS)]
