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
  const { placed, height } = placeLanes();
  const zoomTo = (label, key, act) => node("button", { title: `Key: ${key}`, onclick: act }, label);
  const { body, frame } = figure("timeline", {
    title: "GPU, CUDA API and NVTX over time",
    text: `${said} ${events.left_out} ${hiddenLevels(placed)}Drag to move, turn the wheel to zoom, point at something to read it. Where a pixel holds more than can be told apart, its height is split by time.`,
    csv: () => visibleCsv(placed),
    tools: [
      zoomTo("Whole run", "0", () => setView(0, events.length)), steps.length ? zoomTo("All steps", "Esc", showSteps) : null,
      zoomTo("Selected step", "s", () => showStep(chosen.step === null ? middleStep() : chosen.step)),
      ...(events.complete ? [] : events.spans.map((span) => node("button", { onclick: () => setView(span.start, span.end) }, `${span.label} step`))),
      zoomTo("+", "+", () => zoom(0.5)), zoomTo("\u2212", "-", () => zoom(2)),
    ].filter(Boolean),
  });
  const overview = node("div", { class: "plot overview" });
  const lanes = node("div", {
    class: "lanes", id: "lanes", tabindex: "0", "data-keys": "", role: "application",
    "aria-label": "Timeline. Plus and minus zoom, a and d or the arrow keys move, 0 shows the whole run, s the selected step, Escape all steps.",
  });
  const axis = node("div", { class: "plot" });
  const canvas = node("canvas");
  const ticks = node("div", { class: "ticks" });
  lanes.append(axis, canvas, ticks);
  body.append(overview, lanes);
  frame.append(legend(legendEntries()));
  startOverview(overview);
  overview.addEventListener("click", () => lanes.focus({ preventScroll: true }));
  const screen = { axis, canvas, ticks, lanes: placed, height, hover: null, pointer: null };
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
  if (!steps.length || !events) return;
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
  const plot = chart(axis, screen.height + 40, () => ({
    traces: [{ type: "scatter", x: [0], y: [0], hoverinfo: "skip", marker: { opacity: 0 } }],
    layout: {
      margin: { l: LEFT, r: RIGHT, t: 0, b: 40 }, dragmode: "pan", hovermode: false, showlegend: false,
      xaxis: {
        range: [view.from / 1e9, view.to / 1e9], showgrid: false, zeroline: false, showticklabels: false, automargin: false,
        minallowed: -events.length * 0.02 / 1e9, maxallowed: events.length * 1.02 / 1e9,
      },
      yaxis: { visible: false, fixedrange: true, range: [0, 1] },
    },
  }), () => {
    const follow = (change) => {
      const [from, to] = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (from === undefined) return;
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
    if (!plot.shown) return;
    Plotly.relayout(axis, { "xaxis.range": [view.from / 1e9, view.to / 1e9] }); // of this alone plotly does it fast
    pointAt(screen);
    soon();
  });
  const redraw = whenSeen(screen.canvas, soon, draw);
  themeListeners.push(redraw);
  onSelect(redraw);
  new ResizeObserver(redraw).observe(lanes);
  const point = (event) => {
    screen.pointer = event;
    pointAt(screen);
    soon();
  };
  lanes.addEventListener("mousemove", point);
  lanes.addEventListener("mouseleave", () => point(null));
  lanes.addEventListener("pointerdown", () => lanes.focus({ preventScroll: true })); // plotly keeps the press from doing so
  lanes.addEventListener("keydown", (event) => {
    const act = {
      "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), a: () => pan(-0.2), d: () => pan(0.2), ArrowLeft: () => pan(-0.2),
      ArrowRight: () => pan(0.2), 0: () => setView(0, events.length), s: () => showStep(chosen.step === null ? middleStep() : chosen.step),
    }[event.key]; // Escape is the page's
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
