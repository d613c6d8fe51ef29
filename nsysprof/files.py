"""The one way in which a file is written: whole, under another name first, and never over what was read."""

import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nsysprof.errors import OutputError


@contextmanager
def replacing(target: Path, advice: str, inputs: Iterable[Path] = ()) -> Iterator[Path]:
    """Give a path to write, in a folder of its own beside ``target``; what lies there becomes ``target``.

    The folder of ``target`` is made where it is missing. When the block raises, ``target`` stays as it was.
    A symbolic link keeps pointing where it does; a pipe or a terminal gets the bytes.
    Raises OutputError, with ``advice``, when ``target`` cannot be written or is one of ``inputs``.
    """
    check_target(target, advice, inputs)
    try:
        through = target.exists() and not target.is_file()
        place = target if through else target.resolve()
        if not through:
            place.parent.mkdir(parents=True, exist_ok=True)
        beside = None if through else place.parent
        with tempfile.TemporaryDirectory(prefix=".nsysprof-", dir=beside, ignore_cleanup_errors=True) as work:
            partial = Path(work, place.name)
            yield partial
            if through:
                with partial.open("rb") as source, place.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
            else:
                partial.replace(place)
    except OSError as error:
        raise OutputError(f"cannot write {target} ({error.strerror or error})", advice) from error


def check_target(target: Path, advice: str, inputs: Iterable[Path] = ()) -> None:
    """Raise OutputError when writing ``target`` would destroy one of ``inputs``, a folder or a device."""
    try:
        mode = target.stat().st_mode
    except OSError:
        return  # it is not there, or the attempt to write it says what is wrong
    if any(path.exists() and path.samefile(target) for path in inputs):
        raise OutputError(f"{target} is the file that is read, and would be destroyed", advice)
    if stat.S_ISDIR(mode):
        raise OutputError(f"{target} is a folder", advice)
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        raise OutputError(f"{target} is no file", advice)
