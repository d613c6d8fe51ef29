"""Numbers as people write them: three significant digits, units by size, and never a rounded 0 % or 100 %."""

from collections.abc import Sequence

from nsysprof.measure.results import Distortion, Step
from nsysprof.trace.model import Device
from nsysprof.units import count, duration, number_of, significant, size

__all__ = [
    "UNKNOWN_NS",
    "count",
    "device_facts",
    "duration",
    "milliseconds",
    "number_of",
    "share",
    "short_share",
    "significant",
    "size",
    "step_measures",
    "stretched",
]

UNKNOWN_NS = -1
"""What results hold for a time that the trace does not tell."""


def milliseconds(ns: float) -> str:
    """Write a time in milliseconds without its unit, for a column whose header names it."""
    if ns == 0:
        return "0"
    if ns == UNKNOWN_NS:
        return "?"
    value = ns / 1e6
    return significant(value) if abs(value) >= 0.001 else ("<0.001" if value > 0 else ">-0.001")


def stretched(slow: Distortion | None) -> str:
    """Write how much profiling stretched a step: ``x 1.24 (51.5 ms unrecorded)``; empty when unknown."""
    return f"x {slow.ratio:.2f} ({duration(slow.baseline_ms * 1e6)} unrecorded)" if slow else ""


def step_measures(step: Step) -> str:
    """Write how a step's work was queued and what ran beside it; what is unknown or nothing is left out."""
    words = [f"{share(step.launch_bound)} launch-bound"] if step.launch_bound >= 0 else []
    if step.queue_ns >= 0:
        words.append(f"{duration(step.queue_ns)} from launch to start (median)")
    if step.overlap_ns:
        words.append(f"{duration(step.overlap_ns)} of work overlaps")
    if step.profiler_ns:
        words.append(f"{duration(step.profiler_ns)} of nsys's own work on the CPU")
    return "; ".join(words)


def device_facts(devices: Sequence[Device]) -> str:
    """Write what a machine's GPUs have: ``132 SMs, 151 GB``; empty when unknown."""
    kinds = {(device.multiprocessors, device.memory_bytes) for device in devices}
    words = [f"{len(devices)} GPUs"] if len(devices) > 1 else []
    if len(kinds) == 1:
        multiprocessors, memory = kinds.pop()
        words += [number_of(multiprocessors, "SM")] if multiprocessors > 0 else []
        words += [size(memory)] if memory > 0 else []
    return ", ".join(words) + (" each" if len(words) > 1 and len(devices) > 1 else "")


def share(part: float) -> str:
    """Write a share of 0..1 as per cent; 0 % and 100 % only where it is exactly so."""
    if part in (0, 1):
        return f"{part * 100:.0f} %"
    percent = part * 100
    if 0 < percent < 0.01:
        return "<0.01 %"
    if 99.95 <= percent < 100:
        return ">99.9 %"
    return f"{percent:.1f} %" if abs(percent) >= 9.995 else f"{percent:.2f} %"


def short_share(part: float) -> str:
    """Write a share of 0..1 in at most four characters, for narrow columns: ``3%``, ``<1%``, ``>99%``."""
    percent = part * 100
    if 0 < percent < 0.5:
        return "<1%"
    if 99.5 <= percent < 100:
        return ">99%"
    return f"{percent:.0f}%"
