"""`nsysprof sweep` with a runner that takes no time: what is run, kept, shown, and skipped the next time."""

import csv
import fcntl
import io
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fake_nsys
import fake_runner
import pytest
from command_line import Done, environment, nsysprof, start, still_running
from trace_builder import TraceBuilder

RUNNER = fake_runner.__file__
Sweep = Callable[..., Done]


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """Run `nsysprof sweep` with the fake runner in ``tmp_path``; its starts are counted in starts.txt."""

    def run(*words: str, fake: Path | None = None) -> Done:
        env = environment(fake, FAKE_RUNNER_STARTS=str(tmp_path / "starts.txt"))
        return nsysprof("sweep", "--runner", RUNNER, "-o", "out", *words, cwd=tmp_path, env=env)

    return run


def starts(folder: Path) -> list[str]:
    """Return the words of each start of the runner since the last call."""
    path = folder / "starts.txt"
    if not path.exists():
        return []
    lines = path.read_text().splitlines()
    path.unlink()
    return lines


def rows(folder: Path, sql: str) -> list[dict[str, Any]]:
    connection = sqlite3.connect(folder / "out" / "sweep.sqlite")
    connection.row_factory = sqlite3.Row
    found = [dict(row) for row in connection.execute(sql)]
    connection.close()
    return found


def test_a_grid(sweep: Sweep, tmp_path: Path) -> None:
    done = sweep("batch=1,2", "size=32,64x32", "--", "--steps", "3")
    assert done.code == 0
    assert done.out == (
        "batch 1 to 2 at size 32x32, one run each: images/s x1.87, memory x1.12\n"
        "size 32x32 to 64x32 at batch 1, one run each: no difference that so few runs can tell\n"
        "fake_runner · NVIDIA Test · one run each · torch 2.0 · diffusers "
        f"{rows(tmp_path, 'SELECT version_diffusers FROM runs')[0]['version_diffusers']} · driver 550\n"
        "\n"
        "Sweep  4 configurations\n"
        "plan            Max VRAM  time s  s/step  images/s  allocated  batch  resolution  steps   cfg\n"
        "─────────────────────────────────────────────────────────────────────────────────────────────\n"
        "batch 1, 32x32   8.50 GB   0.863   0.121      1.16    7.00 GB      1       32x32      3   8.0\n"
        "batch 1, 64x32   8.50 GB   0.863   0.121      1.16    7.00 GB      1       64x32      3   8.0\n"
        "batch 2, 32x32   9.50 GB   0.923   0.141      2.17    8.00 GB      2       32x32      3   8.0\n"
        "batch 2, 64x32   9.50 GB   0.923   0.141      2.17    8.00 GB      2       64x32      3   8.0\n"
    )
    said = done.err.splitlines()
    assert said[0] == "4 runs"
    assert said[1].startswith("[1/4] batch 1, 32x32  863 ms, 121 ms a step, 8.50 GB  (")
    assert said[1].endswith(" s left)")
    assert said[4:] == [
        "[4/4] batch 2, 64x32  923 ms, 141 ms a step, 9.50 GB",
        "results: out/sweep.sqlite",
        "page: out/sweep.html",
    ]
    assert starts(tmp_path) == [
        f"--steps 3 --batch={batch} --width={width} --height=32" for batch in (1, 2) for width in (32, 64)
    ]


def test_the_database(sweep: Sweep, tmp_path: Path) -> None:
    sweep("batch=2", "--no-html", "--", "--steps", "2", "--turbo")
    (run,) = rows(tmp_path, "SELECT * FROM runs")
    expected = {
        "id": f"{run['config']}-0",
        "repeat": 0,
        "runner": "fake_runner",
        "status": "ok",
        "reason": None,
        "exit_code": 0,
        "load_s": 1.5,
        "time_s": 0.781,
        "step_s": 0.14,
        "step_mean_s": 0.1405,
        "step_min_s": 0.14,
        "step_max_s": 0.141,
        "steps_timed": 2,
        "images": 2,
        "images_per_s": 2 / 0.781,
        "profiled": 0,
        "vram_bytes": 9_500_000_000,
        "allocated_bytes": 8_000_000_000,
        "reserved_bytes": 9_000_000_000,
        "device_used_bytes": 9_500_000_000,
        "host_bytes": 2_000_000_000,
        "load_allocated_bytes": 6_000_000_000,
        "gpu": "NVIDIA Test",
        "gpu_memory_bytes": fake_runner.GPU_BYTES,
        "allocator": "native",
        "allocator_settings": None,
        "scheduler": "Euler",
        "first_image": "image-0.png",
        "option_steps": 2,
        "option_batch": 2,
        "option_cfg": 8.0,
        "option_prompt": "a fox",
        "option_turbo": 1,
        "version_torch": "2.0",
        "version_driver": "550",
        "version_python": sys.version.split()[0],
    }
    assert {key: run[key] for key in expected} == expected
    assert run["wall_s"] > 0
    assert "option_out" not in run
    assert rows(tmp_path, "SELECT step, seconds, profiled_s FROM steps ORDER BY step") == [
        {"step": 0, "seconds": 0.14, "profiled_s": None},
        {"step": 1, "seconds": 0.141, "profiled_s": None},
    ]
    folder = tmp_path / "out" / run["folder"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "image-0.png",
        "image-1.png",
        "log.txt",
        "run.json",
    ]
    assert str(tmp_path) not in json.dumps(run)


def test_what_is_done_is_not_run_again(sweep: Sweep, tmp_path: Path) -> None:
    first = sweep("batch=1,2", "--no-html")
    assert len(starts(tmp_path)) == 2
    again = sweep("batch=1,2", "--no-html")
    assert starts(tmp_path) == []
    assert again.err.splitlines()[0] == "2 runs, 2 of them already done"
    assert again.out == first.out
    sweep("batch=1,2,4", "--no-html")
    assert starts(tmp_path) == ["--batch=4"]
    sweep("batch=1,2", "--repeat", "2", "--no-html")
    assert starts(tmp_path) == ["--batch=1", "--batch=2"]
    sweep("batch=2", "--fresh", "--no-html")
    assert starts(tmp_path) == ["--batch=2"]
    counts = rows(tmp_path, "SELECT option_batch AS batch, count(*) AS runs FROM runs GROUP BY 1 ORDER BY 1")
    assert [(row["batch"], row["runs"]) for row in counts] == [(1, 2), (2, 1), (4, 1)]


def test_what_nobody_could_tell_of_the_defaults_the_record_tells(sweep: Sweep) -> None:
    result = json.loads(sweep("batch=2", "turbo=on", "size=64", "--each", "--json").out)
    assert [(point["label"], point["values"]) for point in result["points"]] == [
        ("default", {"batch": "1", "turbo": "off", "size": "512x512"}),
        ("batch 2", {"batch": "2", "turbo": "off", "size": "512x512"}),
        ("turbo on", {"batch": "1", "turbo": "on", "size": "512x512"}),
        ("64x64", {"batch": "1", "turbo": "off", "size": "64x64"}),
    ]
    assert result["axes"][2]["values"] == ["64x64", "512x512"]
    assert result["headline"][0] == "batch 1 to 2, one run each: images/s x1.77, memory x1.12"


def test_repeats_go_round_all_configurations_before_any_again(sweep: Sweep, tmp_path: Path) -> None:
    done = sweep("batch=1,2", "--repeat", "3", "--no-html")
    assert starts(tmp_path) == ["--batch=1", "--batch=2"] * 3
    assert "time s    min    max  s/step" in done.out
    assert "median of 3 runs" in done.out
    assert done.out.startswith("batch 1 to 2: time x1.13, a step x1.16, images/s x1.77, memory x1.12\n")
    assert "[6/6] batch 2 #3  " in done.err


def test_too_little_memory_is_a_row_and_not_the_end(sweep: Sweep, tmp_path: Path) -> None:
    done = sweep("batch=1,16,2", "--repeat", "2", "--no-html")
    assert done.code == 0
    assert "OOM" in done.out
    assert "batch 1 to 2, 2 runs each: " in done.out
    assert "; 16 does not fit into memory" in done.out
    reason = "fake_runner: error: out of memory on cuda:0: lower --batch"
    assert f"out of memory: batch 16 ({reason})" in done.out
    # what does not fit once is not tried again, now or later
    assert starts(tmp_path) == ["--batch=1", "--batch=16", "--batch=2", "--batch=1", "--batch=2"]
    assert sweep("batch=1,16,2", "--repeat", "2", "--no-html").code == 0
    assert starts(tmp_path) == []
    (row,) = rows(tmp_path, "SELECT status, reason, time_s, option_batch FROM runs WHERE status <> 'ok'")
    assert row == {"status": "out_of_memory", "reason": reason, "time_s": None, "option_batch": 16}


def test_the_exit_code_says_when_nothing_has_figures(sweep: Sweep) -> None:
    assert sweep("batch=16,32", "--no-html").code == 1


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("crash", "ValueError: \\x1b[31mno <b>such</b> thing"),
        ("silent", "it wrote no run record"),
        ("killed", "killed by SIGKILL"),
    ],
)
def test_other_failures_are_rows_too_and_are_tried_again(
    sweep: Sweep, tmp_path: Path, mode: str, reason: str
) -> None:
    words = (f"mode={mode},ok", "--no-html")
    done = sweep(*words)
    assert done.code == 0
    assert f"failed: mode {mode} ({reason})" in done.out
    assert f"mode {mode}  failed: {reason}" in done.err
    assert len(starts(tmp_path)) == 2
    sweep(*words)
    assert starts(tmp_path) == [f"--mode={mode}"]
    assert len(rows(tmp_path, "SELECT * FROM runs")) == 2


def test_a_record_full_of_nonsense_does_no_harm(sweep: Sweep, tmp_path: Path) -> None:
    done = sweep("mode=garbage")
    assert done.code == 0
    (row,) = rows(tmp_path, "SELECT status, time_s, step_s, vram_bytes, images, gpu FROM runs")
    assert row == {
        "status": "ok",
        "time_s": None,
        "step_s": None,
        "vram_bytes": None,
        "images": None,
        "gpu": None,
    }


@pytest.mark.parametrize("mode", ["hang", "stubborn"])
def test_a_run_that_takes_too_long_is_ended(sweep: Sweep, tmp_path: Path, mode: str) -> None:
    done = sweep(f"mode={mode},ok", "--timeout", "2", "--no-html")
    assert done.code == 0
    assert f"took too long: mode {mode} (no end after 2 s)" in done.out
    assert still_running(tmp_path) == []


def test_interrupted_in_the_middle_it_goes_on_there(sweep: Sweep, tmp_path: Path) -> None:
    command = ["sweep", "--runner", RUNNER, "-o", "out", "--json"]
    axes = ["mode=ok,hang", "batch=1,2"]
    env = environment(FAKE_RUNNER_STARTS=str(tmp_path / "starts.txt"))
    process = start(*command, *axes, cwd=tmp_path, env=env)
    wait_for(lambda: "hang" in (tmp_path / "starts.txt").read_text(), tmp_path / "starts.txt")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping; finished runs are kept" in err
    assert still_running(tmp_path) == []
    result = json.loads(out)
    assert result["complete"] is False
    assert [(point["label"], point["status"]) for point in result["points"]] == [
        ("mode ok, batch 1", "ok"),
        ("mode ok, batch 2", "ok"),
        ("mode hang, batch 1", "missing"),
        ("mode hang, batch 2", "missing"),
    ]
    assert len(starts(tmp_path)) == 3
    sweep(*axes, "--timeout", "1", "--no-html")
    assert starts(tmp_path) == ["--mode=hang --batch=1", "--mode=hang --batch=2"]


def wait_for(condition: Callable[[], bool], path: Path) -> None:
    end = time.monotonic() + 60
    while not (path.exists() and condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.05)


def test_a_second_ctrl_c_kills(tmp_path: Path) -> None:
    command = ["sweep", "--runner", RUNNER, "mode=stubborn", "-o", "out"]
    env = environment(FAKE_RUNNER_STARTS=str(tmp_path / "starts.txt"))
    process = start(*command, cwd=tmp_path, env=env)
    wait_for(lambda: True, tmp_path / "starts.txt")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "killed" in err
    assert still_running(tmp_path) == []


def gpu_trace(path: Path) -> Path:
    """Write a trace of two steps: 300 ns of GEMM, 100 ns of norm, and idle time."""
    builder = TraceBuilder()
    for number in (0, 1):
        at = number * 1000
        builder.nvtx(f"step {number}", at, at + 900)
        builder.launch("gemm", api=(at + 10, at + 20), gpu=(at + 30, at + 330), correlation=2 * number + 1)
        builder.launch(
            "RowwiseMomentsCUDAKernel",
            api=(at + 400, at + 410),
            gpu=(at + 500, at + 600),
            correlation=2 * number + 2,
        )
    builder.write(path)
    return path


def test_profiled_runs_keep_their_hotspots(sweep: Sweep, tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", trace=str(gpu_trace(tmp_path / "gpu.sqlite")))
    done = sweep("batch=1,2", "--profile", fake=fake)
    assert done.code == 0
    assert "Where a step went  share of the typical step, as nsys recorded it" in done.out
    assert len(starts(tmp_path)) == 2
    runs = rows(tmp_path, "SELECT * FROM runs ORDER BY option_batch")
    assert [(run["profiled"], run["time_s"], run["profiled_time_s"]) for run in runs] == [
        (1, pytest.approx(3.09), 9.0),
        (1, pytest.approx(3.49), 9.0),
    ]
    assert runs[0]["version_nsys"] == "2023.4.4"
    first = f"WHERE run = '{runs[0]['id']}'"
    assert rows(tmp_path, f"SELECT step, seconds, profiled_s FROM steps {first} AND step = 1") == [
        {"step": 1, "seconds": 0.121, "profiled_s": 0.242}
    ]
    parts = rows(tmp_path, f"SELECT key, ns FROM hotspots {first} AND kind = 'step' AND ns ORDER BY key")
    assert sum(part["ns"] for part in parts) == 1000
    assert {part["key"]: part["ns"] for part in parts if not part["key"].startswith("idle")} == {
        "gemm": 300,
        "norm": 100,
    }
    kernels = rows(
        tmp_path, f"SELECT key, category, ns, count FROM hotspots {first} AND kind = 'kernel' ORDER BY 3 DESC"
    )
    assert kernels[0] == {"key": "gemm", "category": "gemm", "ns": 600, "count": 2}
    folder = tmp_path / "out" / runs[0]["folder"]
    assert {"trace.sqlite", "trace.nsys-rep", "trace.run.json"} <= {path.name for path in folder.iterdir()}
    # the same runs without a profiler are other runs
    sweep("batch=1,2", "--no-html")
    assert len(starts(tmp_path)) == 2


def test_a_capture_that_fails_is_a_row(sweep: Sweep, tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="nothing")
    done = sweep("batch=1", "--profile", "--no-html", fake=fake)
    assert done.code == 1
    assert "nsys recorded nothing" in done.out


def test_a_trace_without_gpu_work_leaves_a_note(sweep: Sweep, tmp_path: Path) -> None:
    empty = TraceBuilder()
    empty.nvtx("elsewhere", 0, 10)
    empty.write(tmp_path / "empty.sqlite")
    fake = fake_nsys.install(tmp_path / "nsys", trace=str(tmp_path / "empty.sqlite"))
    done = sweep("batch=1", "--profile", "--no-html", fake=fake)
    assert done.code == 0
    assert "note: batch 1 (no hotspots: " in done.out
    assert rows(tmp_path, "SELECT profiled, time_s FROM runs")[0]["profiled"] == 0


def test_json_and_csv(sweep: Sweep, tmp_path: Path) -> None:
    done = sweep("batch=1,2", "--json", "--", "--prompt", "=1+1")
    result = json.loads(done.out)
    assert (result["schema"], result["runner"], result["complete"]) == (
        "nsysprof.sweep/1",
        "fake_runner",
        True,
    )
    assert result["axes"] == [{"key": "batch", "values": ["1", "2"], "numeric": True}]
    assert result["points"][1]["time_s"] == {"min": 3.49, "median": 3.49, "max": 3.49}
    assert [run["option_batch"] for run in result["runs"]] == [1, 2]
    assert not (tmp_path / "out" / "sweep.html").exists()
    done = sweep("batch=1,2", "--csv", "--html", "pages/mine.html", "--", "--prompt", "=1+1")
    lines = list(csv.DictReader(io.StringIO(done.out)))
    assert [(line["option_batch"], line["option_prompt"]) for line in lines] == [
        ("1", "'=1+1"),
        ("2", "'=1+1"),
    ]
    assert (tmp_path / "pages" / "mine.html").is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "nothing to vary: write KEY=V1,V2"),
        (("batch=1", "--steps=3"), "unknown option --steps=3: options of the runner come after --"),
        (("batch=1", "--json", "--csv"), "--json and --csv exclude each other"),
        (("batch=1", "--no-html", "--open"), "--no-html leaves no page"),
        (("batch=1", "--", "--out", "x"), "--out: each run has a folder of its own"),
        (("colour=red",), "fake_runner has no option 'colour'"),
    ],
)
def test_mistakes_are_told_before_anything_runs(
    sweep: Sweep, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = sweep(*words)
    assert (done.code, done.out) == (2, "")
    assert f"nsysprof: error: {message}" in done.err
    assert not (tmp_path / "out").exists()


def test_no_nsys_is_told_before_anything_runs(sweep: Sweep, tmp_path: Path) -> None:
    done = sweep("batch=1", "--profile", "--nsys", "absent/nsys")
    assert done.code == 5
    assert starts(tmp_path) == []


def test_two_sweeps_never_share_a_folder(sweep: Sweep, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    handle = os.open(tmp_path / "out", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    done = sweep("batch=1")
    os.close(handle)
    assert (done.code, done.out) == (7, "")
    assert "another sweep is at work in out" in done.err


@pytest.mark.parametrize("content", ["no database", "another"])
def test_a_foreign_file_stays_as_it_is(sweep: Sweep, tmp_path: Path, content: str) -> None:
    path = tmp_path / "out" / "sweep.sqlite"
    path.parent.mkdir()
    if content == "another":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE runs (mine TEXT)")
        connection.close()
    else:
        path.write_text("no database at all" * 100)
    before = path.read_bytes()
    done = sweep("batch=1")
    assert (done.code, done.out) == (7, "")
    assert "give another --output" in done.err
    assert path.read_bytes() == before
