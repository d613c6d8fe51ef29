"""A sign of life on a terminal's stderr while something takes its time."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def working(text: str, part: Callable[[], float] | None = None) -> Iterator[None]:
    """Show ``text`` and the time until the block ends; nothing where stderr is no terminal.

    part: tells which part is done, 0..1, which a bar then shows.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console, RenderableType
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from nsysprof.render.text import plain

    class Watching(Progress):
        """Asks how far it is whenever it is drawn."""

        def get_renderables(self) -> Iterable[RenderableType]:
            for task in self.tasks:
                task.completed = part() if part else 0.0
            return super().get_renderables()

    columns = [SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()]
    bar = [BarColumn()] if part else []
    with Watching(*columns[:2], *bar, columns[2], console=Console(stderr=True), transient=True) as shown:
        shown.add_task(plain(text), total=1.0)
        yield
