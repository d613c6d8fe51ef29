// The first image of each configuration, side by side along an axis.
const CELL = 150;

function cell(point) {
  if (!point) return node("div", {});
  const words = point.status === "ok" ? (point.image_name || "no image") : STATUS[point.status] || point.status;
  if (!point.image) return node("div", { class: "none" }, words);
  return node("figure", {},
    node("img", { src: point.image, alt: `${point.label}: first image`, title: point.label, loading: "lazy" }),
    node("figcaption", {}, point.time_s ? seconds(point.time_s.median) : ""));
}

// A grid: the axis' values in columns, what else sets the points apart in rows.
function strip(axis, rows) {
  const used = axis.values.filter((value) => rows.some(({ members }) => members.some((point) => point.values[axis.key] === value)));
  const titled = rows.length > 1;
  const grid = node("div", { class: "strip", tabindex: "0", style: {
    gridTemplateColumns: `${titled ? "minmax(70px, max-content) " : ""}repeat(${used.length}, minmax(72px, ${CELL}px))`,
  } });
  if (titled) grid.append(node("div", {}));
  grid.append(...used.map((value) => node("div", { class: "over" }, axis.key === "size" ? value : `${axis.key} ${value}`)));
  for (const { name, members } of rows) {
    if (titled) grid.append(node("div", { class: "row" }, name));
    grid.append(...used.map((value) => cell(members.find((point) => point.values[axis.key] === value))));
  }
  return grid;
}

function startImages() {
  if (!points.some((point) => point.image || point.image_name)) {
    emptyState("images", "No images", "No run named an image in its record.");
    return;
  }
  const shown = varied.length ? varied : sweep.axes.slice(0, 1);
  const text = "The first image of each configuration, made smaller; under it the time that it took.";
  if (sweep.each) {
    for (const axis of shown) figure("images", { title: axis.key, text }).body.append(strip(axis, lines(axis)));
    return;
  }
  const widest = shown.reduce((best, axis) => (axis.values.length > best.values.length ? axis : best));
  const choice = node("select", { id: "image-columns", "aria-label": "Columns" }, ...shown.map((axis) => node("option", { value: axis.key }, `${axis.key} across`)));
  choice.value = widest.key;
  const { body } = figure("images", { title: "Side by side", text, tools: shown.length > 1 ? [choice] : [] });
  const draw = () => body.replaceChildren(strip(axisOf(choice.value), lines(axisOf(choice.value))));
  choice.addEventListener("change", draw);
  draw();
}
