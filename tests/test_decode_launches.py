"""Threads and warps that kernels' names tell of are those with which recorded programs launched them."""

import math
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from real_trace import unpack

from nsysprof.classify.decoder import decode

TRACES = ("traces/training_loop", "traces/diffusion_training", "traces/held_out_guided")
BLOCKS = """
SELECT name.value, min(blockX * blockY * blockZ), max(blockX * blockY * blockZ)
FROM CUPTI_ACTIVITY_KIND_KERNEL JOIN StringIds AS name ON name.id = demangledName
GROUP BY 1
"""


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: Path(trace).name)
def test_blocks_have_the_threads_that_names_tell(trace: str, tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    with closing(sqlite3.connect(unpack(trace, tmp_path))) as database:
        blocks = database.execute(BLOCKS).fetchall()
    told = 0
    for name, least, most in blocks:
        facts = decode(name)
        threads = 32 * math.prod(facts.warps) if facts.warps else facts.threads
        if threads:
            assert least == most == threads, name
            told += 1
        if facts.warp_groups:  # and others that load
            assert least > 128 * math.prod(facts.warp_groups), name
    assert told > 5
