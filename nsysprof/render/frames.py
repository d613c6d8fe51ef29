"""A result as pandas frames, for notebooks."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nsysprof.measure.results import Hotspots
from nsysprof.render.records import to_dict

if TYPE_CHECKING:
    from pandas import DataFrame


def to_frames(hotspots: Hotspots) -> "dict[str, DataFrame]":
    """Return the frames ``steps``, ``categories``, ``kernels`` and ``api``; times are integer ns.

    ``steps`` has one row a step and one column for each part of its time, such as ``gemm`` or ``idle:host``;
    the others have one row a category, kernel name and class of API calls, largest first.
    """
    from pandas import DataFrame  # here: it takes longer than most analyses

    told: Any = to_dict(hotspots)
    steps = [
        {key: value for key, value in step.items() if not isinstance(value, Mapping)} | step["partition"]
        for step in told["steps"]
    ]
    frames = {"steps": DataFrame(steps), "kernels": DataFrame(told["kernels"])}
    if steps:
        buckets = sorted({bucket for step in told["steps"] for bucket in step["partition"]})
        frames["steps"][buckets] = frames["steps"][buckets].fillna(0).astype("int64")
    for part in ("categories", "api"):
        frames[part] = DataFrame.from_dict(told[part], orient="index").rename_axis(part)
    return frames
