"""A call on a second thread; ``concurrent.futures`` would load logging and more before it starts one."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Beside(Generic[Result]):
    """A call that runs while its maker does something else; NumPy mostly lets go of Python's lock."""

    def __init__(self, call: Callable[[], Result]) -> None:
        """Start ``call`` on a thread of its own."""
        self._call = call
        self._results: list[Result] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:  # raised in the thread that asks for the result
            self._error = error

    def result(self) -> Result:
        """Wait for the call and return its result; raises what it raised."""
        self._thread.join()
        if self._error:
            raise self._error
        return self._results[0]
