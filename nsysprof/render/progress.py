"""A sign of life on a terminal's stderr while something takes its time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def working(text: str) -> Iterator[None]:
    """Show a spinner with ``text`` until the block ends; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    from nsysprof.render.text import plain

    with Console(stderr=True).status(plain(text), spinner="dots"):
        yield
