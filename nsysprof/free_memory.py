"""How much more memory this process may take: what the machine, its control groups and ulimit leave."""

import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MEGABYTE = 1 << 20
_ARENAS = 192 * _MEGABYTE  # address space that threads reserve and do not fill


@dataclass(frozen=True, slots=True)
class Free:
    """Memory that may still be taken."""

    bytes: int
    """How much."""
    limit: str
    """What sets the limit, in words."""


def free_memory(root: Path = Path("/")) -> Free | None:
    """Return what the tightest limit leaves; None where the system tells nothing.

    ``root`` is the folder in which ``proc`` and ``sys`` lie.
    """
    return min((*_machine(root), *_groups(root), *_address_space(root)), key=_bytes, default=None)


def resident_bytes(root: Path = Path("/")) -> int:
    """Return what this process holds in memory, 0 where the system does not tell."""
    return _fields(root / "proc/self/status").get("VmRSS", 0) * 1024


def _bytes(free: Free) -> int:
    return free.bytes


def _machine(root: Path) -> Iterator[Free]:
    available = _fields(root / "proc/meminfo").get("MemAvailable")
    if available is not None:
        yield Free(available * 1024, "on this machine")


def _groups(root: Path) -> Iterator[Free]:
    """Yield what the control group of this process, and those around it, leave; of both versions."""
    for line in _lines(root / "proc/self/cgroup"):
        _, controllers, name = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            top, files = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            top = root / "sys/fs/cgroup/memory"
            files = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        group = top / name.lstrip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(top):  # inside a container the name may be of the world outside
                yield from _group(folder, *files)


def _group(folder: Path, limit_file: str, used_file: str, reclaimable: str) -> Iterator[Free]:
    limit, used = (_number(folder / name) for name in (limit_file, used_file))
    if limit is not None and used is not None:
        cached = _fields(folder / "memory.stat").get(reclaimable, 0)  # given up when others need it
        yield Free(max(0, limit - max(0, used - cached)), "in this container or control group")


def _address_space(root: Path) -> Iterator[Free]:
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = _fields(root / "proc/self/status").get("VmSize")
    if limit != resource.RLIM_INFINITY and used is not None:
        yield Free(max(0, limit - used * 1024 - _ARENAS), "under `ulimit -v`")


def _fields(path: Path) -> dict[str, int]:
    """Return the numbers of a file of lines such as ``MemAvailable:  123 kB`` by their names."""
    found = {}
    for line in _lines(path):
        name, *rest = line.replace(":", " ").split()[:2]
        if rest and rest[0].isdigit():
            found[name] = int(rest[0])
    return found


def _number(path: Path) -> int | None:
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdigit() else None  # "max" is no limit


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return []
