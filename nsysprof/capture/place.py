"""Where the results of a capture go: names that nobody else takes, and a folder for what is half done."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nsysprof.capture import host
from nsysprof.errors import OutputError, UsageError
from nsysprof.files import check_target

SUFFIXES = (".nsys-rep", ".qdstrm", ".sqlite", ".run.json")
_REPORTS = (".nsys-rep", ".qdstrm")


def find_places(folder: Path, name: str, *, force: bool) -> dict[str, Path]:
    """Return where each result of a capture called ``name`` goes, by suffix.

    Raises UsageError when the name is none, OutputError when a result exists (without ``force``), or
    ``folder`` or the temporary folder cannot take a capture.
    """
    if not name or name.startswith(".") or "/" in name:
        raise UsageError(f"--name {name!r} is no file name", "give letters, digits, '-' and '_'")
    places = {suffix: folder / f"{name}{suffix}" for suffix in SUFFIXES}
    try:
        _check_free(places, force=force)
        _check_room(folder)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot take a capture called {name}: {error.strerror}",
            "give another --output or --name",
        ) from None
    return places


def _check_free(places: dict[str, Path], *, force: bool) -> None:
    found = [path for path in places.values() if path.exists()]
    if found and not force:
        raise OutputError(f"{found[0]} exists", "give --force to replace it, or another --name")
    for path in found:
        check_target(path, "give another --name")


def _check_room(folder: Path) -> None:
    """Look at the disk of the results, and at that where nsys collects first."""
    if not host.is_on_disk(folder):
        raise OutputError(f"{folder} is on no disk", "give another --output")
    try:
        temp = Path(tempfile.gettempdir())
    except FileNotFoundError:
        raise OutputError("no temporary folder can be written", "set TMPDIR to one that can") from None
    for place, advice in ((folder, "give another --output"), (temp, "set TMPDIR")):
        if (free := host.free_bytes(place)) < host.LEAST_FREE_BYTES:
            raise OutputError(f"{place}: only {free // 10**6} MB are free", f"make room, or {advice}")


@contextmanager
def reserved(folder: Path, name: str, *, force: bool) -> Iterator[Path]:
    """Make ``folder``, and in it a hidden folder for half-done results that is removed afterwards.

    While it is there no other capture takes ``name``. What a killed capture left in it is replaced, a report
    only with ``force``. Raises OutputError.
    """
    work = folder / f".capture-{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _lock(work)
    except OSError as error:
        advice = "give another --output or --name"
        raise OutputError(f"{folder} cannot be written: {error.strerror}", advice) from None
    if lock is None:
        raise OutputError(f"{folder / name} is being captured already", "give another --name")
    try:
        left = [path for path in work.iterdir() if path.suffix in _REPORTS]
        if left and not force:
            raise OutputError(
                f"a capture called {name} was killed and left {left[0]}",
                "move it away, or give --force to drop it",
            )
        try:
            for path in work.iterdir():
                path.unlink()
            yield work.resolve()
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(lock)


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a temporary folder for nsys's own files, and remove it afterwards; raises OutputError."""
    try:
        folder = tempfile.mkdtemp(prefix="nsysprof-")
    except OSError as error:
        where = tempfile.gettempdir()
        raise OutputError(f"{where} cannot be written: {error.strerror}", "set TMPDIR") from None
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lock(work: Path) -> int | None:
    """Make the folder ``work`` and lock it; return the open folder, None when another process holds it."""
    while True:
        made = _make(work)
        lock = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = work.exists() and os.path.samestat(work.stat(), os.fstat(lock))
        except BlockingIOError:
            os.close(lock)
            return None
        except OSError:  # a file system without locks: whoever made the folder has it
            if made:
                return lock
            os.close(lock)
            return None
        if mine:
            return lock
        os.close(lock)  # its owner has just removed it


def _make(work: Path) -> bool:
    try:
        work.mkdir()
    except FileExistsError:
        return False
    return True
