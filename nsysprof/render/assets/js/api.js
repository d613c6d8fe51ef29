// What the CPU did in the CUDA API, in the colours that the nsys window uses for malloc, free and memset.
function startApi() {
  if (!result.api_calls.length) {
    emptyState("api", "No CUDA API calls", "This trace holds no CUDA API calls; capture with nsys profile -t cuda,nvtx.");
    return;
  }
  if (steps.length) apiPerStep();
  apiTable();
}

function apiPerStep() {
  const keys = Object.keys(result.api).filter((key) => steps.some((step) => step.api[key]));
  const { body } = figure("api", {
    title: "CUDA API calls in each step",
    text: "Time inside CUDA calls while the CPU worked on each step, by class. Calls of several threads add up.",
    csv: () => [["step", ...keys.flatMap((key) => [`${key}_ns`, `${key}_count`])],
      ...steps.map((step) => [step.index, ...keys.flatMap((key) => step.api[key] ? [step.api[key].ns, step.api[key].count] : [0, 0])])],
  });
  const make = () => ({
    traces: keys.map((key) => {
      const values = stepGroups.map(({ members }) => members.reduce((sum, step) => ({
        ns: sum.ns + (step.api[key]?.ns || 0) / members.length, count: sum.count + (step.api[key]?.count || 0) / members.length,
      }), { ns: 0, count: 0 }));
      const wide = steps.length > MOST_BARS;
      return {
        name: apiLabel(key), x: stepGroups.map(({ x }) => x), y: values.map(({ ns }) => ns / 1e6),
        customdata: values.map((value, index) => [significant(value.count), stepGroups[index].label]),
        hovertemplate: `%{customdata[1]}: <b>${apiLabel(key)}</b> %{y:.3~g} ms in %{customdata[0]} calls<extra></extra>`,
        ...(wide ? { type: "scatter", mode: "lines", stackgroup: "one", line: { width: 0, shape: "hvh" }, fillcolor: apiColor(key) }
          : { type: "bar", marker: { color: apiColor(key) } }),
      };
    }),
    layout: {
      barmode: "stack", bargap: 0.22, dragmode: false, hovermode: "closest", xaxis: stepAxis(),
      yaxis: { title: { text: "ms" }, fixedrange: true, rangemode: "tozero" }, shapes: selectionShape(chosen.step),
    },
  });
  const plot = chart(body, 300, make);
  onStepClick(body, selectStep);
  onSelect((index) => { if (plot.shown) Plotly.relayout(body, { shapes: selectionShape(index) }); });
}

// Classes whose functions come in both forms.
const MARKED = new Set(["malloc", "free", "memset", "memcpy"]);

function apiTable() {
  const { body } = figure("api", {
    title: "CUDA API functions",
    text: "All calls of the trace, by function. Asynchronous forms are marked: cudaMalloc is not cudaMallocAsync.",
    csv: () => [["function", "class", "async", "count", "total_ns", "mean_ns", "min_ns", "max_ns"],
      ...result.api_calls.map((call) => [call.name, call.class, call.async, call.count, call.total_ns, call.mean_ns, call.min_ns, call.max_ns])],
  });
  const heads = [["Class", "text"], ["Function", "name"], ["Async", "text"], ["Count"], ["Total"], ["Mean"], ["Min"], ["Max"]];
  body.append(plainTable("api-table", heads, result.api_calls.map((call) => ({
    ns: call.total_ns,
    cells: [[swatch(apiColor(call.class)), ` ${apiLabel(call.class)}`], call.name, call.async && MARKED.has(call.class) ? "async" : "", count(call.count),
      duration(call.total_ns), duration(call.mean_ns), duration(call.min_ns), duration(call.max_ns)],
  }))));
}
