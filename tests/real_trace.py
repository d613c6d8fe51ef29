"""The real traces that tests read."""

import lzma
import shutil
from pathlib import Path

_DATA = Path(__file__).parent / "data"


def unpack(name: str, folder: Path) -> Path:
    """Unpack ``tests/data/{name}.sqlite.xz`` into ``folder`` and return the trace's path."""
    path = folder / f"{name}.sqlite"
    with lzma.open(_DATA / f"{name}.sqlite.xz") as packed, path.open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return path


THREE_STEPS = "sdxl-mallocasync-3steps"
"""Three SDXL steps on an H200 under cudaMallocAsync, with NVTX ranges."""
