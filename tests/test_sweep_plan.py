"""What KEY=V1,V2 words mean to a runner, and which configurations they make."""

import re
import sys
from pathlib import Path

import fake_runner
import pytest

from nsysprof.errors import UsageError
from nsysprof.sweep.axes import parse_axes
from nsysprof.sweep.circumstances import Circumstances
from nsysprof.sweep.plan import Config, Design, configurations
from nsysprof.sweep.runner import Option, Runner, find_runner

HERE = Circumstances({"torch": "2.0"}, (), {}, False)


@pytest.fixture(scope="module")
def sdxl() -> Runner:
    return find_runner("sdxl")


def plan(
    runner: Runner, *texts: str, each: bool = False, rest: str = "", here: Circumstances = HERE
) -> tuple[Config, ...]:
    design = Design(runner, parse_axes(texts, runner), each, tuple(rest.split()), here)
    return configurations(design)


def labels(configs: tuple[Config, ...]) -> list[str]:
    return [config.label for config in configs]


def test_a_grid_is_every_combination(sdxl: Runner) -> None:
    configs = plan(sdxl, "batch=1,2", "steps=4,8")
    assert labels(configs) == [
        "batch 1, steps 4",
        "batch 1, steps 8",
        "batch 2, steps 4",
        "batch 2, steps 8",
    ]
    assert configs[1].words == ("--batch=1", "--steps=8")
    assert configs[1].values == {"batch": "1", "steps": "8"}
    assert (configs[3].options["batch"], configs[3].options["steps"]) == (2, 8)
    assert "out" not in configs[0].options


def test_an_axis_of_one_value_is_not_told(sdxl: Runner) -> None:
    assert labels(plan(sdxl, "batch=1,2", "steps=20")) == ["batch 1", "batch 2"]
    assert labels(plan(sdxl, "steps=20")) == ["steps 20"]


def test_each_axis_round_the_defaults(sdxl: Runner) -> None:
    configs = plan(sdxl, "batch=1,4", "cfg=7,8", "size=768", each=True, rest="--steps 30")
    assert labels(configs) == ["default", "batch 4", "cfg 7", "768x768"]  # batch 1 and cfg 8 are the default
    assert configs[0].values == {"batch": "1", "cfg": "8", "size": "1024x1024"}
    assert configs[1].values == {"batch": "4", "cfg": "8", "size": "1024x1024"}
    assert {config.options["steps"] for config in configs} == {30}


@pytest.mark.parametrize(
    ("text", "words", "values"),
    [
        (
            "size=512,1280x768,64*32",
            [("512", "512"), ("1280", "768"), ("64", "32")],
            "512x512 1280x768 64x32",
        ),
        ("resolution=16x16", [("16", "16")], "16x16"),
    ],
)
def test_size_is_width_and_height(sdxl: Runner, text: str, words: list[tuple[str, str]], values: str) -> None:
    (axis,) = parse_axes([text], sdxl)
    assert axis.words == tuple((f"--width={width}", f"--height={height}") for width, height in words)
    assert axis.values == tuple(values.split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("channels-last=off,on", [(), ("--channels-last",)]),
        ("channels_last=on", [("--channels-last",)]),
        ("--batch=2", [("--batch=2",)]),
        ("compile=none,on,reduce-overhead", [(), ("--compile",), ("--compile=reduce-overhead",)]),
        ("compile=off,default", [(), ("--compile=default",)]),
        ("baseline=on,off", [("--baseline",), ("--no-baseline",)]),
        ("scheduler=none,euler", [(), ("--scheduler=euler",)]),
        ("prompt=none,off", [("--prompt=none",), ("--prompt=off",)]),
        ("prompt=a fox\\, red, a dog", [("--prompt=a fox, red",), ("--prompt=a dog",)]),
        ("prompt=-x=y,--steps", [("--prompt=-x=y",), ("--prompt=--steps",)]),
        ("negative-prompt=none,blur", [(), ("--negative-prompt=blur",)]),
    ],
)
def test_values_become_words(sdxl: Runner, text: str, words: list[tuple[str, ...]]) -> None:
    (axis,) = parse_axes([text], sdxl)
    assert axis.words == tuple(words)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["bacth=1"], "sdxl has no option 'bacth': did you mean batch?"),
        (["zzz=512"], "sdxl has no option 'zzz': there are allocator, "),
        (["batch"], "'batch' is nothing to vary: write KEY=V1,V2"),
        (["=4"], "'=4' is nothing to vary"),
        (["batch="], "'batch=' holds an empty value"),
        (["batch=1,,2"], "'batch=1,,2' holds an empty value"),
        (["out=a,b"], "each run has a folder of its own"),
        (["size=512,big"], "size=big is no size: write 512 or 1280x768"),
        (["size=512", "width=4"], "width and size both set width"),
        (["batch=1", "batch=2"], "batch and batch both set batch"),
        (["channels-last=yes"], "channels-last=yes: it is a switch: write channels-last=on,off"),
    ],
)
def test_axes_that_make_no_sense(sdxl: Runner, texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        parse_axes(texts, sdxl)


@pytest.mark.parametrize(
    ("texts", "rest", "message"),
    [
        (["batch=1,0"], "", "argument --batch: must be at least 1, not 0"),
        (["size=512,100"], "", "must be at least 16 and a multiple of 8, not 100"),
        (["scheduler=euler,eular"], "", "invalid choice: 'eular'"),
        (["scheduler=lcm", "steps=20,64"], "", "--scheduler lcm takes at most 50 steps, not 64"),
        (["lora=absent.safetensors"], "", "no such LoRA file"),
        (["batch=1"], "--model x --random-weights", "--model and --random-weights exclude each other"),
        (["channels-last=off,on"], "--channels-last", "--channels-last is varied and also given"),
    ],
)
def test_the_runners_own_parser_refuses(sdxl: Runner, texts: list[str], rest: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        plan(sdxl, *texts, rest=rest)


def test_options_go_before_what_a_runner_hands_on() -> None:
    (config,) = plan(find_runner(fake_runner.__file__), "batch=2", rest="--steps 3 -- --lowvram")
    assert config.words == ("--steps", "3", "--batch=2", "--", "--lowvram")


def test_the_same_run_has_the_same_id_however_it_is_asked_for(sdxl: Runner) -> None:
    (asked,) = plan(sdxl, "steps=20", "size=1024")
    (plainly,) = plan(sdxl, "batch=1", rest="--steps 20")
    assert asked.id == plainly.id


@pytest.mark.parametrize(
    "here",
    [
        Circumstances({"torch": "2.1"}, (), {}, False),
        Circumstances({"torch": "2.0"}, ("NVIDIA H200",), {}, False),
        Circumstances({"torch": "2.0"}, (), {"PYTORCH_ALLOC_CONF": "x"}, False),
        Circumstances({"torch": "2.0"}, (), {}, True),
    ],
)
def test_another_version_device_or_environment_is_another_run(sdxl: Runner, here: Circumstances) -> None:
    assert plan(sdxl, "steps=20")[0].id != plan(sdxl, "steps=20", here=here)[0].id


def test_a_script_without_options_module_is_asked_for_help() -> None:
    runner = find_runner(fake_runner.__file__)
    assert sorted(runner.options) == [
        "batch",
        "cfg",
        "height",
        "mode",
        "out",
        "prompt",
        "steps",
        "turbo",
        "width",
    ]
    assert runner.target.program[:2] == (sys.executable, fake_runner.__file__)
    first, second = plan(runner, "turbo=on,off", "size=64")
    assert first.words == ("--turbo", "--width=64", "--height=64")
    assert second.words == ("--width=64", "--height=64")
    assert first.id != second.id
    assert plan(runner, "batch=2", each=True)[1].values == {"batch": "2"}


def test_a_changed_script_makes_other_runs(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    ids = []
    for extra in ("", "# other"):
        script.write_text(Path(fake_runner.__file__).read_text() + extra)
        ids.append(plan(find_runner(str(script)), "batch=1")[0].id)
    assert ids[0] != ids[1]


def test_a_script_may_bring_its_options_along(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise SystemExit('never started')")
    (tmp_path / "mine_helper.py").write_text("LEAST = 1")
    (tmp_path / "mine_options.py").write_text(
        "import argparse\nfrom mine_helper import LEAST\nfrom nsysprof.errors import UsageError\n"
        "def build_parser():\n parser = argparse.ArgumentParser()\n"
        " parser.add_argument('--size', type=int, default=LEAST)\n return parser\n"
        "def parse(words):\n options = build_parser().parse_args(words)\n"
        " if options.size < LEAST: raise UsageError('too small')\n return options\n"
    )
    runner = find_runner(str(tmp_path / "mine.py"))
    assert [config.options for config in plan(runner, "size=1,2")] == [{"size": 1}, {"size": 2}]
    with pytest.raises(UsageError, match="too small"):
        plan(runner, "size=0")
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "there is no runner 'nobody'"),
        ("absent.py", "no such runner: absent.py"),
        ("mute.py", "mute --help lists no options"),
    ],
)
def test_runners_that_cannot_be_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mute.py").write_text("print('hello')")
    with pytest.raises(UsageError, match=re.escape(message)):
        find_runner(name)


def test_an_option_that_lists_none_among_its_choices_takes_it() -> None:
    assert Option("mode", "mode", "value", None, ("none", "all")).words("none") == ("--mode=none",)
