"""The traces of the tests are stripped by what `nsysprof share` does."""

import lzma
import sys
from pathlib import Path

import pytest
from gpu import strip_trace
from trace_builder import TraceBuilder

from nsysprof.trace import open_trace


def test_a_stripped_trace_is_packed_and_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    builder = (
        TraceBuilder().launch("gemm", (0, 10), (20, 30), correlation=1).nvtx("load /scratch/secret/x", 0, 9)
    )
    builder.row("PROCESSES", globalPid=1, name="/opt/secret/python")
    source, target = builder.write(tmp_path / "export.sqlite"), tmp_path / "stripped.sqlite.xz"
    target.write_text("an older one")
    monkeypatch.setattr(sys, "argv", ["strip_trace.py", str(source), str(target)])
    strip_trace.main()
    said = capsys.readouterr().out
    assert "stripped.sqlite.xz: blanked 1 names (range)" in said
    assert f" -> {target.stat().st_size:,} bytes" in said
    plain = tmp_path / "plain.sqlite"
    plain.write_bytes(lzma.decompress(target.read_bytes()))
    assert b"secret" not in plain.read_bytes()
    with open_trace(plain) as trace:
        assert [trace.strings[id_] for id_ in trace.kernels.name.tolist()] == ["gemm"]
        assert not trace.has_table("PROCESSES")
