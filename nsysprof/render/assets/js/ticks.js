// Moments on the recording's clock, in the units of the rest of the page and as exact as the zoom asks for.

// A moment in words; resolution: what should be told apart, in ns. like: the moment that sets the unit.
function moment(ns, resolution, like = ns) {
  const [unit, factor] = [["ns", 1], ["us", 1e3], ["ms", 1e6]].find(([, each]) => Math.abs(like) / each < 999.5) || ["s", 1e9];
  const digits = Math.max(Math.ceil(Math.log10(factor / Math.max(resolution, 1)) - 1e-9), 0);
  return `${(ns / factor).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace(/^-(0(\.0+)?)$/, "$1")} ${unit}`;
}

// Round moments from one ns to another, about so many: [ns, words].
function timeTicks(from, to, most) {
  const rough = Math.max((to - from) / most, 1);
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((each) => each * size >= rough * 0.999) * size;
  const like = Math.max(Math.abs(from), Math.abs(to));
  const ticks = [];
  for (let at = Math.ceil(from / step); at * step <= to; at += 1) ticks.push([at * step, moment(at * step, step, like)]);
  return ticks;
}

// An axis of time, in seconds for plotly, as wide as the body has pixels.
function timeAxis(body, [from, to]) {
  const ticks = timeTicks(from, to, Math.max(body.clientWidth / 130, 2));
  return {
    range: [from / 1e9, to / 1e9], tickmode: "array", tickvals: ticks.map(([ns]) => ns / 1e9), ticktext: ticks.map(([, text]) => text),
    ticksuffix: " s", // where plotly itself writes a moment, beside the pointer
  };
}

// Keeps the ticks of a chart that plotly zooms.
function followTicks(body) {
  body.on("plotly_relayout", (change) => {
    if (!Object.keys(change).some((key) => /^xaxis\.(range|autorange)/.test(key))) return;
    const { tickvals, ticktext } = timeAxis(body, body.layout.xaxis.range.map((value) => value * 1e9));
    Plotly.relayout(body, { "xaxis.tickvals": tickvals, "xaxis.ticktext": ticktext });
  });
}
