// One step in launch order: every kernel a bar, wrapped like text, so that repeated blocks show as repeated patterns.
const CELL = 4;
const LINE = 50;

function startInside() {
  if (!steps.length) {
    emptyState("inside", "No steps", page.no_steps);
    return;
  }
  if (!events) {
    emptyState("inside", "No events", "This page was written without events.");
    return;
  }
  const { body, words } = figure("inside", {
    title: "What a step is made of, in launch order",
    csv: () => [["position", "kernel", "category", "duration_ns", "launched_ns"],
      ...ribbonRows().map((row, at) => [at, events.kinds[events.gpu.kind[row]].name, events.kinds[events.gpu.kind[row]].category,
        events.gpu.end[row] - events.gpu.start[row], events.gpu.launch[row] < 0 ? null : events.api.start[events.gpu.launch[row]] + events.start_ns])],
  });
  const canvas = node("canvas", {
    class: "ribbon", id: "ribbon", tabindex: "0", "data-keys": "", role: "application",
    "aria-label": "Operations of the step in launch order. The arrow keys go from one to the next, Home and End to the first and the last.",
  });
  const inner = node("div");
  body.append(canvas, inner);
  const now = () => drawRibbon(canvas, words, inner);
  const draw = whenSeen(canvas, now, now);
  wireRibbon(canvas, draw);
  onSelect(draw);
  themeListeners.push(draw);
  whenWidthChanges(body, draw);
  startBlocks();
  stepSpread();
}

const cellsPerLine = (canvas) => Math.max(Math.floor(canvas.parentElement.clientWidth / CELL), 1);

// The operation pointed at, or gone to by keys, in words.
function wireRibbon(canvas, draw) {
  let at = -1;
  const tell = (event) => {
    const rows = ribbonRows();
    if (at >= 0 && at < rows.length) showTip(event, [`${count(at + 1)} of ${count(rows.length)}`, ...eventLines("gpu", rows[at])]);
    else hideTip();
  };
  canvas.addEventListener("mousemove", (event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / CELL);
    at = column < cellsPerLine(canvas) ? Math.floor((event.clientY - box.top) / LINE) * cellsPerLine(canvas) + column : -1;
    tell(event);
  });
  const leave = () => {
    hideTip();
    if (document.activeElement !== canvas) delete canvas.dataset.at;
  };
  canvas.addEventListener("mouseleave", leave);
  canvas.addEventListener("blur", () => { leave(); draw(); });
  onSelect(() => { delete canvas.dataset.at; });
  canvas.addEventListener("keydown", (event) => {
    const last = ribbonRows().length - 1;
    const line = cellsPerLine(canvas);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + line, ArrowUp: at - line, Home: 0, End: last }[event.key];
    if (to === undefined || event.ctrlKey || event.metaKey || last < 0) return;
    event.preventDefault();
    at = Math.min(Math.max(to, 0), last);
    canvas.dataset.at = at;
    draw();
    const box = canvas.getBoundingClientRect();
    tell({ clientX: box.left + (at % line) * CELL, clientY: box.top + (Math.floor(at / line) + 0.6) * LINE });
  });
}

// The step shown: the selected one, or the median one.
const insideStep = () => (chosen.step === null ? shownByDefault() : chosen.step);

function shownByDefault() {
  const exact = exactSteps();
  const middle = middleStep();
  return exact.includes(middle) || !exact.length ? middle : exact[0];
}

function ribbonRows() {
  const step = insideStep();
  return exactSteps().includes(step) ? events.stepRows.get(step) || [] : [];
}

function drawRibbon(canvas, words, inner) {
  const rows = ribbonRows();
  const step = insideStep();
  const name = `${steps[step].label}${chosen.step === null ? " (the median one)" : ""}`;
  inner.replaceChildren();
  if (!rows.length) {
    canvas.hidden = true;
    words.textContent = "";
    if (!Object.keys(steps[step].categories).length) {
      inner.append(node("p", { class: "empty" }, `${name} ran nothing on the GPU.`));
      return;
    }
    inner.append(node("p", { class: "empty" }, `Single events of ${name} are not in the page: the trace is too large. They are there for `,
      ...exactSteps().flatMap((each) => [node("button", { onclick: () => selectStep(each) }, steps[each].label), " "])));
    return;
  }
  canvas.hidden = false;
  const inside = rangesInside(step, rows);
  words.textContent = `${name}: ${count(rows.length)} operations in the order in which the CPU launched them, line by line; colour is the kind `
    + `of work, height the duration (logarithmic, 1 us to 1 ms). ${inside.length ? "Lines above are NVTX ranges inside the step, numbers aside alike where of one colour."
      : "No NVTX range lies inside the step: capture with --pytorch-nvtx, or the runner's --modules, to see its blocks by name."}`;
  const width = canvas.parentElement.clientWidth;
  const perLine = cellsPerLine(canvas);
  const height = Math.ceil(rows.length / perLine) * LINE;
  const ratio = sharpness();
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  const { start, end, kind } = events.gpu;
  const { palette, of } = events.paint.gpu;
  const paths = palette.map(() => new Path2D());
  rows.forEach((row, at) => {
    const part = Math.min(Math.max(Math.log10(Math.max(end[row] - start[row], 1)) - 2.7, 0.25) / 3.3, 1);
    const tall = part * (LINE - 22);
    paths[of[kind[row]]].rect((at % perLine) * CELL, Math.floor(at / perLine) * LINE + LINE - 3 - tall, CELL - 0.6, tall);
  });
  paths.forEach((path, color) => {
    context.fillStyle = palette[color];
    context.fill(path);
  });
  markRanges(context, inside, perLine);
  if (canvas.dataset.at === undefined) return;
  const at = Number(canvas.dataset.at);
  context.strokeStyle = getComputedStyle(document.documentElement).getPropertyValue("--mark");
  context.lineWidth = 1.5;
  context.strokeRect((at % perLine) * CELL - 1.5, Math.floor(at / perLine) * LINE + 18, CELL + 2.4, LINE - 19);
}

// Every part's median and spread over all steps, with the selected step as a mark.
function stepSpread() {
  const parts = buckets.all;
  if (!parts.length) {
    emptyState("inside", "Spread over all steps", "The steps ran nothing on the GPU.");
    return;
  }
  const quantile = (sorted, part) => sorted[Math.floor((sorted.length - 1) * part)];
  const sorted = parts.map((key) => Float64Array.from(steps, (step) => step.partition[key] || 0).sort());
  const { body } = figure("inside", {
    title: "Spread over all steps",
    text: "For each part of the steps' time: median, middle half, lowest and highest of all steps; the diamond is the selected step. Point at a row to read it.",
    csv: () => [["part", "lowest_ns", "percentile_10_ns", "quartile_1_ns", "median_ns", "quartile_3_ns", "percentile_90_ns", "highest_ns"],
      ...parts.map((key, at) => [key, ...[0, 0.1, 0.25, 0.5, 0.75, 0.9, 1].map((part) => quantile(sorted[at], part))])],
  });
  const words = (key, at) => {
    const [low, tenth, median, ninetieth, high] = [0, 0.1, 0.5, 0.9, 1].map((part) => duration(quantile(sorted[at], part)));
    const mine = chosen.step === null ? "" : `<br>${stepName(chosen.step)}: ${duration(steps[chosen.step].partition[key] || 0)}`;
    return `<b>${bucketLabel(key)}</b>: median ${median}<br>10th to 90th percentile: ${tenth} to ${ninetieth}<br>lowest ${low}, highest ${high}${mine}`;
  };
  const powers = Array.from({ length: 13 }, (_, at) => 10 ** at); // ns
  const decades = { tickmode: "array", tickvals: powers.map((ns) => ns / 1e6), ticktext: powers.map(duration) };
  const make = () => ({
    traces: [
      ...parts.map((key, at) => ({
        type: "box", orientation: "h", y: [bucketLabel(key)], name: bucketLabel(key), lowerfence: [quantile(sorted[at], 0) / 1e6], q1: [quantile(sorted[at], 0.25) / 1e6],
        median: [quantile(sorted[at], 0.5) / 1e6], q3: [quantile(sorted[at], 0.75) / 1e6], upperfence: [quantile(sorted[at], 1) / 1e6],
        line: { color: bucketColor(key), width: 2 }, fillcolor: `${bucketColor(key)}66`, hoverinfo: "skip",
      })),
      { // nothing to see, but something to point at in each row
        type: "scatter", mode: "markers", y: parts.map(bucketLabel), x: parts.map((_, at) => Math.max(quantile(sorted[at], 0.5), quantile(sorted[at], 1) / 10, 1) / 1e6),
        marker: { opacity: 0 }, hovertemplate: "%{text}<extra></extra>", text: parts.map(words),
      },
      ...(chosen.step === null ? [] : [{
        type: "scatter", mode: "markers", y: parts.map(bucketLabel), x: parts.map((key) => (steps[chosen.step].partition[key] || 0) / 1e6),
        marker: { symbol: "diamond", size: 9, color: getComputedStyle(document.documentElement).getPropertyValue("--mark").trim() }, hoverinfo: "skip",
      }]),
    ],
    layout: { showlegend: false, dragmode: false, hovermode: "y", xaxis: { type: "log", title: { text: "time (logarithmic)" }, fixedrange: true, ...decades }, yaxis: { fixedrange: true, autorange: "reversed" } },
  });
  const plot = chart(body, 60 + 24 * parts.length, make);
  onSelect(plot.draw);
}
