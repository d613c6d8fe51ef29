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
    text: `Time from a launch call to the start of its work (lowest, median and highest of every ${count(events.queue.group)} operations), and the most `
      + "operations that were submitted and had not begun. Near nothing means that the GPU waits for the CPU. Drag to zoom, double click to come back.",
    csv: () => [["time_ns", "delay_min_ns", "delay_median_ns", "delay_max_ns", "queue_depth_max"],
      ...Array.from(time, (ns, at) => [ns + events.start_ns, min[at], median[at], max[at], depth[at]])],
  });
  chart(body, 340, () => ({
    traces: [
      { name: "highest delay", x, y: Array.from(max, (ns) => Math.max(ns, 1) / 1e9), type: "scatter", mode: "lines", line: { width: 0.8, color: "#a6adb8" } },
      { name: "median delay", x, y: Array.from(median, (ns) => Math.max(ns, 1) / 1e9), type: "scatter", mode: "lines", line: { width: 2, color: "#0072b2" } },
      { name: "lowest delay", x, y: Array.from(min, (ns) => Math.max(ns, 1) / 1e9), type: "scatter", mode: "lines", line: { width: 0.8, color: "#56b4e9" } },
      { name: "queue depth", x, y: Array.from(depth), type: "scatter", mode: "lines", line: { width: 1.5, color: "#d55e00" }, yaxis: "y2" },
    ],
    layout: {
      hovermode: "x unified", dragmode: "zoom", shapes: stepMarks(), xaxis: { ...timeAxis(), anchor: "y2" }, legend: { orientation: "h", y: 1.12 },
      yaxis: { domain: [0.42, 1], type: "log", exponentformat: "SI", ticksuffix: "s", title: { text: "launch delay" }, fixedrange: true, nticks: 5 },
      yaxis2: { domain: [0, 0.36], title: { text: "queued" }, rangemode: "tozero", fixedrange: true, nticks: 4 },
    },
  }));
}

function startSequences() {
  if (!events || !events.sequences.length) return;
  const where = events.complete ? "" : ` In ${spansInWords()} only.`;
  const { body } = figure("api", {
    title: "What the CPU calls from one launch to the next",
    text: `The most frequent sequences of CUDA calls on the thread that launches most; each ends with its launch.${where}`,
    csv: () => [["functions", "count", "api_ns", "span_ns"], ...events.sequences.map((each) => [each.functions.join(" > "), each.count, each.api_ns, each.span_ns])],
  });
  const classOf = new Map(events.functions.map((each) => [each.name, each.class]));
  const head = ["Sequence", "Count", "In calls, mean", "From launch to launch, mean"].map((label, index) =>
    node("th", { scope: "col", class: index ? "" : "text", style: { padding: "6px 9px" } }, label));
  const rows = events.sequences.map((each) => node("tr", {},
    node("td", { class: "name" }, ...runs(each.functions).flatMap(([name, times], at) => [
      at ? " \u2192 " : "", node("span", { class: "swatch", style: { background: apiColor(classOf.get(name)) } }), ` ${name}${times > 1 ? ` x${times}` : ""}`])),
    node("td", {}, count(each.count)), node("td", {}, duration(each.api_ns / each.count)), node("td", {}, duration(each.span_ns / each.count))));
  body.append(node("div", { class: "scroll", tabindex: "0" }, node("table", { id: "sequence-table" }, node("thead", {}, node("tr", {}, ...head)), node("tbody", {}, ...rows))));
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
  if (!events || !events.curves.length) {
    emptyState("memory", "No memory events", "nsys recorded no device memory: capture with --cuda-memory-usage=true (nsysprof capture does).");
    return;
  }
  for (const curve of events.curves) memoryFigure(curve);
}

function memoryFigure(curve) {
  const pooled = curve.poolTime.length > 0;
  const thin = curve.events > curve.time.length ? ` ${count(curve.events)} events; drawn are the lowest and highest of each group.` : ` ${count(curve.events)} events, all drawn.`;
  const { body } = figure("memory", {
    title: `Device memory of GPU ${curve.device}`,
    text: `What CUDA allocated since the recording began, minus what it released.${thin} ${pooled
      ? "The pool is cudaMallocAsync's: its size, and what of it is in use."
      : "PyTorch's own allocator asks CUDA for large segments only; what tensors use within them is not seen here."}`,
    csv: () => [["series", "time_ns", "bytes"], ...Array.from(curve.time, (ns, at) => ["allocated", ns + events.start_ns, curve.used[at]]),
      ...Array.from(curve.poolTime, (ns, at) => ["pool", ns + events.start_ns, curve.pool[at]]), ...Array.from(curve.poolTime, (ns, at) => ["pool_used", ns + events.start_ns, curve.poolUsed[at]])],
  });
  const line = (name, time, values, color) => ({
    name, x: Array.from(time, (ns) => ns / 1e9), y: Array.from(values, (value) => value / 1e9), type: "scatter", mode: "lines",
    line: { shape: "hv", width: 1.5, color }, hovertemplate: `%{x:.6~s}s: <b>%{y:.3~f} GB</b> ${name}<extra></extra>`,
  });
  chart(body, 280, () => ({
    traces: [line("allocated", curve.time, curve.used, "#0072b2"),
      ...(pooled ? [line("pool", curve.poolTime, curve.pool, "#e69f00"), line("pool in use", curve.poolTime, curve.poolUsed, "#009e73")] : [])],
    layout: {
      hovermode: "closest", dragmode: "zoom", shapes: stepMarks(), xaxis: timeAxis(), legend: { orientation: "h", y: 1.12 },
      yaxis: { title: { text: "GB" }, rangemode: "tozero", fixedrange: true },
    },
  }));
}
