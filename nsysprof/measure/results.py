"""What measuring a trace yields: frozen results that renderers show and never recompute.

All times are integer nanoseconds on the trace's clock, all shares lie in 0..1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TraceInfo:
    """Which trace was measured."""

    path: str
    """The file as the user named it."""
    gpu: str
    """Name of the GPU (``NVIDIA H200``), several joined by a comma, empty when unknown."""
    schema_version: str
    """EXPORT_SCHEMA_VERSION, such as ``3.20.3``."""
    start_ns: int
    """First event of the GPU or the CUDA API."""
    end_ns: int
    """End of the last one."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Time and how often."""

    ns: int
    """Sum of durations; overlapping work counts twice."""
    count: int
    """Number of operations or calls."""


@dataclass(frozen=True, slots=True)
class Step:
    """One iteration: what ran in its GPU window and what the CPU did in its CPU window."""

    index: int
    """Position among the steps, from 0."""
    label: str
    """Range text (``step 3``), or a name given by detection."""
    gpu_start_ns: int
    """Start of the step's first GPU operation."""
    gpu_end_ns: int
    """Start of the next step's first operation; for the last step, end of its own last one."""
    cpu_start_ns: int
    """Start of the step on the CPU: the NVTX range, or the first launch."""
    cpu_end_ns: int
    """End of the step on the CPU."""
    wall_ns: int
    """gpu_end_ns - gpu_start_ns."""
    busy_ns: int
    """Part of the GPU window in which at least one operation ran."""
    idle_ns: int
    """wall_ns - busy_ns."""
    kernels: int
    """Kernels attributed to the step."""
    categories: Mapping[str, Amount]
    """Work attributed to the step by category key, memcpy and memset included."""
    partition: Mapping[str, int]
    """Exclusive ns of the GPU window by bucket (category or ``idle:<cause>``); sums to wall_ns."""
    api: Mapping[str, Amount]
    """CUDA API calls in the step's CPU window by class key."""
    device: int = 0
    """CUDA ordinal of the step's busiest device, whose window and ``partition`` these are; -1: no device."""
    partitions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """``partition`` of each device that the step used, by CUDA ordinal; sums to that device's window."""


@dataclass(frozen=True, slots=True)
class KernelHotspot:
    """All kernels of one name."""

    name: str
    category: str
    library: str
    """Where the kernel comes from (``cublasLt``, ``pytorch``), empty when unknown."""
    family: str
    """Short name that kernels of one kind share."""
    count: int
    total_ns: int
    mean_ns: float
    min_ns: int
    max_ns: int
    share: float
    """Part of the time of all kernels, memcpys and memsets."""


@dataclass(frozen=True, slots=True)
class ApiHotspot:
    """All calls of one CUDA API function."""

    name: str
    """Function name without version suffix, such as ``cudaLaunchKernel``."""
    api_class: str
    """Class key, such as ``launch``."""
    is_async: bool
    """True for the asynchronous form (cudaMallocAsync, cudaMemcpyAsync, ...)."""
    count: int
    total_ns: int
    mean_ns: float
    min_ns: int
    max_ns: int


@dataclass(frozen=True, slots=True)
class CategoryShare:
    """All work of one category."""

    ns: int
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Hotspots:
    """The whole answer for one trace."""

    trace: TraceInfo
    steps_source: str
    """``nvtx``, ``detected`` or ``none``."""
    steps_confidence: float
    """0..1; 1 for steps read from NVTX."""
    steps: tuple[Step, ...]
    categories: Mapping[str, CategoryShare]
    """By category key, largest first; sums to all GPU operations of the trace."""
    kernels: tuple[KernelHotspot, ...]
    """By total time, largest first."""
    api: Mapping[str, Amount]
    """By class key, largest first."""
    api_calls: tuple[ApiHotspot, ...]
    """By total time, largest first."""
    unclassified_share: float
    """Part of the GPU time whose kernels no rule knows."""
    headline: tuple[str, ...] = ()
    """The one or two sentences that matter."""
    warnings: tuple[str, ...] = field(default=())
    """What makes a figure doubtful, each a sentence."""
