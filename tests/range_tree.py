"""The NVTX ranges that code under test opens, without a profiler: as indented text."""


class RangeTree:
    """The ranges written through NVTX, as indented text."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.open: list[str] = []

    def push(self, name: str) -> None:
        self.lines.append("  " * len(self.open) + name)
        self.open.append(name)

    def pop(self) -> None:
        self.open.pop()  # fails where nothing is open

    def __str__(self) -> str:
        return "\n".join(self.lines)
