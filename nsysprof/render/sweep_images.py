"""Images of runs, small enough to stand in a page."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

SMALL_BYTES = 60_000
"""A file of at most this size goes into a page as it is, when nobody can make it smaller."""

_SIDE, _SIDE_OF_MANY, _MANY = 320, 200, 60
_QUALITY = 82
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Embedded:
    """An image as a page holds it."""

    name: str
    """Its file, in the sweep's folder."""
    data_url: str
    """The image itself, empty where it could not be read or is too large to embed unchanged."""


def embedded(path: Path, of: int) -> Embedded:
    """Return the image at ``path``, one ``of`` so many, made smaller where Pillow is installed.

    Without Pillow only a small PNG is embedded; of any other the page says where it lies.
    """
    name = "/".join(path.parts[-3:])
    return Embedded(name, _smaller(path, _SIDE_OF_MANY if of > _MANY else _SIDE))


def _smaller(path: Path, side: int) -> str:
    try:
        from PIL import Image
    except ImportError:
        return _unchanged(path)
    try:
        with Image.open(path) as image:
            if max(image.size) <= side and image.format == "PNG":
                return _unchanged(path)
            made = image.convert("RGB")
            made.thumbnail((side, side), Image.Resampling.LANCZOS)
            data = io.BytesIO()
            made.save(data, "JPEG", quality=_QUALITY, optimize=True)
    except (OSError, ValueError, Image.DecompressionBombError):
        return ""
    return _url("jpeg", data.getvalue())


def _unchanged(path: Path) -> str:
    try:
        if path.stat().st_size > SMALL_BYTES:
            return ""
        data = path.read_bytes()
    except OSError:
        return ""
    return _url("png", data) if data.startswith(_PNG) else ""


def _url(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
