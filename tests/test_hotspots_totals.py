"""Time in equals time out: what hotspots says of real H200 traces, against plain SQL on the same file."""

import lzma
import sqlite3
from pathlib import Path

import pytest

from nsysprof import Hotspots, assets, measure_hotspots, open_trace

REPORT = Path(__file__).resolve().parent.parent / "reports/h200-first-run/sdxl.sqlite.xz"

KERNELS_IN_STEPS = """
SELECT coalesce(n.text, s.value), count(*), sum(k.end - k.start)
FROM NVTX_EVENTS n
LEFT JOIN StringIds s ON s.id = n.textId
JOIN CUPTI_ACTIVITY_KIND_RUNTIME r ON r.globalTid = n.globalTid AND r.start >= n.start AND r.start < n.end
JOIN CUPTI_ACTIVITY_KIND_KERNEL k
  ON k.correlationId = r.correlationId AND k.globalPid = r.globalTid & ~0xFFFFFF
WHERE coalesce(n.text, s.value) LIKE 'step %'
GROUP BY n.start ORDER BY n.start
"""


@pytest.fixture(scope="module", params=[assets.demo_trace(), REPORT], ids=["demo", "first run"])
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Hotspots]:
    path = tmp_path_factory.mktemp("trace") / "trace.sqlite"
    path.write_bytes(lzma.decompress(request.param.read_bytes()))
    with open_trace(path) as trace:
        return path, measure_hotspots(trace)


def total(path: Path, table: str) -> tuple[int, int]:
    with sqlite3.connect(path) as connection:
        ns, count = connection.execute(f"SELECT sum(end - start), count(*) FROM {table}").fetchone()
    return ns, count


def test_categories_add_up_to_the_tables(measured: tuple[Path, Hotspots]) -> None:
    path, hotspots = measured
    parts = dict(hotspots.categories)
    for key, table in (("memcpy", "CUPTI_ACTIVITY_KIND_MEMCPY"), ("memset", "CUPTI_ACTIVITY_KIND_MEMSET")):
        part = parts.pop(key)
        assert (part.ns, part.count) == total(path, table)
    kernels = total(path, "CUPTI_ACTIVITY_KIND_KERNEL")
    assert (sum(part.ns for part in parts.values()), sum(part.count for part in parts.values())) == kernels
    named = hotspots.kernels
    assert (sum(kernel.total_ns for kernel in named), sum(kernel.count for kernel in named)) == kernels


def test_api_classes_and_functions_add_up_to_the_table(measured: tuple[Path, Hotspots]) -> None:
    path, hotspots = measured
    calls = total(path, "CUPTI_ACTIVITY_KIND_RUNTIME")
    classes, functions = hotspots.api.values(), hotspots.api_calls
    assert (sum(part.ns for part in classes), sum(part.count for part in classes)) == calls
    assert (sum(call.total_ns for call in functions), sum(call.count for call in functions)) == calls


def test_steps_hold_the_kernels_that_their_ranges_launched(measured: tuple[Path, Hotspots]) -> None:
    path, hotspots = measured
    with sqlite3.connect(path) as connection:
        wanted = connection.execute(KERNELS_IN_STEPS).fetchall()
    found = []
    for step in hotspots.steps:
        kernels = [part for key, part in step.categories.items() if key not in ("memcpy", "memset")]
        assert sum(part.count for part in kernels) == step.kernels
        found.append((step.label, step.kernels, sum(part.ns for part in kernels)))
    assert found == wanted


def test_every_nanosecond_of_a_step_is_in_one_part(measured: tuple[Path, Hotspots]) -> None:
    for step in measured[1].steps:
        assert sum(step.partition.values()) == step.wall_ns == step.gpu_end_ns - step.gpu_start_ns
        assert step.busy_ns + step.idle_ns == step.wall_ns
        assert step.idle_ns == sum(ns for key, ns in step.partition.items() if key.startswith("idle:"))


def test_nothing_is_unclassified(measured: tuple[Path, Hotspots]) -> None:
    assert measured[1].unclassified_share == 0
