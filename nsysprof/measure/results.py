"""What measuring a trace yields: frozen results that renderers show and never recompute.

All times are integer nanoseconds on the trace's clock, all shares lie in 0..1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from nsysprof.trace.model import Device

MOST_LAUNCHERS = 8
"""Launchers that are kept for each kernel name."""


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
class StepMemory:
    """What a step's processes did to device memory, in its CPU window."""

    peak_bytes: int
    """Most memory in use on the fullest device that these processes have memory on."""
    allocations: int
    """Allocations that CUDA saw; PyTorch's own allocator asks CUDA for segments only."""
    allocated_bytes: int
    """Sum of their sizes."""
    releases: int
    """Releases that CUDA saw."""


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
    launch_bound: float = 0.0
    """Part of the window in which the GPU was idle because the CPU had not submitted work yet; -1 when
    unknown, as busy_ns is."""
    queue_ns: int = -1
    """Median time from the return of a kernel's launch call to its start, at least 0; -1 when unknown."""
    overlap_ns: int = 0
    """Work that ran beside other work on the device: durations in the window beyond busy_ns."""
    profiler_ns: int = 0
    """Time that nsys itself spent on the CPU in the step's CPU window."""
    memory: StepMemory | None = None
    """None where the trace has no memory events."""
    hidden_graphs: int = 0
    """CUDA graph launches whose work the trace does not show, in the step's CPU window or, as far as can be
    told, run in its GPU window; busy_ns and idle_ns are then -1."""
    is_last: bool = False
    """No step follows in its run: the window ends with its own last operation, without idle time after it."""
    text: str = ""
    """Range text or detected name; ``label`` adds the process or thread where each has steps of its own."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """An innermost NVTX range that submitted some of the kernels of a name."""

    name: str
    """Text of the range without shapes and sequence numbers; empty for what no range holds."""
    ns: int
    """Time on the GPU of the kernels that it submitted."""
    count: int
    """How many these are."""


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
    operator: str = ""
    """Innermost NVTX range that submitted most of its time, without shapes; empty without ranges."""
    launchers: tuple[Launcher, ...] = ()
    """Who submitted how much of it, most time first, at most ``MOST_LAUNCHERS``; empty without ranges."""
    in_steps: Amount = Amount(0, 0)
    """What of it was submitted in steps."""


@dataclass(frozen=True, slots=True)
class KernelGroup:
    """Kernels that are alike: of a category, of a library in it, of a family in that, or of one name."""

    name: str
    """Category key, library, family or kernel name; empty for an unknown library."""
    ns: int
    count: int
    share: float
    """Part of the time of all kernels, memcpys and memsets."""
    parts: "tuple[KernelGroup, ...]" = ()
    """The groups of the next level, largest first; none below a kernel."""


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
class RangeHotspot:
    """All NVTX ranges of one text, domain and kind, projected on the GPU work that was submitted in them."""

    text: str
    domain: str
    """Empty for the default domain."""
    kind: str
    """``push/pop`` or ``start/end``."""
    count: int
    """Ranges that submitted GPU work."""
    cpu_ns: int
    """Sum of their lengths on the CPU."""
    gpu_ns: int
    """Sum of the times from the first operation's start to the last one's end."""
    work_ns: int
    """Sum of the operations' durations."""
    operations: int


@dataclass(frozen=True, slots=True)
class OperatorHotspot:
    """GPU work by the innermost NVTX range that submitted it."""

    name: str
    """Text of the range without shapes and sequence numbers."""
    category: str
    """Kind of work that takes most of its time."""
    count: int
    """GPU operations."""
    ns: int
    share: float
    """Part of the time of all GPU operations."""


@dataclass(frozen=True, slots=True)
class MemoryPoint:
    """Device memory at one moment."""

    time_ns: int
    used_bytes: int
    """Allocated and not released."""
    pool_bytes: int
    """Size of the memory pool, -1 without one."""


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Memory of one device over the trace."""

    device: int
    """CUDA ordinal."""
    peak_bytes: int
    """Most memory in use; what was allocated before recording began counts only if it was released later."""
    peak_at_ns: int
    allocations: int
    """Allocations after recording began."""
    allocated_bytes: int
    """Sum of their sizes."""
    releases: int
    """Releases after recording began."""
    pool_peak_bytes: int
    """Largest size of the memory pool, -1 without one (``cudaMallocAsync`` has one)."""
    pool_used_peak_bytes: int
    """Most bytes in use in the pool, -1 without one."""
    points: tuple[MemoryPoint, ...]
    """Memory over time, thinned to at most a few hundred points that keep every extreme."""
    initial_bytes: int = 0
    """In use when recording began, as far as the trace tells."""


@dataclass(frozen=True, slots=True)
class Outlier:
    """A step that takes longer or shorter than the others."""

    index: int
    """Step, as in ``Step.index``."""
    label: str
    wall_ns: int
    excess_ns: int
    """wall_ns beyond the typical step's, negative for a faster step."""
    bucket: str
    """The bucket of the partition that differs most from the typical step's in the same direction."""
    bucket_excess_ns: int
    """By how much that bucket differs from the typical step's."""
    outside_ns: int = 0
    """How much of that is, at the least, work in the step's window that was not launched in the step."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Steps against each other; the last step of a run counts only where there is no other."""

    median_ns: int
    """(Lower) median GPU window."""
    low_ns: int
    """10th percentile."""
    high_ns: int
    """90th percentile."""
    typical: int
    """Index of the step whose window is the median."""
    outliers: tuple[Outlier, ...]
    """In the order of steps."""


@dataclass(frozen=True, slots=True)
class CallPattern:
    """A launch with the memory calls round it, as a thread makes them again and again."""

    functions: tuple[str, ...]
    """Functions in order: allocations, memory sets, copies and waits, the launch, releases."""
    count: int
    """How often the pattern occurs in the steps that were looked at."""
    per_step: float
    """Occurrences by step; -1 without steps."""
    share: float
    """Part of all calls that launch, copy, wait or handle memory that its occurrences make up."""
    categories: Mapping[str, int]
    """How often the kernel that it launches is of each category."""


@dataclass(frozen=True, slots=True)
class Distortion:
    """How much profiling stretched a step, by the program's own clock."""

    baseline_ms: float
    """(Lower) median step without the profiler recording."""
    profiled_ms: float
    """(Lower) median step while it recorded."""

    @property
    def ratio(self) -> float:
        """Return how many times as long a profiled step takes."""
        return self.profiled_ms / self.baseline_ms


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
    partition: Mapping[str, int] = field(default_factory=dict)
    """Exclusive ns by bucket from the first to the last operation of the busiest device."""
    partitions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """The same for each device, by CUDA ordinal."""
    launch_bound: float = 0.0
    """Part of the busiest device's time in which it was idle because the CPU had not submitted work yet;
    -1 when graphs hide it."""
    queue_ns: int = -1
    """Median over all kernels of what ``Step.queue_ns`` says; -1 when unknown."""
    overlap_ns: int = 0
    """Work that ran beside other work on the same device."""
    profiler_ns: int = 0
    """Time that nsys itself spent on the CPU between the first and the last event."""
    comparison: Comparison | None = None
    """Steps against each other; None with fewer than two steps that used the GPU."""
    ranges: tuple[RangeHotspot, ...] = ()
    """NVTX ranges that submitted GPU work, the longest on the GPU first."""
    operators: tuple[OperatorHotspot, ...] = ()
    """Work by innermost range, largest first; empty where ranges mark steps only."""
    memory: tuple[DeviceMemory, ...] = ()
    """By device; empty where the trace has no memory events."""
    tree: tuple[KernelGroup, ...] = ()
    """Kernels by category, library, family and name, each level largest first."""
    patterns: tuple[CallPattern, ...] = ()
    """The most frequent call patterns, most calls first."""
    around: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By malloc, memset and free: how often the kernel launched next (free: before) is of each category."""
    hidden_graphs: int = 0
    """CUDA graph launches whose work the trace does not show."""
    typical: int = -1
    """Index of the step that stands for all: ``comparison.typical`` where steps can be compared, else one
    that used the GPU, else the median one on the CPU; -1 without steps."""
    distortion: Distortion | None = None
    """None where no manifest of the capture lies beside the trace, or it does not say."""
    ran: str = ""
    """What ran, in words, from that manifest: ``sdxl, batch 1, 1024x1024, steps 20``; empty without one."""
    devices: tuple[Device, ...] = ()
    """The machine's GPUs by CUDA ordinal; empty where the trace describes none."""
