import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nsysprof.attribute.ranges import _last_above, closed_ends, intervals


def innermost(ranges: list[tuple[int, int]], times: list[int]) -> list[int]:
    columns = np.array(ranges, np.int64).reshape(-1, 2)
    lookup = intervals(columns[:, 0], columns[:, 1], np.arange(len(ranges), dtype=np.int32))
    return [int(row) for row in lookup.innermost(np.array(times, np.int64))]


def test_nested() -> None:
    #                 0        1        2         3
    ranges = [(0, 100), (10, 40), (20, 30), (50, 60)]
    times = [0, 10, 20, 29, 30, 40, 50, 60, 99, 100]
    assert innermost(ranges, times) == [0, 1, 2, 2, 1, 0, 3, 0, 0, -1]


def test_overlapping_the_one_that_began_last_counts() -> None:
    assert innermost([(0, 20), (10, 30)], [5, 10, 19, 20, 29, 30]) == [0, 1, 1, 1, 1, -1]


def test_a_short_range_inside_an_overlap_gives_back_what_is_open() -> None:
    assert innermost([(0, 50), (10, 20), (12, 30), (14, 16)], [15, 16, 25, 35]) == [3, 2, 2, 0]


def test_of_two_that_start_together_the_longer_is_outside() -> None:
    assert innermost([(0, 10), (0, 20)], [5, 15]) == [0, 1]


def test_ranges_without_a_length_hold_nothing() -> None:
    assert innermost([(5, 5)], [4, 5, 6]) == [-1, -1, -1]


def test_no_ranges() -> None:
    assert innermost([], [1, 2]) == [-1, -1]


def test_a_range_that_never_closed_lasts_to_the_end_of_the_trace() -> None:
    assert closed_ends(np.array([5, -1]), 99).tolist() == [5, 99]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted).map(tuple), max_size=25),
    st.lists(st.integers(-1, 31), max_size=25),
)
def test_equals_an_obvious_search(ranges: list[tuple[int, int]], times: list[int]) -> None:
    for row, time in zip(innermost(ranges, times), times, strict=True):
        # the last start; of those the first end; of those the last row
        is_open = [(start, -end, i) for i, (start, end) in enumerate(ranges) if start <= time < end]
        assert row == (max(is_open)[2] if is_open else -1)


def test_ten_thousand_siblings_in_one_range_are_quick_to_look_up() -> None:
    siblings = [(2 * i, 2 * i + 1) for i in range(1, 10_000)]
    assert innermost([(0, 30_000), *siblings], [20_005, 2, 3, 19_998]) == [0, 1, 0, 9_999]


def test_the_last_value_above_another() -> None:
    random = np.random.default_rng(1)
    for length in (1, 2, 3, 7, 64, 65, 1_000):
        values, at = random.integers(0, 50, length), random.integers(0, length, 300).astype(np.int32)
        least = random.integers(-1, 60, 300)
        slow = [
            max((place for place in range(upto + 1) if values[place] > bound), default=-1)
            for upto, bound in zip(at.tolist(), least.tolist(), strict=True)
        ]
        assert _last_above(values, at, least).tolist() == slow


def test_half_a_million_ranges_inside_each_other() -> None:
    depth = 500_000
    start = np.arange(depth)
    lookup = intervals(start, 2 * depth - start, start.astype(np.int32))
    assert lookup.innermost(np.array([depth - 1, depth + 2, 2 * depth - 1])).tolist() == [
        depth - 1,
        depth - 3,
        0,
    ]
    # beside them as many that each hold all before
    more = intervals(
        np.append(start, start + 3 * depth),
        np.append(2 * depth - start, start + 9 * depth),
        lookup.row.repeat(2),
    )
    assert set(more.fallback[depth:].tolist()) == {-1}
