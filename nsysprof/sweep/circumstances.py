"""What makes the same options another run: versions, devices, and the environment that PyTorch reads."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass

from nsysprof import __version__
from nsysprof.capture import host
from nsysprof.capture.locate import Nsys
from nsysprof.capture.privacy import VARIABLES

_PACKAGES = ("torch", "diffusers", "transformers", "peft", "accelerate", "safetensors", "nvtx")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Everything beside its options that a run depends on."""

    versions: Mapping[str, str | None]
    """Of nsysprof, Python, the packages that runners use, the driver, and nsys where it profiles."""
    gpus: tuple[str, ...]
    """Names of the machine's GPUs."""
    environment: Mapping[str, str | None]
    """The variables that PyTorch and CUDA read."""
    profiled: bool
    """True when runs are captured."""


def circumstances(nsys: Nsys | None) -> Circumstances:
    """Look round this machine; ``nsys`` is the one that captures the runs, None when they run bare."""
    gpus = host.gpus()
    versions = {
        "nsysprof": __version__,
        "python": platform.python_version(),
        **host.package_versions(*_PACKAGES),
        "driver": gpus[0].driver if gpus else None,
    }
    if nsys:
        versions["nsys"] = nsys.version_text
    environment = {name: os.environ.get(name) for name in VARIABLES}
    return Circumstances(versions, tuple(gpu.name for gpu in gpus), environment, nsys is not None)
