// Each axis: what time, memory and images a second do along it.
const CURVE_COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6f3fd6", "#a6761d", "#7d8896", "#c2477f"];

function curveAxis(axis) {
  const common = { fixedrange: true };
  const numbers = axis.numeric ? axis.values.map(Number) : [];
  if (!axis.numeric) return { ...common, type: "category", categoryorder: "array", categoryarray: axis.values.map(plotText) };
  const ticks = { tickmode: "array", tickvals: numbers, ticktext: axis.values };
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  if (low > 0 && high / low >= 8) {
    const pad = Math.log10(high / low) * 0.06;
    return { ...common, ...ticks, type: "log", range: [Math.log10(low) - pad, Math.log10(high) + pad] };
  }
  const pad = (high - low) * 0.06 || 1;
  return { ...common, ...(numbers.length <= 12 ? ticks : {}), type: "linear", range: [low - pad, high + pad] };
}

const placeOn = (axis, point) => (axis.numeric ? Number(point.values[axis.key]) : plotText(point.values[axis.key]));

// Curves that have a figure somewhere; their places give them their colours.
const measuredLines = (axis) => lines(axis).filter(({ members }) => members.some((point) => point.status === "ok"));

function curveTraces(axis, figure) {
  const ordered = axis.numeric || axis.key === "size";
  return measuredLines(axis).map(({ name, members }, index) => {
    const color = CURVE_COLORS[index % CURVE_COLORS.length];
    const measured = members.filter((point) => point[figure.key]);
    const y = measured.map((point) => figure.of(point[figure.key].median));
    const apart = measured.some((point) => point[figure.key].max > point[figure.key].min);
    const common = {
      name: plotText(name || sweep.runner), x: measured.map((point) => placeOn(axis, point)), y,
      customdata: measured.map((point) => [plotText(point.label), spreadText(point[figure.key], figure.text)]),
      hovertemplate: "%{customdata[0]}: <b>%{customdata[1]}</b><extra></extra>",
    };
    if (apart) {
      common.error_y = {
        type: "data", symmetric: false, thickness: 1.2, width: 3,
        array: measured.map((point, at) => figure.of(point[figure.key].max) - y[at]),
        arrayminus: measured.map((point, at) => y[at] - figure.of(point[figure.key].min)),
      };
    }
    if (!ordered) return { ...common, type: "bar", marker: { color } };
    return { ...common, type: "scatter", mode: "lines+markers", line: { color, width: 2 }, marker: { color, size: 7, symbol: index % 6 } };
  });
}

// Configurations without figures stand as crosses on the axis.
function lostTrace(axis) {
  const lost = lines(axis).flatMap(({ members }) => members).filter((point) => point.status !== "ok" && point.status !== "missing");
  if (!lost.length) return [];
  return [{
    type: "scatter", mode: "markers", name: "failed", showlegend: false, cliponaxis: false,
    x: lost.map((point) => placeOn(axis, point)), y: lost.map(() => 0),
    marker: { symbol: "x", size: 9, color: "#c8102e" },
    customdata: lost.map((point) => [plotText(point.label), STATUS[point.status] || point.status]),
    hovertemplate: "%{customdata[0]}: <b>%{customdata[1]}</b><extra></extra>",
  }];
}

function curveCsv(axis) {
  const head = [axis.key, "configuration", ...FIGURES.flatMap(({ key }) => [`${key}_min`, key, `${key}_max`])];
  return [head, ...lines(axis).flatMap(({ members }) => members).map((point) => [
    point.values[axis.key], point.label,
    ...FIGURES.flatMap(({ key }) => (point[key] ? [point[key].min, point[key].median, point[key].max] : ["", "", ""])),
  ])];
}

function startCurves() {
  const [least, most] = sweep.runs_each;
  if (!varied.length) emptyState("curves", "Nothing varies", "There is one configuration only; the table has its figures.");
  for (const axis of varied) {
    const series = measuredLines(axis);
    const lost = lostTrace(axis).length ? " A red cross is a configuration that failed." : "";
    const { body } = figure("curves", {
      title: axis.key,
      text: (most > 1 ? `Medians of ${least < most ? `${least} to ` : ""}${most} runs, with the range from least to most.` : "One run each.") + lost,
      csv: () => curveCsv(axis),
    });
    body.className = "four";
    for (const each of FIGURES) {
      const plotted = node("div", { class: "plot" });
      body.append(node("div", {}, node("h4", {}, each.unit ? `${each.label}, ${each.unit}` : each.label), plotted));
      chart(plotted, 210, () => ({
        traces: [...curveTraces(axis, each), ...lostTrace(axis)],
        layout: {
          dragmode: false, hovermode: "closest", showlegend: false, margin: { l: 46, r: 10, t: 10, b: 28 },
          xaxis: curveAxis(axis), yaxis: { fixedrange: true, rangemode: "tozero", nticks: 6 },
        },
      }));
    }
    if (series.length > 1) {
      body.after(legend(series.map(({ name }, index) => [name, CURVE_COLORS[index % CURVE_COLORS.length]])));
    }
  }
}
