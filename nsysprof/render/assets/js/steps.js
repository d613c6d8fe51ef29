// The first chart: every step's GPU window as a stack of what ran and why nothing did.
const MOST_BARS = 150; // beyond that plotly draws areas: one node per bucket instead of one per bar

const buckets = (() => {
  const totals = new Map();
  for (const step of steps) {
    for (const [key, ns] of Object.entries(step.partition)) totals.set(key, (totals.get(key) || 0) + ns);
  }
  const work = [...totals].filter(([key, ns]) => ns && !key.startsWith("idle:")).sort((a, b) => b[1] - a[1]);
  const idle = [...totals].filter(([key, ns]) => ns && key.startsWith("idle:")).sort((a, b) => b[1] - a[1]);
  return { all: [...work, ...idle].map(([key]) => key), totals };
})();

function stepTraces() {
  return buckets.all.map((key) => {
    const sums = stepGroups.map(({ members }) => members.reduce((sum, step) => sum + (step.partition[key] || 0), 0));
    const common = {
      name: bucketLabel(key), x: stepGroups.map(({ x }) => x), y: sums.map((ns, at) => ns / stepGroups[at].members.length / 1e6),
      customdata: sums.map((ns, at) => [share(stepGroups[at].wall ? ns / stepGroups[at].wall : 0), stepGroups[at].label]),
      hovertemplate: `%{customdata[1]}: <b>${bucketLabel(key)}</b> %{y:.3~g} ms, %{customdata[0]}<extra></extra>`,
    };
    if (steps.length > MOST_BARS) {
      return {
        ...common, type: "scatter", mode: "lines", stackgroup: "one",
        line: { width: 0, color: bucketColor(key), shape: "hvh" }, fillcolor: bucketColor(key),
      };
    }
    return { ...common, type: "bar", marker: bucketMarker(key) };
  });
}

function selectionShape(index) {
  if (index === null) return [];
  const color = getComputedStyle(document.documentElement).getPropertyValue("--mark").trim();
  return [{
    type: "rect", xref: "x", yref: "paper", x0: index - 0.5, x1: index + 0.5, y0: 0, y1: 1,
    line: { color, width: 2 }, fillcolor: "rgba(0,0,0,0)",
  }];
}

function stepsCsv() {
  const head = ["step", "label", "wall_ns", "busy_ns", "idle_ns", ...buckets.all.map((key) => `${key}_ns`)];
  return [head, ...steps.map((step) => [
    step.index, step.label, step.wall_ns, step.busy_ns, step.idle_ns, ...buckets.all.map((key) => step.partition[key] || 0),
  ])];
}

// Where the axis may end so that the usual steps can be read beside a few that are far longer; null: there are none.
const usualEnd = (() => {
  const walls = steps.map((step) => step.wall_ns);
  const median = walls.slice().sort((a, b) => a - b)[Math.floor(walls.length / 2)];
  const usual = walls.filter((wall) => wall <= 3 * median);
  return Math.max(...walls) > 6 * median && usual.length >= 0.8 * walls.length ? 1.25 * Math.max(...usual) : null;
})();

// Says which bars the axis cuts.
function cutWords() {
  const long = steps.filter((step) => step.wall_ns > usualEnd);
  const first = long.slice(0, 4).map((step) => `${step.label} (${duration(step.wall_ns)})`).join(", ");
  return ` Cut off by the axis: ${first}${long.length > 4 ? ` and ${count(long.length - 4)} more` : ""}.`;
}

// What stands side by side in a chart of steps.
function columnWords() {
  const size = stepGroups[0].members.length;
  if (size > 1) return `Each column is the mean of ${count(size)} steps in a row`;
  return steps.length > MOST_BARS ? "Each column is one step" : "Each bar is one step";
}

// Calls act with the step under a click anywhere in a chart whose x axis counts steps: areas have no points to hit.
function onStepClick(body, act) {
  let begun = null;
  body.addEventListener("pointerdown", (event) => { begun = event; });
  body.addEventListener("pointerup", (event) => {
    const moved = !begun || Math.hypot(event.clientX - begun.clientX, event.clientY - begun.clientY) > 4;
    begun = null;
    const area = body.querySelector(".nsewdrag");
    if (moved || event.button || !area) return;
    const box = area.getBoundingClientRect();
    const part = (event.clientX - box.left) / box.width;
    if (part < 0 || part > 1 || event.clientY < box.top || event.clientY > box.bottom) return;
    const [low, high] = body.layout.xaxis.range;
    act(Math.min(Math.max(Math.round(low + part * (high - low)), 0), steps.length - 1));
  });
}

function startSteps() {
  if (!steps.length) {
    emptyState("steps", "No steps", page.no_steps);
    return;
  }
  if (!buckets.all.length) {
    const times = steps.map((step) => step.cpu_end_ns - step.cpu_start_ns);
    emptyState("steps", "No GPU work in the steps", `${count(steps.length)} ${steps.length === 1 ? "step" : "steps"} took `
      + `${duration(Math.min(...times))} to ${duration(Math.max(...times))} on the CPU and ran nothing on the GPU.`);
    return;
  }
  let cut = Boolean(usualEnd);
  const text = `${columnWords()}: the time on the GPU from its first kernel to the next step's. Every nanosecond belongs to exactly one part: `
    + "the kind of work that ran, or why nothing did. Click on a step to see only that step below.";
  const whole = usualEnd && node("button", { id: "whole-bars", "aria-pressed": "false" }, "Whole bars");
  const { body, frame, words } = figure("steps", {
    title: "Where each step's time went", tools: whole ? [whole] : [], text: text + (cut ? cutWords() : ""), csv: stepsCsv,
  });
  const make = () => ({
    traces: stepTraces(),
    layout: {
      barmode: "stack", bargap: steps.length > 40 ? 0.05 : 0.22, hovermode: "closest", dragmode: false, showlegend: false,
      xaxis: stepAxis(),
      yaxis: { title: { text: "ms" }, fixedrange: true, ...(cut ? { range: [0, usualEnd / 1e6] } : { rangemode: "tozero", autorange: true }) },
      shapes: selectionShape(chosen.step),
    },
  });
  const plot = chart(body, 320, make);
  onStepClick(body, (index) => selectStep(index === chosen.step ? null : index));
  plot.now();
  if (whole) {
    whole.addEventListener("click", () => {
      cut = !cut;
      whole.setAttribute("aria-pressed", String(!cut));
      words.textContent = text + (cut ? cutWords() : "");
      plot.now();
    });
  }
  const selected = node("div");
  frame.append(selected);
  const describe = (index) => selected.replaceChildren(partsOf(index));
  describe(chosen.step);
  onSelect((index) => {
    Plotly.relayout(body, { shapes: selectionShape(index) });
    describe(index);
  });
}

function stepAxis() {
  const axis = { title: { text: "step" }, fixedrange: true, showgrid: false, zeroline: false };
  return steps.length <= (innerWidth < 600 ? 12 : 40) ? { ...axis, tickmode: "array", tickvals: steps.map((_, i) => i), ticktext: steps.map((_, i) => `${i}`) } : axis;
}

// How a step's work was queued and what ran beside it; what is unknown or nothing is left out.
function measuresOf(step) {
  const words = [
    step.launch_bound >= 0 && `${share(step.launch_bound)} launch-bound`,
    step.queue_ns >= 0 && `${duration(step.queue_ns)} from launch to start (median)`,
    step.overlap_ns > 0 && `${duration(step.overlap_ns)} of work overlaps`,
    step.profiler_ns > 0 && `${duration(step.profiler_ns)} of nsys's own work on the CPU`,
  ];
  return words.filter(Boolean).join("; ");
}

// The parts of one step (or of all) in words and numbers under the chart.
function partsOf(index) {
  const step = index === null ? null : steps[index];
  const value = (key) => (step ? step.partition[key] || 0 : buckets.totals.get(key));
  const whole = step ? step.wall_ns : steps.reduce((sum, each) => sum + each.wall_ns, 0);
  const entries = buckets.all.map((key) => [key, value(key)]).filter(([, ns]) => ns).sort((a, b) => b[1] - a[1]);
  const head = step
    ? `${step.label}: ${duration(step.wall_ns)}, GPU busy ${step.busy_ns < 0 ? "for an unknown part" : share(step.wall_ns ? step.busy_ns / step.wall_ns : 0)}, ${count(step.kernels)} kernels`
    : `${stepName(null)}: ${duration(whole)}`;
  return node("div", {}, node("p", { id: "step-words" }, node("b", {}, head), step ? ` ${measuresOf(step)}` : ""),
    legend(entries.map(([key, ns]) => [bucketLabel(key), bucketSwatch(key), `${duration(ns)} ${share(ns / whole)}`])));
}
