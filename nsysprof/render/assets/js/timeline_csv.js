// The timeline's numbers as CSV: every event in view, and the sums of bins where single events are not in the page.
const CSV_HEAD = ["row", "what", "name", "category_or_class", "start_ns", "duration_ns"];

// lanes: as placeLanes() gives them
function visibleCsv(lanes) {
  const out = [CSV_HEAD];
  for (const lane of lanes) {
    const whole = events.complete || lane.kind === "nvtx" && events.all_ranges;
    for (const { start, end } of whole ? [{ start: view.from, end: view.to }] : exactParts()) {
      addEvents(out, lane, Math.max(start, view.from), Math.min(end, view.to));
    }
    if (!whole) addBins(out, lane);
  }
  if (!events.complete) {
    out.push(["", "note", `Events are single ones within ${spansInWords()}; elsewhere sums stand for them, each of a whole bin of ${duration(events.bins.width)}. `
      + "A bin at the edge of such a step counts those of the step's events that lie in it, too."]);
  }
  if (events.left_out) out.push(["", "note", events.left_out]);
  return out;
}

// The spans with every event, joined where they overlap.
function exactParts() {
  const parts = [];
  for (const { start, end } of events.spans.slice().sort((a, b) => a.start - b.start)) {
    const before = parts[parts.length - 1];
    if (before && start <= before.end) before.end = Math.max(before.end, end);
    else parts.push({ start, end });
  }
  return parts;
}

function addEvents(out, lane, from, to) {
  if (from > to) return;
  const { start, end, kind } = events[lane.kind];
  const [low, high] = visibleRows(lane, from, to);
  for (let row = low; row < high; row += 1) {
    if (end[row] < from) continue;
    const what = lane.kind === "nvtx" ? [events.texts[kind[row]], "nvtx"] : lane.kind === "api"
      ? [events.functions[kind[row]].name, events.functions[kind[row]].class] : [events.kinds[kind[row]].name, events.kinds[kind[row]].category];
    out.push([lane.label, "event", ...what, start[row] + events.start_ns, end[row] - start[row]]);
  }
}

// duration_ns of a sum is the time of its category; of the bin the name tells the width.
function addBins(out, lane) {
  const { width, count: bins } = events.bins;
  const name = `all within ${width} ns`;
  const mine = binRows(lane);
  for (let bin = Math.max(Math.floor(view.from / width), 0); bin < Math.min(Math.ceil(view.to / width), bins); bin += 1) {
    if (events.spans.some((span) => span.start <= bin * width && (bin + 1) * width <= span.end)) continue;
    for (const { key, at } of mine) {
      const ns = events.binned[at * bins + bin];
      if (ns) out.push([lane.label, "sum", name, key, bin * width + events.start_ns, ns]);
    }
  }
}
