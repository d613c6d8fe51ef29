"""Where a nanosecond of a GPU's time can go: kinds of work, and causes of idleness."""

from nsysprof.classify.categories import CATEGORY_KEYS, CATEGORY_LABELS

GRAPH = "graph"
"""A whole CUDA graph of which the trace does not show the kernels."""

_LAST_IN_LINE = ("unknown", "communication", "memcpy", "memset")

WORK = (
    *(key for key in CATEGORY_KEYS if key not in (*_LAST_IN_LINE, GRAPH)),
    *("unknown", GRAPH, "communication", "memcpy", "memset"),
)
"""Kinds of work in order of priority: where streams overlap, time belongs to the first.

Compute comes before what it hides, so communication and copies count only where nothing else ran.
"""

KERNEL_WORK = frozenset(WORK) - {GRAPH, "memcpy", "memset"}
"""Kinds of work that are kernels."""

IDLE_CAUSES = ("launch", "sync", "alloc", "memop", "api", "host", "queued", "profiler", "unknown")
"""Why a GPU had nothing to run, judged by the thread that submitted the next operation.

launch: inside a call that launches a kernel or a graph; sync: waiting for the GPU; alloc: allocating or
freeing memory; memop: submitting a copy or memory set; api: in another CUDA call (events, streams, module
loading, queries); host: outside CUDA, in Python and the framework; queued: the work had been submitted
already; profiler: nsys itself was at work; unknown: the trace does not hold the submitting call.
"""

HIDDEN = "hidden"
"""Time in which CUDA graphs may have run of which the trace shows nothing; neither busy nor idle."""

WORK_LABELS = {**CATEGORY_LABELS, GRAPH: "CUDA graph", HIDDEN: "Unseen CUDA graphs"}
"""What people read for the buckets that are not idle time."""

IDLE = tuple(f"idle:{cause}" for cause in IDLE_CAUSES)
BUCKETS = WORK + IDLE
"""Every bucket of the exclusive partition, in the order of the partition's columns."""

WORK_CODE = {key: code for code, key in enumerate(WORK)}
CAUSE_CODE = {cause: code for code, cause in enumerate(IDLE_CAUSES)}

CAUSE_OF_API_CLASS = {
    "launch": "launch",
    "graph_launch": "launch",
    "sync": "sync",
    "malloc": "alloc",
    "free": "alloc",
    "host_alloc": "alloc",
    "memset": "memop",
    "memcpy": "memop",
    "event": "api",
    "stream": "api",
    "module": "api",
    "query": "api",
    "other": "api",
}
"""The cause that a GPU's idleness has while the CPU is in a call of a class."""

LAUNCH_BOUND = ("launch", "alloc", "memop", "api", "host")
"""Causes that a faster CPU side (graphs, fusion, fewer launches) would remove."""
