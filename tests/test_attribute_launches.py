import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsysprof.attribute.launches import launch_rows
from nsysprof.trace.model import I32, ApiRows


def api_rows(*calls: tuple[int, int, int]) -> ApiRows:
    """Calls as (start, thread, correlation)."""
    columns = np.array(calls, np.int64).reshape(-1, 3)
    start, thread, correlation = columns.T
    return ApiRows(
        start_ns=start,
        end_ns=start + 1,
        thread=thread.astype(np.int32),
        correlation=correlation.astype(np.int32),
        name=np.zeros(len(start), np.int32),
    )


def ints(*values: int) -> I32:
    return np.array(values, np.int32)


def test_each_operation_finds_its_call() -> None:
    api = api_rows((0, 0, 5), (10, 0, 6), (20, 0, 9))
    assert launch_rows(ints(9, 5, 7), ints(0, 0, 0), api, ints(0)).tolist() == [2, 0, -1]


def test_ids_repeat_across_processes() -> None:
    api = api_rows((0, 0, 5), (1, 1, 5), (2, 1, 6))
    rows = launch_rows(ints(5, 5, 6, 6), ints(0, 1, 0, 1), api, thread_process=ints(0, 1))
    assert rows.tolist() == [0, 1, -1, 2]


def test_an_operation_of_another_process_has_no_call() -> None:
    assert launch_rows(ints(5), ints(1), api_rows((0, 0, 5)), ints(0)).tolist() == [-1]


def test_one_graph_launch_submits_many_operations() -> None:
    api = api_rows((0, 0, 5), (10, 0, 6))
    assert launch_rows(ints(6, 6, 6), ints(0, 0, 0), api, ints(0)).tolist() == [1, 1, 1]


def test_of_several_calls_with_one_id_the_first_counts() -> None:
    api = api_rows((10, 0, 5), (0, 0, 5))
    assert launch_rows(ints(5), ints(0), api, ints(0)).tolist() == [1]


def test_zero_is_no_id() -> None:
    assert launch_rows(ints(0, -1), ints(0, 0), api_rows((0, 0, 0), (1, 0, -1)), ints(0)).tolist() == [-1, -1]


def test_without_calls_nothing_is_found() -> None:
    assert launch_rows(ints(1, 2), ints(0, 0), api_rows(), ints(0)).tolist() == [-1, -1]


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 3), st.integers(0, 9)), unique=True, max_size=20),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 2)), max_size=20),
    st.lists(st.integers(-1, 2), min_size=4, max_size=4),
)
def test_equals_an_obvious_search(
    calls: list[tuple[int, int, int]], ops: list[tuple[int, int]], homes: list[int]
) -> None:
    api = api_rows(*calls)
    correlation, process = ints(*(c for c, _ in ops)), ints(*(p for _, p in ops))
    found = launch_rows(correlation, process, api, ints(*homes))
    for row, (wanted, home) in zip(found.tolist(), ops, strict=True):
        starts = [
            start for start, thread, id_ in calls if wanted > 0 and id_ == wanted and homes[thread] == home
        ]
        assert (calls[row][0] if row >= 0 else None) == min(starts, default=None)
        assert row < 0 or (calls[row][2] == wanted and homes[calls[row][1]] == home)
