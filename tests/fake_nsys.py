"""A fake nsys for PATH: it runs the program for real, and fails in the ways that nsys does.

    fake = install(tmp_path / "nsys", importer="broken")     # then put fake / "bin" first on PATH

Installed, this file is the program itself; ``behaviour.json`` beside it says how it behaves.
"""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BEHAVIOUR: dict[str, Any] = {
    "version": "2023.4.4.54-234433681190v0",
    # refuse: a wrong option; nothing: no report; killed: it dies; daemon: it leaves a process behind;
    # lost: the first start fails; never: every start fails; agent: it loses its agent while the program runs;
    # leaves: asked to end, it does not wait for the program; stuck: it never ends;
    # crash: it collects into TMPDIR, says so, and dies while it imports
    "profile": "ok",
    "importer": "ok",  # broken: does not start; absent: is not there; failing: cannot; wait: never ends
    "export": "ok",  # fail: says why, exits with 1; text: writes no SQLite; half: not all; wait: never ends
    "ranges": True,  # False: an nvtx that it does not understand
    "trace": "",  # what it exports; empty: a trace with one range
}
PREFLIGHT = "nsysprof_preflight"
_HELP = """
\t-t, --trace=
\t-s, --sample=
\t--cpuctxsw=
\t--cuda-graph-trace=
\t--cuda-memory-usage=
\t-c, --capture-range=
\t--capture-range-end=
\t-p, --nvtx-capture=
\t-e, --env-var=
\t-o, --output=
\t--wait=
"""


def install(folder: Path, **behaviour: Any) -> Path:
    """Lay out a fake installation in ``folder``, as nsys is laid out, and return it."""
    target, host = folder / "target-linux-x64", folder / "host-linux-x64"
    for place in (target, host, folder / "bin"):
        place.mkdir(parents=True)
    chosen = {**BEHAVIOUR, **behaviour}
    assert chosen.keys() == BEHAVIOUR.keys()
    (target / "behaviour.json").write_text(json.dumps(chosen))
    source = Path(__file__).read_text(encoding="utf-8")
    for path in (target / "nsys", host / "QdstrmImporter"):
        path.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
        path.chmod(0o755)
    if chosen["importer"] == "absent":
        (host / "QdstrmImporter").unlink()
    (folder / "bin" / "nsys").symlink_to("../target-linux-x64/nsys")
    return folder


def write_export(path: Path, texts: list[str]) -> None:
    """Write the smallest export that holds push/pop ranges called ``texts``."""
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE META_DATA_EXPORT (name TEXT, value TEXT);"
        "INSERT INTO META_DATA_EXPORT VALUES ('EXPORT_SCHEMA_VERSION', '3.7.2');"
        "CREATE TABLE StringIds (id INTEGER NOT NULL PRIMARY KEY, value TEXT NOT NULL);"
        "CREATE TABLE NVTX_EVENTS (start INTEGER NOT NULL, end INTEGER, eventType INTEGER NOT NULL,"
        " rangeId INTEGER, text TEXT, globalTid INTEGER, endGlobalTid INTEGER, textId INTEGER,"
        " domainId INTEGER);"
    )
    for number, text in enumerate(texts, 1):
        connection.execute("INSERT INTO StringIds VALUES (?, ?)", (number, text))
        row = (number * 100, number * 100 + 50, 59, None, None, (1 << 48) | (7 << 24) | 7, None, number, 0)
        connection.execute("INSERT INTO NVTX_EVENTS VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.commit()
    connection.close()


def _option(arguments: list[str], name: str) -> str:
    return next((word.partition("=")[2] for word in arguments if word.startswith(f"--{name}=")), "")


def _first_time() -> bool:
    try:
        Path(__file__).resolve().with_name("started").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _program(arguments: list[str]) -> list[str]:
    first = next(at for at, word in enumerate(arguments) if not word.startswith("--"))
    return arguments[first:]


def _profile(behaviour: dict[str, Any], arguments: list[str]) -> int:
    if arguments == ["--help"]:
        print(_HELP)
        return 0
    if behaviour["profile"] == "refuse":
        print("unrecognised option '--sample=none'", file=sys.stderr)
        return 1
    trial = _option(arguments, "output").endswith("preflight")
    agent = Path(tempfile.gettempdir(), "nvidia/nsight_systems")
    agent.mkdir(parents=True, exist_ok=True)
    (agent / "NSys-agent-instance-1").touch()
    if behaviour["profile"] == "never" or (behaviour["profile"] == "lost" and _first_time()):
        print("End of file", file=sys.stderr)
        return 1
    (agent / "quadd_session_1").mkdir()
    output = Path(_option(arguments, "output").replace("%%", "%"))
    asked: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        if behaviour["profile"] != "stuck":
            asked.append(number)
            process.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, pass_on)
    variables = dict(pair.split("=", 1) for pair in _option(arguments, "env-var").split(",") if pair)
    process = subprocess.Popen(_program(arguments), env={**os.environ, **variables})
    if behaviour["profile"] == "killed" and not trial:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour["profile"] == "daemon" and not trial:
        left = [sys.executable, "-c", "import time; time.sleep(600)", str(output)]
        subprocess.Popen(left, start_new_session=True)
    if behaviour["profile"] == "agent" and not trial:
        time.sleep(0.5)
        print("Connection to Agent lost. Internal reason: 'End of file'.", file=sys.stderr)
        return 1
    while process.poll() is None:  # not wait(): a signal right before it would be seen only after it
        time.sleep(0.02)
        if asked and behaviour["profile"] == "leaves":
            break
    code = process.returncode or 0
    code = code if code >= 0 else 128 - code
    if behaviour["profile"] == "crash" and not trial:
        stream = Path(tempfile.gettempdir(), "nsys-report-00ab.qdstrm")
        stream.write_text("all that was collected")
        output.with_name(f"{output.name}.nsys-rep").write_text("half of")
        print(f"Generating '{stream}'", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    if behaviour["profile"] == "nothing" and not trial:
        print("Generated:", flush=True)
        return code
    print(f"Generating '/nowhere/{output.name}.qdstrm'", flush=True)
    report = output.with_name(f"{output.name}.nsys-rep")
    if behaviour["importer"] == "ok":
        for part in (0, 50, 100):
            sys.stdout.write(f"\r[1/1] [{'=' * (part // 10)}{part}%    ] {report.name}")
        sys.stdout.write("\n")
    else:
        print("Importer error status: An unknown error occurred.", file=sys.stderr)
        report = output.with_name(f"{output.name}.qdstrm")
    report.write_text(output.name)
    print(f"Generated:\n    {report}", flush=True)
    return code


def _wait() -> None:
    """Say that it waits, and never come back."""
    (Path(__file__).resolve().parent.parent / "target-linux-x64" / "waiting").touch()
    time.sleep(600)


def _export(behaviour: dict[str, Any], arguments: list[str]) -> int:
    out, report = Path(_option(arguments, "output")), Path(arguments[-1])
    if behaviour["export"] == "fail":
        print("Exportation error: Cannot read from stream.", file=sys.stderr)
        return 1
    sys.stdout.write("Processing 98 events: [1%   ]\rProcessing 98 events: [====100%]\r")
    if behaviour["export"] == "text":
        out.write_text("nothing like SQLite")
    elif behaviour["export"] in ("half", "wait"):
        write_export(out, ["step 0"])
        os.truncate(out, out.stat().st_size // 2)
        if behaviour["export"] == "wait":
            _wait()
    elif behaviour["trace"] and report.name != "preflight.nsys-rep":
        out.write_bytes(Path(behaviour["trace"]).read_bytes())
    else:
        write_export(out, [PREFLIGHT, "step 0"] if behaviour["ranges"] else [])
    return 0


def _import(behaviour: dict[str, Any], arguments: list[str]) -> int:
    if behaviour["importer"] == "broken":
        print(
            "QdstrmImporter: error while loading shared libraries: libpfm.so.4: cannot open shared object "
            "file: No such file or directory",
            file=sys.stderr,
        )
        return 127
    if arguments != ["--version"]:
        if behaviour["importer"] == "failing":
            print("Qdstrm file is incomplete.", file=sys.stderr)
            return 1
        stream, report = (
            Path(arguments[arguments.index(f"--{name}-file") + 1]) for name in ("input", "output")
        )
        if behaviour["importer"] == "wait":
            report.write_text("half of")
            _wait()
        report.write_text(stream.stem)
    return 0


def main() -> int:
    """Do as nsys, or its importer, would."""
    behaviour = json.loads(
        (Path(__file__).resolve().parent.parent / "target-linux-x64" / "behaviour.json").read_text()
    )
    command, arguments = Path(__file__).name, sys.argv[1:]
    if command == "QdstrmImporter":
        return _import(behaviour, arguments)
    if arguments == ["--version"]:
        print(f"NVIDIA Nsight Systems version {behaviour['version']}")
        return 0
    return {"profile": _profile, "export": _export}[arguments[0]](behaviour, arguments[1:])


if __name__ == "__main__":
    sys.exit(main())
