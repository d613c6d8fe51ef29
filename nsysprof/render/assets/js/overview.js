// The whole recording in small, above the timeline: how busy the GPU was, by kind of work, and where the view is.
const OVERVIEW_BINS = 400;
let placeWindow = () => {};

// Time of each category in each of OVERVIEW_BINS parts of the recording, over all GPU lanes.
function overviewSums() {
  const width = events.length / OVERVIEW_BINS;
  const sums = new Map();
  const add = (key, bin, ns) => {
    if (!sums.has(key)) sums.set(key, new Float64Array(OVERVIEW_BINS));
    sums.get(key)[Math.min(Math.max(bin, 0), OVERVIEW_BINS - 1)] += ns;
  };
  if (events.complete) {
    const { start, end, kind } = events.gpu;
    for (let row = 0; row < start.length; row += 1) {
      const key = events.kinds[kind[row]].category;
      const last = Math.floor(end[row] / width);
      for (let bin = Math.floor(start[row] / width); bin <= last; bin += 1) {
        add(key, bin, Math.min(end[row], (bin + 1) * width) - Math.max(start[row], bin * width));
      }
    }
  } else {
    const { rows, count: bins, width: fine } = events.bins;
    rows.forEach(({ lane, key }, at) => {
      if (events.lanes[lane].kind !== "gpu") return;
      for (let bin = 0; bin < bins; bin += 1) add(key, Math.floor((bin + 0.5) * fine / width), events.binned[at * bins + bin]);
    });
  }
  return { sums, width };
}

function startOverview(body) {
  const { sums, width } = overviewSums();
  const gpus = new Set(events.lanes.filter((lane) => lane.kind === "gpu").map((lane) => lane.label.split(",")[0])).size || 1;
  const x = Array.from({ length: OVERVIEW_BINS }, (_, bin) => ((bin + 0.5) * width) / 1e9);
  const order = Object.keys(result.categories).filter((key) => sums.has(key));
  const make = () => ({
    traces: order.map((key) => ({
      name: bucketLabel(key), x, y: Array.from(sums.get(key), (ns) => (100 * ns) / (width * gpus)), type: "scatter", mode: "lines", stackgroup: "one",
      line: { width: 0, color: bucketColor(key) }, fillcolor: bucketColor(key), hoverinfo: "skip",
    })),
    layout: {
      margin: { l: LEFT, r: RIGHT, t: 4, b: 22 }, showlegend: false, hovermode: false, dragmode: false,
      xaxis: { ...timeAxis(body, [-events.length * 0.02, events.length * 1.02]), fixedrange: true, showgrid: false, automargin: false },
      yaxis: { fixedrange: true, rangemode: "tozero", ticksuffix: " %", automargin: false, nticks: 3 },
    },
  });
  chart(body, 96, make, () => placeWindow());
  const frame = node("div", { class: "window" });
  body.append(frame);
  const whole = () => ({ from: -events.length * 0.02, length: events.length * 1.04, width: body.clientWidth - LEFT - RIGHT });
  placeWindow = () => {
    const { from, length, width: pixels } = whole();
    frame.style.left = `${LEFT + ((view.from - from) / length) * pixels}px`;
    frame.style.width = `${Math.max(((view.to - view.from) / length) * pixels, 2)}px`;
    if (!frame.isConnected) body.append(frame);
  };
  viewListeners.push(placeWindow);
  let begun = null;
  const timeOf = (event) => {
    const { from, length, width: pixels } = whole();
    return from + ((event.clientX - body.getBoundingClientRect().left - LEFT) / pixels) * length;
  };
  body.addEventListener("pointerdown", (event) => { begun = timeOf(event); });
  addEventListener("pointerup", (event) => {
    if (begun === null) return;
    const done = timeOf(event);
    const half = (view.to - view.from) / 2;
    if (Math.abs(done - begun) < events.length * 0.004) setView(done - half, done + half);
    else setView(Math.min(begun, done), Math.max(begun, done));
    begun = null;
  });
}
