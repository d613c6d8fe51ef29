// Launch delay, queue depth and device memory over time, with step marks.
function stepMarks() {
  const color = getComputedStyle(document.documentElement).getPropertyValue("--soft").trim();
  if (!events || steps.length > 60) return [];
  return steps.map((step) => ({
    type: "line", xref: "x", yref: "paper", y0: 0, y1: 1, x0: (step.gpu_start_ns - events.start_ns) / 1e9, x1: (step.gpu_start_ns - events.start_ns) / 1e9,
    line: { color, width: 0.6, dash: "dot" },
  }));
}

const timeAxis = () => ({ exponentformat: "SI", ticksuffix: "s", title: { text: "since the start of the recording" } });

function startQueue() {
  if (!events || !events.delay.time.length) {
    emptyState("api", "No launch delays", "No GPU work in this trace can be tied to the API call that submitted it.");
    return;
  }
  const { time, min, median, max, depth } = events.delay;
  const x = Array.from(time, (ns) => ns / 1e9);
  const { body } = figure("api", {
    title: "How far the CPU is ahead of the GPU",
    text: `Time from the return of a launch call to the start of its work (${events.queue.group === 1 ? "of every operation" : `median and highest of every ${count(events.queue.group)} operations`}), and the most `
      + "operations that were submitted and had not begun. Near nothing means that the GPU waits for the CPU. Drag to zoom, double click to come back.",
    csv: () => [["time_ns", "delay_min_ns", "delay_median_ns", "delay_max_ns", "queue_depth_max"],
      ...Array.from(time, (ns, at) => [ns + events.start_ns, min[at], median[at], max[at], depth[at]])],
  });
  chart(body, 340, () => ({
    traces: [
      { name: "highest delay", x, y: Array.from(max, (ns) => Math.max(ns, 1) / 1e9), type: "scatter", mode: "lines", line: { width: 0.8, color: "#a6adb8" } },
      { name: "median delay", x, y: Array.from(median, (ns) => Math.max(ns, 1) / 1e9), type: "scatter", mode: "lines", line: { width: 2, color: "#0072b2" } },
      { name: "queue depth", x, y: Array.from(depth), type: "scatter", mode: "lines", line: { width: 1.5, color: "#d55e00" }, yaxis: "y2" },
    ],
    layout: {
      hovermode: "x unified", dragmode: "zoom", shapes: stepMarks(), xaxis: { ...timeAxis(), anchor: "y2" }, legend: { orientation: "h", y: 1.12 },
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
  const origin = page.timeline ? page.timeline.start_ns : result.trace.start_ns;
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
    const points = device.points.filter((point) => point[key] >= 0);
    return {
      name, x: points.map((point) => (point.time_ns - origin) / 1e9), y: points.map((point) => point[key] / 1e9), type: "scatter", mode: "lines",
      line: { shape: "hv", width: 1.5, color }, hovertemplate: `%{x:.6~s}s: <b>%{y:.3~f} GB</b> ${name}<extra></extra>`,
    };
  };
  chart(body, 280, () => ({
    traces: [line("in use", "used_bytes", "#0072b2"), ...(pooled ? [line("size of the pool", "pool_bytes", "#e69f00")] : [])],
    layout: {
      hovermode: "closest", dragmode: "zoom", shapes: stepMarks(), xaxis: timeAxis(), legend: { orientation: "h", y: 1.12 }, showlegend: true,
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
  const x = stepGroups.map(({ index }) => index);
  const values = (key) => stepGroups.map(({ members }) => Math.max(...members.map(({ memory }) => (memory ? memory[key] : 0))));
  chart(body, 240, () => ({
    traces: [
      { name: "most in use", type: "scatter", mode: "lines+markers", x, y: values("peak_bytes").map((value) => value / 1e9), line: { color: "#0072b2" }, marker: { size: 5 },
        hovertemplate: "step %{x}: <b>%{y:.4~f} GB</b><extra></extra>" },
      { name: "allocations", type: "bar", x, y: values("allocations"), marker: { color: apiColor("malloc") }, yaxis: "y2", hovertemplate: "step %{x}: <b>%{y}</b> allocations<extra></extra>" },
    ],
    layout: {
      dragmode: false, hovermode: "closest", xaxis: { ...stepAxis(), anchor: "y2" }, legend: { orientation: "h", y: 1.14 },
      yaxis: { domain: [0.45, 1], title: { text: "GB" }, fixedrange: true, rangemode: "tozero", nticks: 4 }, yaxis2: { domain: [0, 0.38], title: { text: "allocs" }, fixedrange: true, rangemode: "tozero", nticks: 4 },
    },
  }));
}
