"""The small tables: devices."""

from collections.abc import Mapping
from dataclasses import replace

from nsysprof.trace.model import Device
from nsysprof.trace.schema import GPUS, ORDINALS
from nsysprof.trace.source import Source


def devices(source: Source) -> tuple[Device, ...]:
    """Return the GPUs by CUDA ordinal; empty when the export describes none.

    TARGET_INFO_CUDA_DEVICE maps ordinals to GPUs. Without it, and where processes do not agree on what an
    ordinal means, the GPU's own number is used.
    """
    gpus = _gpus(source)
    numbers = gpu_numbers(source)
    if not source.name_in_file(ORDINALS) or ordinals_differ(numbers):
        used = set(numbers.values()) or set(gpus)
        return tuple(gpus[number] for number in sorted(gpus) if number in used)
    by_ordinal: dict[int, Device] = {}
    for (_, ordinal), gpu in sorted(numbers.items(), key=lambda item: (item[0][1], item[0][0])):
        if gpu in gpus:
            by_ordinal.setdefault(ordinal, replace(gpus[gpu], index=ordinal))
    return tuple(by_ordinal.values())


def gpu_numbers(source: Source) -> dict[tuple[int, int], int]:
    """Return the GPU's own number by process (its operating system's id) and CUDA ordinal.

    Processes that were given one GPU each (CUDA_VISIBLE_DEVICES) all call it ordinal 0.
    """
    return {
        (pid, ordinal): gpu
        for pid, ordinal, gpu in source.select(ORDINALS)
        if isinstance(pid, int) and isinstance(ordinal, int) and isinstance(gpu, int)
    }


def ordinals_differ(numbers: Mapping[tuple[int, int], int]) -> bool:
    """Tell whether a CUDA ordinal means one GPU to one process and another to another."""
    meanings = {(ordinal, gpu) for (_, ordinal), gpu in numbers.items()}
    return len(meanings) > len({ordinal for ordinal, _ in meanings})


def _gpus(source: Source) -> dict[int, Device]:
    gpus = {}
    for number, name, multiprocessors, memory, major, minor, *_ in source.select(GPUS):
        if isinstance(number, int):
            known = isinstance(major, int) and isinstance(minor, int)
            gpus[number] = Device(
                number,
                str(name or ""),
                multiprocessors if isinstance(multiprocessors, int) else 0,
                memory if isinstance(memory, int) else 0,
                f"{major}.{minor}" if known else "",
            )
    return gpus
