"""A sweep made by hand: batch and size on an H200, one configuration that found too little memory."""

from dataclasses import replace
from pathlib import Path

from hotspots_example import STEP_IDLE, STEP_WORK

from nsysprof.sweep.headline import headline
from nsysprof.sweep.results import AxisResult, Point, Spread, Sweep

HOSTILE = "</script><img src=x onerror=alert(1)>\x1b[31m\u202egpj"


def spread(low: float, middle: float, high: float) -> Spread:
    """Return a figure over three repeats."""
    return Spread(low, middle, high, 3)


def point(batch: int, side: int, image: Path | None = None, *, profiled: bool = False) -> Point:
    """Return a configuration whose figures grow with its work; 32 images of 1024x1024 do not fit."""
    work = batch * side * side / 2**20
    lost = work >= 32
    time_s = spread(1.0 + work, 1.1 + work, 1.3 + work)
    parts = {key: ns for key, (ns, _) in STEP_WORK.items()} | STEP_IDLE
    return Point(
        label=f"batch {batch}, {side}x{side}",
        values={"batch": str(batch), "size": f"{side}x{side}"},
        options={"batch": batch, "width": side, "height": side, "steps": 20, "cfg": 8.0},
        status="out_of_memory" if lost else "ok",
        reason="sdxl: error: out of memory on cuda:0" if lost else "",
        failed=int(lost),
        time_s=None if lost else time_s,
        step_s=None if lost else spread(time_s.low / 22, time_s.middle / 22, time_s.high / 22),
        images_per_s=None if lost else spread(batch / time_s.high, batch / time_s.middle, batch / time_s.low),
        memory_bytes=None if lost else spread(7.4e9 + work * 1e9, 7.4e9 + work * 1e9, 7.5e9 + work * 1e9),
        allocated_bytes=None if lost else spread(7e9, 7e9, 7e9),
        composition={key: round(ns * (0.5 + work)) for key, ns in parts.items()} if profiled else {},
        image=None if lost else image,
        runs=(),
    )


def example(
    *, image: Path | None = None, profiled: bool = False, hostile: bool = False, each: bool = False
) -> Sweep:
    """Return the sweep; ``hostile``: every text of it is what an attacker would write."""
    batches, sides = (1, 2, 4, 8, 16, 32), (512, 1024)
    points = [point(batch, side, image, profiled=profiled) for batch in batches for side in sides]
    if each:
        kept = [point for point in points if "batch 1," in point.label or point.values["size"] == "512x512"]
        points = [replace(kept[0], label="default"), *kept[1:]]
    axes = (
        AxisResult("batch", tuple(map(str, batches)), True),
        AxisResult("size", tuple(f"{side}x{side}" for side in sides), False),
    )
    told = headline(axes, points, each=each)
    if hostile:
        points = [
            replace(
                point,
                label=point.label + HOSTILE,
                reason=HOSTILE,
                options={**point.options, "steps": HOSTILE},
            )
            for point in points
        ]
        told = (HOSTILE, *told)
    return Sweep(
        runner="sdxl" + HOSTILE * hostile,
        axes=axes,
        each=each,
        repeat=3,
        points=tuple(points),
        memory="VRAM",
        gpu="NVIDIA H200" + HOSTILE * hostile,
        versions={"torch": "2.11", "driver": "570", "nsys": None},
        headline=told,
        database=Path("out/sweep.sqlite"),
    )
