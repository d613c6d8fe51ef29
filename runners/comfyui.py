"""A workflow in a real ComfyUI server, for a profiler to watch: NVTX ranges in the server, a run record.

usage: python comfyui.py --comfyui DIR [options] [-- main.py's arguments]; see README.md beside this file.
"""

import contextlib
import importlib.util
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

if importlib.util.find_spec("nsysprof") is None:  # a checkout that nobody installed
    sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

import run_record
from comfyui_client import Client, RefusedError
from comfyui_facts import HookReport, facts, hook_report, load_seconds, with_checkpoint
from comfyui_options import Options, parse
from comfyui_run import CLIENT_ID, Run, Runs, outputs
from comfyui_server import HOST, ComfyUIError, Server
from comfyui_socket import WebSocket
from comfyui_workflow import Graph, applied, load_workflow, schedule, values, varied
from run_options import unwind_on_signals

from nsysprof import ranges
from nsysprof.errors import NsysprofError, OutputError

WARMUP_STEPS = 3
"""As in sdxl.py: enough for lazy loading and for the choice of algorithms."""


def main() -> int:
    """Run once as the command line says; return the exit code."""
    unwind_on_signals()  # so that the server is stopped
    try:
        options = parse(sys.argv[1:])
        sys.stdout.write(_summary(run(options), options))
    except NsysprofError as error:
        sys.stderr.write(f"comfyui: error: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("comfyui: interrupted\n")
        return 130
    return 0


def _summary(record: Mapping[str, Any], options: Options) -> str:
    profiled = record["profiled"]
    steps = profiled["step_ms"]
    each = f"{len(steps)} steps, {statistics.median_low(steps):.1f} ms a step, " if steps else ""
    return f"{each}{profiled['total_s']:.2f} s in all; images in {options.out}\n"


def run(options: Options) -> dict[str, object]:
    """Start ComfyUI, run the workflow, fetch its images; return the run record.

    The record is written in any case, also when the run fails: then it says why.
    """
    graph = applied(load_workflow(options.workflow), options.settings())
    if options.warmup or options.baseline:
        varied(graph, 1)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {options.out}: {error.strerror}") from error
    record: dict[str, object] = {
        "runner": "comfyui",
        "options": {**options.as_record(), **values(graph)},
        "scheduler": schedule(graph),
        "gpu": None,
    }
    began = time.perf_counter()
    try:
        _serve(options, graph, record)
    except BaseException as error:
        is_memory = isinstance(error, run_record.DeviceMemoryError)
        record["error"] = {"kind": "out_of_memory" if is_memory else type(error).__name__}
        raise
    finally:
        record["total_s"] = round(time.perf_counter() - began, 6)
        run_record.write(record, run_record.record_path(options.out))
    return record


def _serve(options: Options, graph: Graph, record: dict[str, object]) -> None:
    """Do the run itself, writing what it finds into ``record`` as it goes; no server outlives it."""
    with tempfile.TemporaryDirectory(prefix="nsysprof-comfyui-", ignore_cleanup_errors=True) as work:
        began = time.perf_counter()
        server = Server(options, Path(work), options.out / "comfyui.log")
        try:
            sys.stderr.write("comfyui: starting the server\n")
            stats = server.wait_ready(options.timeout)
            record["start_s"] = round(time.perf_counter() - began, 6)
            graph = with_checkpoint(server.client(), graph)
            record["options"] = {**options.as_record(), **values(graph)}
            path = f"/ws?clientId={CLIENT_ID}"
            with contextlib.closing(WebSocket(HOST, server.port, path, timeout=10)) as socket:
                marks = hook_report(server.client())
                runs = Runs(server, socket, options.timeout, marks.times)
                last = _runs(options, runs, marks, graph, record)
            record.update(facts(server.client(), stats))
            record["images"] = _fetch(server.client(), last, options.out)
        except (OSError, ValueError, KeyError, RefusedError) as error:
            server.wait_dead(1)
            server.check()
            raise ComfyUIError("ComfyUI does not answer as expected", run_record.brief(error)) from error
        finally:
            server.stop()


def _runs(options: Options, runs: Runs, marks: HookReport, graph: Graph, record: dict[str, object]) -> Run:
    """Warm up, time the baseline where one is wanted, then run the workflow inside the captured range."""
    if options.ranges and (lack := marks.lack()):
        sys.stderr.write(f"comfyui: {lack}: steps will be detected in the trace\n")
    number = options.warmup + options.baseline
    done = []
    short = min(values(graph)["steps"] or 0, WARMUP_STEPS)
    for _ in range(options.warmup):
        warm = applied(varied(graph, number), {"steps": short} if short else {})
        done.append(runs.execute("warm-up", warm))
        number -= 1
    record["baseline"] = None
    if options.baseline:
        done.append(runs.execute("baseline", varied(graph, 1)))
        record["baseline"] = done[-1].as_record()
    with contextlib.nullcontext() if marks.run else ranges.annotate(ranges.CAPTURE):
        done.append(runs.execute("run", graph, marked=marks.run))
    record["profiled"] = done[-1].as_record()
    record["load_s"] = load_seconds(done[0].nodes)
    return done[-1]


def _fetch(client: Client, run: Run, out: Path) -> list[str]:
    """Save the run's images; return their names."""
    names = []
    for index, image in enumerate(outputs(client, run)):
        name = f"image-{index}{Path(image['filename']).suffix}"
        content = client.download("/view", image)
        try:
            (out / name).write_bytes(content)
        except OSError as error:
            raise OutputError(
                f"cannot save the images: {error.strerror}", "check the folder of --out"
            ) from error
        names.append(name)
    return names


if __name__ == "__main__":
    sys.exit(main())
