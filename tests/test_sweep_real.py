"""The real SDXL runner in a sweep, at toy size on the CPU: interrupted in the middle, then resumed."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from command_line import environment, start, still_running
from test_sweep_page import data_of

TOY = ["--preset", "tiny", "--device", "cpu", "--warmup", "0", "--prompt-tokens", "4"]
COMMAND = ["sweep", "steps=1,2", "batch=1,2", "-o", "out", "--json"]


def finished(folder: Path) -> dict[str, str]:
    """Return when each finished run was started."""
    connection = sqlite3.connect(folder / "out" / "sweep.sqlite")
    found = dict(connection.execute("SELECT id, started_at || wall_s FROM runs WHERE status = 'ok'"))
    connection.close()
    return found


def test_interrupted_and_resumed(tmp_path: Path) -> None:
    words = [*COMMAND, "--html", "page.html", "--", *TOY]
    process = start(*words, cwd=tmp_path, env=environment())
    assert process.stderr is not None
    assert process.stderr.readline() == "4 runs\n"
    assert process.stderr.readline().startswith("[1/4] steps 1, batch 1  ")
    time.sleep(1.0)  # the second one is under way
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert still_running(tmp_path) == []
    before = finished(tmp_path)
    assert 1 <= len(before) < 4
    result = json.loads(out)
    assert result["complete"] is False
    assert [point["status"] for point in result["points"]].count("missing") == 4 - len(before)

    command = [sys.executable, "-m", "nsysprof", *words]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(f"4 runs, {len(before)} of them already done")
    after = finished(tmp_path)
    assert len(after) == 4
    assert before.items() <= after.items()

    result = json.loads(done.stdout)
    assert result["memory"] == "RAM"
    assert [(run["option_steps"], run["option_batch"], run["steps_timed"]) for run in result["runs"]] == [
        (1, 1, 1),
        (1, 2, 1),
        (2, 1, 2),
        (2, 2, 2),
    ]
    for run in result["runs"]:
        assert run["images"] == run["option_batch"]
        assert 0 < run["step_s"] < run["time_s"] < run["wall_s"]
        assert run["host_bytes"] > 10**8
        assert run["version_diffusers"]
        assert (run["option_preset"], run["option_width"]) == ("tiny", 64)
    images = [point["image"] for point in data_of(tmp_path / "page.html")["sweep"]["points"]]
    assert images[0] != images[2]  # one step and two steps
    assert all(image.startswith("data:image/png;base64,") for image in images)
