// Category > library > family > kernel, by time; beyond MOST_LEAVES kernels the smallest of a family are one box.
const MOST_LEAVES = 250;
const BOX_LINE = 15; // px from one line of a box's text to the next

function treeBoxes() {
  const boxes = new Map();
  const grow = (id, parent, label, category, ns) => {
    if (!boxes.has(id)) boxes.set(id, { id, parent, label, category, ns: 0 });
    boxes.get(id).ns += ns;
  };
  kernelRows().slice().sort((a, b) => b.total_ns - a.total_ns).forEach((row, index) => {
    const library = row.library || "unknown library";
    const family = row.family || row.name;
    const path = [row.category, `${row.category}/${library}`, `${row.category}/${library}/${family}`];
    grow(path[0], "", bucketLabel(row.category), row.category, row.total_ns);
    grow(path[1], path[0], library, row.category, row.total_ns);
    grow(path[2], path[1], family, row.category, row.total_ns);
    const leaf = index < MOST_LEAVES ? row.name : "smaller kernels";
    grow(`${path[2]}/${leaf}`, path[2], leaf, row.category, row.total_ns);
  });
  return [...boxes.values()];
}

// A family of one kernel is that kernel's box, not a box around it; templates are easier told apart by their families.
function withoutTwins(boxes) {
  const children = new Map();
  for (const { parent } of boxes) children.set(parent, (children.get(parent) || 0) + 1);
  const twin = (box) => children.get(box.parent) === 1 && !children.has(box.id);
  const kept = new Map(boxes.filter((box) => !twin(box)).map((box) => [box.id, box]));
  for (const box of boxes.filter(twin)) {
    const family = kept.get(box.parent);
    Object.assign(family, { full: box.label, label: box.label.includes("<") ? family.label : box.label });
  }
  return [...kept.values()];
}

const tidyName = (text) => text.replace(/^void /, "").replaceAll(/at::native::|<unnamed>::|\(anonymous namespace\)::|at::|c10::/g, "");
const plotText = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("%{", "% {");

// A text in at most so many lines of a width.
function wrapped(text, width, most) {
  const lines = [];
  let rest = text;
  while (rest && lines.length < most) {
    if (lines.length === most - 1 || textWidth(rest) <= width) {
      lines.push(fitted(rest, width));
      break;
    }
    let kept = Math.max(Math.floor((rest.length * width) / textWidth(rest)), 1);
    while (kept > 1 && textWidth(rest.slice(0, kept)) > width) kept -= 1;
    lines.push(rest.slice(0, kept));
    rest = rest.slice(kept);
  }
  return lines.filter(Boolean);
}

// What a box has room for: its name, and below it the time and share; nothing rather than a scrap.
function boxWords(box, time, { width, height }, isTitle) {
  const room = width - (isTitle ? 18 : 10);
  const most = isTitle ? 1 : Math.floor((height - 5) / BOX_LINE);
  if (most < 1 || room < 32) return "";
  const figures = most > 1 && textWidth(time) <= room ? [time] : [];
  return [...wrapped(tidyName(box.label), room, Math.min(most - figures.length, 4)), ...figures].map(plotText).join("<br>");
}

// How large plotly has drawn each box, by the box's id.
function boxSizes(body) {
  const sizes = new Map();
  for (const slice of body.querySelectorAll("g.slice")) {
    const id = slice.__data__?.data?.data?.id;
    const surface = slice.querySelector("path.surface");
    if (id && surface) sizes.set(id, surface.getBBox());
  }
  return sizes;
}

function treemap() {
  let shape = "treemap";
  const swap = node("button", {}, "As icicle");
  const { body } = figure("kernels", {
    title: "Kind of work, library, family, kernel", tools: [swap],
    text: "Areas are GPU time of kernels; shares are of the time of all kernels, copies and sets. Click a box to go into it, and its title to come back.",
    csv: () => [["path", "ns"], ...treeBoxes().map((box) => [box.id, box.ns])],
  });
  const time = (box) => `${duration(box.ns)}, ${share(box.ns / (categoryRows().reduce((sum, row) => sum + row.ns, 0) || 1))}`;
  let boxes = [];
  const make = () => {
    boxes = withoutTwins(treeBoxes());
    if (shape === "icicle") { // plotly leaves the place of the root blank where there are several
      const root = { id: "all", parent: "", label: "All kernels", category: "", ns: boxes.reduce((sum, box) => sum + (box.parent ? 0 : box.ns), 0) };
      boxes = [root, ...boxes.map((box) => (box.parent ? box : { ...box, parent: root.id }))];
    }
    const names = boxes.map((box) => plotText(fitted(tidyName(box.full || box.label), 700)));
    const colors = boxes.map((box) => (box.category ? bucketColor(box.category) : "#e3e7ec"));
    return {
      traces: [{
        type: shape, branchvalues: "total", ids: boxes.map((box) => box.id), parents: boxes.map((box) => box.parent),
        labels: names, customdata: names, values: boxes.map((box) => box.ns), text: boxes.map(time),
        texttemplate: boxes.map(() => ""), hovertemplate: "%{customdata}<br>%{text}<extra></extra>", tiling: { pad: 1 }, leaf: { opacity: 1 }, pathbar: { thickness: 22 },
        textfont: { size: 12, color: colors.map(inkOn) }, marker: { colors, line: { width: 1, color: "rgba(255,255,255,0.55)" }, pad: { t: 22, l: 3, r: 3, b: 3 } },
      }],
      layout: { margin: { l: 4, r: 4, t: 4, b: 4 } },
    };
  };
  // texts follow from the sizes that plotly gave the boxes, which change as one goes into a box; plotly writes the
  // labels of outer boxes and the texttemplates of the others
  const fit = () => {
    const [drawn] = body.data;
    const sizes = boxSizes(body);
    const inner = new Set(shape === "treemap" ? boxes.map((box) => box.parent) : []);
    const texts = boxes.map((box) => (sizes.has(box.id) ? boxWords(box, time(box), sizes.get(box.id), inner.has(box.id)) : ""));
    const labels = boxes.map((box, at) => (inner.has(box.id) && sizes.has(box.id) ? texts[at] : drawn.customdata[at]));
    if (boxes.some((_, at) => texts[at] !== drawn.texttemplate[at] || labels[at] !== drawn.labels[at])) Plotly.restyle(body, { texttemplate: [texts], labels: [labels] });
  };
  const plot = chart(body, 460, make, () => {
    body.on("plotly_afterplot", fit);
    body.on("plotly_animated", fit);
    fit();
  });
  swap.addEventListener("click", () => {
    shape = shape === "treemap" ? "icicle" : "treemap";
    swap.textContent = shape === "treemap" ? "As icicle" : "As treemap";
    plot.draw();
  });
  onSelect(plot.draw);
}
