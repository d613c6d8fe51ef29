"""Open an nsys export as SQLite, read-only: nothing is changed and nothing is written beside the file."""

import os
import sqlite3
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from nsysprof.errors import TraceError

_MAGIC = b"SQLite format 3\0"
_EXPORT_HINT = "give the .sqlite file; `nsysprof export report.nsys-rep` makes one from a report"
_COMPRESSED = {b"\xfd7zXZ\0": "xz -dk", b"\x1f\x8b": "gzip -dk", b"\x28\xb5\x2f\xfd": "zstd -dk"}
_LOCK_SECONDS = 2.0
_LONGEST_VALUE = 64 << 20

FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""What a damaged file makes the sqlite3 module raise; the second when a message quotes damaged text."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the first 100 bytes of an SQLite file say."""

    page_size: int
    """Bytes per page, 512 to 65536."""
    usable: int
    """Bytes of a page that hold content."""
    pages: int
    """Pages that the file should have; 0 when the header does not know."""
    wal: bool
    """True when the file is in write-ahead-log mode."""


def read_header(path: Path) -> Header:
    """Check that ``path`` is a whole SQLite file and return its header; raises TraceError."""
    head, size = _first_bytes(path)
    if not size:
        raise TraceError(f"{path} is empty", "export the report again")
    if not head.startswith(_MAGIC):
        raise _not_sqlite(path, head)
    page_size = int.from_bytes(head[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    if len(head) < 100 or page_size < 512 or page_size & (page_size - 1) or head[20] > page_size - 480:
        raise TraceError(f"{path} has a damaged SQLite header", "export the report again")
    counted = head[24:28] == head[92:96]
    pages = int.from_bytes(head[28:32], "big") if counted else 0
    wal = head[18] == 2 or head[19] == 2
    if not wal and (size < pages * page_size or size % page_size):
        missing = f"{size:,} of {max(pages, -(-size // page_size)) * page_size:,} bytes are there"
        raise TraceError(f"{path} is cut off: {missing}", "copy it again, or export the report again")
    return Header(page_size, page_size - head[20], pages, wal)


def _first_bytes(path: Path) -> tuple[bytes, int]:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise TraceError(f"{path} is a directory", _EXPORT_HINT)
        if not stat.S_ISREG(mode):
            raise TraceError(f"{path} is not a regular file", _EXPORT_HINT)
        with path.open("rb") as file:
            return file.read(100), os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise TraceError(f"{path} does not exist", _EXPORT_HINT) from None
    except PermissionError:
        raise TraceError(f"{path} may not be read", "check its permissions and its folder's") from None
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror}") from None


def _not_sqlite(path: Path, head: bytes) -> TraceError:
    if path.suffix in (".nsys-rep", ".qdrep"):
        return TraceError(f"{path} is an nsys report, not its export", f"run `nsysprof export {path}` first")
    for magic, command in _COMPRESSED.items():
        if head.startswith(magic):
            return TraceError(f"{path} is compressed", f"unpack it first: {command} {path}")
    return TraceError(f"{path} is not an SQLite file", _EXPORT_HINT)


def has_log(path: Path, header: Header) -> bool:
    """Tell whether some content is not in the file yet, but in the write-ahead log beside it."""
    if not header.wal:
        return False
    try:
        with Path(f"{path}-wal").open("rb") as log:
            return _is_log(log.read(32))
    except FileNotFoundError:
        return False
    except OSError:
        return True  # SQLite says what is wrong with it


def _is_log(head: bytes) -> bool:
    """Tell whether a file that begins so is a write-ahead log; SQLite, too, takes no notice of another."""
    if len(head) < 32 or head[:3] != b"\x37\x7f\x06" or head[3] not in b"\x82\x83":
        return False
    words = struct.unpack("<6I" if head[3] == 0x82 else ">6I", head[:24])
    first = second = 0
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return struct.unpack(">2I", head[24:32]) == (first, second)


def read_only_uri(path: Path, header: Header) -> str:
    """Return the address under which SQLite opens ``path`` and changes nothing."""
    options = "mode=ro"
    if header.wal:  # SQLite would create -wal and -shm files beside the trace
        options += "&readonly_shm=1" if has_log(path, header) else "&immutable=1"
    return f"file://{quote(os.fsencode(path.absolute()))}?{options}"


def connect(path: Path, header: Header) -> sqlite3.Connection:
    """Return a read-only connection whose text is decoded forgivingly; raises TraceError."""
    try:
        connection = sqlite3.connect(
            read_only_uri(path, header),
            uri=True,
            timeout=_LOCK_SECONDS,
            check_same_thread=False,
            isolation_level=None,
        )
        connection.text_factory = _decode
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        connection.execute("PRAGMA trusted_schema = OFF")  # the file's own SQL calls nothing that does harm
        connection.execute("BEGIN")  # with the first SELECT, keeps writers out until the trace is closed
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except (*FAILURES, MemoryError) as error:
        raise trace_error(path, error) from None
    return connection


def being_written(path: Path) -> bool:
    """Tell whether another program has a transaction open that changes the file."""
    journal = Path(f"{path}-journal")
    return journal.exists() and journal.stat().st_size > 0


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def trace_error(path: Path, error: Exception) -> TraceError:
    """Say in words what SQLite's ``error`` means for the trace at ``path``."""
    if isinstance(error, MemoryError):  # which a value of 2 GB in a file of 10 kB is to SQLite, too
        return TraceError(f"{path} is damaged, or takes more memory than there is", "export the report again")
    reason = "malformed text" if isinstance(error, UnicodeDecodeError) else str(error)
    if "locked" in reason or "busy" in reason:
        return TraceError(f"{path} is locked", "another program writes it; wait until the export has ended")
    if "readonly" in reason or "unable to open" in reason:
        return TraceError(f"{path} was left half-written", "let its writer end, or export the report again")
    if "malformed" in reason or "not a database" in reason:
        return TraceError(f"{path} is damaged: {reason}", "export the report again")
    return TraceError(f"{path} cannot be read: {reason}")
