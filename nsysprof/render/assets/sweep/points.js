// The configurations of the sweep, and how their figures read.
const { sweep } = page;
const { points } = sweep;
const STATUS = { out_of_memory: "out of memory", failed: "failed", timed_out: "took too long", missing: "not run" };
const seconds = (value) => duration(value * 1e9);
const FIGURES = [
  { key: "time_s", label: "Time", unit: "s", text: seconds, of: (value) => value },
  { key: "step_s", label: "Time a step", unit: "s", text: seconds, of: (value) => value },
  { key: "images_per_s", label: "Images a second", unit: "", text: significant, of: (value) => value },
  { key: "memory_bytes", label: `Max ${sweep.memory}`, unit: "GB", text: bytes, of: (value) => value / 1e9 },
];

const axisOf = (key) => sweep.axes.find((axis) => axis.key === key);
const varied = sweep.axes.filter((axis) => axis.values.length > 1);

// What sets points apart beside one axis, in words: the name of their curve.
function others(point, key) {
  return varied.filter((axis) => axis.key !== key)
    .map((axis) => (axis.key === "size" ? point.values.size : `${axis.key} ${point.values[axis.key]}`)).join(", ");
}

// The points along an axis, by what else sets them apart. One axis at a time the others stand at the defaults; an
// axis that names a default runs it once more, and of two points of one place the first that has figures stands.
function lines(axis) {
  const found = new Map();
  for (const point of points) {
    if (sweep.each && varied.some(({ key }) => key !== axis.key && point.values[key] !== points[0].values[key])) continue;
    const name = others(point, axis.key);
    if (!found.has(name)) found.set(name, []);
    const members = found.get(name);
    const held = members.findIndex((each) => each.values[axis.key] === point.values[axis.key]);
    if (held < 0) members.push(point);
    else if (members[held].status !== "ok") members[held] = point;
  }
  const place = (point) => axis.values.indexOf(point.values[axis.key]);
  return [...found].map(([name, members]) => ({ name, members: members.sort((a, b) => place(a) - place(b)) }));
}

// plotly reads a little markup in its texts: these stay what they are.
const plotText = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function spreadText(spread, text) {
  if (!spread) return "";
  return spread.min === spread.max ? text(spread.median) : `${text(spread.median)} (${text(spread.min)} to ${text(spread.max)})`;
}
