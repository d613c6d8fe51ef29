"""Equal to NVIDIA's own reports on the same file, to the nanosecond."""

import re
from pathlib import Path

import pytest
from nsys_stats import lay_out, report
from real_trace import THREE_STEPS, unpack
from trace_builder import TraceBuilder

from nsysprof.measure.hotspots import measure_hotspots
from nsysprof.measure.results import Hotspots
from nsysprof.trace import open_trace


@pytest.fixture(scope="module")
def nsys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lay_out(tmp_path_factory.mktemp("nsys"))


def crowded(path: Path) -> Path:
    """Two processes with the same ids, two threads each, nested and overlapping ranges, a graph."""
    builder = TraceBuilder()
    for pid, device in ((1000, 0), (2000, 1)):
        for tid in (pid, pid + 1):
            for at in range(40):
                start = 1_000 * at + 10 * (tid % 2)
                correlation = 1 + 2 * at + tid % 2
                api, gpu = (start, start + 90), (start + 400, start + 700 + at)
                builder.launch(
                    f"kernel_{at % 3}", api, gpu, tid=tid, correlation=correlation, pid=pid, device=device
                )
            builder.nvtx("outer", 500, 39_000, tid, pid=pid)
            for at in range(0, 40, 4):
                builder.nvtx(f"part {at // 4}", 1_000 * at, 1_000 * at + 2_500, tid, pid=pid, domain="own")
                builder.nvtx("crossing", 1_000 * at + 600, 1_000 * at + 4_200, tid, pid=pid, kind=60)
    builder.api("cudaGraphLaunch_v10000", 50_000, 50_100, 900).nvtx("replay", 49_000, 51_000)
    for node in range(5):
        start = 50_200 + 100 * node
        builder.kernel("node", start, start + 60, correlation=900, graph_node=node + 1)
    return builder.write(path)


@pytest.fixture(scope="module", params=[THREE_STEPS, "crowded"])
def trace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trace")
    return crowded(folder / "crowded.sqlite") if request.param == "crowded" else unpack(request.param, folder)


@pytest.fixture(scope="module")
def found(trace: Path) -> Hotspots:
    with open_trace(trace) as opened:
        return measure_hotspots(opened)


def test_kernels(nsys: Path, trace: Path, found: Hotspots) -> None:
    theirs = {
        row["Name"]: tuple(
            int(row[column]) for column in ("Instances", "Total Time (ns)", "Min (ns)", "Max (ns)")
        )
        for row in report(nsys, "cuda_gpu_kern_sum", trace)
    }
    assert {k.name: (k.count, k.total_ns, k.min_ns, k.max_ns) for k in found.kernels} == theirs


def test_calls(nsys: Path, trace: Path, found: Hotspots) -> None:
    theirs: dict[str, tuple[int, int]] = {}
    for row in report(nsys, "cuda_api_sum", trace):
        name = re.sub(r"_v\d+$", "", row["Name"])  # nsys leaves some versions on
        count, ns = theirs.get(name, (0, 0))
        theirs[name] = count + int(row["Num Calls"]), ns + int(row["Total Time (ns)"])
    assert {call.name: (call.count, call.total_ns) for call in found.api_calls} == theirs


def test_projected_ranges(nsys: Path, trace: Path, found: Hotspots) -> None:
    theirs = {
        (row["Range"], row["Style"]): tuple(
            int(row[column])
            for column in ("Range Instances", "Total Range Time (ns)", "Total Proj Time (ns)")
        )
        for row in report(nsys, "nvtx_gpu_proj_sum", trace)
    }
    styles = {"push/pop": "PushPop", "start/end": "StartEnd"}
    mine = {
        (f"{one.domain}:{one.text}" if one.domain else one.text, styles[one.kind]): (
            one.count,
            one.cpu_ns,
            one.gpu_ns,
        )
        for one in found.ranges
    }
    assert mine == theirs
    assert mine
