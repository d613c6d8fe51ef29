"""`nsysprof capture` with the real nsys: from the ranges of a program to the steps of its trace."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from command_line import environment, nsysprof, real_nsys, start, still_running

from nsysprof.capture.preflight import nvtx_version, try_ranges
from nsysprof.trace import open_trace

PROGRAM = """
import sys, time
import nvtx
nvtx.push_range("load"); nvtx.pop_range()
nvtx.push_range("train")
for i in range(4):
    nvtx.push_range(f"step {i}"); time.sleep(0.002); nvtx.pop_range()
nvtx.pop_range()
nvtx.push_range("save"); nvtx.pop_range()
print("done")
sys.exit(int(sys.argv[1]))
"""
CAPTURE = ["capture", "--name", "x", "--"]
STEPS = ["step 0", "step 1", "step 2", "step 3"]


def range_texts(path: Path) -> list[str]:
    with open_trace(path) as trace:
        return sorted(trace.range_texts[code] for code in trace.ranges.text)


def test_the_whole_process(tmp_path: Path) -> None:
    real_nsys()
    (tmp_path / "train.py").write_text(PROGRAM)
    words = ["capture", "--", sys.executable, "train.py", "0"]
    done = nsysprof(*words, cwd=tmp_path, env=environment())
    assert done.code == 0
    assert done.out.splitlines()[:2] == [
        "done",
        "captured: 0 kernels, 0 CUDA API calls, 7 NVTX ranges, 4 steps (marked by NVTX)",
    ]
    assert range_texts(tmp_path / "nsysprof-out/train.sqlite") == ["load", "save", *STEPS, "train"]
    shown = nsysprof("hotspots", "nsysprof-out/train.sqlite", "--json", cwd=tmp_path, env=environment())
    assert [step["label"] for step in json.loads(shown.out)["steps"]] == STEPS


def test_one_range_and_the_exit_code(tmp_path: Path) -> None:
    folder = tmp_path / "a 100%h 'folder'"
    folder.mkdir()
    (folder / "train.py").write_text(PROGRAM)
    words = ["capture", "-o", str(folder), "--name", "x", "--capture-range", "nvtx:train"]
    done = nsysprof(*words, "--", sys.executable, "train.py", "3", cwd=folder, env=environment())
    assert done.code == 3
    assert "the program ended with exit code 3" in done.out
    assert range_texts(folder / "x.sqlite") == [*STEPS, "train"]


def test_ctrl_c_keeps_what_was_recorded(tmp_path: Path) -> None:
    program = (
        "import nvtx, time\n"
        "nvtx.push_range('step 0'); nvtx.pop_range()\n"
        "nvtx.push_range('step 1')\n"
        "print('ready')\n"
        "while True: time.sleep(0.05)"
    )
    words = [*CAPTURE, sys.executable, "-c", program, str(tmp_path)]
    with start(*words, cwd=tmp_path, env=environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "KeyboardInterrupt" in err
    assert "interrupted; what was recorded until then is kept" in out
    assert "step 0" in range_texts(tmp_path / "nsysprof-out/x.sqlite")
    assert not still_running(tmp_path)


def test_the_second_ctrl_c_kills_everything(tmp_path: Path) -> None:
    program = (
        "import os, signal, time\n"
        "def stop(*_): os.write(1, b'no\\n')\n"
        "signal.signal(signal.SIGINT, stop); signal.signal(signal.SIGTERM, stop)\n"
        "print('ready')\n"
        "while True: time.sleep(0.05)"
    )
    words = [*CAPTURE, sys.executable, "-c", program, str(tmp_path)]
    with start(*words, cwd=tmp_path, env=environment()) as process:
        assert process.stdout is not None
        for expected in ("ready\n", "no\n"):
            assert process.stdout.readline() == expected
            process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 137
    assert "problem: the capture was killed" in out
    assert not still_running(tmp_path)


def without_importer(folder: Path) -> Path:
    """Lay out the real nsys with nothing beside it; it finds its folder by the path of its own file."""
    target = folder / "target-linux-x64"
    target.mkdir(parents=True)
    for path in real_nsys().folder.iterdir():
        if path.name == "nsys":
            shutil.copy(path, target / path.name)
        else:
            (target / path.name).symlink_to(path)
    return folder


def test_nsys_without_an_importer(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(PROGRAM)
    lame = without_importer(tmp_path / "nsys")
    words = ["capture", "--nsys", str(lame / "target-linux-x64/nsys"), "--", sys.executable, "train.py", "0"]
    done = nsysprof(*words, cwd=tmp_path, env=environment())
    assert done.code == 6
    assert "problem: nsys's importer does not work: no QdstrmImporter" in done.out
    assert sorted(path.name for path in (tmp_path / "nsysprof-out").iterdir()) == [
        "train.qdstrm",
        "train.run.json",
    ]
    exported = nsysprof("export", "nsysprof-out/train.qdstrm", cwd=tmp_path, env=environment())
    assert (exported.code, exported.out) == (0, "nsysprof-out/train.sqlite\n")
    assert range_texts(tmp_path / "nsysprof-out/train.sqlite") == ["load", "save", *STEPS, "train"]


def test_an_importer_that_nsys_does_not_find(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(PROGRAM)
    compute = without_importer(tmp_path / "nsys")  # as inside Nsight Compute
    host = next(real_nsys().folder.parent.glob("host-linux-*"))
    (compute / "linux-desktop-glibc_2_11_3-x64").symlink_to(host)
    words = [
        "capture",
        "--nsys",
        str(compute / "target-linux-x64/nsys"),
        "--",
        sys.executable,
        "train.py",
        "0",
    ]
    done = nsysprof(*words, cwd=tmp_path, env=environment())
    assert done.code == 0
    assert "4 steps (marked by NVTX)" in done.out
    assert (tmp_path / "nsysprof-out/train.nsys-rep").is_file()


def test_this_nsys_and_this_nvtx_understand_each_other() -> None:
    trial = try_ranges(real_nsys())
    assert (trial.recorded, trial.problem) == (True, "")
    assert nvtx_version()


def test_the_sdxl_runner(tmp_path: Path) -> None:
    words = ["capture", "--preset", "tiny", "--device", "cpu", "--random-weights", "--steps", "3"]
    done = nsysprof(*words, cwd=tmp_path, env=environment())
    assert done.code == 0
    assert "3 steps (marked by NVTX)" in done.out
    assert "ms while it is recorded (x " in done.out
    out = tmp_path / "nsysprof-out"
    manifest = json.loads((out / "sdxl.run.json").read_text())
    assert manifest["run"]["schema"] == "nsysprof.run/1"
    assert len(manifest["run"]["baseline"]["step_ms"]) == len(manifest["run"]["profiled"]["step_ms"]) == 3
    assert os.uname().nodename not in json.dumps(manifest["run"])
    texts = range_texts(out / "sdxl.sqlite")
    assert [text for text in texts if text.startswith("step ")] == STEPS[:3]
    assert texts.count("unet") == 3
    assert "load" not in texts  # outside the captured range
