"""The ComfyUI runner's options, checked before a server is started."""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from comfyui_workflow import SETTINGS
from run_options import DEFAULT_PROMPT, LARGEST_SEED, Help, Parser, number

from nsysprof.errors import UsageError

DEFAULT_WORKFLOW = Path(__file__).resolve().parent / "workflows" / "sdxl.json"


@dataclass(frozen=True)
class Options:
    """Everything that one run was asked for."""

    comfyui: Path
    """The checkout: the folder of main.py."""
    workflow: Path
    """The workflow, in API format."""
    steps: int | None
    """Denoising steps; this and what follows: None for the workflow's own."""
    batch: int | None
    """Images made at once."""
    width: int | None
    """Pixels."""
    height: int | None
    """Pixels."""
    cfg: float | None
    """Guidance scale."""
    seed: int | None
    """Of the noise."""
    prompt: str | None
    """What to draw."""
    negative_prompt: str | None
    """What not to draw."""
    checkpoint: str | None
    """Its name among ComfyUI's checkpoints."""
    checkpoint_folder: Path | None
    """Where the checkpoint lies, if a file was named."""
    models: tuple[Path, ...]
    """Folders laid out as ComfyUI's models."""
    custom_nodes: tuple[Path, ...]
    """Folders of custom nodes."""
    python: str
    """The Python that runs the server."""
    port: int | None
    """The server's port, None for a free one."""
    timeout: float
    """Seconds for the server's start, and for each run."""
    warmup: int
    """Untimed runs first."""
    baseline: bool
    """Also time a run outside the captured range."""
    ranges: bool
    """Mark the run with NVTX ranges inside the server."""
    out: Path
    """Folder of the images, the log and run.json."""
    arguments: tuple[str, ...]
    """Further arguments of main.py."""

    def settings(self) -> dict[str, Any]:
        """Return what the workflow's own values are to be replaced by."""
        return {name: value for name in SETTINGS if (value := getattr(self, name)) is not None}

    def as_record(self) -> dict[str, object]:
        """Return the options as JSON values; of files and folders the names."""
        return {
            **{name: getattr(self, name) for name in SETTINGS},
            "workflow": self.workflow.name,
            "models": [path.name for path in self.models],
            "custom_nodes": [path.name for path in self.custom_nodes],
            "warmup": self.warmup,
            "baseline": self.baseline,
            "ranges": self.ranges,
            "timeout": self.timeout,
            "arguments": [word if "/" not in word else Path(word).name for word in self.arguments],
        }


def build_parser() -> argparse.ArgumentParser:
    """Return the runner's argument parser; runners/README.md is tested against it."""
    parser = Parser(
        prog="comfyui.py",
        description="Run a workflow in a real ComfyUI server, with NVTX ranges and a run record.",
        epilog="What stands after -- goes to ComfyUI's main.py.",
        formatter_class=Help,
    )
    _add_image_options(parser.add_argument_group("the image (the workflow's own values unless given)"))
    _add_server_options(parser.add_argument_group("the server"))
    _add_run_options(parser.add_argument_group("the run"))
    return parser


def _add_image_options(group: Any) -> None:
    count, size = number(int, 1), number(int, 16, multiple=8)
    group.add_argument("--steps", type=count, metavar="N", help="denoising steps")
    group.add_argument("--batch", type=count, metavar="N", help="images made at once")
    group.add_argument("--width", type=size, metavar="PX", help="width of the empty latent")
    group.add_argument("--height", type=size, metavar="PX", help="height of the empty latent")
    group.add_argument("--cfg", type=number(float, 0), metavar="X", help="classifier-free guidance scale")
    group.add_argument("--seed", type=number(int, 0, LARGEST_SEED), metavar="N", help="seed of the noise")
    group.add_argument("--prompt", metavar="TEXT", help=f"what to draw ({DEFAULT_PROMPT})")
    group.add_argument("--negative-prompt", metavar="TEXT", help="what not to draw")
    group.add_argument(
        "--checkpoint",
        metavar="NAME",
        help="a name that ComfyUI knows, or a file; the only one that it knows unless given",
    )


def _add_server_options(group: Any) -> None:
    group.add_argument(
        "--comfyui", type=Path, required=True, metavar="DIR", help="the checkout: the folder of main.py"
    )
    group.add_argument(
        "--workflow",
        type=Path,
        metavar="FILE",
        help="a workflow in API format; SDXL text to image unless given",
    )
    group.add_argument(
        "--models",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a folder laid out as ComfyUI's models; repeatable",
    )
    group.add_argument(
        "--custom-nodes",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a folder of custom nodes; repeatable",
    )
    group.add_argument(
        "--python", metavar="PATH", help="the Python that has what ComfyUI needs; this one unless given"
    )
    group.add_argument("--port", type=number(int, 1), metavar="N", help="a free one unless given")


def _add_run_options(group: Any) -> None:
    group.add_argument(
        "--timeout",
        "--run-timeout",
        dest="timeout",
        type=number(float, 0.1),
        default=900.0,
        metavar="S",
        help="seconds for the server's start, and for each run; call it --run-timeout under nsysprof capture",
    )
    group.add_argument(
        "--warmup", type=number(int, 0), default=1, metavar="N", help="untimed runs of at most 3 steps first"
    )
    group.add_argument(
        "--baseline",
        action=argparse.BooleanOptionalAction,
        help="time the same work once outside the captured range; on under nsysprof capture",
    )
    group.add_argument(
        "--ranges",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="mark nodes and steps inside the server; without, steps are detected",
    )
    group.add_argument(
        "--out",
        type=Path,
        default=Path("nsysprof-out/comfyui"),
        metavar="DIR",
        help="folder of the images, comfyui.log and run.json",
    )


def parse(argv: Sequence[str]) -> Options:
    """Turn command line arguments into checked options.

    Raises UsageError for a value that makes no sense. Exits on --help.
    """
    words = list(argv)
    cut = words.index("--") if "--" in words else len(words)
    given = vars(build_parser().parse_args(words[:cut]))
    if given["baseline"] is None:
        given["baseline"] = os.environ.get("NSYSPROF_CAPTURE") == "1"
    given["python"] = given["python"] or sys.executable
    given["workflow"] = given["workflow"] or DEFAULT_WORKFLOW
    given["checkpoint_folder"] = None
    if given["checkpoint"] and (file := Path(given["checkpoint"])).is_file():
        given["checkpoint"], given["checkpoint_folder"] = file.name, file.resolve().parent
    for name in ("models", "custom_nodes"):
        given[name] = tuple(path.resolve() for path in given[name])
    options = Options(arguments=tuple(words[cut + 1 :]), **given)
    _check(options)
    return options


def _check(options: Options) -> None:
    for name in ("main.py", "comfy/cli_args.py"):
        if not (options.comfyui / name).is_file():
            raise UsageError(f"{options.comfyui} is no ComfyUI: it has no {name}", "give its folder")
    for path in (*options.models, *options.custom_nodes):
        if not path.is_dir():
            raise UsageError(f"no such folder: {path}")
    if options.port is not None and options.port > 65535:
        raise UsageError(f"--port {options.port} is no port", "leave it out")
