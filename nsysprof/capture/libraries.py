"""The shared libraries that an unpacked nsys misses on this machine, fetched and put beside its programs."""

import re
import shutil
import subprocess
from pathlib import Path

from nsysprof.capture.apt import Apt
from nsysprof.errors import NsysError

_PACKAGES = {
    "libcom_err.so.2": ("libcom-err2",),
    "libcrypto.so.3": ("libssl3", "libssl3t64"),
    "libdw.so.1": ("libdw1", "libdw1t64"),
    "libelf.so.1": ("libelf1", "libelf1t64"),
    "libgcc_s.so.1": ("libgcc-s1",),
    "libgssapi_krb5.so.2": ("libgssapi-krb5-2",),
    "libk5crypto.so.3": ("libk5crypto3",),
    "libkeyutils.so.1": ("libkeyutils1",),
    "libkrb5.so.3": ("libkrb5-3",),
    "libkrb5support.so.0": ("libkrb5support0",),
    "libpfm.so.4": ("libpfm4",),
    "libssh.so.4": ("libssh-4",),
    "libssl.so.3": ("libssl3", "libssl3t64"),
    "libstdc++.so.6": ("libstdc++6",),
    "libz.so.1": ("zlib1g",),
    "libzstd.so.1": ("libzstd1",),
    "liblzma.so.5": ("liblzma5",),
    "libbz2.so.1.0": ("libbz2-1.0",),
}
"""Package names by library, older releases first."""
_ROUNDS = 6
_MISSING = re.compile(r"^\s*(\S+) => not found", re.MULTILINE)
_PROGRAMS = ("target-linux-*/nsys", "target-linux-*/libToolsInjection64.so", "host-linux-*/QdstrmImporter")


def missing_libraries(program: Path) -> list[str]:
    """Return the libraries that ``program`` or its libraries need and the loader does not find."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    return sorted(set(_MISSING.findall(done.stdout)))


def add_missing(tree: Path, apt: Apt, work: Path) -> None:
    """Put every library that the programs in ``tree`` miss beside them; raises NsysError when one is unknown.

    A library may need others, so this goes round until nothing is missing. Packages come from the machine's
    own release, whose libc they fit.
    """
    for _ in range(_ROUNDS):
        gaps = [
            (program, library)
            for pattern in _PROGRAMS
            for program in tree.glob(pattern)
            for library in missing_libraries(program)
        ]
        if not gaps:
            return
        for program, library in gaps:
            if not (program.parent / library).exists():
                shutil.copy(_fetch(library, apt, work), program.parent / library)
    raise NsysError(f"nsys misses {gaps[0][1]} even with it beside {gaps[0][0].name}")


def _fetch(library: str, apt: Apt, work: Path) -> Path:
    if library not in _PACKAGES:
        raise NsysError(
            f"nsys needs {library}, which is not on this machine", f"install what holds {library}"
        )
    problem: NsysError | None = None
    for package in _PACKAGES[library]:
        folder = work / package
        if not folder.exists():
            try:
                apt.unpack(package, folder, own_release=True)
            except NsysError as error:
                problem = error
                continue
        for path in sorted(folder.rglob(library)):
            if path.exists():
                return path
    raise problem or NsysError(f"Debian's package {package} holds no {library}")
