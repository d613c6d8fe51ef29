// Launch delay, queue depth and device memory over time.
// Where nothing was launched for long, the curve has a gap: for each point, whether one lies before it.
function gapsIn(time) {
  const between = Array.from(time, (ns, at) => (at ? ns - time[at - 1] : 0));
  const usual = between.slice().sort((a, b) => a - b)[Math.floor(between.length / 2)];
  return between.map((ns) => ns > Math.max(8 * usual, events.length / 200));
}

function startQueue() {
  if (!events || !events.delay.time.length) {
    emptyState("api", "No launch delays", "No GPU work in this trace can be tied to the API call that submitted it.");
    return;
  }
  const { time, min, median, max, depth } = events.delay;
  const gaps = gapsIn(time);
  const { body } = figure("api", {
    title: "How far the CPU is ahead of the GPU",
    text: `Time from the return of a launch call to the start of its work (${events.queue.group === 1 ? "of every operation" : `median and highest of every ${count(events.queue.group)} operations`}), and the most `
      + "operations that were submitted and had not begun. Near nothing means that the GPU waits for the CPU. Drag to zoom, double click to come back.",
    csv: () => [["time_ns", "delay_min_ns", "delay_median_ns", "delay_max_ns", "queue_depth_max"],
      ...Array.from(time, (ns, at) => [ns + events.start_ns, min[at], median[at], max[at], depth[at]])],
  });
  const line = (name, values, words, look) => {
    const points = Array.from(values).flatMap((value, at) => (gaps[at] ? [null, at] : [at]));
    return {
      name, type: "scatter", mode: "lines", x: points.map((at) => (at === null ? null : time[at] / 1e9)), y: points.map((at) => (at === null ? null : Math.max(values[at], look.least) / look.unit)),
      text: points.map((at) => (at === null ? "" : words(values[at]))), hovertemplate: `${name} <b>%{text}</b>, %{customdata}<extra></extra>`,
      customdata: points.map((at) => (at === null ? "" : moment(time[at], 1e5))), line: { width: look.width, color: look.color }, yaxis: look.yaxis,
    };
  };
  timeChart(body, 340, () => ({
    traces: [
      line("highest delay", max, duration, { width: 0.8, color: "#a6adb8", least: 1, unit: 1e9 }),
      line("median delay", median, duration, { width: 2, color: "#0072b2", least: 1, unit: 1e9 }),
      line("queue depth", depth, count, { width: 1.5, color: "#d55e00", least: 0, unit: 1, yaxis: "y2" }),
    ],
    layout: {
      hovermode: "x", xaxis: { anchor: "y2" }, legend: { orientation: "h", y: 1.12 },
      yaxis: { domain: [0.42, 1], type: "log", tickvals: [1e-9, 1e-7, 1e-5, 1e-3, 0.1, 10], ticktext: ["1 ns", "100 ns", "10 us", "1 ms", "100 ms", "10 s"], title: { text: "launch delay" }, fixedrange: true },
      yaxis2: { domain: [0, 0.36], title: { text: "queued" }, rangemode: "tozero", fixedrange: true, nticks: 4 },
    },
  }));
}

function startPatterns() {
  if (!result.patterns.length) return;
  const { body } = figure("api", {
    title: "The calls around a launch, again and again",
    text: "The most frequent patterns of CUDA calls: allocations, memory sets, copies and waits, the launch, and releases after it.",
    csv: () => [["functions", "count", "per_step", "share"], ...result.patterns.map((each) => [each.functions.join(" > "), each.count, each.per_step, each.share])],
  });
  const classOf = new Map(result.api_calls.map((call) => [call.name, call.class]));
  const heads = [["Pattern", "name"], ["Launches", "text"], ["Count"], ["A step"], ["Share of calls"]];
  body.append(plainTable("pattern-table", heads, result.patterns.map((each) => ({
    cells: [
      runs(each.functions).flatMap(([name, times], at) => [at ? " \u2192 " : "", swatch(apiColor(classOf.get(name))), ` ${name}${times > 1 ? ` x${times}` : ""}`]),
      Object.entries(each.categories).sort((a, b) => b[1] - a[1]).slice(0, 4).flatMap(([key, times]) => [swatch(bucketColor(key)), ` ${bucketLabel(key)} ${share(times / each.count)} `]),
      count(each.count), each.per_step < 0 ? "" : significant(each.per_step), share(each.share),
    ],
  }))));
}

// Which kernels allocations and sets stand before, and releases behind.
function startAround() {
  const places = [["malloc", "before"], ["memset", "before"], ["free", "after"]].filter(([key]) => Object.keys(result.around[key] || {}).length);
  if (!places.length) return;
  const rows = places.flatMap(([key, side]) => {
    const near = Object.entries(result.around[key]).sort((a, b) => b[1] - a[1]);
    const all = near.reduce((sum, [, times]) => sum + times, 0);
    return near.map(([category, times]) => ({ key, side, category, times, part: times / all }));
  });
  const { body } = figure("api", {
    title: "Which kernels allocations, sets and releases surround",
    text: "Every allocation and memory set counts for the kernel that is launched next, every release for the one that was launched before it.",
    csv: () => [["class", "side", "category", "count", "share"], ...rows.map((row) => [row.key, row.side, row.category, row.times, row.part])],
  });
  body.append(plainTable("around-table", [["Calls", "text"], ["Side", "text"], ["Kernels", "text"], ["Count"], ["Share"]], rows.map((row) => ({
    cells: [[swatch(apiColor(row.key)), ` ${apiLabel(row.key)}`], row.side, [swatch(bucketColor(row.category)), ` ${bucketLabel(row.category)}`], count(row.times), share(row.part)],
  }))));
}

function runs(names) {
  const found = [];
  for (const name of names) {
    if (found.length && found[found.length - 1][0] === name) found[found.length - 1][1] += 1;
    else found.push([name, 1]);
  }
  return found;
}

function startMemory() {
  if (!result.memory.length) {
    emptyState("memory", "No memory events", "nsys recorded no device memory: capture with --cuda-memory-usage=true (nsysprof capture does).");
    return;
  }
  for (const device of result.memory) memoryFigure(device);
}

function memoryFigure(device) {
  const { start_ns: origin, end_ns: end } = page.timeline || result.trace;
  const events = device.allocations + device.releases;
  const pooled = device.pool_peak_bytes >= 0;
  const { body } = figure("memory", {
    title: `Device memory of GPU ${device.device}`,
    text: `At most ${bytes(device.peak_bytes)} in use${device.initial_bytes ? `, ${bytes(device.initial_bytes)} of it when recording began` : ""}; `
      + `allocations since: ${count(device.allocations)}${device.allocations ? `, ${bytes(device.allocated_bytes)} in all` : ""}; releases: ${count(device.releases)}. `
      + `${device.points.length < events ? "Drawn are the lowest and highest of each group of events. " : ""}${pooled
        ? `The pool is cudaMallocAsync's; it grew to ${bytes(device.pool_peak_bytes)}.`
        : "PyTorch's own allocator asks CUDA for large segments only; what tensors use within them is not seen here."}`,
    csv: () => [["time_ns", "used_bytes", "pool_bytes"], ...device.points.map((point) => [point.time_ns, point.used_bytes, point.pool_bytes < 0 ? null : point.pool_bytes])],
  });
  const line = (name, key, color) => {
    const known = device.points.filter((point) => point[key] >= 0);
    const last = known[known.length - 1];
    const points = last && last.time_ns < end ? [...known, { ...last, time_ns: end }] : known; // nothing changes until the end
    return {
      name, x: points.map((point) => (point.time_ns - origin) / 1e9), y: points.map((point) => point[key] / 1e9), type: "scatter", mode: "lines",
      customdata: points.map((point) => [moment(point.time_ns - origin, 1e5), bytes(point[key])]),
      line: { shape: "hv", width: 1.5, color }, hovertemplate: `%{customdata[0]}: <b>%{customdata[1]}</b> ${name}<extra></extra>`,
    };
  };
  timeChart(body, 280, () => ({
    traces: [line("in use", "used_bytes", "#0072b2"), ...(pooled ? [line("size of the pool", "pool_bytes", "#e69f00")] : [])],
    layout: {
      hovermode: "closest", legend: { orientation: "h", y: 1.12 }, showlegend: true,
      yaxis: { title: { text: "GB" }, rangemode: "tozero", fixedrange: true },
    },
  }));
  if (steps.some((step) => step.memory)) memoryPerStep();
}

function memoryPerStep() {
  const { body } = figure("memory", {
    title: "Memory in each step",
    text: `Most device memory in use in each step, and what CUDA was asked for in it.${stepGroups.length < steps.length ? " A column is the highest of several steps." : ""}`,
    csv: () => [["step", "peak_bytes", "allocations", "allocated_bytes", "releases"],
      ...steps.map(({ index, memory }) => (memory ? [index, memory.peak_bytes, memory.allocations, memory.allocated_bytes, memory.releases] : [index]))],
  });
  const x = stepGroups.map((group) => group.x);
  const labels = stepGroups.map(({ label }) => label.replace(/^mean of/, "highest of"));
  const values = (key) => stepGroups.map(({ members }) => Math.max(...members.map(({ memory }) => (memory ? memory[key] : 0))));
  const plot = chart(body, 240, () => ({
    traces: [
      { name: "most in use", type: "scatter", mode: "lines+markers", x, y: values("peak_bytes").map((value) => value / 1e9), line: { color: "#0072b2" }, marker: { size: 5 },
        customdata: values("peak_bytes").map((value, at) => [labels[at], bytes(value)]), hovertemplate: "%{customdata[0]}: <b>%{customdata[1]}</b><extra></extra>" },
      { name: "allocations", type: "bar", x, y: values("allocations"), marker: { color: apiColor("malloc") }, yaxis: "y2", customdata: labels, hovertemplate: "%{customdata}: <b>%{y}</b> allocations<extra></extra>" },
    ],
    layout: {
      dragmode: false, hovermode: "closest", xaxis: { ...stepAxis(), anchor: "y2" }, legend: { orientation: "h", y: 1.14 }, shapes: selectionShape(chosen.step),
      yaxis: { domain: [0.45, 1], title: { text: "GB" }, fixedrange: true, rangemode: "tozero", nticks: 4 }, yaxis2: { domain: [0, 0.38], title: { text: "allocs" }, fixedrange: true, rangemode: "tozero", nticks: 4 },
    },
  }));
  onStepClick(body, selectStep);
  onSelect((index) => { if (plot.shown) Plotly.relayout(body, { shapes: selectionShape(index) }); });
}
