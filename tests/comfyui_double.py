"""A double of ComfyUI: a server that says what a real one said, and fails in the ways that one does.

    folder = install(tmp_path / "ComfyUI", fault="dies")     # then --comfyui folder

``data/comfyui/recorded.json`` holds the real one's words; see comfyui_recording.py. The runner's hook is
loaded as the real one loads it, and wraps the stand-ins of comfyui_stand_ins.py.
"""

import asyncio
import base64
import ctypes
import hashlib
import importlib.util
import json
import os
import queue
import signal
import struct
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import comfyui_stand_ins
import nvtx

FAULTS = (
    "",
    "exits",  # says why, and ends before it serves
    "silent",  # never serves
    "hangs",  # falls silent within the run, until it is interrupted
    "dies",  # ends within the run
    "crashes",  # is killed within the run
    "closes",  # hangs up within the run, and goes on
    "node",  # a node fails
    "memory",  # a node runs out of GPU memory
    "interrupted",  # somebody else interrupts the run
    "stubborn",  # hangs, has a child that does too, and does not end when it is told to
    "mute",  # says that all went well, but not that it is over
    "forgetful",  # keeps no history
    "stalls",  # closing the captured range takes a while, in which it does not answer
)
STALL_S = 1.0
"""Of the fault ``stalls``."""
RECORDED = Path(__file__).resolve().parent / "data" / "comfyui" / "recorded.json"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNgYGAAAAAEAAH2FzhVAAAAAElFTkSuQmCC"
)
_OPTIONS = (
    "--listen --port --disable-auto-launch --output-directory --temp-directory --user-directory "
    "--front-end-root --extra-model-paths-config --whitelist-custom-nodes --disable-all-custom-nodes"
)


def install(folder: Path, fault: str = "", *, checkpoints: tuple[str, ...] = ("toy.safetensors",)) -> Path:
    """Lay out a double in ``folder`` and return it."""
    assert fault in FAULTS
    (folder / "comfy").mkdir(parents=True)
    (folder / "comfy" / "cli_args.py").write_text(" ".join(f'"{word}"' for word in _OPTIONS.split()))
    (folder / "behaviour.json").write_text(json.dumps({"fault": fault, "checkpoints": checkpoints}))
    (folder / "main.py").write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import comfyui_double\ncomfyui_double.main()\n"
    )
    return folder


def queued(folder: Path) -> list[dict[str, Any]]:
    """Return the bodies that a double was sent to queue."""
    return [json.loads(line) for line in (folder / "queued").read_text().splitlines()]


class Double:
    """The server's state: its options, its queue, its one socket, what it has done."""

    def __init__(self, arguments: list[str]) -> None:
        """Import what custom nodes there are."""
        behaviour = json.loads(Path("behaviour.json").read_text())
        self.fault: str = behaviour["fault"]
        self.checkpoints: list[str] = behaviour["checkpoints"]
        self.recorded = json.loads(RECORDED.read_text())
        self.arguments = arguments
        self.socket: Any = None
        self.waiting: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        self.history: dict[str, Any] = {}
        self.before: Any = None
        self.running: list[str] = []
        self.is_interrupted = False
        sys.modules.update(comfyui_stand_ins.make())
        for paths in json.loads(Path(self.option("--extra-model-paths-config")).read_text()).values():
            if "checkpoints" in paths:
                self.checkpoints += sorted(path.name for path in Path(paths["checkpoints"]).iterdir())
            for folder in filter(None, paths.get("custom_nodes", "").split("\n")):
                for file in Path(folder).glob("*.py"):
                    self._import(file)

        if self.fault == "stalls":
            _stall_at_the_end_of_the_capture()

    def _import(self, file: Path) -> None:
        listed = self.option("--whitelist-custom-nodes")
        if "--disable-all-custom-nodes" in self.arguments and file.name != listed:
            return
        spec = importlib.util.spec_from_file_location(str(file), file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert module.NODE_CLASS_MAPPINGS == {}

    def option(self, name: str) -> str:
        """Return what follows an option of main.py."""
        return self.arguments[self.arguments.index(name) + 1] if name in self.arguments else ""

    def work(self) -> None:
        """Run what is queued, one after the other, as ComfyUI's own thread does."""
        executor = sys.modules["execution"].PromptExecutor(self.say)
        while True:
            self.running = []
            prompt_id, body = self.waiting.get()
            self.running = [prompt_id]
            part = self.part(body["prompt"])
            said = json.loads(json.dumps(part["messages"]).replace(part["accepted"]["prompt_id"], prompt_id))
            last = said.pop()  # it comes when the run is in the history
            try:
                executor.execute(body["prompt"], prompt_id, body["extra_data"], said)
            except InterruptedError:
                print("Processing interrupted", flush=True)
                continue
            image = Path(self.option("--output-directory"), f"nsysprof_{len(self.history) + 1:05}_.png")
            image.write_bytes(PNG)
            outputs = {"save": {"images": [{"filename": image.name, "subfolder": "", "type": "output"}]}}
            self.history[prompt_id] = {"outputs": outputs, "status": part["history"]["status"]}
            if self.fault != "mute":
                self.say(last)

    def part(self, graph: Any) -> Any:
        """Choose what to say: what was recorded of a first, second or failing run; or all is cached."""
        if self.fault in ("node", "memory"):
            return json.loads(
                json.dumps(self.recorded["failed"]).replace(
                    "safetensors._safetensors_rust.SafetensorError",
                    "torch.OutOfMemoryError" if self.fault == "memory" else "safetensors.SafetensorError",
                )
            )
        if self.fault == "interrupted":
            return self.recorded["interrupted"]
        chosen = self.recorded["second" if self.before else "first"]
        if graph == self.before:
            kinds = ("execution_start", "execution_success")
            kept = [one for one in chosen["messages"][:-1] if one["type"] in kinds]
            chosen = {**chosen, "messages": [*kept, chosen["messages"][-1]]}
        self.before = graph
        return chosen

    def say(self, message: dict[str, Any]) -> None:
        """Send a message; some faults come with a sampler's first."""
        text = json.dumps(message).encode()
        self.socket.write(b"\x81" + _length(len(text)) + text)
        self.socket.write(b"\x82\x04\0\0\0\1" + b"\x89\x02hi")  # a preview, and a ping
        if message["type"] == "progress":
            self._fail()

    def _fail(self) -> None:
        if self.fault == "dies":
            print("terminate called after throwing an instance of 'c10::Error'\n\n", flush=True)
            os._exit(3)
        if self.fault == "crashes":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "closes":
            self.socket.write(b"\x88\x02\x03\xe8")
        while self.fault in ("hangs", "closes") and not self.is_interrupted:
            time.sleep(0.02)
        if self.is_interrupted:
            time.sleep(0.3)  # as a step would take
            raise InterruptedError
        if self.fault == "stubborn":
            time.sleep(600)


def _stall_at_the_end_of_the_capture() -> None:
    """Let the last range's end take STALL_S and hold the whole process up, as nsys does when it stops."""
    push, pop, depth = nvtx.push_range, nvtx.pop_range, []

    def pushed(name: str) -> None:
        depth.append(name)
        push(name)

    def popped() -> None:
        pop()
        if depth.pop() == "nsysprof_capture":
            ctypes.PyDLL(None).usleep(int(STALL_S * 1e6))  # holds the interpreter's lock

    nvtx.push_range, nvtx.pop_range = pushed, popped


def _length(size: int) -> bytes:
    return bytes([size]) if size < 126 else b"\x7e" + struct.pack(">H", size)


class Handler(BaseHTTPRequestHandler):
    """Answers requests."""

    double: ClassVar[Double]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        double = self.double
        routes = sys.modules["server"].PromptServer.instance.routes.added
        if path == "/ws":
            self._open_socket()
        elif path == "/system_stats":
            stats = double.recorded["system_stats"]
            stats["system"]["argv"] = ["main.py", *double.arguments]
            self._answer(stats)
        elif path.startswith("/object_info/"):
            info = double.recorded["object_info"]["CheckpointLoaderSimple"]
            info["input"]["required"]["ckpt_name"][0] = double.checkpoints
            self._answer({"CheckpointLoaderSimple": info} if path.endswith("CheckpointLoaderSimple") else {})
        elif path.startswith("/history/"):
            name = path.rpartition("/")[2]
            known = name in double.history and double.fault != "forgetful"
            self._answer({name: double.history[name]} if known else {})
        elif path == "/queue":
            self._answer({"queue_running": double.running, "queue_pending": []})
        elif path == "/view":
            self._send(200, Path(double.option("--output-directory"), query["filename"][0]).read_bytes())
        elif path in routes:
            self._answer(asyncio.run(routes[path](self)))
        else:
            self._send(404, b"404: Not Found")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != "/prompt":
            self.double.is_interrupted = bool(self.double.running)
            self._send(200, b"")
            return
        with Path("queued").open("a") as file:
            file.write(json.dumps(body) + "\n")
        names = [node["inputs"].get("ckpt_name") for node in body["prompt"].values()]
        if any(name is not None and name not in self.double.checkpoints for name in names):
            refused = self.double.recorded["refused"]
            self._send(refused["status"], json.dumps(refused["content"]).encode())
            return
        prompt_id = str(uuid.uuid4())
        self._answer({"prompt_id": prompt_id, "number": 1, "node_errors": {}})
        self.double.waiting.put((prompt_id, body))

    def _answer(self, content: Any) -> None:
        self._send(200, json.dumps(content).encode())

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _open_socket(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        self.double.socket = self.wfile
        while self.rfile.read(1):  # pongs
            pass
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Keep the log for what ComfyUI would say."""


class HttpServer(ThreadingHTTPServer):
    """Says nothing of clients that hang up."""

    def handle_error(self, *_: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*_)


def main() -> None:
    """Serve until Ctrl-C."""
    double = Handler.double = Double(sys.argv[1:])
    print("Starting the double", flush=True)
    if double.fault == "exits":
        print("RuntimeError: Found no NVIDIA driver on your system.\n", file=sys.stderr)
        raise SystemExit(1)
    if double.fault == "stubborn":
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(Path.cwd())])
    if double.fault == "silent":
        time.sleep(600)
    threading.Thread(target=double.work, daemon=True).start()
    server = HttpServer(("127.0.0.1", int(double.option("--port"))), Handler)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("\nStopped server", flush=True)
        os._exit(0)
