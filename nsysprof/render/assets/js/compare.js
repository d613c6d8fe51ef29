// Two steps side by side: which parts of the time differ, and which kernels.
function startCompare() {
  if (steps.length < 2) {
    emptyState("compare", "Nothing to compare", steps.length ? "There is one step only." : page.no_steps);
    return;
  }
  const slowest = steps.reduce((best, step, index) => (step.wall_ns > steps[best].wall_ns ? index : best), 0);
  const choice = (id, label, value) => {
    const made = node("select", { id, "aria-label": label }, ...steps.map((step, index) => node("option", { value: index }, step.label)));
    made.value = value;
    return made;
  };
  const base = choice("compare-base", "Step to compare with", middleStep());
  const other = choice("compare-other", "Step", chosen.step ?? slowest);
  const { body, words } = figure("compare", {
    title: "Where two steps differ", tools: [other, "against", base],
    csv: () => [["part", "base_ns", "other_ns", "difference_ns"], ...differences(Number(base.value), Number(other.value)).map((row) => [row.key, row.before, row.now, row.now - row.before])],
  });
  const plotted = node("div", { class: "plot" });
  const table = node("div");
  body.append(...[outliers(), plotted, table].filter(Boolean));
  const make = () => {
    const rows = differences(Number(base.value), Number(other.value)).slice(0, 14).reverse();
    const narrow = plotted.clientWidth < 600;
    const height = narrow ? 80 + 38 * rows.length : 400;
    plotted.style.height = `${height}px`;
    const names = rows.map((row) => (narrow ? bucketLabel(row.key).replace(/^(Idle: .{4,}?) (?=\S+$)/, "$1<br>") : bucketLabel(row.key)));
    const left = 14 + Math.max(...names.flatMap((name) => name.split("<br>")).map((line) => textWidth(line)), 20);
    return {
      traces: [{
        type: "bar", orientation: "h", y: rows.map((_, at) => at), x: rows.map((row) => (row.now - row.before) / 1e6), hoverinfo: "skip",
        text: rows.map(signed), textposition: "outside", textfont: { size: 12 }, cliponaxis: false, constraintext: "none",
        marker: { color: rows.map((row) => bucketColor(row.key)), pattern: { ...bucketMarker("").pattern, shape: rows.map((row) => PATTERNS[row.key] || "") } },
      }],
      layout: {
        height, dragmode: false, bargap: 0.25, margin: { l: left, r: RIGHT, t: 8, b: 60 },
        xaxis: { title: { text: "ms more or less" }, fixedrange: true, range: reach(rows, plotted.clientWidth - left - RIGHT), nticks: Math.max(plotted.clientWidth / 120, 2) },
        yaxis: { fixedrange: true, automargin: false, tickvals: rows.map((_, at) => at), ticktext: names },
      },
    };
  };
  const plot = chart(plotted, 400, make);
  whenWidthChanges(plotted, plot.draw);
  const draw = () => {
    const [a, b] = [Number(base.value), Number(other.value)];
    const more = steps[b].wall_ns - steps[a].wall_ns;
    words.textContent = a === b ? "Choose two different steps." : `${steps[b].label} takes ${duration(steps[b].wall_ns)}, ${steps[a].label} ${duration(steps[a].wall_ns)}: ${duration(Math.abs(more))} ${more >= 0 ? "more" : "less"}.`;
    const alike = !differences(a, b).length;
    table.replaceChildren(alike ? node("p", { class: "empty" }, "No part of their time differs: choose two other steps above.") : kernelDifferences(a, b));
    plotted.hidden = alike;
    plot.draw();
  };
  base.addEventListener("change", draw);
  other.addEventListener("change", draw);
  const later = whenSeen(table, draw);
  onSelect((index) => {
    other.value = index ?? slowest;
    later();
  });
}

const signed = ({ before, now }) => `${now >= before ? "+" : "\u2212"}${duration(Math.abs(now - before))}`;

// Where the axis begins and ends, so that the words beside the bars have room; pixels: how wide it is.
function reach(rows, pixels) {
  const room = (side) => Math.max(...rows.filter((row) => side * (row.now - row.before) > 0).map((row) => textWidth(signed(row)) + 12), 0);
  const [left, right] = [room(-1), room(1)];
  const values = rows.map((row) => (row.now - row.before) / 1e6);
  const [low, high] = [Math.min(...values, 0), Math.max(...values, 0)];
  const unit = (high - low || 1) / Math.max(pixels - left - right, 20);
  return [low - left * unit, high + right * unit];
}

function differences(before, now) {
  return buckets.all.map((key) => ({ key, before: steps[before].partition[key] || 0, now: steps[now].partition[key] || 0 }))
    .filter((row) => row.before !== row.now).sort((a, b) => Math.abs(b.now - b.before) - Math.abs(a.now - a.before));
}

function kernelDifferences(before, now) {
  if (!events) return node("p");
  const columns = events.step_kernels.columns;
  const rows = [];
  for (let column = 0; column < columns - 1; column += 1) {
    const [a, b] = [before, now].map((step) => ({ ns: events.stepNs[step * columns + column], count: events.stepCount[step * columns + column] }));
    if (a.ns !== b.ns) rows.push({ kernel: result.kernels[column], a, b });
  }
  rows.sort((x, y) => Math.abs(y.b.ns - y.a.ns) - Math.abs(x.b.ns - x.a.ns));
  const heads = [["Category", "text"], ["Kernel", "name"], [steps[now].label], [steps[before].label], ["Difference"], ["Count"]];
  return plainTable("compare-table", heads, rows.slice(0, 12).map(({ kernel, a, b }) => ({
    cells: [
      [swatch(bucketColor(kernel.category)), ` ${bucketLabel(kernel.category)}`], [familyOf(kernel), node("span", { class: "clip", title: kernel.name }, kernel.name)],
      duration(b.ns), duration(a.ns), signed({ before: a.ns, now: b.ns }),
      a.count === b.count ? count(b.count) : `${count(b.count)} / ${count(a.count)}`,
    ],
  })));
}

// Steps that take longer or shorter than the others, each with a button that selects it.
function outliers() {
  const found = result.comparison ? result.comparison.outliers : [];
  if (!found.length) return null;
  const most = 12;
  const words = found.slice(0, most).map((each) => node("li", {}, node("button", { onclick: () => selectStep(each.index) }, steps[each.index].label),
    ` ${duration(Math.abs(each.excess_ns))} ${each.excess_ns > 0 ? "longer" : "shorter"} than the median; ${bucketLabel(each.bucket)} ${duration(Math.abs(each.bucket_excess_ns))} ${each.bucket_excess_ns > 0 ? "more" : "less"}`));
  const rest = found.length > most ? node("li", {}, `and ${count(found.length - most)} more`) : null;
  return node("div", {}, node("p", {}, `Steps unlike the others (the median takes ${duration(result.comparison.median_ns)}, eight of ten take ${duration(result.comparison.low_ns)} to ${duration(result.comparison.high_ns)}):`),
    node("ul", { class: "outliers" }, ...words, rest));
}
