"""`nsysprof capture` with a fake nsys: what is kept, what is said, and which exit code it ends with."""

import json
import os
import signal
import sys
from pathlib import Path

import fake_nsys
import pytest
from captures import names, python, write_steps
from command_line import environment, nsysprof, start, still_running
from trace_builder import TraceBuilder

from nsysprof.capture.request import program_target, runner_target, with_images_in

HELLO = [sys.executable, "-c", "print('hello from the program')"]


def test_a_program(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", trace=str(write_steps(tmp_path / "steps.sqlite")))
    done = nsysprof("capture", "--name", "hello", "--", *HELLO, cwd=tmp_path, env=environment(fake))
    assert done.code == 0
    assert done.out.splitlines() == [
        "hello from the program",
        "captured: 2 kernels, 2 CUDA API calls, 2 NVTX ranges, 2 steps (marked by NVTX)",
        "  nsysprof-out/hello.nsys-rep",
        "  nsysprof-out/hello.sqlite",
        "  nsysprof-out/hello.run.json",
        "next: nsysprof hotspots nsysprof-out/hello.sqlite",
    ]
    assert names(tmp_path / "nsysprof-out") == [
        "hello.nsys-rep",
        "hello.run.json",
        "hello.sqlite",
    ]


def test_the_manifest_tells_what_was_run_and_no_more(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    env = environment(fake, HOSTNAME="a-host-name", TOKENS="a-secret")
    assert nsysprof("capture", "-o", "out", "--name", "x", "--", *HELLO, cwd=tmp_path, env=env).code == 0
    text = (tmp_path / "out/x.run.json").read_text()
    manifest = json.loads(text)
    assert manifest["schema"] == "nsysprof.capture/1"
    assert manifest["command"] == [
        str(fake / "bin/nsys"),
        "profile",
        "--trace=cuda,nvtx",
        "--sample=none",
        "--cpuctxsw=none",
        "--cuda-graph-trace=node",
        "--cuda-memory-usage=true",
        "--wait=primary",
        "--output=out/x",
        *HELLO,
    ]
    assert manifest["exit_code"] == 0
    assert manifest["versions"]["nsys"] == "2023.4.4"
    assert manifest["files"] == ["x.nsys-rep", "x.sqlite"]
    assert "a-secret" not in text
    assert "a-host-name" not in text
    assert os.uname().nodename not in text.replace(str(tmp_path), "").replace(sys.executable, "")


def test_one_of_a_kind_is_told_in_the_singular(tmp_path: Path) -> None:
    trace = (
        TraceBuilder().nvtx("step 0", 0, 900).launch("gemm", (10, 20), (30, 400)).write(tmp_path / "t.sqlite")
    )
    fake = fake_nsys.install(tmp_path / "nsys", trace=str(trace))
    done = nsysprof("capture", "--name", "x", "--", *HELLO, cwd=tmp_path, env=environment(fake))
    assert "captured: 1 kernel, 1 CUDA API call, 1 NVTX range, 1 step (marked by NVTX)" in done.out


def test_a_range_is_asked_of_nsys(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    words = ["capture", "--capture-range", "nvtx:train@mine", "--name", "x", "--", *HELLO]
    assert nsysprof(*words, cwd=tmp_path, env=environment(fake)).code == 0
    command = json.loads((tmp_path / "nsysprof-out/x.run.json").read_text())["command"]
    assert command[8:12] == [
        "--capture-range=nvtx",
        "--nvtx-capture=train@mine",
        "--capture-range-end=stop",
        "--env-var=NSYS_NVTX_PROFILER_REGISTER_ONLY=0",
    ]


def test_a_program_that_fails(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", trace=str(write_steps(tmp_path / "steps.sqlite")))
    program = [sys.executable, "-c", "import sys; sys.exit('cannot go on')"]
    done = nsysprof("capture", "--name", "x", "--", *program, cwd=tmp_path, env=environment(fake))
    assert done.code == 1
    assert "cannot go on" in done.err
    assert "the program ended with exit code 1" in done.out
    assert "2 steps" in done.out
    assert json.loads((tmp_path / "nsysprof-out/x.run.json").read_text())["exit_code"] == 1


def test_a_program_that_a_signal_kills(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    program = [sys.executable, "-c", "import os; os.kill(os.getpid(), 11)"]
    done = nsysprof("capture", "--name", "x", "--", *program, cwd=tmp_path, env=environment(fake))
    assert done.code == 128 + 11
    assert (tmp_path / "nsysprof-out/x.sqlite").is_file()


@pytest.mark.parametrize("suffix", [".nsys-rep", ".qdstrm", ".sqlite", ".run.json"])
def test_results_are_not_overwritten(tmp_path: Path, suffix: str) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    old = tmp_path / f"x{suffix}"
    old.write_text("old")
    words = ["capture", "-o", ".", "--name", "x"]
    refused = nsysprof(*words, "--", *HELLO, cwd=tmp_path, env=environment(fake))
    assert (refused.code, refused.out) == (7, "")
    assert f"x{suffix} exists: give --force to replace it" in refused.err
    assert old.read_text() == "old"
    assert nsysprof(*words, "--force", "--", *HELLO, cwd=tmp_path, env=environment(fake)).code == 0
    assert names(tmp_path) == ["nsys", "x.nsys-rep", "x.run.json", "x.sqlite"]
    assert all((tmp_path / name).read_bytes()[:3] != b"old" for name in names(tmp_path)[1:])


@pytest.mark.parametrize("profile", ["nothing", "refuse", "never"])
def test_force_keeps_the_old_results_when_nothing_new_was_recorded(tmp_path: Path, profile: str) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile=profile)
    files = ["x.nsys-rep", "x.run.json", "x.sqlite"]
    for name in files:
        (tmp_path / name).write_text("old")
    words = ["capture", "-o", ".", "--name", "x", "--force", "--", *HELLO]
    assert nsysprof(*words, cwd=tmp_path, env=environment(fake)).code in (1, 6)
    assert names(tmp_path) == ["nsys", *files]
    assert [(tmp_path / name).read_text() for name in files] == ["old"] * 3


def test_force_keeps_the_old_export_until_there_is_a_new_one(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", export="fail")
    for name in ("x.nsys-rep", "x.qdstrm", "x.sqlite"):
        (tmp_path / name).write_text("old")
    words = ["capture", "-o", ".", "--name", "x", "--force", "--", *HELLO]
    assert nsysprof(*words, cwd=tmp_path, env=environment(fake)).code == 6
    assert names(tmp_path) == ["nsys", "x.nsys-rep", "x.run.json", "x.sqlite"]
    assert (tmp_path / "x.nsys-rep").read_text() != "old"
    assert (tmp_path / "x.sqlite").read_text() == "old"
    assert json.loads((tmp_path / "x.run.json").read_text())["files"] == ["x.nsys-rep"]


def test_a_mistyped_option_of_a_runner_starts_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    done = nsysprof("capture", "--bogus", cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "nsysprof: error: unrecognized arguments: --bogus: see nsysprof capture --runner sdxl --runner-help\n"
    )
    assert names(tmp_path) == ["nsys"]


def test_the_options_of_a_runner(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    done = nsysprof("capture", "--runner-help", cwd=tmp_path, env=environment(fake))
    assert (done.code, done.err) == (0, "")
    assert "--steps N" in done.out
    assert "--channels-last" in done.out
    assert names(tmp_path) == ["nsys"]


def test_the_help_says_how_to_see_them(tmp_path: Path) -> None:
    done = nsysprof("capture", "--help", cwd=tmp_path, env=environment())
    assert "nsysprof capture --runner sdxl --runner-help" in " ".join(done.out.split())
    none = nsysprof("capture", "--runner-help", "--", "true", cwd=tmp_path, env=environment())
    assert (none.code, none.out) == (2, "")


def test_the_manifest_has_a_command_line_for_other_eyes(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "home/nsys")
    work = tmp_path / "home/work"
    work.mkdir()
    env = environment(fake, HOME=str(tmp_path / "home"))
    program = [
        sys.executable,
        "-c",
        "",
        str(work / "a.json"),
        f"--in={tmp_path}/home/b",
        f"{tmp_path}/homely",
    ]
    words = ["capture", "-o", str(work / "out"), "--name", "x", "--", *program]
    assert nsysprof(*words, cwd=work, env=env).code == 0
    manifest = json.loads((work / "out/x.run.json").read_text())
    assert manifest["command"][-3:] == program[-3:]
    assert manifest["portable"][0] == "~/nsys/bin/nsys"
    assert "--output=./out/x" in manifest["portable"]
    assert manifest["portable"][-3:] == ["./a.json", "--in=~/b", f"{tmp_path}/homely"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--steps", "3", "--", "true"], 2, "unknown option --steps: options of the program come after its"),
        (["--"], 2, "no program after --"),
        (["--", "no-such-program"], 2, "no such program: no-such-program"),
        (["--runner", "sdlx"], 2, "there is no runner 'sdlx': there are: "),
        (["--capture-range", "train", "--", "true"], 2, "write nvtx:NAME"),
        (["--capture-range", "nvtx:a", "--whole-process", "--", "true"], 2, "exclude each other"),
        (["--name", "../x", "--", "true"], 2, "is no file name"),
        (["-o", "nsys/bin/nsys", "--", "true"], 7, "nsys/bin/nsys"),
        (["-o", "/proc/nowhere", "--", "true"], 7, "/proc/nowhere is on no disk: give another --output"),
    ],
)
def test_what_makes_no_sense(tmp_path: Path, words: list[str], code: int, message: str) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    done = nsysprof("capture", *words, cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert names(tmp_path) == ["nsys"]


@pytest.mark.parametrize(
    ("version", "message"),
    [("2020.3.1", "is nsys 2020.3.1, older than 2022.4"), ("", "is no nsys: it does not tell its version")],
)
def test_an_nsys_that_cannot_be_used(tmp_path: Path, version: str, message: str) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", version=version)
    done = nsysprof("capture", "--nsys", fake, "--", *HELLO, cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (5, "")
    assert message in done.err


def test_no_nsys(tmp_path: Path) -> None:
    env = environment(tmp_path, NSYSPROF_NSYS=str(tmp_path / "nowhere/nsys"))
    done = nsysprof("capture", "--", *HELLO, cwd=tmp_path, env=env)
    assert (done.code, done.out) == (5, "")
    assert "nowhere/nsys (NSYSPROF_NSYS) does not start" in done.err


def test_nsys_refuses_an_option(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="refuse")
    done = nsysprof("capture", "--name", "x", "--", *HELLO, cwd=tmp_path, env=environment(fake))
    assert done.code == 1
    assert "problem: nsys wrote no report; the last words: unrecognised option '--sample=none'" in done.out


@pytest.mark.parametrize("code", [0, 3])
def test_a_range_that_never_opens(tmp_path: Path, code: int) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="nothing")
    program = [sys.executable, "-c", f"print('hello'); raise SystemExit({code})"]
    words = ["capture", "--capture-range", "nvtx:train", "--name", "x", "--", *program]
    done = nsysprof(*words, cwd=tmp_path, env=environment(fake))
    assert done.code == (code or 6)
    assert done.out.startswith("hello\n")
    assert "nsys recorded nothing: the NVTX range 'train' never opened" in done.out
    assert names(tmp_path / "nsysprof-out") == []


def test_nsys_fails_to_start_once(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="lost")
    done = nsysprof("capture", "--name", "x", "--", *HELLO, cwd=tmp_path, env=environment(fake))
    assert (done.code, done.err) == (0, "End of file\n")
    assert done.out.count("hello from the program") == 1


def test_nsys_never_starts(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="never")
    done = nsysprof("capture", "--name", "x", "--", *HELLO, cwd=tmp_path, env=environment(fake))
    assert done.code == 1
    assert "hello" not in done.out
    assert "problem: nsys wrote no report; the last words: End of file" in done.out


def test_nsys_is_killed(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="killed")
    pid_file = tmp_path / "pid"
    program = [
        sys.executable,
        "-c",
        f"import os,time; open({str(pid_file)!r},'w').write(str(os.getpid())); time.sleep(600)",
    ]
    done = nsysprof("capture", "--name", "x", "--", *program, cwd=tmp_path, env=environment(fake))
    assert done.code == 128 + 9
    assert "problem: nsys wrote no report" in done.out
    assert not Path("/proc", pid_file.read_text()).exists()


def test_a_process_left_behind_is_ended(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", profile="daemon")
    done = nsysprof("capture", "--name", "x", "--", *HELLO, cwd=tmp_path, env=environment(fake))
    assert done.code == 0
    assert not still_running(tmp_path)


def test_an_importer_that_does_not_start(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", importer="broken")
    done = nsysprof("capture", "--name", "x", "--", *HELLO, cwd=tmp_path, env=environment(fake))
    assert done.code == 6
    assert "problem: nsys's importer does not work: libpfm.so.4: cannot open shared object file" in done.out
    assert "  nsysprof-out/x.qdstrm\n" in done.out
    assert names(tmp_path / "nsysprof-out") == ["x.qdstrm", "x.run.json"]


def test_an_export_that_fails(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", export="fail")
    done = nsysprof("capture", "--name", "x", "--", *HELLO, cwd=tmp_path, env=environment(fake))
    assert done.code == 6
    assert "cannot export x.nsys-rep: Exportation error: Cannot read from stream." in done.out
    assert names(tmp_path / "nsysprof-out") == ["x.nsys-rep", "x.run.json"]


def test_a_runner_is_not_started_when_its_ranges_would_be_lost(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", ranges=False)
    done = nsysprof("capture", "--steps", "2", cwd=tmp_path, env=environment(fake))
    assert (done.code, done.out) == (5, "")
    assert "writes no ranges under nsys 2023.4.4" in done.err
    assert "nvtx==0.2.11" in done.err
    assert names(tmp_path) == ["nsys"]


WAITER = """
import os, signal, sys, time
def stop(*_):
    os.write(1, b"asked to stop\\n")  # not print(): the signal may come inside one
    {answer}
signal.signal(signal.SIGINT, stop)
print("ready", flush=True)
while True:
    time.sleep(0.05)
"""


@pytest.mark.parametrize(
    ("answer", "times", "code", "files"),
    [
        ("sys.exit(130)", 1, 130, ["x.nsys-rep", "x.run.json", "x.sqlite"]),
        ("pass", 2, 137, []),
    ],
)
def test_ctrl_c(tmp_path: Path, answer: str, times: int, code: int, files: list[str]) -> None:
    fake = fake_nsys.install(tmp_path / "nsys", trace=str(write_steps(tmp_path / "steps.sqlite")))
    program = [sys.executable, "-c", WAITER.format(answer=answer), str(tmp_path)]
    words = ["capture", "--name", "x", "--", *program]
    with start(*words, cwd=tmp_path, env=environment(fake)) as process:
        assert process.stdout is not None
        for expected in ("ready\n", "asked to stop\n")[:times]:
            assert process.stdout.readline() == expected
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "stopping; what was recorded is kept (again: kill)" in err
    assert "interrupted; what was recorded until then is kept" in out
    assert names(tmp_path / "nsysprof-out") == files
    assert not still_running(tmp_path)


def test_output_comes_as_it_is_written(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    gate = tmp_path / "gate"
    wait = f"while not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    program = f"import os, time\nprint('first')\n{wait}\nprint('second')"
    words = ["capture", "--name", "x", "--", *python(program)]
    with start(*words, cwd=tmp_path, env=environment(fake)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        gate.touch()
        assert process.stdout.readline() == "second\n"
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_the_images_of_a_runner_lie_beside_the_results_unless_its_options_say_where() -> None:
    target = with_images_in(runner_target("sdxl", ["--steps", "2", "--out", "mine"]), Path("out/x"))
    assert target.program[2:] == ("--out", "out/x", "--steps", "2", "--out", "mine")
    program = program_target(["python", "train.py"], [])
    assert with_images_in(program, Path("out/x")) is program
