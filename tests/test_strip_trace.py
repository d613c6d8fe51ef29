"""Captured traces are shared: nothing may be left in them that tells where they were made."""

import lzma
import sqlite3
import sys
from pathlib import Path

import pytest
from gpu import strip_trace
from trace_builder import TraceBuilder

SECRETS = {
    "META_DATA_CAPTURE": ("name TEXT, value TEXT", ("PROCESS_0:ENV", "TOKEN=abc PATH=/usr/local/secret/bin")),
    "META_DATA_EXPORT": ("name TEXT, value TEXT", ("EXPORT_INPUT", "/scratch/secret/run.nsys-rep")),
    "TARGET_INFO_SYSTEM_ENV": ("name TEXT, value TEXT", ("Hostname", "secret-host")),
    "PROCESSES": ("globalPid INTEGER, name TEXT", (1, "/opt/secret/python")),
    "StringIds": ("id INTEGER, value TEXT", (990_001, "/scratch/secret/never/used.py")),
}


def planted(tmp_path: Path) -> Path:
    """Return a trace with secrets in tables and columns of all kinds."""
    builder = TraceBuilder()
    builder.launch("gemm", (0, 10), (20, 30), correlation=1)
    path = builder.write(tmp_path / "export.sqlite")
    connection = sqlite3.connect(path)
    for table, (columns, row) in SECRETS.items():
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
        connection.execute(f"INSERT INTO {table} VALUES (?, ?)", row)
    connection.execute(
        "INSERT INTO META_DATA_CAPTURE VALUES ('PROCESS_0:CUDA_GRAPH_TRACE_OPTIONS:MODE', 'Node')"
    )
    connection.execute("DROP TABLE TARGET_INFO_GPU")
    connection.execute("CREATE TABLE TARGET_INFO_GPU (id INTEGER, name TEXT, uuid TEXT, busLocation TEXT)")
    connection.execute("INSERT INTO TARGET_INFO_GPU VALUES (0, 'NVIDIA H200', 'GPU-12345678-secret', '0:1')")
    connection.execute("CREATE TABLE ANALYSIS_DETAILS (note TEXT, duration INTEGER)")
    connection.execute("INSERT INTO ANALYSIS_DETAILS VALUES ('from /scratch/secret/run', 5)")
    connection.commit()
    connection.close()
    return path


def test_nothing_tells_where_a_trace_was_captured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "stripped.sqlite.xz"
    monkeypatch.setattr(sys, "argv", ["strip_trace.py", str(planted(tmp_path)), str(target)])
    strip_trace.main()
    data = lzma.decompress(target.read_bytes())
    assert b"secret" not in data
    assert "blanked ANALYSIS_DETAILS.note: from /scratch/secret/run" in capsys.readouterr().out
    plain = tmp_path / "plain.sqlite"
    plain.write_bytes(data)
    connection = sqlite3.connect(plain)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    assert not {"PROCESSES", "TARGET_INFO_SYSTEM_ENV"} & tables
    assert connection.execute("SELECT name, value FROM META_DATA_CAPTURE").fetchall() == [
        ("PROCESS_0:CUDA_GRAPH_TRACE_OPTIONS:MODE", "Node")
    ]
    assert connection.execute("SELECT * FROM TARGET_INFO_GPU").fetchall() == [(0, "NVIDIA H200", "", "")]
    assert connection.execute("SELECT * FROM ANALYSIS_DETAILS").fetchall() == [("", 5)]
    names = "SELECT value FROM StringIds JOIN CUPTI_ACTIVITY_KIND_KERNEL ON id = demangledName"
    assert connection.execute(names).fetchall() == [("gemm",)]
    connection.close()
