"""A runner in no time: it writes a run record and an image as a real one does, and fails in all their ways.

    fake_runner.py --steps 20 --batch 4 --mode ok --out DIR

Each start adds a line to the file that FAKE_RUNNER_STARTS names. It needs nothing but Python.
"""

import argparse
import json
import os
import signal
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import Any

GPU_BYTES = 80_000_000_000


def png(side: int, shade: int) -> bytes:
    """Return a square PNG, ``side`` pixels wide, that gets brighter to the right."""
    line = b"\0" + b"".join(
        bytes((column * 255 // side, shade % 256, 255 - shade % 256)) for column in range(side)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = zlib.compress(line * side)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def record(options: argparse.Namespace) -> dict[str, Any]:
    """Return the record of a run whose figures follow from its options."""
    step_ms = [100.0 + 20 * options.batch + index for index in range(options.steps)]
    told = {key: value for key, value in vars(options).items() if key != "mode"}
    made: dict[str, Any] = {
        "schema": "nsysprof.run/1",
        "runner": "fake_runner",
        "options": told | {"out": options.out.name},
        "versions": {"torch": "2.0", "driver": "550"},
        "gpu": {"name": "NVIDIA Test", "memory_bytes": GPU_BYTES, "capability": "9.0"},
        "allocator": {"backend": "native", "settings": None},
        "load_s": 1.5,
        "scheduler": "Euler",
        "baseline": None,
        "profiled": {"step_ms": step_ms, "total_s": sum(step_ms) / 1000 + 0.5},
        "peak_memory": {
            "allocated_bytes": 6_000_000_000 + options.batch * 10**9,
            "reserved_bytes": 7_000_000_000 + options.batch * 10**9,
            "device_used_bytes": 7_500_000_000 + options.batch * 10**9,
            "host_bytes": 2_000_000_000,
            "load": {"allocated_bytes": 6_000_000_000, "host_bytes": 1_900_000_000},
        },
        "images": [f"image-{index}.png" for index in range(options.batch)],
    }
    if os.environ.get("NSYSPROF_CAPTURE") == "1":
        made["baseline"] = made["profiled"]
        made["profiled"] = {"step_ms": [2 * ms for ms in step_ms], "total_s": 9.0}
    return made


def main() -> int:
    """Run once as the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--height", type=int, default=512)
    parser.add_argument("--cfg", type=float, default=8.0)
    parser.add_argument("--prompt", default="a fox")
    parser.add_argument("--turbo", action="store_true")
    parser.add_argument("--mode", default="ok")
    parser.add_argument("--out", type=Path, default=Path("out"))
    options = parser.parse_args()
    if starts := os.environ.get("FAKE_RUNNER_STARTS"):
        with Path(starts).open("a", encoding="utf-8") as log:
            log.write(f"{' '.join(sys.argv[1:-1])}\n")
    options.out.mkdir(parents=True, exist_ok=True)
    target = Path(os.environ.get("NSYSPROF_RUN_RECORD") or options.out / "run.json")
    return run(options, target)


def run(options: argparse.Namespace, target: Path) -> int:
    """Do as ``--mode`` says; a batch of 16 or more does not fit into memory."""
    if options.mode == "hang":
        time.sleep(600)
    if options.mode == "stubborn":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        time.sleep(600)
    if options.mode == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if options.mode == "silent":
        return 0
    if options.mode == "crash":
        print("Traceback ...", file=sys.stderr)
        print("ValueError: \x1b[31mno <b>such</b> thing", file=sys.stderr)
        return 1
    made = record(options)
    if options.mode == "garbage":
        made |= {"profiled": {"step_ms": "many", "total_s": "long"}, "peak_memory": 7, "images": "none"}
        made["versions"] = made["gpu"] = None
    if options.batch >= 16:
        made |= {"error": {"kind": "out_of_memory"}, "profiled": None, "images": None}
        target.write_text(json.dumps(made))
        print("fake_runner: error: out of memory on cuda:0: lower --batch", file=sys.stderr)
        return 8
    for index in range(options.batch):
        (options.out / f"image-{index}.png").write_bytes(png(options.width, options.steps * 4 + index))
    target.write_text(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
