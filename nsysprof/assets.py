"""Where queries/, runners/ and the demo trace lie: inside the package in a wheel, beside it in a checkout."""

from pathlib import Path

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
