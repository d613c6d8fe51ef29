"""Manifests and run records hold no environment but a few harmless variables."""

import json
import os
import re
from pathlib import Path

import fake_nsys
import pytest
from command_line import environment, nsysprof

from nsysprof.capture.manifest import read_record
from nsysprof.capture.privacy import VARIABLES, without_environment, without_secrets

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "python train.py --lr=3": "python train.py --lr=3",
    "env TOKEN=abc python x.py A=b": "env TOKEN=(hidden) python x.py A=b",
    "/bin/env -u HOME OMP_NUM_THREADS=1 T=abc x": "/bin/env -u HOME OMP_NUM_THREADS=1 T=(hidden) x",
    "env -i CUDA_VISIBLE_DEVICES=1 T=abc x": "env -i CUDA_VISIBLE_DEVICES=1 T=(hidden) x",
    "nsys --env-var=NSYS_X=0,TOKEN=abc x": "nsys --env-var=NSYS_X=0,TOKEN=(hidden) x",
    "x --hf-token abc --api_key=abc --steps 3": "x --hf-token (hidden) --api_key=(hidden) --steps 3",
    "python x.py --tokens 77": "python x.py --tokens 77",
}


@pytest.mark.parametrize(("command", "told"), COMMANDS.items())
def test_a_command_is_told_without_its_secrets(command: str, told: str) -> None:
    assert without_secrets(command.split()) == told.split()


def test_an_environment_is_told_by_its_harmless_variables() -> None:
    every = {"TOKEN": "abc", "OMP_NUM_THREADS": "4"}
    record = {"environment": every, "runs": [{"Environ": every, "env": "conda"}], "gpu": {"name": "H200"}}
    assert without_environment(record) == {
        "environment": {"OMP_NUM_THREADS": "4"},
        "runs": [{"Environ": {"OMP_NUM_THREADS": "4"}, "env": "conda"}],
        "gpu": {"name": "H200"},
    }


def test_a_record_of_another_runner_loses_its_environment(tmp_path: Path) -> None:
    values = {"schema": "nsysprof.run/1", "env": dict(os.environ) | {"SECRET_TOKEN": "abc"}, "steps": 3}
    (tmp_path / "run.json").write_text(json.dumps(values))
    record = read_record(tmp_path / "run.json")
    assert record is not None
    assert record["steps"] == 3
    assert set(record["env"]) <= set(VARIABLES) | {name for name in os.environ if name.startswith("NSYS_")}


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
