"""What a manifest may hold of the environment and of command lines: how a run was set up, and no secrets."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from nsysprof.secret_words import OPTION_WORDS, SECRET_WORDS

VARIABLES = (
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_TF32_OVERRIDE",
    "OMP_NUM_THREADS",
)
"""Environment variables that may be recorded: what PyTorch and CUDA read, and no one's secret."""

HIDDEN = "(hidden)"
"""What stands for the value of another variable, and for a secret."""

_OURS = "NSYS_NVTX_PROFILER_REGISTER_ONLY"
"""What nsysprof itself sets for nsys."""
_ENVIRONMENTS = frozenset({"env", "environ", "environment", "environment_variables"})
_SECRETS = "|".join((*SECRET_WORDS, *OPTION_WORDS))
"""How the names of options and settings end that take a secret."""
_OPTION = re.compile(rf"--?(?:[\w-]{{0,80}}[_-])?(?:{_SECRETS})", re.IGNORECASE)
_SETTINGS = ("-e", "--env", "-x", "--build-arg")
"""Options of docker, mpirun and their like that ``NAME=value`` follows."""
_LISTS = ("--env-var=", "--export=", "--env=")
"""What begins a word with several ``NAME=value`` between commas."""
_TAKE_A_WORD = ("-u", "--unset", "-C", "--chdir")
"""Options of ``env`` that a word follows."""
_SCRIPT = re.compile(r"-[eilux]{0,4}c")
"""The option of a shell, or of Python, that a program follows."""

_NAME = rf"(?<![A-Z0-9_])[A-Z_][A-Z0-9_]*|(?i:{_SECRETS})"
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\;&|()]|["'].*)+"""
"""A word of a shell, or a quoted text; one that is not closed takes all that follows."""
_ASSIGNED = re.compile(r"([A-Za-z_]\w*)=")
_IN_A_LIST = re.compile(r"(?:(?<==)|,)([A-Za-z_]\w*)=")
_IN_A_WORD = re.compile(rf"({_NAME})=(?!=)")
_IN_A_SCRIPT = re.compile(rf"""({_NAME})(\s*=(?!=)\s*|["']\]\s*=\s*|["']\s*[:,]\s*){_VALUE}""", re.DOTALL)
_BEHIND_AN_OPTION = re.compile(rf"((?<!\S){_OPTION.pattern}\s+){_VALUE}", re.IGNORECASE | re.DOTALL)
_USER = re.compile(r"(?<=//)(?:[^/\s'\"]*|[^/\s'\"@:]*:(?!\d+/)[^\s'\"@]{0,1000})@")
"""A user of a URL, perhaps with a password, in which a slash may stand; not a port."""
_LOGINS = ("-u", "-U", "--user", "--proxy-user")
"""Options of curl that a user and a password follow."""
_PAIR = r"(?![\"']?\d+:\d+(?!\S))(?=[\"']?[^\s\"':]*:(?!//))"
"""Begins a user and a password: no URL, and no numbers of a user and a group, as docker takes them."""
_LOGIN = re.compile(_PAIR)
_LOGIN_IN_A_WORD = re.compile(rf"(-[uU]|--(?:proxy-)?user=){_PAIR}.+", re.DOTALL)
_LOGIN_IN_A_SCRIPT = re.compile(rf"((?<!\S)(?:-[uU]\s*|--(?:proxy-)?user[\s=]\s*)){_PAIR}{_VALUE}", re.DOTALL)
_HEADER = re.compile(
    r"\b((?:authorization|cookie|[\w-]{1,40}-(?:key|token))\s*:\s*)[^'\"]+|\b((?:bearer|basic)\s+)[^\s'\"]+",
    re.IGNORECASE,
)
"""A line that tells a server who asks."""


def _may_be_told(name: str) -> bool:
    return name in VARIABLES or name == _OURS


def without_secrets(command: Sequence[str]) -> list[str]:
    """Return a command without the values that it gives to variables, and without what looks like a secret.

    Hidden are ``NAME=value`` in capitals wherever it stands, also in the program behind ``-c``; in any case
    behind ``env`` and options that set variables; ``--token x`` and its like; users and passwords of URLs and
    behind ``-u``.
    """
    told: list[str] = []
    assigning = hide = False
    before = ""
    for word in command:
        sets = assigning or before in _SETTINGS
        hide = hide or (before in _LOGINS and _LOGIN.match(word) is not None)
        told.append(HIDDEN if hide else _told(word, sets, _SCRIPT.fullmatch(before) is not None))
        hide = not hide and _OPTION.fullmatch(word) is not None
        # behind `env` come options and assignments, then the program
        assigning = word.rpartition("/")[2] == "env" or (
            assigning
            and (word.startswith("-") or before in _TAKE_A_WORD or _ASSIGNED.match(word) is not None)
        )
        before = word
    return told


def _told(word: str, sets: bool, is_script: bool) -> str:
    word = _USER.sub(f"{HIDDEN}@", word)
    word = _HEADER.sub(lambda found: (found[1] or found[2]) + HIDDEN, word)
    if is_script:
        word = _BEHIND_AN_OPTION.sub(lambda found: found[1] + HIDDEN, word)
        word = _LOGIN_IN_A_SCRIPT.sub(lambda found: found[1] + HIDDEN, word)
        return _IN_A_SCRIPT.sub(_hide_value, word)
    if login := _LOGIN_IN_A_WORD.fullmatch(word):
        return login[1] + HIDDEN
    if word.startswith(_LISTS):
        return _cut(word, _IN_A_LIST.finditer(word))
    return _cut(word, chain(_ASSIGNED.finditer(word) if sets else (), _IN_A_WORD.finditer(word)))


def _hide_value(found: re.Match[str]) -> str:
    return found[0] if _may_be_told(found[1]) else found[1] + found[2] + HIDDEN


def _cut(word: str, assignments: Iterable[re.Match[str]]) -> str:
    """Return the word up to the first value that may not be told: it may hold spaces, commas, anything."""
    end = next((found.end() for found in assignments if not _may_be_told(found[1])), None)
    return word if end is None else word[:end] + HIDDEN


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
