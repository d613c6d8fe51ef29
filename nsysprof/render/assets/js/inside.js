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
  const canvas = node("canvas", { class: "ribbon", id: "ribbon" });
  const inner = node("div");
  body.append(canvas, inner);
  const draw = whenSeen(canvas, () => drawRibbon(canvas, words, inner));
  onSelect(draw);
  themeListeners.push(draw);
  new ResizeObserver(draw).observe(body);
  canvas.addEventListener("mousemove", (event) => {
    const rows = ribbonRows();
    const box = canvas.getBoundingClientRect();
    const perLine = Math.max(Math.floor(box.width / CELL), 1);
    const at = Math.floor((event.clientY - box.top) / LINE) * perLine + Math.floor((event.clientX - box.left) / CELL);
    if (at < rows.length) showTip(event, [`${at + 1} of ${count(rows.length)}`, ...eventLines("gpu", rows[at])]);
    else hideTip();
  });
  canvas.addEventListener("mouseleave", hideTip);
  startBlocks();
  stepSpread();
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
  const perLine = Math.max(Math.floor(width / CELL), 1);
  const height = Math.ceil(rows.length / perLine) * LINE;
  const ratio = Math.min(devicePixelRatio || 1, 2);
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
}

// Every part's median and spread over all steps, with the selected step as a mark.
function stepSpread() {
  const parts = buckets.all;
  const quantile = (sorted, part) => sorted[Math.floor((sorted.length - 1) * part)];
  const sorted = parts.map((key) => Float64Array.from(steps, (step) => step.partition[key] || 0).sort());
  const { body } = figure("inside", {
    title: "Spread over all steps",
    text: "For each part of the steps' time: median, middle half, lowest and highest of all steps; the diamond is the selected step.",
    csv: () => [["part", "lowest_ns", "quartile_1_ns", "median_ns", "quartile_3_ns", "highest_ns"],
      ...parts.map((key, at) => [key, ...[0, 0.25, 0.5, 0.75, 1].map((part) => quantile(sorted[at], part))])],
  });
  const make = () => ({
    traces: [
      ...parts.map((key, at) => ({
        type: "box", orientation: "h", y: [bucketLabel(key)], name: bucketLabel(key), lowerfence: [quantile(sorted[at], 0) / 1e6], q1: [quantile(sorted[at], 0.25) / 1e6],
        median: [quantile(sorted[at], 0.5) / 1e6], q3: [quantile(sorted[at], 0.75) / 1e6], upperfence: [quantile(sorted[at], 1) / 1e6],
        line: { color: bucketColor(key), width: 2 }, fillcolor: `${bucketColor(key)}66`, hoverinfo: "skip",
      })),
      ...(chosen.step === null ? [] : [{
        type: "scatter", mode: "markers", y: parts.map(bucketLabel), x: parts.map((key) => (steps[chosen.step].partition[key] || 0) / 1e6),
        marker: { symbol: "diamond", size: 9, color: getComputedStyle(document.documentElement).getPropertyValue("--mark").trim() }, hoverinfo: "skip",
      }]),
    ],
    layout: { showlegend: false, dragmode: false, xaxis: { type: "log", title: { text: "ms (logarithmic)" }, fixedrange: true, dtick: 1 }, yaxis: { fixedrange: true, autorange: "reversed" } },
  });
  const plot = chart(body, 60 + 24 * parts.length, make);
  onSelect(plot.draw);
}
