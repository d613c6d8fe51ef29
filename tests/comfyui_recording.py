"""Record what a real ComfyUI says, for the double to say: run by hand, with a checkpoint of any size.

    PYTHONPATH=.:runners python tests/comfyui_recording.py DIR PYTHON CHECKPOINT.safetensors \\
        > tests/data/comfyui/recorded.json

DIR is a ComfyUI checkout and PYTHON one that has what it needs; the runner's own hook is in the server.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from comfyui_client import RefusedError
from comfyui_options import DEFAULT_WORKFLOW, parse
from comfyui_run import CLIENT_ID
from comfyui_server import HOST, Server
from comfyui_socket import SocketClosedError, WebSocket
from comfyui_workflow import applied, load_workflow, varied

SETTINGS = {"width": 64, "height": 64, "steps": 2}


def main() -> None:
    """Record to standard output."""
    folder, python, checkpoint = sys.argv[1:]
    graph = applied(load_workflow(DEFAULT_WORKFLOW), {**SETTINGS, "checkpoint": Path(checkpoint).name})
    with tempfile.TemporaryDirectory() as work:
        broken = Path(work, "checkpoints", "broken.safetensors")
        broken.parent.mkdir()
        broken.write_bytes(b"\0" * 64)
        words = ["--comfyui", folder, "--python", python, "--checkpoint", checkpoint, "--models", work]
        options = parse([*words, "--", "--cpu"])
        server = Server(options, Path(work), Path(work, "log"))
        try:
            stats = server.wait_ready(300)
            recorded = _scrubbed(_record(server, graph, stats), work, folder, python)
            lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in recorded.items()]
            print("{\n" + ",\n".join(lines) + "\n}")
        finally:
            server.stop()


def _record(server: Server, graph: Any, stats: dict[str, Any]) -> dict[str, Any]:
    client = server.client()
    socket = WebSocket(HOST, server.port, f"/ws?clientId={CLIENT_ID}", 10)

    def run(changed: Any, *, interrupt: bool = False) -> dict[str, Any]:
        body = {"prompt": changed, "client_id": CLIENT_ID, "extra_data": {"nsysprof": "capture"}}
        accepted = client.post("/prompt", body)
        messages = []
        for message in _messages(socket):
            messages.append(message)
            if interrupt and message["type"] == "progress":
                client.post("/interrupt", {})
        history = client.get(f"/history/{accepted['prompt_id']}")[accepted["prompt_id"]]
        return {
            "accepted": accepted,
            "messages": messages,
            "history": {key: history[key] for key in ("outputs", "status")},
        }

    try:
        client.post("/prompt", {"prompt": applied(graph, {"checkpoint": "none"}), "client_id": CLIENT_ID})
    except RefusedError as error:
        refused = {"status": error.status, "content": error.content}
    return {
        "system_stats": stats,
        "object_info": {
            name: {"input": info["input"]}
            for name, info in client.get("/object_info/CheckpointLoaderSimple").items()
        },
        "refused": refused,
        "first": run(graph),
        "second": run(varied(graph, 1)),
        "failed": run(applied(graph, {"checkpoint": "broken.safetensors"})),
        "interrupted": run(varied(graph, 2), interrupt=True),
        "hook": client.get("/nsysprof"),
    }


def _messages(socket: WebSocket) -> Iterator[dict[str, Any]]:
    """Yield messages until a run has ended."""
    while True:
        text = socket.receive(300)
        if text is None:
            raise SocketClosedError("nothing came")
        message = json.loads(text)
        yield message
        if message["type"] == "executing" and message["data"]["node"] is None:
            return


def _scrubbed(recorded: dict[str, Any], *paths: str) -> dict[str, Any]:
    """Return what was recorded without this machine's paths; tracebacks and arguments hold little else."""

    def clean(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: clean(one, name) for name, one in value.items() if name != "tooltip"}
        if isinstance(value, list):
            return [] if key in ("traceback", "argv") else [clean(one) for one in value]
        if isinstance(value, str):
            for path in paths:
                value = value.replace(str(Path(path)), "DIR").replace(str(Path(path).resolve()), "DIR")
        return value

    cleaned: dict[str, Any] = clean(recorded)
    return cleaned


if __name__ == "__main__":
    main()
