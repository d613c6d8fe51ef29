"""Where queries/, runners/ and the demo trace lie: inside the package in a wheel, beside it in a checkout."""

import lzma
import os
import shutil
from pathlib import Path

from nsysprof.errors import OutputError

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

    Raises OutputError when it cannot be written; then nothing half-written stays behind.
    """
    packed = demo_trace()
    target = folder / packed.name.removesuffix(".xz")
    partial = folder / f".{target.name}.{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as sink, lzma.open(packed) as source:
            shutil.copyfileobj(source, sink)
        partial.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"cannot unpack the demo trace into {folder} ({reason})", "choose another folder with --out"
        ) from error
    finally:
        if partial.parent.is_dir():
            partial.unlink(missing_ok=True)
    return target
