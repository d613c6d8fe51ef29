"""The timeline as a page takes it: a directory in JSON, and columns of integers in one run of bytes."""

from nsysprof.attribute.families import operator_name
from nsysprof.measure.timeline_model import Bins, Timeline
from nsysprof.render.pack import Columns
from nsysprof.render.text import plain
from nsysprof.trace.model import I64


def timeline_data(timeline: Timeline) -> tuple[dict[str, object], bytes]:
    """Return what goes into the page's JSON, and the bytes that go beside it.

    Times count from the timeline's start. Starts are kept as gaps from the end of the event before.
    """
    columns = Columns()
    _add_events(columns, timeline)
    _add_curves(columns, timeline)
    names = [plain(operator_name(text)) for text in timeline.texts]
    operators = sorted(set(names))
    place = {name: at for at, name in enumerate(operators)}
    meta = {
        "start_ns": timeline.start_ns,
        "end_ns": timeline.end_ns,
        "lanes": [
            {"kind": lane.kind, "label": plain(lane.label), "first": lane.first, "last": lane.last}
            for lane in timeline.lanes
        ],
        "all_ranges": timeline.all_ranges,
        "left_out": timeline.left_out,
        "other_kinds": [{"name": kind.name, "category": kind.category} for kind in timeline.other_kinds],
        "functions": [{"name": plain(each.name), "class": each.api_class} for each in timeline.functions],
        "texts": [plain(text) for text in timeline.texts],
        "operators": operators,
        "text_operators": [place[name] for name in names],
        "spans": [
            {
                "label": span.label,
                "step": span.step,
                "start": span.start_ns - timeline.start_ns,
                "end": span.end_ns - timeline.start_ns,
            }
            for span in timeline.spans
        ],
        "bins": _bins_meta(timeline.bins),
        "step_kernels": {"columns": int(timeline.step_kernels.ns.shape[1])},
        "queue": {"group": timeline.queue.group},
        "columns": columns.directory,
    }
    return meta, columns.bytes()


def _add_events(columns: Columns, timeline: Timeline) -> None:
    for name, table in (("gpu", timeline.gpu), ("api", timeline.api), ("ranges", timeline.ranges)):
        columns.add(f"{name}.gap", _gaps(table.start_ns, table.end_ns, timeline.start_ns))
        columns.add(f"{name}.dur", table.end_ns - table.start_ns)
    columns.add("gpu.kind", timeline.gpu.kind)
    columns.add("gpu.shape", timeline.gpu.shape)
    columns.add("gpu.step", timeline.gpu.step, delta=True)
    columns.add("gpu.launch", timeline.gpu.launch, delta=True)
    columns.add("gpu.bytes", timeline.gpu.bytes)
    columns.add("api.function", timeline.api.function)
    columns.add("ranges.text", timeline.ranges.text)
    columns.add("ranges.depth", timeline.ranges.depth)
    columns.add("shapes", timeline.shapes)
    if timeline.bins:
        columns.add("bins.ns", timeline.bins.ns)


def _add_curves(columns: Columns, timeline: Timeline) -> None:
    columns.add("steps.ns", timeline.step_kernels.ns)
    columns.add("steps.count", timeline.step_kernels.count)
    queue, start = timeline.queue, timeline.start_ns
    columns.add("queue.time", queue.time_ns - start, delta=True)
    columns.add("queue.min", queue.delay_min_ns)
    columns.add("queue.median", queue.delay_median_ns)
    columns.add("queue.max", queue.delay_max_ns)
    columns.add("queue.depth", queue.depth_max)


def _gaps(start_ns: I64, end_ns: I64, origin_ns: int) -> I64:
    """Return each start's distance from the end of the event before; the first one's from the origin."""
    if not len(start_ns):
        return start_ns
    gaps = start_ns.copy()
    gaps[0] -= origin_ns
    gaps[1:] -= end_ns[:-1]
    return gaps


def _bins_meta(bins: Bins | None) -> dict[str, object] | None:
    if bins is None:
        return None
    return {
        "start": 0,
        "width": bins.width_ns,
        "count": int(bins.ns.shape[1]),
        "rows": [{"lane": lane, "key": key} for lane, key in zip(bins.lane.tolist(), bins.key, strict=True)],
    }
