"""The small tables: schema version and devices."""

from nsysprof.trace.model import Device, SchemaVersion
from nsysprof.trace.schema import NEWEST, OLDEST
from nsysprof.trace.source import Source


def schema_version(source: Source) -> SchemaVersion:
    """Return EXPORT_SCHEMA_VERSION, 0.0.0 when unknown; warns when it is unknown, too old or too new."""
    unknown = SchemaVersion(0, 0, 0)
    if "META_DATA_EXPORT" not in source.tables:
        source.warn("the export does not say which schema it has; it may be too old to be read right")
        return unknown
    found = source.fetch("SELECT value FROM META_DATA_EXPORT WHERE name = 'EXPORT_SCHEMA_VERSION'")
    parts = str(found[0][0]).split(".") if found else []
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 9 for part in parts):
        source.warn("the export does not say which schema it has; it may be too old to be read right")
        return unknown
    major, minor, micro = (int(part) for part in parts)
    version = SchemaVersion(major, minor, micro)
    if version > NEWEST:
        source.warn(f"the export's schema {version} is newer than {NEWEST}, the newest that nsysprof knows")
    if version < OLDEST:
        source.warn(f"the export's schema {version} is older than {OLDEST}, the oldest that nsysprof knows")
    return version


def devices(source: Source) -> tuple[Device, ...]:
    """Return the GPUs by CUDA ordinal; empty when the export describes none.

    TARGET_INFO_CUDA_DEVICE maps ordinals to GPUs where it exists; without it the GPU's own number is used.
    """
    gpus = _gpus(source)
    if "TARGET_INFO_CUDA_DEVICE" not in source.tables:
        return tuple(gpus[number] for number in sorted(gpus))
    pairs = source.fetch("SELECT cudaId, gpuId FROM TARGET_INFO_CUDA_DEVICE ORDER BY cudaId, pid")
    by_ordinal: dict[int, Device] = {}
    for ordinal, gpu in pairs:
        if isinstance(ordinal, int) and isinstance(gpu, int) and gpu in gpus:
            seen = gpus[gpu]
            by_ordinal.setdefault(
                ordinal,
                Device(ordinal, seen.name, seen.multiprocessors, seen.memory_bytes, seen.compute_capability),
            )
    return tuple(by_ordinal.values())


def gpu_numbers(source: Source) -> dict[tuple[int, int], int]:
    """Return the GPU's own number by process (its operating system's id) and CUDA ordinal.

    Processes that were given one GPU each (CUDA_VISIBLE_DEVICES) all call it ordinal 0.
    """
    if not {"cudaId", "gpuId", "pid"} <= source.column_names("TARGET_INFO_CUDA_DEVICE"):
        return {}
    rows = source.fetch("SELECT pid, cudaId, gpuId FROM TARGET_INFO_CUDA_DEVICE")
    return {
        (pid, ordinal): gpu
        for pid, ordinal, gpu in rows
        if isinstance(pid, int) and isinstance(ordinal, int) and isinstance(gpu, int)
    }


def _gpus(source: Source) -> dict[int, Device]:
    present = source.column_names("TARGET_INFO_GPU")
    if not {"id", "name"} <= present:
        return {}
    wanted = ("id", "name", "smCount", "totalMemory", "computeMajor", "computeMinor")
    names = ", ".join(f'"{name}"' if name in present else "NULL" for name in wanted)
    gpus = {}
    for number, name, multiprocessors, memory, major, minor in source.fetch(
        f"SELECT {names} FROM TARGET_INFO_GPU"  # noqa: S608 - names are the literals above
    ):
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
