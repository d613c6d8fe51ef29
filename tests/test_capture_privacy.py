"""Manifests and run records hold no environment but a few harmless variables."""

import json
import os
import re
import time
from pathlib import Path

import fake_nsys
import pytest
from command_line import environment, nsysprof

from nsysprof.capture.manifest import read_record
from nsysprof.capture.privacy import VARIABLES, without_environment, without_secrets

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "python train.py --lr=3": "python train.py --lr=3",
    "env TOKEN=abc python x.py lr=3": "env TOKEN=(hidden) python x.py lr=3",
    "/bin/env -u HOME OMP_NUM_THREADS=1 t=abc x": "/bin/env -u HOME OMP_NUM_THREADS=1 t=(hidden) x",
    "env -i CUDA_VISIBLE_DEVICES=1 T=abc x": "env -i CUDA_VISIBLE_DEVICES=1 T=(hidden) x",
    "nsys --env-var=NSYS_NVTX_PROFILER_REGISTER_ONLY=0,TOKEN=a,b x": (
        "nsys --env-var=NSYS_NVTX_PROFILER_REGISTER_ONLY=0,TOKEN=(hidden) x"
    ),
    "nsys --env-var=NSYS_X=abc x": "nsys --env-var=NSYS_X=(hidden) x",
    "srun --export=ALL,OMP_NUM_THREADS=1,tok=abc x": "srun --export=ALL,OMP_NUM_THREADS=1,tok=(hidden) x",
    "x --hf-token abc --api_key=abc --steps 3": "x --hf-token (hidden) --api_key=(hidden) --steps 3",
    "x --auth abc --pass abc --key=abc -n 3": "x --auth (hidden) --pass (hidden) --key=(hidden) -n 3",
    "python x.py --tokens 77 --max-tokens=9": "python x.py --tokens 77 --max-tokens=9",
    "python x.py optimizer.lr=3 hub.token=abc": "python x.py optimizer.lr=3 hub.token=(hidden)",
    "mpirun -x AWS_SECRET_ACCESS_KEY=abc x": "mpirun -x AWS_SECRET_ACCESS_KEY=(hidden) x",
    "docker run -e TOKEN=abc -eTOKEN=abc -e t=abc x": (
        "docker run -e TOKEN=(hidden) -eTOKEN=(hidden) -e t=(hidden) x"
    ),
    "get https://ann:abc@h/x http://abc@h http://a:8/b": (
        "get https://(hidden)@h/x http://(hidden)@h http://a:8/b"
    ),
    "pg postgres://ann:a/c@h/x https://h:8000/x@v1": "pg postgres://(hidden)@h/x https://h:8000/x@v1",
    "get https://h/x?api_key=abc&y=1": "get https://h/x?api_key=(hidden)",
    "pip install torch==2.1 PIL==9": "pip install torch==2.1 PIL==9",
    "curl -u bob:abc --proxy-user bob:abc h": "curl -u (hidden) --proxy-user (hidden) h",
    "curl -ubob:abc --user=bob:abc h": "curl -u(hidden) --user=(hidden) h",
    "docker run -u 1000:100 x": "docker run -u 1000:100 x",
    "sudo -u bob x --user-agent=a:b": "sudo -u bob x --user-agent=a:b",
}
SCRIPTS = {
    'TOKEN=abc HF_TOKEN="a b" OMP_NUM_THREADS=2 python p.py': (
        "TOKEN=(hidden) HF_TOKEN=(hidden) OMP_NUM_THREADS=2 python p.py"
    ),
    "export A='a b'c; x --token 'a b' --pass=abc -n 3": (
        "export A=(hidden); x --token (hidden) --pass=(hidden) -n 3"
    ),
    'cd x && T="a b; python p.py': "cd x && T=(hidden)",
    "wget http://ann:abc@h/x": "wget http://(hidden)@h/x",
    "curl -H 'X-Api-Key: abc' h": "curl -H 'X-Api-Key: (hidden)' h",
    'import os; os.environ["TOKEN"] = "abc"; run()': 'import os; os.environ["TOKEN"] = (hidden); run()',
    "os.environ.setdefault('T', 'abc')": "os.environ.setdefault('T', (hidden))",
    "API_KEY = 'abc'": "API_KEY = (hidden)",
    "login(token = 'abc', steps = 3)": "login(token = (hidden) steps = 3)",
    "if MODE == 'x': run()": "if MODE == 'x': run()",
    "curl -u bob:abc -u 'bob:a c' h": "curl -u (hidden) -u (hidden) h",
    "docker run -u 1000:100 x": "docker run -u 1000:100 x",
}


@pytest.mark.parametrize(("command", "told"), COMMANDS.items())
def test_a_command_is_told_without_its_secrets(command: str, told: str) -> None:
    assert without_secrets(command.split()) == told.split()


@pytest.mark.parametrize(("script", "told"), SCRIPTS.items())
def test_a_script_on_the_command_line_is_told_without_its_secrets(script: str, told: str) -> None:
    assert without_secrets(["bash", "-lc", script, "x"]) == ["bash", "-lc", told, "x"]


def test_a_value_with_spaces_is_hidden_whole() -> None:
    words = ["env", "A=x y", "curl", "-H", "Authorization: Bearer abc", "--opt=B=x y"]
    assert without_secrets(words) == [
        *("env", "A=(hidden)", "curl", "-H", "Authorization: (hidden)", "--opt=B=(hidden)")
    ]


def test_a_long_command_is_read_at_once() -> None:
    words = ["-" * 20_000, "a-" * 20_000, "token" * 4_000, "//" * 20_000, "A" * 40_000, '"=' * 20_000]
    words += ["x://" + "a:" * 20_000, "//a:b" * 8_000, "-u a" * 10_000, "A =" + " " * 40_000]
    began = time.perf_counter()
    without_secrets([*words, *(part for word in words for part in ("-c", f"T={word} {word}"))])
    assert time.perf_counter() - began < 2


def test_an_environment_is_told_by_its_harmless_variables() -> None:
    every = {"TOKEN": "abc", "OMP_NUM_THREADS": "4"}
    record = {"environment": every, "runs": [{"Environ": every, "env": "conda"}], "gpu": {"name": "H200"}}
    assert without_environment(record) == {
        "environment": {"OMP_NUM_THREADS": "4"},
        "runs": [{"Environ": {"OMP_NUM_THREADS": "4"}, "env": "conda"}],
        "gpu": {"name": "H200"},
    }


def test_a_record_of_another_runner_loses_its_environment(tmp_path: Path) -> None:
    values = {
        "schema": "nsysprof.run/1",
        "env": dict(os.environ) | {"SECRET_TOKEN": "abc", "NSYS_SECRET": "abc"},
        "steps": 3,
    }
    (tmp_path / "run.json").write_text(json.dumps(values))
    record = read_record(tmp_path / "run.json")
    assert record is not None
    assert record["steps"] == 3
    assert set(record["env"]) <= set(VARIABLES)


def test_a_manifest_holds_no_variable_of_the_command(tmp_path: Path) -> None:
    fake = fake_nsys.install(tmp_path / "nsys")
    words = ("capture", "--name", "x", "--", "env", "TOKEN=a-secret-value", "OMP_NUM_THREADS=3", "true")
    assert nsysprof(*words, cwd=tmp_path, env=environment(fake)).code in (0, 4)
    text = (tmp_path / "nsysprof-out/x.run.json").read_text()
    assert "a-secret-value" not in text
    assert json.loads(text)["command"][-4:] == ["env", "TOKEN=(hidden)", "OMP_NUM_THREADS=3", "true"]


def test_runners_record_only_harmless_variables() -> None:
    """What a runner reads of the environment for its record is in the list."""
    text = (ROOT / "runners/run_record.py").read_text()
    read = set(re.findall(r'environ(?:\.get\(|\[)"(\w+)"', text))
    assert read == {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"}
    assert read <= set(VARIABLES)
    assert "environ" not in re.sub(r"environ\.get\(\w*\"?\w*\"?\)", "", text).replace("environment", "")
