"""CUDA runtime and driver API names to classes: what a call does, and whether it waits.

nsys writes runtime calls with the version that they came with (``cudaMallocAsync_v11020``) and some with the
per-thread default stream's suffix (``_ptsz``, ``_ptds``); both are cut off.
"""

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class ApiClass:
    """What a CUDA API function does."""

    key: str
    """One of ``categories.API_CLASSES``."""
    is_async: bool
    """Whether the call only queues work, or touches nothing on the GPU, rather than wait for it."""
    name: str
    """The function's name without version and stream suffixes."""


_SUFFIX = re.compile(r"(?:_v\d+|_ptsz|_ptds)+$")
_PREFIX = re.compile(r"^(?:cuda|cu)(?=[A-Z])")

_CLASSES = tuple(
    (key, re.compile(pattern))
    for key, pattern in (
        ("graph_launch", r"GraphLaunch$"),
        ("launch", r"Launch(?!HostFunc|Attribute)"),
        ("query", r"GetAttribute|IsCapturing|GetCaptureInfo|Query$|Occupancy|CanAccessPeer|ElapsedTime"),
        ("query", r"^PeekAtLastError|^(?:Device|Pointer|Func|Kernel|Library|Module|Driver|Runtime|Host)?Get"),
        ("query", r"^(?:Stream|MemPool|MemHost|Mem|Event|Graph\w*|Ctx)Get"),
        ("host_alloc", r"^(?:Mem)?(?:Host(?:Alloc|Register|Unregister)|AllocHost|FreeHost)|^MallocHost"),
        ("malloc", r"^Malloc|^Mem(?:Alloc|Create|Map|AddressReserve|SetAccess)|^(?:Mipmapped)?ArrayCreate"),
        ("malloc", r"^MemPool(?:Create|SetAccess|ImportPointer)"),
        ("free", r"^Free|^Mem(?:Free|Release|Unmap|AddressFree)|^MemPool(?:Destroy|TrimTo)|ArrayDestroy"),
        ("memset", r"^Mem[sS]et"),
        ("memcpy", r"^Mem(?:cpy|Prefetch|Discard|Batch)"),
        ("sync", r"Synchronize"),
        ("event", r"^Event|^Stream(?:WaitEvent|WaitValue|WriteValue|BatchMemOp)"),
        ("module", r"^(?:Module|Library|Kernel|Link|FuncLoad|FuncSet|Init)"),
        ("stream", r"^Stream|^LaunchHostFunc|^ThreadExchangeStreamCaptureMode"),
    )
)
"""The first that matches the name without its ``cuda`` or ``cu`` decides."""
_WAITING = re.compile(
    r"Synchronize|^(?:Malloc|Mem(?:Alloc|Create|Map|SetAccess)|Free|MemFree|Mem(?:Release|Unmap)|Host|MemHost)(?!Async)\w*$"
    r"|^Memcpy(?!\w*Async)|^Mem[sS]et(?!\w*Async)|^(?:Module|Library)(?:Load|Unload)|^Init$|^(?:Device|Ctx)\w*(?:Reset|Create)"
)


@lru_cache(maxsize=4096)
def classify_api(name: str) -> ApiClass:
    """Return the class of a CUDA API function; a name that is none is ``other``."""
    bare = _SUFFIX.sub("", name[:256])
    verb = _PREFIX.sub("", bare)
    if verb == bare:
        return ApiClass("other", is_async=True, name=bare)
    key = next((key for key, pattern in _CLASSES if pattern.search(verb)), "other")
    asynchronous = key == "query" or "Async" in bare or not _WAITING.search(verb)
    return ApiClass(key, is_async=asynchronous, name=bare)
