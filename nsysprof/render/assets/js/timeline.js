// The timeline: plotly holds the axis and moves it, a canvas on top of it draws what lies in view.
const view = { from: 0, to: 1 };
const viewListeners = [];

function startTimeline() {
  if (!events) {
    emptyState("timeline", "No timeline", "This page was written without events.");
    return;
  }
  const said = events.complete
    ? `Every event of the recording is here: ${count(events.gpu.start.length)} GPU operations, ${count(events.api.start.length)} CUDA API calls, ${count(events.nvtx.start.length)} NVTX ranges.`
    : `Sums over the whole recording, exact in each of ${count(events.bins.count)} bins of ${duration(events.bins.width)}; every single event in ${spansInWords()}.`;
  const zoomTo = (label, key, act) => node("button", { title: `Key: ${key}`, onclick: act }, label);
  const { body, frame } = figure("timeline", {
    title: "GPU, CUDA API and NVTX over time",
    text: `${said} ${events.left_out} Drag to move, turn the wheel to zoom, point at something to read it. Where a pixel holds more than can be told apart, its height is split by time.`,
    csv: visibleCsv,
    tools: [
      zoomTo("Whole run", "0", () => setView(0, events.length)), steps.length ? zoomTo("All steps", "Esc", () => showSteps()) : null,
      zoomTo("Selected step", "s", () => showStep(chosen.step === null ? middleStep() : chosen.step)),
      ...(events.complete ? [] : events.spans.map((span) => node("button", { onclick: () => setView(span.start, span.end) }, `${span.label} step`))),
      zoomTo("+", "+", () => zoom(0.5)), zoomTo("\u2212", "-", () => zoom(2)),
    ].filter(Boolean),
  });
  const { placed, height } = placeLanes();
  const overview = node("div", { class: "plot overview" });
  const lanes = node("div", {
    class: "lanes", id: "lanes", tabindex: "0", "data-keys": "", role: "application",
    "aria-label": "Timeline. Plus and minus zoom, a and d or the arrow keys move, 0 shows the whole run.",
  });
  const axis = node("div", { class: "plot" });
  const canvas = node("canvas");
  lanes.append(axis, canvas);
  body.append(overview, lanes);
  frame.append(legend(legendEntries()));
  startOverview(overview);
  const screen = { axis, canvas, lanes: placed, height, hover: null };
  const draw = () => drawTimeline(screen);
  wireTimeline(screen, lanes, draw);
  if (steps.length) showSteps();
  else setView(0, events.length);
  if (chosen.step !== null) showStep(chosen.step);
  onSelect((index) => { if (index !== null) showStep(index); });
}

function spansInWords() {
  return events.spans.map((span) => (span.step < 0 ? "the beginning" : `the ${span.label} step (${steps[span.step].label})`)).join(", ");
}

function legendEntries() {
  const classes = new Set(events.functions.map((each) => each.class));
  const entries = Object.keys(result.categories).map((key) => [bucketLabel(key), bucketColor(key)]);
  return [...entries, ...Object.keys(page.api_classes).filter((key) => classes.has(key)).map((key) => [`API: ${apiLabel(key)}`, apiColor(key)])];
}

const middleStep = () => (result.typical < 0 ? null : result.typical);

function setView(from, to) {
  const least = 200; // ns
  const length = Math.min(Math.max(to - from, least), events.length * 1.04);
  const middle = (from + to) / 2;
  view.from = Math.max(Math.min(middle - length / 2, events.length * 1.02 - length), -events.length * 0.02);
  view.to = view.from + length;
  for (const listener of viewListeners) listener();
}

function zoom(factor) {
  const [middle, half] = [(view.from + view.to) / 2, ((view.to - view.from) * factor) / 2];
  setView(middle - half, middle + half);
}

function pan(part) {
  const by = (view.to - view.from) * part;
  setView(view.from + by, view.to + by);
}

function showStep(index) {
  if (index === null || !events) return;
  const { gpu_start_ns: g0, gpu_end_ns: g1, cpu_start_ns: c0, cpu_end_ns: c1 } = steps[index];
  const [from, to] = [Math.min(g0, c0) - events.start_ns, Math.max(g1, c1) - events.start_ns];
  setView(from - (to - from) * 0.03, to + (to - from) * 0.03);
}

function showSteps() {
  const from = Math.min(...steps.map((step) => Math.min(step.gpu_start_ns, step.cpu_start_ns))) - events.start_ns;
  const to = Math.max(...steps.map((step) => Math.max(step.gpu_end_ns, step.cpu_end_ns))) - events.start_ns;
  setView(from - (to - from) * 0.02, to + (to - from) * 0.02);
}

function wireTimeline(screen, lanes, draw) {
  const { axis } = screen;
  let asked = false;
  const soon = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  };
  let moving = false;
  const plot = chart(axis, screen.height + 40, () => ({
    traces: [{ type: "scatter", x: [0], y: [0], hoverinfo: "skip", marker: { opacity: 0 } }],
    layout: {
      margin: { l: LEFT, r: RIGHT, t: 0, b: 40 }, dragmode: "pan", hovermode: false, showlegend: false,
      xaxis: {
        range: [view.from / 1e9, view.to / 1e9], exponentformat: "SI", ticksuffix: "s", showgrid: true, zeroline: false, automargin: false,
        minallowed: -events.length * 0.02 / 1e9, maxallowed: events.length * 1.02 / 1e9, nticks: 9,
      },
      yaxis: { visible: false, fixedrange: true, range: [0, 1] },
    },
  }), () => {
    const follow = (change) => {
      const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (from === undefined || moving) return;
      view.from = from * 1e9;
      view.to = to * 1e9;
      soon();
      placeWindow();
    };
    axis.on("plotly_relayouting", follow);
    axis.on("plotly_relayout", follow);
  });
  axis.addEventListener("wheel", (event) => {
    event.preventDefault(); // plotly zooms too late and too coarsely
    const at = timeAt(screen, event);
    const factor = Math.exp(Math.max(Math.min(event.deltaY, 240), -240) / 400);
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / 800);
    else setView(at - (at - view.from) * factor, at + (view.to - at) * factor);
  }, { passive: false });
  viewListeners.push(() => {
    if (plot.shown) {
      moving = true;
      Plotly.relayout(axis, { "xaxis.range": [view.from / 1e9, view.to / 1e9] });
      moving = false;
      soon();
    }
  });
  const redraw = whenSeen(screen.canvas, soon);
  themeListeners.push(redraw);
  onSelect(redraw);
  new ResizeObserver(redraw).observe(lanes);
  lanes.addEventListener("mousemove", (event) => { pointAt(screen, event); soon(); });
  lanes.addEventListener("mouseleave", () => { screen.hover = null; hideTip(); soon(); });
  lanes.addEventListener("keydown", (event) => {
    const act = {
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), a: () => pan(-0.2), d: () => pan(0.2), ArrowLeft: () => pan(-0.2),
      ArrowRight: () => pan(0.2), 0: () => setView(0, events.length), s: () => showStep(chosen.step === null ? middleStep() : chosen.step),
    }[event.key];
    if (!act || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
}

function boxOf(screen) {
  return { x0: LEFT, x1: Math.max(screen.axis.clientWidth - RIGHT, LEFT + 50) };
}

function timeAt(screen, event) {
  const box = boxOf(screen);
  const x = event.clientX - screen.axis.getBoundingClientRect().left;
  return view.from + ((x - box.x0) / (box.x1 - box.x0)) * (view.to - view.from);
}

function drawTimeline(screen) {
  const { canvas, axis, lanes, height } = screen;
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const width = axis.clientWidth;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const box = boxOf(screen);
  const style = getComputedStyle(document.documentElement);
  drawBackground(context, screen, box, style);
  context.save();
  context.beginPath();
  context.rect(box.x0, 0, box.x1 - box.x0, height);
  context.clip();
  drawLanes(context, view, lanes, box);
  drawMarks(context, screen, box, style);
  context.restore();
  performance.mark("nsysprof-drawn");
}

function drawBackground(context, { lanes }, box, style) {
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const lane of lanes) {
    context.fillStyle = style.getPropertyValue("--faint");
    context.fillRect(box.x0, lane.y, box.x1 - box.x0, lane.height);
    context.fillStyle = style.getPropertyValue("--soft");
    context.fillText(lane.label.length > 25 ? `${lane.label.slice(0, 24)}\u2026` : lane.label, 2, lane.y + Math.min(lane.height, 40) / 2);
  }
}

// Step borders on the GPU, the selected step, and from a kernel under the pointer to the call that launched it.
function drawMarks(context, { lanes, height, hover }, box, style) {
  const scale = (box.x1 - box.x0) / (view.to - view.from);
  const x = (ns) => box.x0 + (ns - events.start_ns - view.from) * scale;
  context.strokeStyle = style.getPropertyValue("--mark");
  const step = stepOf();
  if (step) {
    context.lineWidth = 1.5;
    context.strokeRect(x(step.gpu_start_ns), 1, x(step.gpu_end_ns) - x(step.gpu_start_ns), height - 4);
  }
  const wide = steps.length && (x(steps[steps.length - 1].gpu_end_ns) - x(steps[0].gpu_start_ns)) / steps.length > 8;
  if (wide) {
    context.globalAlpha = 0.35;
    context.lineWidth = 1;
    context.beginPath();
    for (const each of steps) {
      const at = Math.round(x(each.gpu_start_ns)) + 0.5;
      if (at > box.x0 && at < box.x1) { context.moveTo(at, 0); context.lineTo(at, height); }
    }
    context.stroke();
    context.globalAlpha = 1;
  }
  if (hover && hover.row !== undefined) drawHover(context, lanes, hover, (ns) => box.x0 + (ns - view.from) * scale);
}

function drawHover(context, lanes, { lane, row }, x) {
  const table = events[lane.kind];
  const rowHeight = lane.height / lane.rows;
  const y = lane.y + (table.depth ? Math.min(table.depth[row], lane.rows - 1) * rowHeight : 0);
  context.lineWidth = 2;
  context.strokeRect(x(table.start[row]), y, Math.max(x(table.end[row]) - x(table.start[row]), 1.5), rowHeight - (table.depth ? 1 : 0));
  const launch = lane.kind === "gpu" ? table.launch[row] : -1;
  const from = launch < 0 ? null : lanes.find((each) => each.kind === "api" && each.first <= launch && launch < each.last);
  if (!from) return;
  context.lineWidth = 1.2;
  context.beginPath();
  context.moveTo(x(events.api.start[launch]), from.y + from.height);
  context.lineTo(x(table.start[row]), lane.y);
  context.stroke();
  context.strokeRect(x(events.api.start[launch]), from.y, Math.max(x(events.api.end[launch]) - x(events.api.start[launch]), 1.5), from.height);
}

// What is under the pointer: one event, or what a pixel adds up to where events are smaller than pixels.
function pointAt(screen, event) {
  const top = screen.axis.getBoundingClientRect().top;
  const y = event.clientY - top;
  const lane = screen.lanes.find((each) => y >= each.y && y < each.y + each.height);
  const time = timeAt(screen, event);
  screen.hover = null;
  if (!lane || time < view.from || time > view.to) return hideTip();
  const pixel = (view.to - view.from) / (boxOf(screen).x1 - LEFT);
  const known = events.complete || lane.kind === "nvtx" && events.all_ranges || events.spans.some((span) => time >= span.start && time <= span.end);
  const [low, high] = known ? visibleRows(lane, time - pixel, time + pixel) : [0, 0];
  const { start, end, kind, depth } = events[lane.kind];
  const deep = depth ? Math.min(Math.floor((y - lane.y) / (lane.height / lane.rows)), lane.rows - 1) : 0;
  let best = -1;
  const sums = new Map();
  for (let row = low; row < high; row += 1) {
    if (end[row] < time - pixel || depth && Math.min(depth[row], lane.rows - 1) !== deep) continue;
    if (best < 0 || start[row] <= time) best = row;
    sums.set(kind[row], (sums.get(kind[row]) || 0) + 1);
  }
  if (best < 0) return known ? hideTip() : showTip(event, binLines(lane, time));
  const many = [...sums.values()].reduce((a, b) => a + b, 0);
  if (many > 6) {
    const names = lane.kind === "api" ? (which) => events.functions[which].name : (which) => events.kinds[which].family || events.kinds[which].name;
    const list = [...sums].sort((a, b) => b[1] - a[1]).slice(0, 6);
    return showTip(event, [`${count(many)} events within ${duration(Math.round(2 * pixel))}; zoom in`, ...list.map(([which, times]) => `${count(times)}x ${names(which).slice(0, 70)}`)]);
  }
  screen.hover = { lane, row: best };
  return showTip(event, eventLines(lane.kind, best));
}

// What lies in view, event by event, at most so many of each lane.
function visibleCsv() {
  const most = 20000;
  const out = [["row", "name", "category_or_class", "start_ns", "duration_ns"]];
  for (const lane of events.lanes) {
    const { start, end, kind } = events[lane.kind];
    const from = after(start, view.from, lane.first, lane.last);
    const to = Math.min(after(start, view.to, lane.first, lane.last), from + most);
    for (let row = from; row < to; row += 1) {
      const what = lane.kind === "nvtx" ? [events.texts[kind[row]], "nvtx"] : lane.kind === "api"
        ? [events.functions[kind[row]].name, events.functions[kind[row]].class] : [events.kinds[kind[row]].name, events.kinds[kind[row]].category];
      out.push([lane.label, ...what, start[row] + events.start_ns, end[row] - start[row]]);
    }
  }
  return out;
}
