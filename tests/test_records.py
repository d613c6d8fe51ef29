"""JSON and CSV records of a result."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest
from hotspots_example import example

from nsysprof.measure.results import Hotspots, StepMemory
from nsysprof.render.records import CSV_COLUMNS, to_csv, to_json


def test_json_has_the_documented_shape() -> None:
    record = json.loads(to_json(example()))
    assert list(record)[:9] == [
        "schema",
        "trace",
        "steps_source",
        "steps_confidence",
        "steps",
        "categories",
        "kernels",
        "api",
        "unclassified_share",
    ]
    assert record["schema"] == "nsysprof.hotspots/1"
    assert list(record["trace"]) == ["path", "gpu", "schema_version", "start_ns", "end_ns"]
    step = record["steps"][3]
    assert " ".join(step).startswith(
        "index label gpu_start_ns gpu_end_ns cpu_start_ns cpu_end_ns wall_ns busy_ns idle_ns kernels "
        "categories partition api"
    )
    assert step["categories"]["gemm"] == {"ns": 11_812_736, "count": 794}
    assert step["partition"]["idle:host"] == 34_008_440
    assert step["api"]["malloc"] == {"ns": 1_020_120, "count": 20}
    assert list(record["kernels"][0])[:8] == [
        "name",
        "category",
        "count",
        "total_ns",
        "mean_ns",
        "min_ns",
        "max_ns",
        "share",
    ]
    assert record["headline"] == list(example().headline)


def test_json_takes_what_results_hold_beyond_the_shape() -> None:
    memory = StepMemory(peak_bytes=7, allocations=3, allocated_bytes=9, releases=2)
    step = replace(example().steps[0], memory=memory, partitions={"0": {"gemm": 5}})
    record = json.loads(to_json(replace(example(), steps=(step,), launch_bound=0.25)))
    assert record["launch_bound"] == 0.25
    assert record["comparison"] is None
    assert record["steps"][0]["memory"] == {
        "peak_bytes": 7,
        "allocations": 3,
        "allocated_bytes": 9,
        "releases": 2,
    }
    assert record["steps"][0]["partitions"] == {"0": {"gemm": 5}}


def test_times_are_integers_and_the_parts_add_up() -> None:
    record = json.loads(to_json(example()))
    for step in record["steps"]:
        assert sum(step["partition"].values()) == step["wall_ns"] == step["busy_ns"] + step["idle_ns"]
        assert all(isinstance(ns, int) for ns in step["partition"].values())
    assert math.isclose(sum(entry["share"] for entry in record["categories"].values()), 1)


def test_json_escapes_whatever_a_name_holds() -> None:
    text = to_json(example(hostile=True))
    assert text.isascii()
    assert "\u202e" in json.loads(text)["kernels"][-1]["name"]


def rows_of(hotspots: Hotspots) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(hotspots))))


def test_csv_has_one_record_a_line() -> None:
    rows = rows_of(example(steps=2))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert rows[0] | {"busy_ns": "", "idle_ns": "", "end_ns": ""} == dict.fromkeys(CSV_COLUMNS, "") | {
        "record": "step",
        "step": "0",
        "key": "step 0",
        "ns": "88006016",
        "count": "2348",
        "start_ns": "10000000000",
    }
    kinds = [row["record"] for row in rows]
    assert {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} == {
        "step": 2,
        "step_category": 20,
        "step_partition": 30,
        "step_api": 12,
        "category": 10,
        "kernel": 4,
        "api": 6,
        "api_call": 3,
    }


def test_csv_leaves_empty_what_is_unknown() -> None:
    step = replace(example(1).steps[0], busy_ns=-1, idle_ns=-1)
    row = next(csv.DictReader(to_csv(replace(example(1), steps=(step,))).splitlines()))
    assert (row["record"], row["busy_ns"], row["idle_ns"]) == ("step", "", "")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_defuses_what_a_spreadsheet_would_run(start: str) -> None:
    result = example()
    kernel = result.kernels[0]
    evil = replace(kernel, name=start + 'cmd|"/c calc"!A1')
    hotspots = replace(result, kernels=(evil,))
    key = next(row["key"] for row in rows_of(hotspots) if row["record"] == "kernel")
    assert key == f"'{start}" + 'cmd|"/c calc"!A1'
