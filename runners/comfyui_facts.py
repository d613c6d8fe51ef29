"""What a ComfyUI server says about itself: its checkpoints, its machine, and what our hook measured."""

from dataclasses import dataclass, field
from typing import Any

from comfyui_client import Client, RefusedError
from comfyui_workflow import Graph, applied, slots

from nsysprof.errors import UsageError

_SHOWN_NAMES = 8


@dataclass(frozen=True, slots=True)
class HookReport:
    """What ``comfyui_nodes/nsysprof_ranges.py`` answers; empty where it is not in the server."""

    present: bool = False
    """It is in the server."""
    nvtx: bool = False
    """The server's Python has nvtx, so that ranges can be written."""
    attached: frozenset[str] = frozenset()
    """The parts of ComfyUI that it could wrap."""
    runs: dict[str, Any] = field(default_factory=dict)
    """``step_ms``, ``total_s`` and ``node_s`` (seconds by node) of each run that has ended."""
    facts: dict[str, Any] = field(default_factory=dict)
    """``gpu``, ``allocator``, ``versions`` and ``peak_memory``, as in every run record."""

    @property
    def times(self) -> bool:
        """Return whether it times runs."""
        return "run" in self.attached

    @property
    def run(self) -> bool:
        """Return whether the server itself opens the range that is captured."""
        return self.nvtx and self.times

    def lack(self) -> str:
        """Return why it marks no steps, empty when it does."""
        if not self.present:
            return "the server did not load the custom node that writes NVTX ranges"
        if not self.nvtx:
            return "the server's Python has no nvtx"
        return "" if {"run", "steps"} <= self.attached else "this ComfyUI has no place for NVTX ranges"


def hook_report(client: Client, timeout: float = 30) -> HookReport:
    """Ask the hook. Raises OSError when the server is gone, or does not answer within ``timeout`` seconds."""
    try:
        said = client.get("/nsysprof", timeout)
    except (RefusedError, ValueError):
        return HookReport()
    names = ("gpu", "allocator", "versions", "peak_memory")
    return HookReport(
        True, said["nvtx"], frozenset(said["attached"]), said["runs"], {name: said[name] for name in names}
    )


def facts(client: Client, stats: dict[str, Any]) -> dict[str, Any]:
    """Return the run record's ``versions``, ``gpu``, ``allocator`` and ``peak_memory``.

    ``stats``: the system statistics after the start. Without the hook, they have to do.
    """
    hook = hook_report(client)
    comfyui = stats["system"].get("comfyui_version")
    if hook.present:
        return {**hook.facts, "versions": {"comfyui": comfyui, **hook.facts["versions"]}}
    device = client.get("/system_stats")["devices"][0]
    driver_free = device["vram_free"] - device["torch_vram_free"]  # it counts PyTorch's idle cache as free
    name, _, backend = str(device["name"]).partition(" : ")
    has_gpu = device["type"] == "cuda"
    python = str(stats["system"].get("python_version", "")).split(" ")[0]
    gpu = {"name": name.partition(" ")[2], "memory_bytes": device["vram_total"], "capability": None}
    return {
        "versions": {
            "comfyui": comfyui,
            "python": python or None,
            "torch": stats["system"].get("pytorch_version"),
        },
        "gpu": gpu if has_gpu else None,
        "allocator": {"backend": backend or None, "settings": None} if has_gpu else None,
        "peak_memory": {
            "allocated_bytes": None,
            "reserved_bytes": None,
            "device_used_bytes": device["vram_total"] - driver_free if has_gpu else None,
            "host_bytes": None,
        },
    }


def with_checkpoint(client: Client, graph: Graph) -> Graph:
    """Return the graph with a checkpoint that ComfyUI has: the one it names, else the only one there is.

    Raises UsageError when that is not clear.
    """
    for slot in slots(graph, "checkpoint"):
        node = graph[slot.node]
        known = _choices(client, node["class_type"], slot.key)
        name = node["inputs"][slot.key]
        if known is None or name in known:
            continue
        if not known:
            raise UsageError("ComfyUI has no checkpoint", "give --checkpoint FILE, or --models DIR")
        shown = ", ".join(known[:_SHOWN_NAMES]) + (", ..." if len(known) > _SHOWN_NAMES else "")
        if name:
            raise UsageError(f"ComfyUI has no checkpoint {name}", f"it has {shown}")
        if len(known) > 1:
            raise UsageError("which checkpoint?", f"give --checkpoint, one of: {shown}")
        graph = applied(graph, {"checkpoint": known[0]})
    return graph


def _choices(client: Client, class_type: str, key: str) -> list[str] | None:
    """Return what a node's input may be, None where ComfyUI does not list that."""
    info = client.get(f"/object_info/{class_type}").get(class_type)
    if info is None:
        return None
    for group in ("required", "optional"):
        if (described := info["input"].get(group, {}).get(key)) is not None:
            first, more = described[0], described[1] if len(described) > 1 else {}
            return first if isinstance(first, list) else more.get("options")
    return None


def load_seconds(nodes: list[dict[str, Any]]) -> float | None:
    """Return the seconds of the loaders among a first run's nodes; None when there are none."""
    loaders = [float(node["s"]) for node in nodes if "Loader" in node["class"]]
    return round(sum(loaders), 6) if loaders else None
