// Charts over the recording's time.

// The steps' borders and the selected step on a chart of the recording's time.
function stepMarks() {
  if (!events) return [];
  const style = getComputedStyle(document.documentElement);
  const x = (ns) => (ns - events.start_ns) / 1e9;
  const upright = { xref: "x", yref: "paper", y0: 0, y1: 1 };
  const borders = steps.length > 60 ? [] : steps.map(({ gpu_start_ns: at }) => ({
    ...upright, type: "line", x0: x(at), x1: x(at), line: { color: style.getPropertyValue("--soft").trim(), width: 0.6, dash: "dot" },
  }));
  const step = stepOf();
  return step ? [...borders, {
    ...upright, type: "rect", x0: x(step.gpu_start_ns), x1: x(step.gpu_end_ns), line: { color: style.getPropertyValue("--mark").trim(), width: 1.5 },
    fillcolor: "rgba(128,128,128,0.15)",
  }] : borders;
}

// A chart over the recording's time: plotly zooms it, and the selected step is marked.
function timeChart(body, height, make) {
  const span = [0, events ? events.length : result.trace.end_ns - result.trace.start_ns];
  const whole = () => ({ ...timeAxis(body, span), title: { text: "since the start of the recording" }, });
  const plot = chart(body, height, () => {
    const { traces, layout } = make();
    return { traces, layout: { ...layout, dragmode: "zoom", shapes: stepMarks(), xaxis: { ...whole(), ...layout.xaxis } } };
  }, followTicks);
  onSelect(() => { if (plot.shown) Plotly.relayout(body, { shapes: stepMarks() }); });
}
