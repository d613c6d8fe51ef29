"""Try nsys for real on a program of two lines: does it record NVTX ranges, import and export?

nvtx from 0.2.12 on writes nothing under nsys 2023.4: nvtx asks whether its domain is enabled, and that nsys
answers no because it knows an older payload extension. Everything looks valid, and has no ranges.
"""

import io
import os
import sqlite3
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from nsysprof.capture.export import export_report
from nsysprof.capture.locate import Nsys
from nsysprof.capture.process import Streams
from nsysprof.capture.start import run_nsys
from nsysprof.errors import NsysError, NsysprofError

_RANGE = "nsysprof_preflight"
_PROGRAM = f"from nsysprof import ranges\nwith ranges.annotate({_RANGE!r}): pass\n"
_COUNT = """
SELECT count(*) FROM NVTX_EVENTS AS event LEFT JOIN StringIds AS string ON string.id = event.textId
WHERE event.eventType IN (59, 70) AND coalesce(event.text, string.value) = ?
"""

PAIR_HINT = "use a newer nsys, or an older nvtx (pip install 'nvtx==0.2.11')"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of profiling a small program that opens one NVTX range."""

    exported: bool
    """True when nsys collected, imported and exported it."""
    recorded: bool
    """True when the range is in the export."""
    problem: str
    """What went wrong, empty when the range is there."""
    hint: str
    """What to do about it."""


def nvtx_version() -> str:
    """Return the version of the installed ``nvtx`` package, empty when there is none."""
    try:
        return metadata.version("nvtx")
    except metadata.PackageNotFoundError:
        return ""


def try_ranges(nsys: Nsys, env: Mapping[str, str] | None = None) -> Trial:
    """Profile a small program with this Python and look for its range; takes about a second."""
    with tempfile.TemporaryDirectory(prefix="nsysprof-") as work:
        try:
            export = _profile(nsys, Path(work), os.environ if env is None else env)
        except NsysprofError as error:
            return Trial(False, False, error.message, error.hint)
        found = _count_ranges(export)
    if found:
        return Trial(True, True, "", "")
    return Trial(
        True, False, f"nvtx {nvtx_version()} writes no ranges under nsys {nsys.version_text}", PAIR_HINT
    )


def _profile(nsys: Nsys, work: Path, env: Mapping[str, str]) -> Path:
    quiet = Streams(io.BytesIO(), io.BytesIO(), lambda _: None, lambda _: None)
    output = work / "preflight"
    escaped = str(output).replace("%", "%%")
    options = ["--trace=nvtx", "--sample=none", "--cpuctxsw=none", f"--output={escaped}"]
    program = [sys.executable, "-c", _PROGRAM]
    ended = run_nsys([str(nsys.path), "profile", *options, *program], env, output.name, quiet, work)
    if ended.signal:
        raise KeyboardInterrupt
    words = (ended.last_words.strip().splitlines() or [""])[-1]
    if ended.code:
        raise NsysError(
            f"a trial profile under nsys {nsys.version_text} ended with exit code {ended.code}: {words}",
            "run `nsys profile --trace=nvtx python3 -c 1` to see more",
        )
    for suffix in (".nsys-rep", ".qdstrm"):
        report = output.with_suffix(suffix)
        if report.is_file():
            return export_report(
                nsys, report, work / "preflight.sqlite", force=True, progress=lambda *_: None
            )
    raise NsysError(
        f"nsys {nsys.version_text} wrote no report for a trial program: {words}", "see `nsysprof doctor`"
    )


def _count_ranges(export: Path) -> int:
    connection = sqlite3.connect(f"file:{quote(str(export))}?mode=ro", uri=True)
    try:
        return int(connection.execute(_COUNT, (_RANGE,)).fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # no NVTX table: nsys recorded no NVTX at all
    finally:
        connection.close()
