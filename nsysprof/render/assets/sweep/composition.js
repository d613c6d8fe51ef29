// Profiled configurations: what their typical step is made of.
function startComposition() {
  const profiled = points.filter((point) => Object.keys(point.composition_ns).length);
  if (!profiled.length) {
    emptyState("composition", "Not profiled", "With --profile each run is captured, and this shows what a step of it is made of.");
    return;
  }
  const totals = new Map();
  for (const point of profiled) {
    for (const [key, ns] of Object.entries(point.composition_ns)) totals.set(key, (totals.get(key) || 0) + ns);
  }
  const idle = (key) => Number(key.startsWith("idle:"));
  const keys = [...totals].filter(([, ns]) => ns).sort((a, b) => idle(a[0]) - idle(b[0]) || b[1] - a[1]).map(([key]) => key);
  const whole = (point) => Object.values(point.composition_ns).reduce((sum, ns) => sum + ns, 0);
  const shares = node("button", { id: "as-shares", "aria-pressed": "false", title: "Every bar as long as the others" }, "Shares");
  const { body, frame } = figure("composition", {
    title: "Where the typical step's time went", tools: [shares],
    text: "The step of median length, as nsys recorded it. Every nanosecond belongs to exactly one part: the kind of work that ran, or why nothing did.",
    csv: () => [["configuration", ...keys.map((key) => `${key}_ns`)], ...profiled.map((point) => [point.label, ...keys.map((key) => point.composition_ns[key] || 0)])],
  });
  const make = () => {
    const asShares = shares.ariaPressed === "true";
    return {
      traces: keys.map((key) => ({
        type: "bar", name: bucketLabel(key), x: profiled.map((_, index) => index), marker: bucketMarker(key),
        y: profiled.map((point) => (asShares ? (100 * (point.composition_ns[key] || 0)) / whole(point) : (point.composition_ns[key] || 0) / 1e6)),
        customdata: profiled.map((point) => [plotText(point.label), duration(point.composition_ns[key] || 0), share((point.composition_ns[key] || 0) / whole(point))]),
        hovertemplate: `%{customdata[0]}: <b>${bucketLabel(key)}</b> %{customdata[1]}, %{customdata[2]}<extra></extra>`,
      })),
      layout: {
        barmode: "stack", bargap: 0.25, dragmode: false, hovermode: "closest", showlegend: false,
        xaxis: { fixedrange: true, showgrid: false, zeroline: false, tickvals: profiled.map((_, index) => index), ticktext: profiled.map((point) => plotText(point.label)) },
        yaxis: { title: { text: asShares ? "% of a step" : "ms a step" }, fixedrange: true, rangemode: "tozero" },
      },
    };
  };
  const plot = chart(body, 380, make);
  shares.addEventListener("click", () => {
    shares.ariaPressed = String(shares.ariaPressed !== "true");
    plot.draw();
  });
  frame.append(legend(keys.map((key) => [bucketLabel(key), bucketSwatch(key)])));
}
