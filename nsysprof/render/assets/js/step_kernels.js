// What is known of the kernels of one step from its single events.

// Shortest and longest of each kernel within a step of which every event is in the page.
function spreadOf(step) {
  const found = new Map();
  if (!exactSteps().includes(step)) return found;
  const { start, end, kind } = events.gpu;
  for (const row of events.stepRows.get(step) || []) {
    const ns = end[row] - start[row];
    const entry = found.get(kind[row]);
    if (!entry) found.set(kind[row], { min_ns: ns, max_ns: ns });
    else {
      entry.min_ns = Math.min(entry.min_ns, ns);
      entry.max_ns = Math.max(entry.max_ns, ns);
    }
  }
  return found;
}

// The range that launched most of each kernel's time within a step, as far as its events are in the page.
function operatorsOf(step) {
  const found = new Map();
  if (!exactSteps().includes(step)) return found;
  const { start, end, kind, launch } = events.gpu;
  const sums = new Map();
  for (const { rows, ranges } of launchesByThread(events.stepRows.get(step) || [])) {
    const open = [];
    let next = 0;
    for (const row of rows) {
      const time = events.api.start[launch[row]];
      for (; next < ranges.length && events.nvtx.start[ranges[next]] <= time; next += 1) open.push(ranges[next]);
      while (open.length && events.nvtx.end[open[open.length - 1]] <= time) open.pop();
      const operator = open.length ? events.operators[events.text_operators[events.nvtx.kind[open[open.length - 1]]]] : "";
      const key = JSON.stringify([kind[row], operator]);
      sums.set(key, (sums.get(key) || 0) + end[row] - start[row]);
    }
  }
  for (const [key] of [...sums].sort((a, b) => a[1] - b[1])) found.set(...JSON.parse(key)); // the largest comes last
  return found;
}

// Operations in the order of their launches, and the operators' ranges of the same thread. What graphs launch has
// no operator there: theirs is the one that captured them.
function launchesByThread(all) {
  return events.lanes.filter((lane) => lane.kind === "api").map((lane) => {
    const rows = all.filter((row) => {
      const call = events.gpu.launch[row];
      return lane.first <= call && call < lane.last && events.functions[events.api.kind[call]].class !== "graph_launch";
    }).sort((a, b) => events.gpu.launch[a] - events.gpu.launch[b]);
    const ranges = [];
    for (const each of events.lanes.filter((other) => other.kind === "nvtx" && threadOf(other) === threadOf(lane))) {
      for (let row = each.first; row < each.last; row += 1) {
        if (events.operators[events.text_operators[events.nvtx.kind[row]]]) ranges.push(row);
      }
    }
    return { rows, ranges: ranges.sort((a, b) => events.nvtx.start[a] - events.nvtx.start[b] || events.nvtx.end[b] - events.nvtx.end[a]) };
  });
}
