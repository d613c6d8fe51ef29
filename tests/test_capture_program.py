"""`nsysprof capture -- PROGRAM` with options for programs that know nothing of nsysprof."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import fake_nsys
import pytest
from command_line import environment, nsysprof, real_nsys, start, still_running

from nsysprof.capture import module_ranges
from nsysprof.capture.locate import find_nsys
from nsysprof.capture.options import known_options, profile_command
from nsysprof.capture.pytorch import marked_program, with_launcher
from nsysprof.capture.request import choose_target, runner_target, with_window
from nsysprof.errors import CaptureError, UsageError
from nsysprof.trace import open_trace

LAUNCHER = module_ranges.__file__

NET = """
import sys, torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1), torch.nn.ReLU())
        self.head = torch.nn.Linear(4, 2)
    def forward(self, x, scale):
        if scale > 1:
            raise ValueError("no")
        return self.head(self.body(x).mean((2, 3)))
net = Net()
print(tuple(net(torch.zeros(5, 3, 8, 8), 1).shape), sys.argv, __name__)
try:
    net(torch.zeros(5, 3, 8, 8), 2)
except ValueError:
    print("raised")
torch.nn.ReLU()(torch.zeros(6))
sys.exit(4)
"""
MODULES = [
    "Net in=[5,3,8,8]",
    "Net.body in=[5,3,8,8]",
    "Net.body.0 in=[5,3,8,8]",
    "Net.body.1 in=[5,4,8,8]",
    "Net.head in=[5,4]",
    "Net in=[5,3,8,8]",
    "ReLU in=[6]",
]


def range_texts(path: Path) -> list[str]:
    with open_trace(path) as trace:
        order = trace.ranges.start_ns.argsort()
        return [trace.range_texts[code] for code in trace.ranges.text[order]]


def nesting(path: Path) -> list[int]:
    """Return how many ranges each range lies in, in order of their starts."""
    with open_trace(path) as trace:
        order = trace.ranges.start_ns.argsort()
        starts, ends = trace.ranges.start_ns[order], trace.ranges.end_ns[order]
    return [int(((starts < starts[at]) & (ends > starts[at])).sum()) for at in range(len(starts))]


# --pytorch-nvtx, through the launcher: the nsys of the tests has no option for it


def test_ranges_round_modules(tmp_path: Path) -> None:
    real_nsys()
    (tmp_path / "train.py").write_text(NET)
    words = ["capture", "--pytorch-nvtx", "--", sys.executable, "train.py", "--lr", "1"]
    done = nsysprof(*words, cwd=tmp_path, env=environment())
    assert done.code == 4
    assert done.out.splitlines()[:2] == [
        "(5, 2) ['train.py', '--lr', '1'] __main__",
        "raised",
    ]
    trace = tmp_path / "nsysprof-out" / "train.sqlite"
    assert range_texts(trace) == MODULES
    assert nesting(trace) == [0, 1, 2, 2, 1, 0, 0]  # the error closed its range


def run_launched(*words: str, cwd: Path, nvtx: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the launcher itself; ``nvtx``: a module to take the place of the real one."""
    if nvtx is not None:
        (cwd / "nvtx.py").write_text(nvtx)
    env = {**os.environ, "PYTHONPATH": str(cwd)}
    command = [sys.executable, LAUNCHER, *words]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


SAYS = "def push_range(name): print(name)\ndef pop_range(): pass\n"


def test_compiled_code_is_left_alone(tmp_path: Path) -> None:
    code = (
        "import torch\nnet = torch.nn.Linear(2, 2)\n"
        "torch.compile(net, backend='eager', fullgraph=True)(torch.zeros(1, 2))\nprint('done')\n"
    )
    done = run_launched("-c", code, cwd=tmp_path, nvtx=SAYS)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "done")
    assert "Linear in=[1,2]" not in done.stdout


def test_a_module_that_joins_later_has_a_name(tmp_path: Path) -> None:
    code = (
        "import torch\nnet = torch.nn.Sequential(torch.nn.ReLU())\nx = torch.zeros(1)\nnet(x)\n"
        "net.append(torch.nn.Tanh())\nnet(x)\n"
    )
    done = run_launched("-c", code, cwd=tmp_path, nvtx=SAYS)
    assert done.stdout.splitlines() == [
        *("Sequential in=[1]", "Sequential.0 in=[1]"),
        *("Sequential in=[1]", "Sequential.0 in=[1]", "Tanh in=[1]"),
    ]


def test_without_nvtx_the_program_runs_on(tmp_path: Path) -> None:
    done = run_launched("-c", "import torch; print(7)", cwd=tmp_path, nvtx="raise ImportError('no nvtx')")
    assert (done.returncode, done.stdout) == (0, "7\n")
    assert done.stderr == "nsysprof: no ranges round PyTorch's modules: no nvtx\n"


@pytest.mark.parametrize("kind", ["script", "-m", "-c"])
def test_a_program_sees_what_python_would_show_it(kind: str, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "print(sys.argv, __name__, globals().get('__file__'), __spec__ and __spec__.name, sys.path[0])\n"
        "print(__import__('beside').x, 'torch' in sys.modules)\n"
        "if len(sys.argv) > 2: sys.exit('bye')\n"
    )
    (tmp_path / "lib").mkdir()
    for folder in (tmp_path, tmp_path / "lib"):
        (folder / "beside.py").write_text(f"x = {folder.name!r}\n")
    (tmp_path / "prog.py").write_text(code)
    (tmp_path / "lib" / "prog.py").write_text(code)
    words = {"script": ["lib/prog.py"], "-m": ["-m", "prog"], "-c": ["-c", code]}[kind]
    for more in (["a"], ["a", "b"]):
        plain = subprocess.run(
            [sys.executable, *words, *more], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        done = run_launched(*words, *more, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (plain.returncode, plain.stderr)
        assert done.stdout == plain.stdout


def test_nsys_marks_pytorch_itself_where_it_can() -> None:
    assert marked_program(["torchrun", "x"], {"--trace", "--pytorch"}) == (
        ("--pytorch=autograd-nvtx",),
        ("torchrun", "x"),
    )


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("python train.py --lr 1", f"python {LAUNCHER} train.py --lr 1"),
        (
            "/opt/bin/python3.12 -u -X dev -W error t.py",
            f"/opt/bin/python3.12 -u -X dev -W error {LAUNCHER} t.py",
        ),
        ("python3 -m pkg.train -x", f"python3 {LAUNCHER} -m pkg.train -x"),
        ("python -c pass", f"python {LAUNCHER} -c pass"),
    ],
)
def test_where_the_launcher_stands(program: str, expected: str) -> None:
    assert with_launcher(program.split()) == tuple(expected.split())


@pytest.mark.parametrize(
    ("line", "interpreter"),
    [("#!/usr/bin/env python3", "python3"), ("#!/opt/v/bin/python3.11 -E", "/opt/v/bin/python3.11 -E")],
)
def test_a_script_that_says_which_python_it_wants(line: str, interpreter: str, tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text(f"{line}\nimport torch\n")
    tool.chmod(0o755)
    assert with_launcher([str(tool), "run"]) == (*interpreter.split(), LAUNCHER, str(tool), "run")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            "/bin/sh train.sh",
            "/bin/sh is no Python program: with an nsys that knows --pytorch",
        ),
        ("python -u", "--pytorch-nvtx needs a Python program"),
        ("python -", "--pytorch-nvtx needs a Python program"),
    ],
)
def test_what_is_no_python_program(program: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        with_launcher(program.split())


def test_a_refused_program_is_not_run(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    words = ["capture", "--pytorch-nvtx", "--", "/bin/sh", "-c", "echo ran"]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (2, "")
    assert "/bin/sh is no Python program" in done.err
    assert list((tmp_path / "nsysprof-out").iterdir()) == []


# --delay and --duration


STEPS = """
import time, nvtx
for i in range(10_000):
    nvtx.push_range(f"step {i}"); time.sleep(0.02); nvtx.pop_range()
"""


def test_a_window_of_time(tmp_path: Path) -> None:
    real_nsys()
    (tmp_path / "serve.py").write_text(STEPS)
    words = ["capture", "--delay", "1.5", "--duration", "1", "--", sys.executable, "serve.py"]
    done = nsysprof(*words, cwd=tmp_path, env=environment())
    assert done.code == 0  # the program was ended, as it was asked for
    texts = range_texts(tmp_path / "nsysprof-out" / "serve.sqlite")
    assert "step 0" not in texts
    assert len(texts) > 1
    assert not still_running(tmp_path)
    manifest = json.loads((tmp_path / "nsysprof-out" / "serve.run.json").read_text())
    assert {"--delay=1.5", "--duration=1"} < set(manifest["command"])
    assert manifest["exit_code"] == 0


def test_a_window_in_which_the_program_is_still_starting(tmp_path: Path) -> None:
    real_nsys()
    words = [
        "capture",
        "--duration",
        "1",
        "--name",
        "x",
        "--",
        sys.executable,
        "-c",
        "import time; time.sleep(60)",
    ]
    done = nsysprof(*words, cwd=tmp_path, env=environment())
    assert done.code == CaptureError.exit_code
    assert (
        "useless: nothing was recorded: the program used no CUDA and opened no NVTX range in its first 1 s; "
        "add --delay S to skip its start, or give a longer --duration\n"
    ) in done.out
    assert "do not understand each other" not in done.out


def test_a_program_that_ends_before_the_window(tmp_path: Path) -> None:
    real_nsys()
    words = ["capture", "--delay", "60", "--name", "x", "--", sys.executable, "-c", "pass"]
    done = nsysprof(*words, cwd=tmp_path, env=environment())
    assert done.code == CaptureError.exit_code
    assert done.out == (
        "problem: nsys recorded nothing: the program ended in its first 60 s: give a shorter --delay\n"
    )


def test_a_program_that_ends_before_its_time_keeps_its_exit_code(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    words = ["capture", "--duration", "60", "--name", "x", "--", sys.executable, "-c", "raise SystemExit(3)"]
    assert nsysprof(*words, cwd=tmp_path, env=environment(fake)).code == 3


def test_a_user_s_own_sigterm_is_no_success(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    code = "import time; print('ready', flush=True); time.sleep(60)"
    words = ["capture", "--duration", "60", "--name", "x", "--"]
    with start(*words, sys.executable, "-c", code, cwd=tmp_path, env=environment(fake)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--delay", "1"], "do not go with the recording of a range: add --whole-process"),
        (
            ["--duration", "1", "--capture-range", "nvtx:train", "--", "true"],
            "do not go with the recording of a range: leave --capture-range out",
        ),
    ],
)
def test_a_window_and_a_range_exclude_each_other(words: list[str], message: str, tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    done = nsysprof("capture", *words, cwd=tmp_path, env=environment(fake))
    assert (done.code, message in done.err) == (2, True)


def test_a_runner_recorded_for_a_time(tmp_path: Path) -> None:
    nsys = find_nsys(str(fake_nsys.install(tmp_path / "nsys")))
    target = with_window(replace(runner_target("sdxl", []), range_name=None), 0, 30)
    command = profile_command(nsys, target, tmp_path / "x", known_options(nsys))
    assert "--duration=30" in command
    assert not [word for word in command if "capture-range" in word]


# -- after a named runner


def test_words_after_a_runner_s_name_go_to_it(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    words = ["capture", "--runner", "comfyui", "--comfyui", "nowhere", "--", "--lowvram"]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake))
    assert done.code == 2
    assert "nowhere is no ComfyUI" in done.err
    target = choose_target("comfyui", ["--comfyui", "nowhere"], ["--lowvram"])
    assert target.program[-4:] == ("--comfyui", "nowhere", "--", "--lowvram")
