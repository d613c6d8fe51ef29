"""The figures that stand at the head of the page, as HTML."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from nsysprof.measure.results import Amount, Hotspots
from nsysprof.render.format import count, device_facts, duration, number_of, share
from nsysprof.render.page_file import facts_html
from nsysprof.render.palette import bucket_label
from nsysprof.render.text import plain, readable_kernel, shortened


def tiles(hotspots: Hotspots) -> str:
    """Return the terms and values of a definition list: what to know at first sight."""
    return facts_html(_facts(hotspots))


def _facts(hotspots: Hotspots) -> Iterator[tuple[str, str, str]]:
    """Yield term, value and a note that puts the value in proportion."""
    trace = hotspots.trace
    recorded = f"{duration(trace.end_ns - trace.start_ns)} recorded"
    about = [words for words in (device_facts(hotspots.devices), recorded) if words]
    yield "GPU", plain(trace.gpu) or "unknown", "; ".join(about)
    if hotspots.steps:
        yield from _step_facts(hotspots)
    yield from _largest(hotspots)


def _largest(hotspots: Hotspots) -> Iterator[tuple[str, str, str]]:
    """Name the largest category and kernel of all steps; without steps, of the whole trace."""
    categories = {key: Amount(total.ns, total.count) for key, total in hotspots.categories.items()}
    kernels = {kernel.name: Amount(kernel.total_ns, kernel.count) for kernel in hotspots.kernels}
    where = "all GPU time"
    if any(kernel.in_steps.count for kernel in hotspots.kernels):
        categories = _summed(step.categories for step in hotspots.steps)
        kernels = {kernel.name: kernel.in_steps for kernel in hotspots.kernels if kernel.in_steps.count}
        where = "the steps' GPU time"
    whole = sum(amount.ns for amount in categories.values())
    if not whole:
        return
    key = max(categories, key=lambda key: categories[key].ns)
    part = f"{share(categories[key].ns / whole)} of {where}"
    times = f"{duration(categories[key].ns)} in {count(categories[key].count)} operations"
    yield "Largest category", bucket_label(key), f"{part}, {times}"
    if kernels:
        name = max(kernels, key=lambda name: kernels[name].ns)
        ran = kernels[name]
        note = f"{share(ran.ns / whole)} of {where}, {count(ran.count)} times {duration(ran.ns / ran.count)}"
        yield "Largest kernel", _kernel_title(hotspots, name), note


def _summed(parts: Iterable[Mapping[str, Amount]]) -> dict[str, Amount]:
    total: dict[str, Amount] = {}
    for part in parts:
        for key, amount in part.items():
            before = total.get(key, Amount(0, 0))
            total[key] = Amount(before.ns + amount.ns, before.count + amount.count)
    return total


def _kernel_title(hotspots: Hotspots, name: str) -> str:
    """Return the family where the kernel is alone in it, else what of the name fits."""
    family = next(kernel.family for kernel in hotspots.kernels if kernel.name == name)
    alone = family and sum(kernel.family == family for kernel in hotspots.kernels) == 1
    return shortened(family if alone else readable_kernel(name), 28)


def _spread(times: Sequence[int]) -> str:
    return f"{number_of(len(times), 'step')}, {duration(times[0])} to {duration(times[-1])}"


def _step_facts(hotspots: Hotspots) -> Iterator[tuple[str, str, str]]:
    steps = hotspots.steps
    walls = sorted(step.wall_ns for step in steps)
    wall = sum(walls)
    if not wall:
        times = sorted(step.cpu_end_ns - step.cpu_start_ns for step in steps)
        yield "Step", duration(times[(len(times) - 1) // 2]), f"median of {_spread(times)} on the CPU"
        return
    yield "Step", duration(steps[hotspots.typical].wall_ns), f"the median; {_spread(walls)}"
    if hotspots.distortion:
        unrecorded = f"{duration(hotspots.distortion.baseline_ms * 1e6)} a step unrecorded"
        yield "Under nsys", f"x {hotspots.distortion.ratio:.2f}", unrecorded
    if any(step.busy_ns < 0 for step in steps):  # where graphs are hidden, nothing is known of idleness
        return
    waiting = sum(step.launch_bound * step.wall_ns for step in steps) / wall
    waits = f"; for {share(waiting)} of it the GPU waits for launches" if waiting else ""
    yield "GPU busy", share(sum(step.busy_ns for step in steps) / wall), f"of the time of all steps{waits}"
    lost: dict[str, int] = {}
    for step in steps:
        for key, ns in step.partition.items():
            if key.startswith("idle:"):
                lost[key] = lost.get(key, 0) + ns
    if lost:
        key = max(lost, key=lambda key: lost[key])
        label = bucket_label(key).removeprefix("Idle: ")
        mean = duration(lost[key] / len(steps))
        yield "Largest cause of idleness", label, f"{share(lost[key] / wall)} of the time, {mean} a step"
