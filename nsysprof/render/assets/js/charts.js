// Plotly in the page's colours: one way to draw a figure, drawn again when light turns to dark.
const config = { displayModeBar: false, responsive: true, showTips: false, doubleClick: "reset" };

function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, automargin: true, exponentformat: "none", separatethousands: true };
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
// atOnce: the same work where it must be done anew for paper, whose width is another, and which waits for no frame.
const waiting = new Map();
const near = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    const entry = waiting.get(target);
    entry.near = isIntersecting;
    if (isIntersecting && entry.due) entry.work();
  }
}, { rootMargin: "150px" });

function whenSeen(target, work, atOnce = null) {
  const entry = { near: false, due: true, work: () => { entry.due = false; work(); }, atOnce };
  waiting.set(target, entry);
  near.observe(target);
  return () => {
    entry.due = true;
    if (entry.near) entry.work();
  };
}

// Acts when the width of a node has changed, not only its height.
function whenWidthChanges(target, act) {
  let width = null; // told by the first call
  new ResizeObserver(() => {
    const before = width;
    width = target.clientWidth;
    if (before !== null && before !== width) act();
  }).observe(target);
}

// make() gives { traces, layout }; drawn when seen, and again on draw() and on a change of theme. after() listens to
// the plot's events; it is called for every new plot.
function chart(body, height, make, after) {
  body.style.height = `${height}px`;
  const entry = { shown: false, width: 0 };
  entry.now = () => {
    const { traces, layout } = make();
    const anew = entry.width !== body.clientWidth; // plotly's react() keeps the width that a plot has
    (anew ? Plotly.newPlot : Plotly.react)(body, traces, themed({ height, ...layout }), config);
    entry.shown = true;
    entry.width = body.clientWidth;
    if (after && anew) after(body);
  };
  entry.draw = whenSeen(body, entry.now, entry.now);
  themeListeners.push(entry.draw);
  return entry;
}

// How the bars of a kind of work, or of a cause of idleness, look; the style sheet has the same for swatches.
const PATTERNS = {
  "idle:launch": "/", "idle:sync": "x", "idle:alloc": "-", "idle:memop": "|", "idle:api": "\\", "idle:queued": ".",
  "idle:profiler": "+",
};

function bucketMarker(key) {
  const shape = PATTERNS[key] || "";
  return { color: bucketColor(key), line: { width: 0 }, pattern: { shape, size: 6, solidity: 0.2, fgcolor: "#ffffff", fillmode: "overlay" } };
}

const bucketSwatch = (key) => swatch(bucketColor(key), PATTERNS[key]);

// Black or white, whichever is easier to read on a colour (#rrggbb), by the contrast that WCAG defines.
const inks = new Map();
function inkOn(color) {
  if (!inks.has(color)) {
    const parts = (color.match(/^#(..)(..)(..)$/) || [0, "90", "90", "90"]).slice(1).map((part) => parseInt(part, 16) / 255);
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    inks.set(color, 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#0b0d10" : "#ffffff");
  }
  return inks.get(color);
}

const ruler = document.createElement("canvas").getContext("2d");
function textWidth(text, size = 12) {
  ruler.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  return ruler.measureText(text).width;
}

// A text that fits into a width: what differs between names is often at their ends, so the middle goes.
function fitted(text, width, size = 12) {
  if (textWidth(text, size) <= width) return text;
  for (let kept = text.length - 1; kept > 1; kept -= 1) {
    const short = `${text.slice(0, Math.ceil(kept / 2))}\u2026${text.slice(text.length - Math.floor(kept / 2))}`;
    if (textWidth(short, size) <= width) return short;
  }
  return "";
}
