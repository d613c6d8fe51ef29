"""The hotspots of a trace in a terminal: what matters first, then steps, kernels and the CUDA API.

Everything is built from ``rich.text.Text``, so that no name of a trace is ever read as markup.
"""

from collections.abc import Iterator
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.text import Text

from nsysprof.attribute import families
from nsysprof.measure.results import CallPattern, Hotspots, KernelHotspot, Step
from nsysprof.render.format import (
    count,
    device_facts,
    duration,
    number_of,
    share,
    short_share,
    significant,
    size,
    step_measures,
    stretched,
)
from nsysprof.render.palette import API_LABELS, api_color, bucket_label, category_color
from nsysprof.render.step_table import steps_table
from nsysprof.render.terminal import fitted, grid, sparkline
from nsysprof.render.text import plain, readable_kernel, shortened
from nsysprof.render.tree_table import kernel_tree_table

TOP_KERNELS = 15
TOP_CALLS = 10
TOP_RANGES = 8
TOP_PATTERNS = 5
MOST_AROUND = 6


def print_hotspots(hotspots: Hotspots, console: Console) -> None:
    """Print headline, warnings and tables; they fit ``console.width`` (80 columns and more are meant)."""
    console.print(_opening(hotspots), soft_wrap=False)
    for part in (
        _composition(hotspots, console),
        steps_table(hotspots, console.width),
        _kernels(hotspots, console.width),
        kernel_tree_table(hotspots, console.width),
        _ranges(hotspots, console.width),
        _api(hotspots, console.width),
        _patterns(hotspots),
        _memory(hotspots),
    ):
        if part is not None:
            console.print()
            console.print(part)


def _opening(hotspots: Hotspots) -> RenderableType:
    trace = hotspots.trace
    lines: list[RenderableType] = [Text(plain(line), style="bold") for line in hotspots.headline]
    lines += [Text(f"warning: {plain(line)}", style="yellow") for line in hotspots.warnings]
    if slow := stretched(hotspots.distortion):
        lines.append(Text(f"profiling stretched a step {slow}"))
    gpu = ", ".join(filter(None, (plain(trace.gpu) or "unknown GPU", device_facts(hotspots.devices))))
    about = [plain(hotspots.ran), gpu, duration(trace.end_ns - trace.start_ns), plain(trace.path)]
    lines.append(Text(" · ".join(filter(None, about)), style="dim"))
    return Group(*lines)


def _composition(hotspots: Hotspots, console: Console) -> RenderableType:
    """Where the time of the median step went; without steps, the GPU time of the whole trace."""
    step = hotspots.steps[hotspots.typical] if hotspots.typical >= 0 else None
    if step and not step.wall_ns:
        return _cpu_steps(hotspots, step)
    if step:
        rows = {key: ns for key, ns in step.partition.items() if ns}
        whole, title = step.wall_ns, f"Where {duration(step.wall_ns)} of {plain(step.label)} went"
        note = "the median step"
        if len(hotspots.steps) > 1 and console.encoding.startswith("utf"):
            note += f"  {sparkline([one.wall_ns for one in hotspots.steps], 30)}"
    else:
        rows = {key: total.ns for key, total in hotspots.categories.items()}
        whole, title, note = sum(rows.values()), "GPU time by kind of work", "no steps found"
    table = grid(title, note)
    with_bar = console.width >= 60
    for name in ("", "time", "share", "") if with_bar else ("", "time", "share"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    room = min(max(console.width - 50, 10), 50)
    block = "█" if console.encoding.startswith("utf") else "#"
    largest = max(rows.values(), default=0) or 1
    for key, ns in sorted(rows.items(), key=lambda row: -row[1]):
        color = category_color(key)
        bar = [Text(block * max(round(ns / largest * room), 1), style=color)] if with_bar else []
        label = shortened(bucket_label(key), max(console.width - 21, 12))
        table.add_row(Text(label, style=color), duration(ns), share(ns / (whole or 1)), *bar)
    return Group(table, Text(step_measures(step), style="dim")) if step else table


def _cpu_steps(hotspots: Hotspots, typical: Step) -> RenderableType:
    """Return what is known of steps that ran nothing on a GPU: how long they took on the CPU."""
    times = [step.cpu_end_ns - step.cpu_start_ns for step in hotspots.steps]
    usual = duration(typical.cpu_end_ns - typical.cpu_start_ns)
    line = Text("Steps on the CPU", style="bold")
    line.append(
        f"  {number_of(len(times), 'step')}, {usual} in the median, "
        f"{duration(min(times))} to {duration(max(times))}; none used the GPU",
        style="not bold",
    )
    return line


def _kernels(hotspots: Hotspots, width: int) -> RenderableType | None:
    shown = hotspots.kernels[:TOP_KERNELS]
    if not shown:
        return None
    table = grid("Kernels", f"{len(shown)} of {count(len(hotspots.kernels))} by total time, whole trace")
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column("total", justify="right", no_wrap=True)
    table.add_column("count", justify="right", no_wrap=True)
    launched = width >= 72 and any(kernel.operator for kernel in shown)
    wide = not launched or width >= 100  # the mean makes way for the operator
    if wide:
        table.add_column("mean", justify="right", no_wrap=True)
    table.add_column("category", no_wrap=True)
    room = max(width - (50 if wide else 41), 20)
    operator_room = min(max(map(len, map(_launcher, shown))), room * 2 // 5) * launched
    if launched:
        table.add_column("launched by", no_wrap=True)
    table.add_column("name", no_wrap=True)
    for kernel in shown:
        label = bucket_label(kernel.category)
        table.add_row(
            share(kernel.share),
            duration(kernel.total_ns),
            count(kernel.count),
            *([duration(kernel.mean_ns)] if wide else []),
            Text(shortened(label, 12), style=category_color(kernel.category)),
            *([Text(shortened(_launcher(kernel), operator_room))] if launched else []),
            Text(_kernel_title(kernel, room - operator_room - 2 * launched)),
        )
    return fitted(table, width, ("launched by", "mean", "category", "count"))


def _launcher(kernel: KernelHotspot) -> str:
    """Return what launched most of a kernel's time, and how much of it where others did, too."""
    if not kernel.operator or len(kernel.launchers) < 2:
        return plain(kernel.operator)
    return f"{plain(kernel.operator)} {short_share(kernel.launchers[0].ns / (kernel.total_ns or 1))}"


def _api(hotspots: Hotspots, width: int) -> RenderableType | None:
    shown = hotspots.api_calls[:TOP_CALLS]
    if not shown:
        return None
    table = grid("CUDA API", "time on the CPU by function, whole trace")
    table.add_column("total", justify="right", no_wrap=True)
    table.add_column("count", justify="right", no_wrap=True)
    table.add_column("mean", justify="right", no_wrap=True)
    table.add_column("longest", justify="right", no_wrap=True)
    table.add_column("class", no_wrap=True)
    table.add_column("function", no_wrap=True)
    for call in shown:
        table.add_row(
            duration(call.total_ns),
            count(call.count),
            duration(call.mean_ns),
            duration(call.max_ns),
            Text(API_LABELS.get(call.api_class, call.api_class), style=api_color(call.api_class)),
            Text(shortened(call.name, max(width - 54, 20))),
        )
    return Group(fitted(table, width, ("class", "longest", "mean", "count")), _api_classes(hotspots))


def _api_classes(hotspots: Hotspots) -> Text:
    line = Text("by class: ", style="dim")
    for position, (key, amount) in enumerate(hotspots.api.items()):
        line.append(", " if position else "")
        line.append(API_LABELS.get(key, key), style=api_color(key))
        line.append(f" {count(amount.count)}x {duration(amount.ns)}")
    return line


def _kernel_title(kernel: KernelHotspot, room: int) -> str:
    """Return the name if it fits; else, of a template, the family: that says what the arguments are for."""
    name = readable_kernel(kernel.name)
    if len(name) > room and "<" in name and kernel.family:
        name = kernel.family
    return shortened(name, room)


def _ranges(hotspots: Hotspots, width: int) -> RenderableType | None:
    """The program's own parts: NVTX ranges other than the steps; an operator's calls are one row."""
    steps = {step.text for step in hotspots.steps}
    merged: dict[str, list[int]] = {}
    for each in hotspots.ranges:
        if each.text not in steps:
            total = merged.setdefault(families.operator_of(each.text), [0, 0, 0, 0])
            for at, value in enumerate((each.gpu_ns, each.work_ns, each.count, each.operations)):
                total[at] += value
    shown = sorted(merged.items(), key=lambda item: -item[1][0])[:TOP_RANGES]
    if not shown:
        return None
    table = grid("NVTX ranges", "other than steps, by time on the GPU")
    for name in ("GPU", "work", "count", "operations"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("range", no_wrap=True)
    for text, (gpu_ns, work_ns, times, operations) in shown:
        row = [duration(gpu_ns), duration(work_ns), count(times), count(operations)]
        table.add_row(*row, Text(shortened(text, max(width - 46, 20))))
    return fitted(table, width, ("operations", "work", "count"))


def _patterns(hotspots: Hotspots) -> RenderableType | None:
    """What the CPU calls round a launch; only where something else than launches is in it."""
    shown = [each for each in hotspots.patterns if len(each.functions) > 1][:TOP_PATTERNS]
    if not shown:
        return None
    table = grid("Call patterns", "round a launch, by their part of the calls")
    for name in ("calls", "count", "a step", "launches"):
        table.add_column(name, justify="left" if name == "launches" else "right", no_wrap=True)
    table.add_column("pattern", no_wrap=False)
    classes = {call.name: call.api_class for call in hotspots.api_calls}
    for each in shown:
        calls = Text()
        for name, run in groupby(each.functions):
            times = len(list(run))
            calls.append(" > " if calls else "")
            calls.append(plain(name), style=api_color(classes.get(name, "")))
            calls.append(f" x{times}" if times > 1 else "")
        table.add_row(
            share(each.share),
            count(each.count),
            significant(each.per_step) if each.per_step >= 0 else "",
            _launched(each),
            calls,
        )
    return Group(table, *_around(hotspots))


def _launched(pattern: CallPattern) -> Text:
    """Return the kinds of kernel that a pattern launches, with their parts where there are several."""
    kinds = sorted(pattern.categories, key=lambda key: -pattern.categories[key])
    whole = sum(pattern.categories.values())
    text = Text()
    for key in kinds[:2]:
        text.append(", " if text else "")
        text.append(shortened(bucket_label(key), 12), style=category_color(key))
        if len(kinds) > 1:
            text.append(f" {short_share(pattern.categories[key] / whole)}")
    return text.append(", ...") if len(kinds) > 2 else text


def _around(hotspots: Hotspots) -> Iterator[Text]:
    """Say which kernels allocations and memory sets stand before, and releases behind."""
    for key, words in (("malloc", "before"), ("memset", "before"), ("free", "after")):
        if near := hotspots.around.get(key):
            line = Text(f"{API_LABELS.get(key, key)} calls {words}: ", style="dim")
            for position, (category, times) in enumerate(list(near.items())[:MOST_AROUND]):
                line.append(", " if position else "")
                line.append(bucket_label(category), style=category_color(category))
                line.append(f" {count(times)}x")
            yield line


def _memory(hotspots: Hotspots) -> RenderableType | None:
    """One line a device: the most memory in use, and what CUDA was asked for."""
    if not hotspots.memory:
        return None
    lines: list[Text] = [Text("Device memory", style="bold")]
    for device in hotspots.memory:
        line = Text(f"GPU {device.device}: at most {size(device.peak_bytes)} in use, ")
        if device.initial_bytes:
            line.append(f"{size(device.initial_bytes)} of it when recording began, then ")
        line.append(
            f"{number_of(device.allocations, 'allocation')} of {size(device.allocated_bytes)}"
            if device.allocations
            else "no allocations"
        )
        line.append(f", {number_of(device.releases, 'release') if device.releases else 'no releases'}")
        if device.pool_peak_bytes >= 0:
            line.append(f"; the pool grew to {size(device.pool_peak_bytes)}")
        lines.append(line)
    return Group(*lines)
