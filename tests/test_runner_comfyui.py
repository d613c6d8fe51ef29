"""The ComfyUI runner against a double of ComfyUI: what it queues, records, says and leaves behind."""

import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import comfyui
import comfyui_client
import comfyui_double
import comfyui_facts
import comfyui_options
import comfyui_run
import comfyui_server
import nvtx
import pytest
from command_line import still_running

from nsysprof import assets
from nsysprof.errors import NsysprofError, OutputError, UsageError

Run = Callable[..., Any]
RUNNER = str(assets.folder("runners") / "comfyui.py")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("NSYSPROF_RUN_RECORD", raising=False)
    monkeypatch.delenv("NSYSPROF_CAPTURE", raising=False)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run against a double, with one run and no more unless told otherwise; gives the run record."""

    def run_with(*words: object, fault: str = "", checkpoints: tuple[str, ...] = ("toy.safetensors",)) -> Any:
        folder = comfyui_double.install(tmp_path / "ComfyUI", fault, checkpoints=checkpoints)
        given = ["--comfyui", folder, "--warmup", "0", "--timeout", "20", "--out", "out", *words]
        return comfyui.run(comfyui_options.parse([str(word) for word in given]))

    return run_with


def record() -> Any:
    return json.loads(Path("out/run.json").read_text())


def queued() -> list[dict[str, Any]]:
    return comfyui_double.queued(Path("ComfyUI"))


# what is queued


def test_options_reach_their_nodes(run: Run) -> None:
    run(
        *("--steps", 5, "--batch", 2, "--width", 512, "--height", 256, "--cfg", 6.5, "--seed", 9),
        *("--prompt", "a fox", "--negative-prompt", "blurry", "--checkpoint", "toy.safetensors"),
    )
    (body,) = queued()
    graph = body["prompt"]
    assert graph["latent"]["inputs"] == {"width": 512, "height": 256, "batch_size": 2}
    assert {key: graph["sampler"]["inputs"][key] for key in ("steps", "cfg", "seed")} == {
        "steps": 5,
        "cfg": 6.5,
        "seed": 9,
    }
    assert graph["positive"]["inputs"]["text"] == "a fox"
    assert graph["negative"]["inputs"]["text"] == "blurry"
    assert graph["checkpoint"]["inputs"]["ckpt_name"] == "toy.safetensors"
    assert body["extra_data"] == {"nsysprof": "capture"}


def test_warm_up_and_baseline_are_no_runs_that_the_cache_answers(run: Run) -> None:
    made = run("--warmup", 2, "--baseline", "--steps", 8, "--seed", 4, "--prompt", "fox")
    told = [
        (
            body["prompt"]["sampler"]["inputs"]["seed"],
            body["prompt"]["sampler"]["inputs"]["steps"],
            body["prompt"]["positive"]["inputs"]["text"],
            body["extra_data"],
        )
        for body in queued()
    ]
    assert told == [
        (7, 3, "fox   ", {}),
        (6, 3, "fox  ", {}),
        (5, 8, "fox ", {}),
        (4, 8, "fox", {"nsysprof": "capture"}),
    ]
    for part in (made["baseline"], made["profiled"]):
        assert [node["class"] for node in part["nodes"]] == [
            "CLIPTextEncode",
            "CLIPTextEncode",
            "KSampler",
            "VAEDecode",
            "SaveImage",
        ]
        assert part["cached"] == ["checkpoint", "latent"]
        assert len(part["step_ms"]) == 8


def test_the_baseline_is_on_under_capture(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSYSPROF_CAPTURE", "1")
    assert run("--steps", 2)["baseline"] is not None


# what is recorded


def test_the_record(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NSYSPROF_RUN_RECORD", "elsewhere/run.json")
    run("--steps", 3, "--", "--lowvram", "--input-directory", "/a/photos")
    made = json.loads(Path("elsewhere/run.json").read_text())
    assert list(made) == [
        *("schema", "runner", "options", "scheduler", "gpu", "start_s", "baseline", "profiled", "load_s"),
        *("allocator", "versions", "peak_memory", "images", "total_s"),
    ]
    assert (made["schema"], made["runner"], made["scheduler"]) == (
        "nsysprof.run/1",
        "comfyui",
        "euler, normal",
    )
    assert made["options"] == {
        "steps": 3,
        "batch": 1,
        "width": 1024,
        "height": 1024,
        "cfg": 8.0,
        "seed": 0,
        "prompt": "a photograph of an astronaut riding a horse on the moon",
        "negative_prompt": "",
        "checkpoint": "toy.safetensors",
        "workflow": "sdxl.json",
        "models": [],
        "custom_nodes": [],
        "warmup": 0,
        "baseline": False,
        "ranges": True,
        "timeout": 20.0,
        "arguments": ["--lowvram", "--input-directory", "photos"],
    }
    assert len(made["profiled"]["step_ms"]) == 3
    assert made["profiled"]["nodes"][0]["class"] == "CheckpointLoaderSimple"
    assert made["load_s"] == made["profiled"]["nodes"][0]["s"]
    assert made["versions"]["comfyui"] == "0.3.64"
    assert made["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert made["versions"]["nvtx"] is not None
    assert made["peak_memory"]["host_bytes"] > 0
    assert (made["gpu"], made["allocator"], made["baseline"]) == (None, None, None)
    assert made["images"] == ["image-0.png"]
    assert str(Path.cwd()) not in json.dumps(made)


def test_images_and_log_are_kept_and_nothing_else(run: Run) -> None:
    run()
    assert sorted(path.name for path in Path("out").iterdir()) == ["comfyui.log", "image-0.png", "run.json"]
    assert Path("out/image-0.png").read_bytes() == comfyui_double.PNG
    assert Path("out/comfyui.log").read_text() == "Starting the double\n\nStopped server\n"
    assert sorted(path.name for path in Path("ComfyUI").iterdir()) == [
        *("behaviour.json", "comfy", "main.py", "queued")
    ]
    assert sorted(path.name for path in Path().iterdir()) == ["ComfyUI", "out"]  # its own files are gone


def test_progress_is_told_node_by_node(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run("--baseline", "--steps", 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "comfyui: starting the server",
        *(
            f"comfyui: baseline: {name} ({at} of 7)"
            for at, name in enumerate(
                [
                    *("CheckpointLoaderSimple", "EmptyLatentImage", "CLIPTextEncode", "CLIPTextEncode"),
                    *("KSampler", "VAEDecode", "SaveImage"),
                ],
                1,
            )
        ),
        *(
            f"comfyui: run: {name} ({at} of 5)"
            for at, name in enumerate(
                ["CLIPTextEncode", "CLIPTextEncode", "KSampler", "VAEDecode", "SaveImage"], 1
            )
        ),
    ]


# ranges


def test_without_ranges_the_runner_opens_the_captured_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    monkeypatch.setattr(nvtx, "push_range", seen.append)
    monkeypatch.setattr(nvtx, "pop_range", lambda: seen.append(len(queued())))
    made = run("--no-ranges", "--baseline", "--steps", 4)
    assert seen == ["nsysprof_capture", 2]
    assert queued()[1]["extra_data"] == {}
    assert len(made["profiled"]["step_ms"]) == 3  # between the messages of four steps
    assert made["versions"] == {"comfyui": "0.3.64", "python": "3.11.7", "torch": "2.14.1+cu130"}
    assert made["peak_memory"] == dict.fromkeys(
        ("allocated_bytes", "reserved_bytes", "device_used_bytes", "host_bytes")
    )


def test_ranges_are_written_without_other_custom_nodes(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(nvtx, "push_range", seen.append)
    assert run("--steps", 2, "--", "--disable-all-custom-nodes")["versions"]["nvtx"] is not None
    assert seen == []


def test_a_server_that_loads_no_custom_node(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(nvtx, "push_range", seen.append)
    monkeypatch.setattr(nvtx, "pop_range", lambda: None)
    run("--", "--disable-all-custom-nodes", "--whitelist-custom-nodes", "other.py")
    assert seen == ["nsysprof_capture"]
    assert (
        "comfyui: the server did not load the custom node that writes NVTX ranges: steps will be detected "
        "in the trace\n"
    ) in capsys.readouterr().err


def test_what_a_gpu_server_says_without_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    device = {
        "name": "cuda:0 NVIDIA H200 : cudaMallocAsync",
        "type": "cuda",
        "vram_total": 100,
        "vram_free": 35,  # of which PyTorch holds 15 that no tensor uses
        "torch_vram_total": 60,
        "torch_vram_free": 15,
    }
    monkeypatch.setattr(comfyui_facts, "hook_report", lambda _: comfyui_facts.HookReport())

    class Client:
        def get(self, _: str) -> Any:
            return {"devices": [device]}

    found = comfyui_facts.facts(Client(), {"system": {}})  # type: ignore[arg-type]
    assert found["gpu"] == {"name": "NVIDIA H200", "memory_bytes": 100, "capability": None}
    assert found["allocator"] == {"backend": "cudaMallocAsync", "settings": None}
    assert found["peak_memory"]["device_used_bytes"] == 80


# checkpoints and folders


def test_a_checkpoint_given_as_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "style.safetensors").touch()
    made = run("--checkpoint", tmp_path / "mine" / "style.safetensors")
    assert made["options"]["checkpoint"] == "style.safetensors"


def test_folders_of_models_and_custom_nodes(run: Run, tmp_path: Path) -> None:
    (tmp_path / "models" / "checkpoints").mkdir(parents=True)
    (tmp_path / "models" / "checkpoints" / "style.safetensors").touch()
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "mine.py").write_text(
        "from pathlib import Path\nNODE_CLASS_MAPPINGS = {}\nPath('loaded').touch()\n"
    )
    made = run("--models", "models", "--custom-nodes", "nodes", "--checkpoint", "style.safetensors")
    assert (made["options"]["models"], made["options"]["custom_nodes"]) == (["models"], ["nodes"])
    assert Path("ComfyUI/loaded").exists()


@pytest.mark.parametrize(
    ("known", "words", "message"),
    [
        ((), (), "ComfyUI has no checkpoint: give --checkpoint FILE, or --models DIR"),
        (("a", "b"), (), "which checkpoint?: give --checkpoint, one of: a, b"),
        (("a", "b"), ("--checkpoint", "c"), "ComfyUI has no checkpoint c: it has a, b"),
        (tuple("abcdefghi"), ("--checkpoint", "z"), "no checkpoint z: it has a, b, c, d, e, f, g, h, ..."),
    ],
)
def test_which_checkpoint(known: tuple[str, ...], words: tuple[str, ...], message: str, run: Run) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        run(*words, checkpoints=known)
    assert record()["error"] == {"kind": "UsageError"}


def test_a_workflow_that_comfyui_refuses(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui_facts, "_choices", lambda *_: None)
    message = (
        "ComfyUI refuses the workflow's CheckpointLoaderSimple (node checkpoint): Value not in list: "
        "ckpt_name: 'none' not in ['broken.safetensors', 'toy.safetensors']"
    )
    with pytest.raises(UsageError, match=re.escape(message)):
        run("--checkpoint", "x")


def test_a_refusal_without_nodes() -> None:
    body = {"error": {"message": "Prompt has no outputs"}, "node_errors": {}}
    refused = comfyui_client.RefusedError(400, json.dumps(body).encode())
    assert str(comfyui_run._refusal(refused)) == "ComfyUI refuses the workflow: Prompt has no outputs"
    blank = comfyui_client.RefusedError(500, b"500 Internal Server Error")
    assert str(comfyui_run._refusal(blank)) == "ComfyUI refuses the workflow: HTTP 500"


# faults: one line, an exit code, a record, no process


FAULTS = {
    "exits": (
        9,
        r"ComfyUI died \(exit code 1\): RuntimeError: Found no NVIDIA driver on your system\.: see ",
    ),
    "silent": (9, r"ComfyUI did not answer within 2 s: see "),
    "hangs": (9, r"the run did not end within 2 s: give a longer --timeout"),
    "dies": (9, r"ComfyUI died \(exit code 3\): terminate called after throwing an instance of 'c10::Error'"),
    "crashes": (9, r"ComfyUI died \(signal 9\): Starting the double: see "),
    "closes": (9, r"lost ComfyUI during the run: the connection was closed"),
    "node": (9, r"CheckpointLoaderSimple \(node checkpoint\) failed: SafetensorError: Error while deserial"),
    "memory": (8, r"out of memory in CheckpointLoaderSimple \(node checkpoint\): lower --batch, --width or"),
    "interrupted": (9, r"the run was interrupted by somebody else"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults(fault: str, run: Run, tmp_path: Path) -> None:
    code, message = FAULTS[fault]
    with pytest.raises(NsysprofError, match=message) as caught:
        run("--timeout", 2 if fault in ("silent", "hangs") else 20, fault=fault)
    assert caught.value.exit_code == code
    kind = "out_of_memory" if fault == "memory" else "ComfyUIError"
    assert record()["error"] == {"kind": kind}
    assert not still_running(tmp_path)


def test_a_run_is_interrupted_before_its_server_is_ended(run: Run) -> None:
    with pytest.raises(NsysprofError, match="did not end within 1 s"):
        run("--timeout", 1, fault="hangs")
    said = Path("out/comfyui.log").read_text().splitlines()
    assert said == ["Starting the double", "Processing interrupted", "", "Stopped server"]


def test_a_server_that_ignores_signals_and_has_children_is_killed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comfyui_server, "_END_SECONDS", 0.3)
    monkeypatch.setattr(comfyui_server, "_IDLE_SECONDS", 0.3)
    with pytest.raises(NsysprofError, match="did not end within 2 s"):
        run("--timeout", 2, fault="stubborn")
    assert not still_running(tmp_path)


@pytest.mark.parametrize("ranges", ["--ranges", "--no-ranges"])
def test_success_is_the_end_when_nothing_follows(
    ranges: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comfyui_run, "_LAST_MESSAGE_SECONDS", 0.6)
    made = run(ranges, fault="mute")
    assert len(made["images"]) == 1
    assert made["profiled"]["total_s"] < 0.6  # the wait is no part of it


def test_a_profiler_that_holds_the_server_up_is_no_part_of_the_times(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comfyui_run, "_LAST_MESSAGE_SECONDS", 0.1)
    monkeypatch.setattr(comfyui_run, "_ASK_SECONDS", 0.1)
    made = run("--baseline", "--steps", 2, fault="stalls")["profiled"]
    assert 0 < made["total_s"] < comfyui_double.STALL_S
    assert len(made["step_ms"]) == 2
    assert sum(node["s"] for node in made["nodes"]) <= made["total_s"]


def test_a_profiler_that_holds_the_server_up_for_too_long(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui_run, "_ASK_SECONDS", 0.1)
    with pytest.raises(NsysprofError, match=r"the run did not end within 0\.6 s: give a longer --timeout"):
        run("--timeout", 0.6, fault="stalls")


def test_a_node_that_is_taken_up_again_is_listed_once() -> None:
    nodes = [{"node": name, "class": "Any", "s": 0.5} for name in ("1", "2", "1")]
    assert comfyui_run.with_times(nodes, {"1": 3.0}) == [
        {"node": "1", "class": "Any", "s": 3.0},
        {"node": "2", "class": "Any", "s": 0.5},
    ]


def test_nodes_are_timed_in_the_server(run: Run) -> None:
    made = run("--baseline", "--steps", 2)
    for part in (made["baseline"], made["profiled"]):
        assert all(node["s"] > 0 for node in part["nodes"])
        assert sum(node["s"] for node in part["nodes"]) <= part["total_s"]


def test_a_server_without_history(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui_run, "_HISTORY_SECONDS", 0.2)
    with pytest.raises(NsysprofError, match="ComfyUI keeps no history of the run"):
        run(fault="forgetful")
    assert len(record()["profiled"]["step_ms"]) == 20


def test_previews_are_taken_where_nothing_is_saved() -> None:
    images = [
        {"filename": "a.png", "subfolder": "", "type": "temp"},
        {"filename": "b.png", "subfolder": "x", "type": "output"},
    ]

    class Client:
        def __init__(self, count: int) -> None:
            self.outputs = {"1": {"images": images[:count]}, "2": {"text": ["none"]}}

        def get(self, _: str) -> Any:
            return {"id": {"outputs": self.outputs}}

    made = comfyui_run.Run("id")
    assert comfyui_run.outputs(Client(1), made) == images[:1]  # type: ignore[arg-type]
    assert comfyui_run.outputs(Client(2), made) == images[1:]  # type: ignore[arg-type]


# signals: the server ends with the runner, however that ends


def started(fault: str = "hangs") -> subprocess.Popen[str]:
    """Start the runner in a process of its own, and wait until the sampler runs."""
    comfyui_double.install(Path("ComfyUI"), fault)
    command = [sys.executable, RUNNER, "--comfyui", "ComfyUI", "--warmup", "0", "--out", "out"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "KSampler" not in (line := process.stderr.readline()):
        assert line, "the runner ended"
    return process


@pytest.mark.parametrize(
    ("number", "code", "says", "kind"),
    [
        (signal.SIGINT, 130, "comfyui: interrupted\n", "KeyboardInterrupt"),
        (signal.SIGTERM, 143, "", "SystemExit"),
        (signal.SIGHUP, 129, "", "SystemExit"),
    ],
)
def test_signals(number: int, code: int, says: str, kind: str, tmp_path: Path) -> None:
    with started() as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (code, "", says)
    assert record()["error"] == {"kind": kind}
    assert not still_running(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ComfyUI", "out"]


def test_a_second_ctrl_c_kills_a_server_that_ignores_the_first(tmp_path: Path) -> None:
    with started("stubborn") as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=4)  # less than the patience with an interrupted run
    assert process.returncode == 130
    assert not still_running(tmp_path)


def test_the_server_does_not_outlive_a_killed_runner(tmp_path: Path) -> None:
    with started() as process:
        process.kill()
        process.communicate(timeout=60)
    end = time.monotonic() + 20
    while still_running(tmp_path) and time.monotonic() < end:
        time.sleep(0.05)
    assert not still_running(tmp_path)


# the command line


def test_a_busy_port(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is busy: leave --port out"):
            run("--port", port)


def test_another_server_on_the_port_is_not_ours(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfyui_server, "_model_paths", lambda _: {})
    monkeypatch.setattr(comfyui_server.Server, "_is_ours", lambda *_: False)
    with pytest.raises(NsysprofError, match="did not answer within 1 s"):
        run("--timeout", 1)


def test_a_port_of_ones_own_choice(run: Run) -> None:
    port = comfyui_server._free_port()
    assert len(run("--port", port)["images"]) == 1


def test_no_such_python(run: Run) -> None:
    with pytest.raises(UsageError, match="cannot start nowhere/python: No such file or directory"):
        run("--python", "nowhere/python")


def test_an_out_that_cannot_be_made(run: Run) -> None:
    Path("file").touch()
    with pytest.raises(OutputError, match="cannot make the folder file/out: Not a directory"):
        run("--out", "file/out")


def test_a_log_that_cannot_be_written(run: Run) -> None:
    Path("out/comfyui.log").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"cannot write out/comfyui\.log: Is a directory"):
        run()


BAD = [
    (["--comfyui", "nowhere"], r"nowhere is no ComfyUI: it has no main\.py: give its folder"),
    (["--comfyui", "empty"], r"empty is no ComfyUI: it has no comfy/cli_args\.py"),
    ([], "the following arguments are required: --comfyui"),
    (["--comfyui", "ComfyUI", "--steps", "0"], "argument --steps: must be at least 1, not 0"),
    (["--comfyui", "ComfyUI", "--width", "100"], "must be at least 16 and a multiple of 8, not 100"),
    (
        ["--comfyui", "ComfyUI", "--seed", str(2**64)],
        "--seed: must be at least 0 and at most 1844674407370955",
    ),
    (["--comfyui", "ComfyUI", "--models", "nowhere"], "no such folder: .*nowhere"),
    (["--comfyui", "ComfyUI", "--port", "70000"], "--port 70000 is no port"),
    (["--comfyui", "ComfyUI", "--frames", "2"], "unrecognized arguments: --frames 2"),
    (["--comfyui", "ComfyUI", "--workflow", "no.json"], r"cannot read the workflow no\.json"),
]


@pytest.mark.parametrize(("words", "message"), BAD)
def test_options_that_make_no_sense(words: list[str], message: str, tmp_path: Path) -> None:
    comfyui_double.install(tmp_path / "ComfyUI")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "main.py").touch()
    with pytest.raises(UsageError, match=message):
        comfyui.run(comfyui_options.parse(words))
    assert not Path("nsysprof-out").exists()


def test_main_as_a_program(tmp_path: Path) -> None:
    comfyui_double.install(tmp_path / "ComfyUI")
    command = [sys.executable, RUNNER, "--comfyui", "ComfyUI", "--out", "made", "--steps", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert re.fullmatch(r"4 steps, \d+\.\d ms a step, \d+\.\d\d s in all; images in made\n", done.stdout)
    failed = subprocess.run([*command[:3], "nowhere"], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == "comfyui: error: nowhere is no ComfyUI: it has no main.py: give its folder\n"


def test_a_background_job_of_a_shell_is_ended_by_ctrl_c_all_the_same(run: Run) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # what a shell's & does, and children inherit
    try:
        run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert Path("out/comfyui.log").read_text().endswith("\nStopped server\n")


def test_the_readme_has_the_options_table() -> None:
    readme = (assets.folder("runners") / "README.md").read_text()
    rows = []
    for action in comfyui_options.build_parser()._actions[1:]:
        flags = f"{action.option_strings[0]} {action.metavar or ''}".strip()
        shown = not isinstance(action.default, bool | None) and action.default != []
        rows.append(f"| `{flags}` | {action.help}.{f' Default: {action.default}.' if shown else ''} |")
    assert "\n".join(rows) in readme
