"""Fixtures that several test files share."""

import nvtx
import pytest
from range_tree import RangeTree


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch) -> RangeTree:
    tree = RangeTree()
    monkeypatch.setattr(nvtx, "push_range", tree.push)
    monkeypatch.setattr(nvtx, "pop_range", tree.pop)
    return tree
