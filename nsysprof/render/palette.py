"""One colour per category, idle cause and CUDA API class: the same in the terminal, the page and the sweeps.

The common categories keep apart under the usual colour blindnesses; every colour shows on white and on
near-black. Malloc, free and memset have the colours of the nsys window: light blue, red, light red.
"""

from nsysprof.attribute.buckets import WORK_LABELS

CATEGORY_COLORS = {
    "gemm": "#0072b2",
    "fmha": "#d55e00",
    "conv": "#009e73",
    "elementwise": "#e69f00",
    "norm": "#cc79a7",
    "softmax": "#a98bff",
    "reduction": "#1f5f4a",
    "layout": "#56b4e9",
    "copy": "#6f3fd6",
    "index": "#c9ae4e",
    "resample": "#5fb7a5",
    "random": "#a3b545",
    "sort": "#8f4a2b",
    "optimizer": "#4263b5",
    "loss": "#c2477f",
    "rnn": "#7a5a9e",
    "fft": "#2f8f9d",
    "linalg": "#b5651d",
    "sparse": "#9a86a4",
    "communication": "#c8102e",
    "memcpy": "#7a5520",
    "memset": "#f79a94",
    "graph": "#3f7d20",
    "hidden": "#7a7f45",
    "unknown": "#e6007e",
}

IDLE_COLORS = {
    "idle:launch": "#6c7886",
    "idle:sync": "#566270",
    "idle:alloc": "#7f97ae",
    "idle:memop": "#a8969a",
    "idle:api": "#6f8a94",
    "idle:host": "#9098a4",
    "idle:queued": "#a9b1bb",
    "idle:profiler": "#b5a98d",
    "idle:unknown": "#9b93a0",
}

IDLE_LABELS = {
    "idle:launch": "Idle: in a launch call",
    "idle:sync": "Idle: in a synchronisation",
    "idle:alloc": "Idle: in malloc or free",
    "idle:memop": "Idle: in a copy or set call",
    "idle:api": "Idle: in another CUDA call",
    "idle:host": "Idle: CPU outside CUDA",
    "idle:queued": "Idle: work was queued",
    "idle:profiler": "Idle: nsys itself",
    "idle:unknown": "Idle: cause not in the trace",
}

API_COLORS = {
    "launch": "#5aae61",
    "graph_launch": "#1b8a4b",
    "malloc": "#7ec8f2",
    "free": "#e02b20",
    "memset": "#f79a94",
    "memcpy": "#8c6bb1",
    "sync": "#d9a400",
    "event": "#b58fc9",
    "stream": "#7fa394",
    "module": "#a6761d",
    "host_alloc": "#3e7cb1",
    "query": "#a8a8a8",
    "other": "#858585",
}

API_LABELS = {
    "launch": "Launch",
    "graph_launch": "Graph launch",
    "malloc": "Malloc",
    "free": "Free",
    "memset": "Memset",
    "memcpy": "Memcpy",
    "sync": "Synchronise",
    "event": "Event",
    "stream": "Stream",
    "module": "Module load",
    "host_alloc": "Host memory",
    "query": "Query",
    "other": "Other",
}

_FALLBACK = "#888888"


def category_color(key: str) -> str:
    """Return the colour of a kernel category or of a bucket such as ``idle:host``, as #rrggbb."""
    return CATEGORY_COLORS.get(key) or IDLE_COLORS.get(key, _FALLBACK)


def api_color(key: str) -> str:
    """Return the colour of a CUDA API class, as #rrggbb."""
    return API_COLORS.get(key, _FALLBACK)


def bucket_label(key: str) -> str:
    """Return what people read for a category key or an ``idle:<cause>`` bucket."""
    return WORK_LABELS.get(key) or IDLE_LABELS.get(key, key)
