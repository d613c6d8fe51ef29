"""Print one kernel name per kind that the shared libraries of a Python environment register.

``python registered_names.py FOLDER... > names.tsv`` prints name and library; it needs c++filt. A library that
nvcc built holds the mangled name of each of its kernels behind ``__device_stub_``; in NVIDIA's stripped ones
the names stand by themselves, among those of a few host functions. Kernels that differ in numbers and types
only count as one kind: the shortest name stands for it, a demangled one where c++filt can read it.
"""

import mmap
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from nsysprof.classify.names import parse

STUB = re.compile(rb"(\d+)__(?:wrapper__)?device_stub_")
MANGLED = re.compile(rb"(?<=\0)_Z\w{4,8000}(?=\0)")
KERNEL = re.compile(r"kernel|_core|fft|_ker\b", re.IGNORECASE)
HOST = re.compile(
    r"(?:void )?(?:std|rapidjson|fmt|torch|jit|nvrtc|cuda_graph)::"
    r"|.*::ignore\b|.*dnnHeuristic|.*__device_stub|(?:vtable|typeinfo) "
)
DEVICE_CODE = b".nv_fatbin"
PLACES = re.compile(r"_INTERNAL_\w*|THRUST_\w+|CUB_\w+")


def mangled_names(library: Path) -> set[str]:
    """Return the mangled names of a library's kernels; in a stripped one some of host functions, too."""
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find(DEVICE_CODE) < 0:
            return set()
        stubs = set()
        for found in STUB.finditer(data):
            length = int(found[1]) - (found.end() - found.end(1))
            if 0 < length < 8000:
                stubs.add(data[found.end() : found.end() + length])
        names = stubs or {found.group() for found in MANGLED.finditer(data)}
    return {name.decode("ascii", "replace") for name in names if name.startswith(b"_Z")}


def demangle(names: Iterable[str]) -> Iterator[str]:
    """Return the names as c++filt writes them, in order."""
    run = subprocess.run(["c++filt"], input="\n".join(names), text=True, capture_output=True, check=True)
    yield from run.stdout.splitlines()


def kind(name: str) -> tuple[str, ...]:
    """Return what kernels share that differ in numbers and types only."""
    signature = parse(name)
    parts = (signature.scope, signature.head, signature.inner)
    return tuple(re.sub(r"\d+", "0", PLACES.sub("", part)) for part in parts)


def is_kernel(name: str) -> bool:
    """Whether a name of a stripped library is likely a kernel's: a template, or called one."""
    if HOST.match(name):
        return False
    return name.startswith(("void ", "_Z")) or bool(KERNEL.search(parse(name).head))


def main(folders: list[str]) -> None:
    """Print the kinds of all libraries below the folders, the first library that has one."""
    kinds: dict[tuple[str, ...], tuple[str, str]] = {}
    for library in sorted(path for folder in folders for path in Path(folder).rglob("*.so*")):
        if not library.is_file() or library.is_symlink() or not library.stat().st_size:
            continue
        for name in filter(is_kernel, demangle(sorted(mangled_names(library)))):
            best = kinds.setdefault(kind(name), (name, library.name))
            if (name[:2] == "_Z", len(name)) < (best[0][:2] == "_Z", len(best[0])):
                kinds[kind(name)] = (name, best[1])
    for name, library_name in sorted(kinds.values(), key=lambda row: (row[1], row[0])):
        print(f"{name}\t{library_name}")


if __name__ == "__main__":
    main(sys.argv[1:])
