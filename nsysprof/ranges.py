"""The NVTX range names that runners write and attribution reads back, and what opens and closes the ranges.

Runners open push/pop ranges in NVTX's default domain, nested as ``load``, ``warmup``, and
``generate`` > ``text_encode``, ``denoise`` > ``step {i}`` > ``unet`` | ``scheduler``, ``vae_decode``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from types import TracebackType
from typing import ParamSpec, TypeVar

LOAD = "load"
WARMUP = "warmup"
GENERATE = "generate"
TEXT_ENCODE = "text_encode"
DENOISE = "denoise"
UNET = "unet"
SCHEDULER = "scheduler"
VAE_DECODE = "vae_decode"

CAPTURE = "nsysprof_capture"
"""Opened once round what nsys should record; nsys starts and stops collecting on it."""

_P = ParamSpec("_P")
_R = TypeVar("_R")

_silenced = False


def step(index: int) -> str:
    """Return the range name of denoising step ``index``, counted from 0."""
    return f"step {index}"


def module(path: str, shapes: Sequence[Sequence[int]]) -> str:
    """Return a module call's range name, ``unet.conv_in in=[2,4,128,128]``: one bracket per input tensor."""
    inputs = ",".join("[" + ",".join(map(str, shape)) + "]" for shape in shapes)
    return f"{path} in={inputs}" if inputs else path


def push(name: str) -> None:
    """Open a range called ``name`` on this thread; each push needs a `pop`. Does nothing while `silenced`."""
    if not _silenced:
        import nvtx  # here, so that reading a trace needs no NVTX library

        nvtx.push_range(name)


def pop() -> None:
    """Close this thread's innermost range."""
    if not _silenced:
        import nvtx

        nvtx.pop_range()


class _Range:
    """A context manager that costs less than a microsecond when no profiler is attached."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        push(self._name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pop()


def annotate(name: str) -> _Range:
    """Open a range called ``name`` round a block; it is closed on error too."""
    return _Range(name)


def annotated(function: Callable[_P, _R], name: str) -> Callable[_P, _R]:
    """Return ``function`` with a range called ``name`` round each call; its signature stays visible."""

    @wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with _Range(name):
            return function(*args, **kwargs)

    return wrapper


def listening() -> bool:
    """Return whether ranges are written now: False inside `silenced`."""
    return not _silenced


@contextmanager
def silenced() -> Iterator[None]:
    """Write no ranges inside this block, so that warm-up steps are never taken for profiled ones.

    Enter and leave it where no range opened on the other side is being closed.
    """
    global _silenced
    before, _silenced = _silenced, True
    try:
        yield
    finally:
        _silenced = before
