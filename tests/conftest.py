"""Fixtures that several test files share."""

import nvtx
import pytest
from hypothesis import settings
from range_tree import RangeTree

settings.register_profile("untimed", deadline=None)  # speeds are measured, never tested
settings.load_profile("untimed")


@pytest.fixture
def tree(monkeypatch: pytest.MonkeyPatch) -> RangeTree:
    tree = RangeTree()
    monkeypatch.setattr(nvtx, "push_range", tree.push)
    monkeypatch.setattr(nvtx, "pop_range", tree.pop)
    return tree
