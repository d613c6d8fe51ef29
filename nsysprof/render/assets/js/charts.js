// Plotly in the page's colours: one way to draw a figure, drawn again when light turns to dark.
const config = { displayModeBar: false, responsive: true, showTips: false };

function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, automargin: true };
  const full = {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily },
    margin: { l: 56, r: 12, t: 8, b: 40 },
    hoverlabel: { bgcolor: style.getPropertyValue("--card").trim(), font: { color: ink, size: 12 } },
    legend: { traceorder: "reversed", font: { size: 11.5 } },
    ...layout,
  };
  for (const name of Object.keys(full).filter((key) => /^[xy]axis\d*$/.test(key))) full[name] = { ...axis, ...full[name] };
  return full;
}

// Work for a part of the page is put off until that part comes near the screen, so that opening the page and
// choosing a step cost what is seen and no more. Returns a function that asks for the work to be done (again).
const waiting = new Map();
const near = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    const entry = waiting.get(target);
    entry.near = isIntersecting;
    if (isIntersecting && entry.due) entry.work();
  }
}, { rootMargin: "150px" });

function whenSeen(target, work) {
  const entry = { near: false, due: true, work: () => { entry.due = false; work(); } };
  waiting.set(target, entry);
  near.observe(target);
  return () => {
    entry.due = true;
    if (entry.near) entry.work();
  };
}

addEventListener("beforeprint", () => waiting.forEach((entry) => entry.due && entry.work()));

// make() gives { traces, layout }; drawn when seen, and again on draw() and on a change of theme.
function chart(body, height, make, after) {
  body.style.height = `${height}px`;
  const entry = { shown: false };
  entry.now = () => {
    const { traces, layout } = make();
    Plotly.react(body, traces, themed({ height, ...layout }), config);
    if (after && !entry.shown) after(body);
    entry.shown = true;
  };
  entry.draw = whenSeen(body, entry.now);
  themeListeners.push(entry.draw);
  return entry;
}

// How the bars of a kind of work, or of a cause of idleness, look.
const PATTERNS = {
  "idle:launch": "/", "idle:sync": "x", "idle:alloc": "-", "idle:memop": "|", "idle:api": "\\", "idle:queued": ".",
  "idle:profiler": "+",
};

function bucketMarker(key) {
  const shape = PATTERNS[key] || "";
  return { color: bucketColor(key), line: { width: 0 }, pattern: { shape, size: 6, solidity: 0.2, fgcolor: "#ffffff", fillmode: "overlay" } };
}
