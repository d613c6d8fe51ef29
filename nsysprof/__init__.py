"""nsysprof: from an Nsight Systems capture to the reason why a step takes as long as it does.

    from nsysprof import measure_hotspots, open_trace

    with open_trace("trace.sqlite") as trace:
        for step in measure_hotspots(trace).steps:
            print(step.label, step.wall_ns, step.partition)

Importing this package loads nothing else; each name loads what it needs when it is first used.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nsysprof.classify import classify_api, classify_kernel
    from nsysprof.classify.decoder import decode
    from nsysprof.errors import MissingDataError, NsysprofError, TraceError
    from nsysprof.measure.hotspots import measure_hotspots
    from nsysprof.measure.results import Hotspots, KernelHotspot, Step
    from nsysprof.render.frames import to_frames
    from nsysprof.trace import Trace, open_trace

__all__ = [
    "Hotspots",
    "KernelHotspot",
    "MissingDataError",
    "NsysprofError",
    "Step",
    "Trace",
    "TraceError",
    "classify_api",
    "classify_kernel",
    "decode",
    "measure_hotspots",
    "open_trace",
    "to_frames",
]

_HOMES = {
    "nsysprof.classify": ("classify_api", "classify_kernel"),
    "nsysprof.classify.decoder": ("decode",),
    "nsysprof.errors": ("MissingDataError", "NsysprofError", "TraceError"),
    "nsysprof.measure.hotspots": ("measure_hotspots",),
    "nsysprof.measure.results": ("Hotspots", "KernelHotspot", "Step"),
    "nsysprof.render.frames": ("to_frames",),
    "nsysprof.trace": ("Trace", "open_trace"),
}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            value: object = getattr(import_module(home), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
