"""Where queries/, runners/ and the demo trace lie: inside the package in a wheel, beside it in a checkout."""

import lzma
import shutil
from pathlib import Path

from nsysprof.errors import TraceError
from nsysprof.files import replacing

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Return the folder ``name`` ("queries" or "runners").

    Raises FileNotFoundError when neither place holds it, which means a broken installation.
    """
    for place in (_PACKAGE / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"nsysprof's folder {name!r} is missing; reinstall nsysprof")


def demo_trace() -> Path:
    """Return the compressed H200 trace that ships with the package (.sqlite.xz)."""
    return _PACKAGE / "demo" / "sdxl-h200-1024-8steps.sqlite.xz"


def unpack_demo(folder: Path) -> Path:
    """Unpack the demo trace into ``folder`` (made where it is missing) and return the trace's path.

    Raises OutputError when it cannot be written, TraceError when it is damaged; then nothing half-written
    stays behind.
    """
    packed = demo_trace()
    target = folder / packed.name.removesuffix(".xz")
    with replacing(target, "choose another folder with --out") as partial:
        try:
            with partial.open("wb") as sink, lzma.open(packed) as source:
                shutil.copyfileobj(source, sink)
        except (EOFError, lzma.LZMAError):
            raise TraceError(f"the demo trace {packed} is damaged", "reinstall nsysprof") from None
    return target
