"""What a manifest may hold of the environment: a few variables that tell how a run was set up."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

VARIABLES = (
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
)
"""Environment variables that may be recorded: what PyTorch and CUDA read, and no one's secret."""

HIDDEN = "(hidden)"
"""What stands for the value of another variable."""

_ENVIRONMENTS = frozenset({"env", "environ", "environment", "environment_variables"})
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=.*", re.DOTALL)
_TAKE_A_WORD = ("-u", "--unset", "-C", "--chdir")
"""Options of ``env`` that a word follows."""
_NSYS_LIST = "--env-var="
_SECRET = re.compile(
    r"--?(?:[\w-]*[_-])?(?:token|password|passwd|secret|api[_-]?key)(=.*)?", re.IGNORECASE | re.DOTALL
)


def _may_be_told(name: str) -> bool:
    return name in VARIABLES or name.startswith("NSYS_")


def _assignment(word: str) -> str:
    found = _ASSIGNED.fullmatch(word)
    return word if not found or _may_be_told(found[1]) else f"{found[1]}={HIDDEN}"


def without_secrets(command: Sequence[str]) -> list[str]:
    """Return a command whose ``env NAME=value``, ``--env-var=`` and ``--token x`` words tell no values."""
    told: list[str] = []
    assigning = hide = False
    before = ""
    for word in command:
        secret = _SECRET.fullmatch(word)
        if hide:
            told.append(HIDDEN)
        elif secret:
            told.append(f"{word.partition('=')[0]}={HIDDEN}" if secret[1] else word)
        elif word.startswith(_NSYS_LIST):
            told.append(_NSYS_LIST + ",".join(map(_assignment, word.removeprefix(_NSYS_LIST).split(","))))
        else:
            told.append(_assignment(word) if assigning else word)
        hide = secret is not None and not secret[1]
        # behind `env` come options and assignments, then the program
        assigning = word.rpartition("/")[2] == "env" or (
            assigning
            and (word.startswith("-") or before in _TAKE_A_WORD or _ASSIGNED.fullmatch(word) is not None)
        )
        before = word
    return told


def without_environment(value: Any) -> Any:
    """Return JSON values in which what is called an environment holds only variables that may be told."""
    if isinstance(value, Mapping):
        return {
            key: {name: item for name, item in inner.items() if _may_be_told(name)}
            if str(key).lower() in _ENVIRONMENTS and isinstance(inner, Mapping)
            else without_environment(inner)
            for key, inner in value.items()
        }
    return [without_environment(item) for item in value] if isinstance(value, list) else value
