"""A ComfyUI server in a process of its own, from its start to its certain end."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from comfyui_client import Client, RefusedError
from comfyui_options import Options
from run_record import brief

from nsysprof.errors import NsysprofError, OutputError, UsageError

HOST = "127.0.0.1"
NODES = Path(__file__).resolve().parent / "comfyui_nodes"
HOOK = "nsysprof_ranges.py"

_PR_SET_PDEATHSIG = 1
_IDLE_SECONDS = 5.0
_END_SECONDS = 10.0
_TAIL_BYTES = 4000


class ComfyUIError(NsysprofError):
    """ComfyUI did not start, died, or failed to run the workflow."""

    exit_code = 9


class Server:
    """A running server; `stop` ends it and everything that it started."""

    def __init__(self, options: Options, work: Path, log: Path) -> None:
        """Start it, with its own files in ``work`` and its output in ``log``.

        Raises UsageError when the port is busy or the Python is none, OutputError for the log.
        """
        self.work = work
        self._log = log
        self.port = options.port or _free_port()
        if options.port and _is_busy(options.port):
            raise UsageError(f"port {options.port} is busy", "leave --port out to have a free one chosen")
        command = [options.python, "main.py", *_arguments(options, work, self.port)]
        try:
            with log.open("wb") as output:
                self._process = subprocess.Popen(
                    command,
                    cwd=options.comfyui,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=_end_with_parent(),
                )
        except OSError as error:
            if error.filename == str(log):
                raise OutputError(f"cannot write {log}: {error.strerror}", "give another --out") from error
            raise UsageError(f"cannot start {options.python}: {error.strerror}", "check --python") from error

    def client(self) -> Client:
        """Return what talks to it."""
        return Client(HOST, self.port)

    def wait_ready(self, seconds: float) -> dict[str, Any]:
        """Wait until it answers; return its system statistics. Raises ComfyUIError."""
        end = time.monotonic() + seconds
        while True:
            self.check()
            with suppress(OSError, ValueError, RefusedError):
                stats = self.client().get("/system_stats", timeout=5)
                if isinstance(stats, dict) and self._is_ours(stats):
                    return stats
            if time.monotonic() > end:
                raise ComfyUIError(f"ComfyUI did not answer within {seconds:g} s", f"see {self._log}")
            time.sleep(0.2)

    def _is_ours(self, stats: dict[str, Any]) -> bool:
        """Tell it from another one that took the port in the meantime, by its arguments."""
        words = stats.get("system", {}).get("argv")
        return words is None or any(str(self.work) in word for word in words)

    def check(self) -> None:
        """Raise ComfyUIError when it has died, with its last words."""
        if (code := self._process.poll()) is None:
            return
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise ComfyUIError(f"ComfyUI died ({how}): {self.last_words()}", f"see {self._log}")

    def wait_dead(self, seconds: float) -> bool:
        """Wait for its end; return whether it came."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    def last_words(self) -> str:
        """Return the last line of its output that says something."""
        with self._log.open("rb") as output:
            output.seek(max(self._log.stat().st_size - _TAIL_BYTES, 0))
            lines = output.read().decode("utf-8", "replace").split("\n")
        said = [line for line in lines if any(map(str.isalnum, line))]
        return brief(Exception(said[-1])) if said else "it said nothing"

    def stop(self) -> None:
        """End it by Ctrl-C, else by force; its whole process group is gone afterwards."""
        try:
            if self._process.poll() is None:
                self._interrupt()
                for number in (signal.SIGINT, signal.SIGTERM):
                    self._signal(number)
                    if self.wait_dead(_END_SECONDS):
                        break
        finally:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _interrupt(self) -> None:
        """End what it is running, which takes until the step is over: an exit within work is a crash."""
        end = time.monotonic() + _IDLE_SECONDS
        with suppress(OSError, ValueError, KeyError, RefusedError):
            self.client().post("/interrupt", {}, timeout=2)
            while self.client().get("/queue", timeout=2)["queue_running"] and time.monotonic() < end:
                time.sleep(0.05)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


def _end_with_parent() -> Callable[[], None]:
    """Return what the child does before it becomes ComfyUI: ask to be ended when this process is killed."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it

    return prepare


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_busy(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _arguments(options: Options, work: Path, port: int) -> list[str]:
    """Return main.py's arguments; what it writes goes to ``work``, so that the checkout stays as it is."""
    known = (options.comfyui / "comfy" / "cli_args.py").read_text(encoding="utf-8", errors="replace")
    paths = work / "model_paths.yaml"
    paths.write_text(json.dumps(_model_paths(options)), encoding="utf-8")  # JSON is YAML too
    wanted = [("--listen", HOST), ("--port", str(port)), ("--disable-auto-launch", "")]
    for option in ("--output-directory", "--temp-directory", "--user-directory", "--front-end-root"):
        folder = work / option.strip("-")
        folder.mkdir(exist_ok=True)
        wanted.append((option, str(folder)))
    wanted.append(("--database-url", "sqlite:///:memory:"))
    wanted.append(("--extra-model-paths-config", str(paths)))
    given = set(options.arguments)
    if "--disable-all-custom-nodes" in given and "--whitelist-custom-nodes" not in given and options.ranges:
        wanted.append(("--whitelist-custom-nodes", HOOK))
    words = [word for pair in wanted if f'"{pair[0]}"' in known for word in pair if word]
    return [*words, *options.arguments]


def _model_paths(options: Options) -> dict[str, dict[str, str]]:
    """Return ComfyUI's extra model paths: the hook's folder, and those that were asked for."""
    nodes = [str(folder) for folder in ((NODES,) if options.ranges else ()) + options.custom_nodes]
    paths: dict[str, dict[str, str]] = {}
    if nodes:
        paths["nodes"] = {"custom_nodes": "\n".join(nodes)}
    if options.checkpoint_folder is not None:
        paths["checkpoint"] = {"checkpoints": str(options.checkpoint_folder)}
    for index, folder in enumerate(options.models):
        inside = sorted(place.name for place in folder.iterdir() if place.is_dir())
        paths[f"models {index}"] = {name: str(folder / name) for name in inside}
    return paths
