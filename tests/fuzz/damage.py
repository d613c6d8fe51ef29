"""Mutations of the file's bytes, most of them aimed at what the page decoder reads."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

Bytes = bytearray
_ODD = (0, 1, 2, 5, 8, 10, 12, 13, 127, 128, 129, 254, 255)


class _File:
    """Where things lie in a healthy file."""

    def __init__(self, data: Bytes) -> None:
        self.data = data
        size = int.from_bytes(data[16:18], "big")
        self.page_size = 65536 if size == 1 else size
        self.pages = len(data) // self.page_size

    def start(self, page: int) -> int:
        """Return where the header of a b-tree page (from 0) is."""
        return page * self.page_size + (100 if page == 0 else 0)

    def of_kind(self, *kinds: int) -> list[int]:
        return [page for page in range(self.pages) if self.data[self.start(page)] in kinds]

    def cells(self, page: int) -> list[int]:
        """Return where the cells of a b-tree page are."""
        start = self.start(page)
        first = start + (12 if self.data[start] in (2, 5) else 8)
        count = int.from_bytes(self.data[start + 3 : start + 5], "big")
        pointers = range(first, first + 2 * count, 2)
        found = [page * self.page_size + int.from_bytes(self.data[at : at + 2], "big") for at in pointers]
        return [at for at in found if at < len(self.data)]


def _poke(random: Random, data: Bytes, at: int, longest: int = 1) -> None:
    for place in range(at, min(at + random.randint(1, longest), len(data))):
        kind = random.random()
        if kind < 0.4:
            data[place] ^= 1 << random.randrange(8)
        else:
            data[place] = random.choice(_ODD) if kind < 0.8 else random.randrange(256)


def bit_flips(random: Random, data: Bytes) -> None:
    for _ in range(random.choice((1, 1, 2, 5, 40, 400))):
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def truncated(random: Random, data: Bytes) -> None:
    """At a page's end, or anywhere; some with a header that agrees."""
    file = _File(data)
    pages = random.randrange(file.pages)
    cut = pages * file.page_size
    if random.random() < 0.3:
        cut += random.randrange(file.page_size)
    elif random.random() < 0.5 and pages:
        data[28:32] = pages.to_bytes(4, "big")
    del data[cut:]


def file_header(random: Random, data: Bytes) -> None:
    for _ in range(random.randint(1, 3)):
        _poke(random, data, random.choice((16, 17, 18, 19, 20, 24, 28, 44, 52, 56, 92, 100, 103, 105)), 4)


def schema_page(random: Random, data: Bytes) -> None:
    """The page that names tables, columns and root pages."""
    file = _File(data)
    cells = file.cells(0)
    for _ in range(random.randint(1, 4)):
        at = random.choice(cells) + random.randrange(60) if cells else random.randrange(100, file.page_size)
        _poke(random, data, min(at, file.page_size - 1), 3)


def page_headers(random: Random, data: Bytes) -> None:
    file = _File(data)
    for _ in range(random.randint(1, 4)):
        _poke(random, data, file.start(random.randrange(file.pages)) + random.randrange(12), 3)


def cell_pointers(random: Random, data: Bytes) -> None:
    file = _File(data)
    for _ in range(random.randint(1, 4)):
        page = random.choice(file.of_kind(2, 5, 10, 13))
        start = file.start(page) + (12 if data[file.start(page)] in (2, 5) else 8)
        count = max(len(file.cells(page)), 1)
        one, other = (start + 2 * random.randrange(count) for _ in range(2))
        if random.random() < 0.3:  # two rows at one place
            data[one : one + 2] = data[other : other + 2]
        else:
            _poke(random, data, one, 2)


def varints(random: Random, data: Bytes) -> None:
    """Payload sizes, rowids and serial types of rows."""
    file = _File(data)
    pages = [page for page in file.of_kind(13) if page and file.cells(page)]
    for _ in range(random.randint(1, 6)):
        at = random.choice(file.cells(random.choice(pages)))
        kind = random.random()
        if kind < 0.15:
            data[at : at + 9] = b"\xff" * len(data[at : at + 9])
        else:
            _poke(random, data, min(at + random.randrange(4 if kind < 0.6 else 30), len(data) - 1), 2)


def interior_pages(random: Random, data: Bytes) -> None:
    """Children and keys of pages above the leaves: cycles, pages of other tables, wrong order."""
    file = _File(data)
    pages = file.of_kind(5) or [0]
    for _ in range(random.randint(1, 3)):
        page = random.choice(pages)
        places = [*file.cells(page), file.start(page) + 8]
        at = random.choice(places)
        kind = random.random()
        if kind < 0.5:
            child = random.choice((page + 1, 1, 0, file.pages, file.pages + 1, random.randrange(file.pages)))
            data[at : at + 4] = child.to_bytes(4, "big")
        elif kind < 0.7:
            other = random.choice(places)
            data[at : at + 4], data[other : other + 4] = data[other : other + 4], data[at : at + 4]
        else:
            _poke(random, data, at + 4, 3)


def overflow_chains(random: Random, data: Bytes) -> None:
    """Pages that long values go on at: cycles, ends that come early, pages of other use."""
    file = _File(data)
    pages = [page for page in range(1, file.pages) if page not in set(file.of_kind(2, 5, 10, 13))]
    for _ in range(random.randint(1, 4)):
        page = random.choice(pages) if pages else random.randrange(file.pages)
        following = random.choice((0, 1, page + 1, file.pages + 7, random.randrange(file.pages), 2**32 - 1))
        data[page * file.page_size : page * file.page_size + 4] = following.to_bytes(4, "big")


def pages_moved(random: Random, data: Bytes) -> None:
    """Pages that are copies of others, zero, or noise."""
    file = _File(data)
    size = file.page_size
    for _ in range(random.randint(1, 3)):
        to, start = random.randrange(file.pages), random.randrange(file.pages)
        noise = random.choice((bytes(data[start * size : (start + 1) * size]), bytes(size), b"\xff" * size))
        data[to * size : (to + 1) * size] = noise


def something_else(random: Random, data: Bytes) -> None:
    """No SQLite at all, or something after its end."""
    kind = random.randrange(6)
    if kind == 0:
        data.clear()
    elif kind == 1:
        data[:] = random.randbytes(random.randrange(5_000))
    elif kind == 2:
        data[:16] = random.choice((b"\xfd7zXZ\0", b"\x1f\x8b", b"SQLite format 2\0", b"\0")).ljust(16, b"?")
    elif kind == 3:
        data += random.randbytes(random.choice((1, 100, 4096)))
    elif kind == 4:
        del data[random.randrange(200) :]
    else:
        data[:] = b"SQLite format 3\0" + random.randbytes(random.randrange(2_000))


DAMAGES: dict[str, tuple[int, Callable[[Random, Bytes], None]]] = {
    "bit flips": (8, bit_flips),
    "truncated": (6, truncated),
    "file header": (5, file_header),
    "schema page": (5, schema_page),
    "page headers": (6, page_headers),
    "cell pointers": (6, cell_pointers),
    "varints": (8, varints),
    "interior pages": (5, interior_pages),
    "overflow chains": (4, overflow_chains),
    "pages moved": (4, pages_moved),
    "something else": (2, something_else),
}
"""How often each is tried, and what it does."""


def log_beside(random: Random, path: Path) -> None:
    """Put a write-ahead log beside the trace that holds its newest rows, and damage it or not."""
    work = path.with_name("writer.sqlite")
    path.rename(work)
    with closing(sqlite3.connect(work, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE more (a)")
        connection.execute("INSERT INTO StringIds SELECT id + 1000, value FROM StringIds")
        kernels = "CUPTI_ACTIVITY_KIND_KERNEL"
        connection.execute(f"INSERT INTO {kernels} SELECT * FROM {kernels}")
        path.write_bytes(work.read_bytes())
        log = bytearray(Path(f"{work}-wal").read_bytes())
        index = Path(f"{work}-shm").read_bytes()
    work.unlink()
    if random.random() < 0.8:  # as while the writer still has it open
        Path(f"{path}-shm").write_bytes(index)
    kind = random.randrange(5)
    if kind == 1:
        bit_flips(random, log)
    elif kind == 2:
        del log[random.randrange(len(log)) :]
    elif kind == 3:
        log[:] = random.randbytes(random.randrange(3_000))
    if kind < 4:
        Path(f"{path}-wal").write_bytes(log)


def journal_beside(random: Random, path: Path) -> None:
    """Put a rollback journal beside the trace, as a writer leaves one that was killed."""
    magic = bytes.fromhex("d9d505f920a163d7") if random.random() < 0.7 else b""
    count, pages = random.choice((0, 1, 2**32 - 1)), random.randrange(20)
    head = magic + count.to_bytes(4, "big") + random.randbytes(4) + pages.to_bytes(4, "big")
    sizes = (512).to_bytes(4, "big") + (512).to_bytes(4, "big")
    Path(f"{path}-journal").write_bytes((head + sizes).ljust(512, b"\0") + random.randbytes(2_000))


FILES: dict[str, tuple[int, Callable[[Random, Path], None]]] = {
    "log beside": (4, log_beside),
    "journal beside": (2, journal_beside),
}
"""Mutations of what lies beside the file."""
