"""What the page draws over time: exact events where they fit, exact sums in bins everywhere, and curves."""

from dataclasses import dataclass

from nsysprof.trace.model import I32, I64


@dataclass(frozen=True, slots=True)
class Lane:
    """A row of the timeline: a stream of a GPU, or a thread of the CPU."""

    kind: str
    """``gpu``, ``api`` or ``nvtx``."""
    label: str
    """What people read, such as ``GPU 0, stream 7``."""
    first: int
    """The lane's events are rows ``first`` to ``last`` (exclusive) of the events of its kind."""
    last: int


@dataclass(frozen=True, slots=True)
class Kind:
    """What a GPU operation was, where it is no kernel by name."""

    name: str
    category: str
    """Key of a kind of work."""


@dataclass(frozen=True, slots=True)
class GpuEvents:
    """Operations of the GPU, by lane and then by start."""

    start_ns: I64
    end_ns: I64
    kind: I32
    """Position in ``Hotspots.kernels``, then in ``Timeline.other_kinds``."""
    shape: I32
    """Row of ``Timeline.shapes``, -1 for what is no kernel."""
    step: I32
    """Step, -1 outside."""
    launch: I32
    """Row of the API events that submitted it, -1 when unknown."""
    bytes: I64
    """Bytes copied or set; 0 for kernels."""


@dataclass(frozen=True, slots=True)
class ApiEvents:
    """CUDA API calls, by lane and then by start."""

    start_ns: I64
    end_ns: I64
    function: I32
    """Row of ``Timeline.functions``."""


@dataclass(frozen=True, slots=True)
class RangeEvents:
    """NVTX ranges, by lane and then by start."""

    start_ns: I64
    end_ns: I64
    text: I32
    """Row of ``Timeline.texts``."""
    depth: I32
    """How many ranges of the lane were open when it began."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the CUDA API."""

    name: str
    api_class: str


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time of which every event is there."""

    label: str
    """Why it was chosen: ``first``, ``median``, ``slowest``, ``start``, ``all``."""
    step: int
    """Its step, -1 for none."""
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Bins:
    """The exact time of each lane by category (GPU) or class (API) in equal bins, whole nanoseconds."""

    start_ns: int
    width_ns: int
    lane: I32
    """Lane of each row of ``ns``."""
    key: tuple[str, ...]
    """Category or class of each row of ``ns``."""
    ns: I64
    """Shape (rows, bins). In a lane of nested calls the sum of a bin can exceed its width."""


@dataclass(frozen=True, slots=True)
class StepKernels:
    """Kernels by step: what every step's table and treemap are made of."""

    ns: I64
    """Shape (steps, kernels): column k is ``Hotspots.kernels[k]``; the last sums all others."""
    count: I64
    """Shape like ``ns``."""


@dataclass(frozen=True, slots=True)
class Queue:
    """How far the CPU was ahead of the GPU: one row per group of operations that follow each other."""

    time_ns: I64
    """Start of the group's first operation."""
    delay_min_ns: I64
    """Shortest time from the return of the submitting call to the operation's start, at least 0."""
    delay_median_ns: I64
    delay_max_ns: I64
    depth_max: I32
    """Most operations that were submitted and had not begun."""
    group: int
    """Operations a row stands for; the last row has fewer."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that the page shows over time."""

    start_ns: int
    end_ns: int
    lanes: tuple[Lane, ...]
    left_out: str
    """What has no lane, as a sentence; empty when everything has one."""
    other_kinds: tuple[Kind, ...]
    functions: tuple[Function, ...]
    texts: tuple[str, ...]
    shapes: I32
    """Distinct launch geometries: grid x, y, z, block x, y, z, registers, shared bytes per block."""
    gpu: GpuEvents
    api: ApiEvents
    ranges: RangeEvents
    spans: tuple[Span, ...]
    """Where the events are complete; one span called ``all`` when they are everywhere."""
    bins: Bins | None
    """Sums for where they are not; None when they are everywhere."""
    all_ranges: bool
    """Whether every NVTX range is there, in and outside ``spans``."""
    step_kernels: StepKernels
    queue: Queue
