"""The run record: what a runner writes about its run, free of host names, paths and environment."""

import ctypes
import json
import os
import platform
import resource
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from nsysprof.errors import NsysprofError
from nsysprof.files import replacing

SCHEMA = "nsysprof.run/1"
PATH_VARIABLE = "NSYSPROF_RUN_RECORD"
"""Environment variable with which `nsysprof capture` says where the record goes."""


class DeviceMemoryError(NsysprofError):
    """The device, or the machine, has not enough memory for the run."""

    exit_code = 8


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether ``error`` says that a GPU's or the machine's memory is used up."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator: can't allocate memory" in str(error)


def brief(error: BaseException) -> str:
    """Return what a library's error says, in one line of bearable length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:199] + "\N{HORIZONTAL ELLIPSIS}"


def record_path(out: Path) -> Path:
    """Return where the record goes: where `nsysprof capture` asked for it, else ``run.json`` in ``out``."""
    return Path(os.environ.get(PATH_VARIABLE) or out / "run.json")


def write(record: Mapping[str, object], path: Path) -> None:
    """Write ``record`` to ``path`` whole or not at all. Raises OutputError."""
    text = json.dumps({"schema": SCHEMA, **record}, indent=1) + "\n"
    with replacing(path, "check the folder of the run record") as partial:
        partial.write_text(text, encoding="utf-8")


def versions(*packages: str) -> dict[str, str | None]:
    """Return the versions of Python, ``packages``, the driver, and those that an imported torch uses.

    None stands for what is not installed here.
    """
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = None
    torch = sys.modules.get("torch")
    found["cuda"] = torch.version.cuda if torch else None
    cudnn = torch.backends.cudnn.version() if torch and torch.version.cuda else None
    found["cudnn"] = str(cudnn) if cudnn else None
    found["driver"] = _driver_version()
    return found


def _driver_version() -> str | None:
    """Ask NVML, which the driver itself brings; nvidia-smi would start a process under the profiler."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return None
    text = ctypes.create_string_buffer(96)
    if nvml.nvmlInit_v2() != 0:
        return None
    known = nvml.nvmlSystemGetDriverVersion(text, len(text)) == 0
    nvml.nvmlShutdown()
    return text.value.decode() if known else None


def gpu(device: Any) -> dict[str, object] | None:
    """Return the name, memory and compute capability of a torch device; None for the CPU."""
    if device.type != "cuda":
        return None
    import torch

    properties = torch.cuda.get_device_properties(device)
    return {
        "name": properties.name,
        "memory_bytes": properties.total_memory,
        "capability": f"{properties.major}.{properties.minor}",
    }


def allocator(device: Any) -> dict[str, str | None] | None:
    """Return the allocator that serves a CUDA device and its settings; None for the CPU."""
    if device.type != "cuda":
        return None
    import torch

    settings = os.environ.get("PYTORCH_ALLOC_CONF") or os.environ.get("PYTORCH_CUDA_ALLOC_CONF")
    return {"backend": torch.cuda.memory.get_allocator_backend(), "settings": settings}


def peak_memory(device: Any) -> dict[str, int | None]:
    """Return the peaks since the last reset, in bytes; those of the GPU are None on a CPU.

    ``allocated_bytes``: tensors; ``reserved_bytes``: what the allocator took from the driver for them;
    ``device_used_bytes``: the whole device's use now, as nvidia-smi shows it; ``host_bytes``: the process's
    largest resident size so far.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    peaks: dict[str, int | None] = {
        "allocated_bytes": None,
        "reserved_bytes": None,
        "device_used_bytes": None,
        "host_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    }
    if device.type == "cuda":
        import torch

        free, total = torch.cuda.mem_get_info(device)
        peaks["allocated_bytes"] = torch.cuda.max_memory_allocated(device)
        peaks["reserved_bytes"] = torch.cuda.max_memory_reserved(device)
        peaks["device_used_bytes"] = total - free
    return peaks
