"""Install nsys from the Debian archive that this machine's apt is set up for: no root, no system change.

Debian's non-free packages unpack into two halves that nsys wants side by side (target-linux-x64 with the
collector, host-linux-x64 with the importer), and need a few libraries that bare machines lack.
"""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from nsysprof.capture.apt import Apt
from nsysprof.capture.export import Progress
from nsysprof.capture.importer import check_importer
from nsysprof.capture.libraries import add_missing
from nsysprof.capture.locate import Nsys, inspect_nsys
from nsysprof.capture.preflight import try_ranges
from nsysprof.errors import NsysError, NsysprofError, OutputError

SUITE = "trixie"
"""The Debian release whose nsys is installed (2023.4.4)."""
_PACKAGES = ("nsight-systems-target", "nsight-systems")
_LIBRARIES = {"libssh-4": "libssh.so.4", "libpfm4": "libpfm.so.4"}
"""Libraries that the importer finds nowhere else, by package."""
_MARKER = ".nsysprof-installed"


def install(folder: Path, progress: Progress) -> Nsys:
    """Install nsys into ``folder`` (its program is bin/nsys there) unless it is there already, and try it.

    Everything happens in a temporary folder that is renamed at the end. Raises NsysError when the archive has
    no nsys or it does not work here, OutputError when ``folder`` holds something else or cannot be written.
    """
    if (folder / _MARKER).is_file():
        try:
            return _working(folder)
        except NsysError:
            pass  # half gone: install it again
    elif folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{folder} holds something else", "name a new or empty folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".nsys-", dir=folder.parent, ignore_cleanup_errors=True
        ) as work:
            _build(Path(work), progress)
            if folder.exists():
                shutil.rmtree(folder)
            (Path(work) / "nsys").rename(folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}", "name another folder") from None
    progress("trying nsys", 0.0)
    return _working(folder)


def _build(work: Path, progress: Progress) -> None:
    """Make work/nsys: fetch, unpack, put side by side, add libraries."""
    with Apt(SUITE) as apt:
        progress("reading the package lists", 0.0)
        apt.update()
        for number, package in enumerate(_PACKAGES):
            progress("fetching nsys", number / len(_PACKAGES))
            apt.unpack(package, work / "unpacked")
        tree = work / "nsys"
        assemble(work / "unpacked", tree)
        progress("fetching libraries", 0.0)
        for package, library in _LIBRARIES.items():
            apt.unpack(package, work / package)
            take_library(work / package, library, tree)
        (importer_folder(tree) / "libssh.so").symlink_to("libssh.so.4")
        add_missing(tree, apt, work / "more")
    (tree / _MARKER).touch()


def assemble(unpacked: Path, tree: Path) -> None:
    """Put the two halves of an unpacked nsys side by side into ``tree``, with a relative link bin/nsys."""
    halves = {
        "target": [
            path for path in unpacked.glob("usr/lib/*/nsight-systems/target-linux-*") if path.is_dir()
        ],
        "host": [path for path in unpacked.glob("usr/lib/nsight-systems/host-linux-*") if path.is_dir()],
    }
    for half, found in halves.items():
        if not found:
            raise NsysError(f"the package holds no {half}-linux folder", "use NVIDIA's own installer")
        tree.mkdir(exist_ok=True)
        found[0].rename(tree / found[0].name)
    (tree / "bin").mkdir()
    (tree / "bin" / "nsys").symlink_to(Path("..", halves["target"][0].name, "nsys"))
    for library in importer_folder(tree).glob("libssh.so*"):
        library.unlink()  # links to where the library would be on an installed system


def importer_folder(tree: Path) -> Path:
    """Return the half with the importer."""
    return next(tree.glob("host-linux-*"))


def take_library(unpacked: Path, library: str, tree: Path) -> None:
    """Copy ``library`` out of an unpacked package beside the importer; NsysError when it is not there."""
    found = next(iter(_find(unpacked, library)), None)
    if found is None:
        raise NsysError(f"the archive's package has no {library}")
    shutil.copy(found, importer_folder(tree) / library)


def _find(unpacked: Path, library: str) -> Iterable[Path]:
    return (path for path in sorted(unpacked.rglob(library)) if path.exists())


def _working(folder: Path) -> Nsys:
    """Return the nsys in ``folder`` after a real profile; raises NsysError when that fails."""
    nsys = inspect_nsys(folder / "bin" / "nsys", "--install-nsys")
    importer = check_importer(nsys)
    if not importer.works:
        raise NsysError(f"the importer in {folder} does not start: {importer.reason}")
    try:
        trial = try_ranges(nsys)
    except NsysprofError as error:
        raise NsysError(error.message, error.hint) from None
    if not trial.exported:
        raise NsysError(trial.problem, trial.hint)
    return nsys
