"""What a capture and the doctor have to say, in a terminal; and the bar while a report is exported."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import BinaryIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from nsysprof.capture.doctor import Diagnosis, Status
from nsysprof.capture.export import Progress as OnProgress
from nsysprof.capture.process import Streams
from nsysprof.capture.session import Capture
from nsysprof.measure.verdict import Verdict
from nsysprof.render.format import number_of
from nsysprof.render.text import plain

_KILLED = 137
_COLORS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red"}


def print_verdict(capture: Capture, verdict: Verdict | None, console: Console) -> None:
    """Print how the program ended, what the capture holds, what is wrong with it, and what to type next."""
    if capture.ended.timed_out:
        console.print(Text("no end in the time given; what was recorded until then is kept", style="yellow"))
    elif capture.ended.signal:
        console.print(Text("interrupted; what was recorded until then is kept", style="yellow"))
    elif capture.ended.code:
        console.print(Text(_end_of_program(capture.ended.code), style="yellow"))
    if left := capture.ended.left:
        text = f"{number_of(left, 'process', 'es')} did not end when the program did: ended now"
        console.print(Text(f"note: {text}", style="yellow"))
    if verdict:
        _print_contents(verdict, console)
    for path in (capture.report, capture.export, capture.manifest):
        if path:
            console.print(Text(f"  {plain(str(path))}"), soft_wrap=True)
    if capture.failure:
        console.print(Text(f"problem: {plain(str(capture.failure))}", style="bold red"), soft_wrap=True)
    if verdict:
        console.print(Text("next: ").append(verdict.next_command, style="bold"), soft_wrap=True)


def _end_of_program(code: int) -> str:
    """Say how the program ended; SIGKILL comes from the kernel where memory ran out."""
    text = f"the program ended with exit code {code}"
    return f"{text} (killed; often for want of memory)" if code == _KILLED else text


def _print_contents(verdict: Verdict, console: Console) -> None:
    source = {"nvtx": "marked by NVTX", "detected": "detected", "none": ""}.get(verdict.steps_source, "")
    parts = [
        number_of(verdict.kernels, "kernel"),
        number_of(verdict.api_calls, "CUDA API call"),
        number_of(verdict.ranges, "NVTX range"),
        number_of(verdict.steps, "step") + (f" ({source})" if source and verdict.steps else ""),
    ]
    console.print(Text("captured: " + ", ".join(parts), style="bold"), soft_wrap=True)
    if verdict.distortion:
        slow = verdict.distortion
        text = f"a step takes {slow.baseline_ms:.1f} ms, and {slow.profiled_ms:.1f} ms while it is recorded"
        console.print(Text(f"{text} (x {slow.ratio:.2f})"), soft_wrap=True)
    for problem in verdict.problems:
        console.print(Text(f"useless: {plain(problem)}", style="bold red"), soft_wrap=True)
    for loss in verdict.losses:
        console.print(Text(f"lost: {plain(loss)}", style="yellow"), soft_wrap=True)
    for note in verdict.notes:
        console.print(Text(f"note: {plain(note)}", style="yellow"), soft_wrap=True)


def print_diagnosis(diagnosis: Diagnosis, console: Console) -> None:
    """Print one line a finding, with what to do under those that need it."""
    for finding in diagnosis.findings:
        line = Text(f"{finding.status.value:<5}", style=_COLORS[finding.status])
        line.append(f"{finding.what:<10}", style="bold").append(plain(finding.detail))
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(" " * 15 + plain(finding.advice), style="dim"), soft_wrap=True)
    able = diagnosis.can_capture
    text = "a capture would work here" if able else "a capture would not work here"
    console.print(Text(text, style="bold green" if able else "bold red"))


def diagnosis_json(diagnosis: Diagnosis) -> str:
    """Return the findings as JSON, schema ``nsysprof.doctor/1``."""
    return json.dumps(
        {
            "schema": "nsysprof.doctor/1",
            "can_capture": diagnosis.can_capture,
            "findings": [asdict(finding) for finding in diagnosis.findings],
        },
        indent=2,
    )


def streams(out: BinaryIO, err: BinaryIO, progress: OnProgress) -> Streams:
    """Return where a captured program's output goes, with what the user hears of nsys and of Ctrl-C."""

    def heard(times: int) -> None:
        text = "stopping; what was recorded is kept (again: kill)" if times == 1 else "killed"
        os.write(2, f"\nnsysprof: {text}\n".encode())  # in a signal handler: no buffered writer

    return Streams(out, err, lambda part: progress("importing", part), heard)


@contextmanager
def export_bar(console: Console) -> Iterator[OnProgress]:
    """Show a bar on ``console`` from the first call on: what is done, and how far it is.

    Shows nothing where ``console`` is no terminal.
    """
    if not console.is_terminal:
        yield lambda _what, _part: None
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    tasks: dict[str, TaskID] = {}

    def report(what: str, part: float) -> None:
        if what not in tasks:
            for task in tasks.values():
                bar.update(task, visible=False)
            tasks[what] = bar.add_task(what, total=1.0)
            bar.start()
        task = tasks[what]
        bar.update(task, completed=max(part, bar.tasks[task].completed))

    try:
        yield report
    finally:
        bar.stop()
