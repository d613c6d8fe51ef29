"""One run of a workflow in a ComfyUI server: queued over HTTP, followed over a WebSocket."""

import contextlib
import json
import math
import sys
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from comfyui_client import Client, RefusedError
from comfyui_facts import hook_report
from comfyui_server import ComfyUIError, Server
from comfyui_socket import WebSocket
from comfyui_workflow import Graph, samplers
from run_record import DeviceMemoryError, brief

from nsysprof.errors import UsageError

CLIENT_ID = uuid.uuid4().hex
"""ComfyUI sends a run's messages to the client that queued it."""
_HISTORY_SECONDS = 10.0
_LAST_MESSAGE_SECONDS = 5.0
_ASK_SECONDS = 5.0


@dataclass(slots=True)
class Run:
    """What the server's messages say about a run."""

    prompt_id: str
    """The server's name for it."""
    nodes: list[dict[str, Any]] = field(default_factory=list)
    """Each node that was executed: ``node``, ``class``, seconds ``s``, in order.

    Seconds inside the server; without ranges, from one message to the next.
    """
    cached: list[str] = field(default_factory=list)
    """Nodes whose results came from ComfyUI's cache."""
    step_ms: list[float] = field(default_factory=list)
    """Milliseconds of each step; without ranges, between two messages of progress: one fewer."""
    total_s: float = 0.0
    """Seconds inside the server; without ranges, from queueing to the message of its success."""

    def as_record(self) -> dict[str, object]:
        """Return the times as JSON values."""
        return {
            "step_ms": self.step_ms,
            "total_s": self.total_s,
            "nodes": self.nodes,
            "cached": self.cached,
        }


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs workflows, one after the other."""

    server: Server
    """The server."""
    socket: WebSocket
    """Where its messages come from."""
    timeout: float
    """Seconds that each run may take."""
    timed_there: bool
    """The hook is in the server and times each run."""

    def execute(self, label: str, graph: Graph, *, marked: bool = False) -> Run:
        """Run a workflow to its end, with ``label`` in the progress lines; ``marked``: with NVTX ranges.

        Raises UsageError when ComfyUI refuses it, DeviceMemoryError, and ComfyUIError when a node fails, the
        server dies, or time is up.
        """
        extra = {"nsysprof": "capture"} if marked else {}
        body = {"prompt": graph, "client_id": CLIENT_ID, "extra_data": extra}
        began = time.monotonic()
        try:
            run = Run(str(self.server.client().post("/prompt", body)["prompt_id"]))
            follower = _Follower(label, graph, run, 0 if self.timed_there else _LAST_MESSAGE_SECONDS)
            self._follow(follower, began + self.timeout)
            run.total_s = round(follower.ended - began, 6)
            if self.timed_there:
                self._measure_there(follower, began + self.timeout)
        except RefusedError as error:
            raise _refusal(error) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.server.wait_dead(2)
            self.server.check()
            raise ComfyUIError(f"lost ComfyUI during the {label}", brief(error)) from error
        return run

    def _follow(self, follower: "_Follower", end: float) -> None:
        while not follower.is_done(time.monotonic()):
            text = self.socket.receive(1.0)
            if text is not None:
                follower.take(json.loads(text), time.monotonic())
            else:
                self.server.check()
            if time.monotonic() > end and not follower.is_done(time.monotonic()):
                raise self._too_long(follower)

    def _measure_there(self, follower: "_Follower", end: float) -> None:
        """Take the times that were taken inside the server.

        They are there once the captured range has closed. A profiler that stops on this holds the server up,
        which may not answer for as long as that takes.
        """
        run = follower.run
        while True:
            with contextlib.suppress(TimeoutError):
                if timed := hook_report(self.server.client(), _ASK_SECONDS).runs.get(run.prompt_id):
                    break
            self.server.check()
            if time.monotonic() > end:
                raise self._too_long(follower)
            time.sleep(0.02)
        run.step_ms, run.total_s = timed["step_ms"] or run.step_ms, timed["total_s"]
        run.nodes = with_times(run.nodes, timed["node_s"])

    def _too_long(self, follower: "_Follower") -> ComfyUIError:
        return ComfyUIError(
            f"the {follower.label} did not end within {self.timeout:g} s", "give a longer --timeout"
        )


def with_times(nodes: list[dict[str, Any]], node_s: dict[str, float]) -> list[dict[str, Any]]:
    """Return the nodes with the seconds of ``node_s``, which hold all that was done for a node: each once."""
    once = {node["node"]: node for node in reversed(nodes)}
    return [
        {**node, "s": node_s.get(node["node"], node["s"])} for node in nodes if once.get(node["node"]) is node
    ]


def _refusal(error: RefusedError) -> UsageError:
    """Turn the server's reasons for not queueing a workflow into one line."""
    content = error.content if isinstance(error.content, dict) else {}
    for name, node in (content.get("node_errors") or {}).items():
        for one in node.get("errors", ()):
            where = f"{node.get('class_type')} (node {name})"
            words = f"{one.get('message')}: {one.get('details')}"
            return UsageError(f"ComfyUI refuses the workflow's {where}", brief(Exception(words)))
    reason = content.get("error") or {}
    said = reason.get("message") if isinstance(reason, dict) else reason
    return UsageError("ComfyUI refuses the workflow", brief(Exception(said or error)))


class _Follower:
    """Takes in the messages about one run."""

    def __init__(self, label: str, graph: Graph, run: Run, patience: float) -> None:
        """Follow ``run``; ``patience``: seconds to wait for what may come after its success."""
        self.label = label
        self.run = run
        self.ended = math.inf
        """When it succeeded, or was said to be over."""
        self._patience = patience
        self._done = False
        self._graph = graph
        self._samplers = set(samplers(graph))
        self._node_began = 0.0
        self._step_ended = 0.0

    def is_done(self, now: float) -> bool:
        """Return whether the run is over: success is not quite the end, but is so if nothing follows."""
        return self._done or now - self.ended >= self._patience

    def take(self, message: dict[str, Any], now: float) -> None:
        """Take in a message that came at ``now`` (seconds)."""
        kind, data = message.get("type"), message.get("data") or {}
        if data.get("prompt_id", self.run.prompt_id) != self.run.prompt_id:
            return
        if kind == "execution_cached":
            self.run.cached = [str(name) for name in data["nodes"]]
        elif kind == "executing":
            self._close_node(now)
            if data["node"] is not None:
                self._open_node(str(data.get("display_node") or data["node"]), now)
            elif "prompt_id" in data:
                self._done = True
                self.ended = min(self.ended, now)
        elif kind == "progress" and data.get("node") in self._samplers:
            self._step(int(data["value"]), int(data["max"]), now)
        elif kind == "execution_success":
            self._close_node(now)
            self.ended = now
        elif kind == "execution_error":
            raise _failure(data)
        elif kind == "execution_interrupted":
            raise ComfyUIError(f"the {self.label} was interrupted by somebody else")

    def _open_node(self, name: str, now: float) -> None:
        self._node_began, self._step_ended = now, 0.0
        type_name = self._graph.get(name, {}).get("class_type", name)
        self.run.nodes.append({"node": name, "class": type_name, "s": None})
        count = len(self._graph) - len(self.run.cached)
        sys.stderr.write(f"comfyui: {self.label}: {type_name} ({len(self.run.nodes)} of {count})\n")

    def _close_node(self, now: float) -> None:
        if self.run.nodes and self.run.nodes[-1]["s"] is None:
            self.run.nodes[-1]["s"] = round(now - self._node_began, 6)

    def _step(self, value: int, most: int, now: float) -> None:
        if self._step_ended:
            self.run.step_ms.append(round((now - self._step_ended) * 1e3, 4))
        self._step_ended = now
        if sys.stderr.isatty():
            sys.stderr.write(f"\rcomfyui: step {value} of {most}" + ("\n" if value >= most else ""))


def _failure(data: dict[str, Any]) -> ComfyUIError | DeviceMemoryError:
    where = f"{data.get('node_type')} (node {data.get('node_id')})"
    kind = str(data.get("exception_type", "")).rpartition(".")[2]
    if kind == "OutOfMemoryError":
        return DeviceMemoryError(f"out of memory in {where}", "lower --batch, --width or --height")
    words = str(data.get("exception_message", "")).strip().split("\n")[0]
    return ComfyUIError(f"{where} failed", brief(Exception(f"{kind}: {words}")))


def outputs(client: Client, run: Run) -> list[dict[str, str]]:
    """Return the images that a finished run made, as ``/view`` wants them: saved ones, else previews.

    Raises ComfyUIError when the server does not list the run.
    """
    end = time.monotonic() + _HISTORY_SECONDS
    while not (history := client.get(f"/history/{run.prompt_id}")):
        if time.monotonic() > end:
            raise ComfyUIError("ComfyUI keeps no history of the run")
        time.sleep(0.1)
    found = [
        {key: str(image.get(key, "")) for key in ("filename", "subfolder", "type")}
        for output in history[run.prompt_id]["outputs"].values()
        for image in output.get("images", ())
    ]
    return [image for image in found if image["type"] == "output"] or found
