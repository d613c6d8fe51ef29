// Every kernel by name: searched, filtered and sorted; rows are made only for what is shown.
const FIRST_ROWS = 60;

const COLUMNS = [
  { key: "category", label: "Category", text: true, value: (row) => bucketLabel(row.category) },
  { key: "name", label: "Kernel", text: true, value: (row) => row.name },
  { key: "library", label: "Library", text: true, value: (row) => row.library },
  { key: "count", label: "Count", value: (row) => row.count },
  { key: "total", label: "Total", value: (row) => row.total_ns },
  { key: "mean", label: "Mean", value: (row) => row.mean_ns },
  { key: "min", label: "Min", value: (row) => row.min_ns },
  { key: "max", label: "Max", value: (row) => row.max_ns },
  { key: "share", label: "Share", value: (row) => row.share },
  { key: "operator", label: "Launched mostly by", text: true, value: (row) => row.operator || "" },
  { key: "facts", label: "What the name says", text: true, value: (row) => row.facts || "" },
];

// The columns for this trace: without ranges no kernel has an operator.
function kernelColumns() {
  return COLUMNS.filter(({ key }) => key !== "operator" || result.kernels.some((row) => row.operator));
}

// Without a chosen step these figures take in what ran outside all steps, too.
const wholeOrStep = (index) => (index === null ? "the whole trace" : stepName(index));

// The kernels of the chosen step, or of the whole trace.
function kernelRows() {
  const step = chosen.step;
  if (step === null || !events) return result.kernels;
  const columns = events.step_kernels.columns;
  const total = Object.values(steps[step].categories).reduce((sum, { ns }) => sum + ns, 0) || 1;
  const spread = spreadOf(step);
  const operators = operatorsOf(step);
  const rows = [];
  for (let column = 0; column < columns; column += 1) {
    const ns = events.stepNs[step * columns + column];
    const times = events.stepCount[step * columns + column];
    if (!times) continue;
    const others = column === columns - 1;
    const kernel = others ? { name: "(all kernels beyond the first ones of the trace)", category: "unknown", library: "", family: "others" } : result.kernels[column];
    rows.push({
      ...kernel, count: times, total_ns: ns, mean_ns: ns / times, share: ns / total, ...(spread.get(column) || { min_ns: null, max_ns: null }),
      operator: operators.get(column) || "",
    });
  }
  return rows;
}

function startKernels() {
  if (!result.kernels.length) {
    emptyState("kernels", "No kernels", "This trace holds no kernels: nothing ran on a GPU while nsys was recording.");
    return;
  }
  categoryShares();
  kernelTable();
}

function categoryShares() {
  const { body, words } = figure("kernels", {
    title: "GPU time by kind of work",
    csv: () => [["category", "ns", "count", "share"],
      ...categoryRows().map(({ key, ns, count: times, share: part }) => [key, ns, times, part])],
  });
  const make = () => {
    const rows = categoryRows().filter((row) => row.ns).reverse();
    return {
      traces: [{
        type: "bar", orientation: "h", y: rows.map((row) => bucketLabel(row.key)), x: rows.map((row) => row.ns / 1e6),
        text: rows.map((row) => `${duration(row.ns)}  ${share(row.share)}  ${count(row.count)}x`), textposition: "outside",
        cliponaxis: false, hoverinfo: "skip", marker: { color: rows.map((row) => bucketColor(row.key)) },
      }],
      layout: {
        xaxis: { title: { text: "ms" }, fixedrange: true, range: [0, (body.clientWidth < 600 ? 2.4 : 1.3) * Math.max(...rows.map((row) => row.ns / 1e6), 1e-6)] },
        yaxis: { fixedrange: true }, dragmode: false, bargap: 0.25,
      },
    };
  };
  const plot = chart(body, 60 + 24 * Object.keys(result.categories).length, make);
  const say = () => { words.textContent = `Time of all kernels, copies and sets of ${wholeOrStep(chosen.step)}; work that overlaps counts twice.`; };
  say();
  onSelect(() => { say(); plot.draw(); });
  treemap();
}

function categoryRows() {
  const step = stepOf();
  if (!step) return Object.entries(result.categories).map(([key, value]) => ({ key, ...value }));
  const total = Object.values(step.categories).reduce((sum, { ns }) => sum + ns, 0);
  return Object.entries(step.categories)
    .map(([key, { ns, count: times }]) => ({ key, ns, count: times, share: total ? ns / total : 0 }))
    .sort((a, b) => b.ns - a.ns);
}

function kernelTable() {
  const columns = kernelColumns();
  const view = { sort: "total", down: true, search: "", category: "", limit: FIRST_ROWS };
  const search = node("input", { type: "search", id: "kernel-search", placeholder: "Search names (/)", "aria-label": "Search kernels" });
  const filter = node("select", { "aria-label": "Category", id: "kernel-category" }, node("option", { value: "" }, "all categories"));
  for (const key of new Set(result.kernels.map((row) => row.category))) {
    filter.append(node("option", { value: key }, bucketLabel(key)));
  }
  const whole = node("button", { "aria-pressed": "false", onclick: () => {
    whole.setAttribute("aria-pressed", String(body.classList.toggle("open")));
  } }, "Whole names");
  const { body, words } = figure("kernels", {
    title: "Kernels by name", tools: [whole, filter, search],
    csv: () => [columns.map(({ key }) => key), ...visible().map((row) => columns.map(({ value }) => value(row)))],
  });
  const visible = () => {
    const wanted = view.search.toLowerCase().split(/\s+/).filter(Boolean);
    const column = columns.find(({ key }) => key === view.sort);
    const rows = kernelRows().filter((row) => (!view.category || row.category === view.category)
      && wanted.every((word) => `${row.name} ${bucketLabel(row.category)} ${row.library} ${row.family} ${row.operator || ""} ${row.facts || ""}`.toLowerCase().includes(word)));
    const sign = view.down ? -1 : 1;
    return rows.sort((a, b) => {
      const [x, y] = [column.value(a), column.value(b)];
      return sign * (column.text ? x.localeCompare(y) : x - y) || b.total_ns - a.total_ns;
    });
  };
  const head = node("tr");
  const rows = node("tbody");
  const more = node("button", { onclick: () => { view.limit = Infinity; draw(); } });
  const draw = () => drawKernels({ view, visible, head, rows, more, words });
  for (const { key, label, text } of columns) {
    const sort = () => {
      view.down = view.sort === key ? !view.down : !text;
      view.sort = key;
      draw();
    };
    head.append(node("th", { scope: "col", class: text ? "text" : "", "data-key": key }, node("button", { onclick: sort }, label)));
  }
  search.addEventListener("input", () => { view.search = search.value; draw(); });
  filter.addEventListener("change", () => { view.category = filter.value; draw(); });
  body.append(node("div", { class: "scroll", tabindex: "0" }, node("table", { id: "kernel-table" }, node("thead", {}, head), rows)), more);
  rows.addEventListener("keydown", moveInRows);
  onSelect(whenSeen(body, draw));
  waiting.get(body).work(); // at once, so that the browser's own search finds the names
}

function drawKernels({ view, visible, head, rows, more, words }) {
  const all = visible();
  const largest = Math.max(...all.map((row) => row.share), 1e-12);
  for (const cell of head.children) {
    const sorted = cell.dataset.key === view.sort;
    cell.setAttribute("aria-sort", sorted ? (view.down ? "descending" : "ascending") : "none");
  }
  const withOperator = [...head.children].some((cell) => cell.dataset.key === "operator");
  rows.replaceChildren(...all.slice(0, view.limit).map((row) => kernelRow(row, largest, withOperator)));
  rows.firstElementChild?.setAttribute("tabindex", "0");
  more.hidden = all.length <= view.limit;
  more.textContent = `Show all ${count(all.length)} kernels`;
  words.textContent = `${count(all.length)} of ${count(kernelRows().length)} kernels of ${wholeOrStep(events ? chosen.step : null)}. `
    + `Shares are of the time of all kernels, copies and sets. A click or Enter on a row shows the whole name.${unknownExtremes()}`;
}

// Why a step's shortest and longest are not there.
function unknownExtremes() {
  if (!events || chosen.step === null || exactSteps().includes(chosen.step)) return "";
  const what = kernelColumns().some(({ key }) => key === "operator") ? "Min, max and what launched a kernel" : "Min and max";
  return ` ${what} are known for a single step only where every event of it is in the page: ${spansInWords()}.`;
}

// One row is reached by Tab, the others by the arrow keys; Enter opens a row as a click does.
function moveInRows(event) {
  const row = event.target.closest("tr");
  if (event.target !== row || event.ctrlKey || event.metaKey) return;
  const act = {
    ArrowDown: () => row.nextElementSibling, ArrowUp: () => row.previousElementSibling, Home: () => row.parentElement.firstElementChild,
    End: () => row.parentElement.lastElementChild, Enter: () => row.click(), " ": () => row.click(),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  const next = act();
  if (!next) return;
  row.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

// Templates of one name differ far behind their beginning: their family tells them apart at sight.
function familyOf({ name, family }) {
  return family && family !== name && name.includes("<") ? node("b", { class: "clip" }, family) : null;
}

function kernelRow(row, largest, withOperator) {
  const bar = node("span", { class: "bar", style: { width: `${(48 * row.share) / largest}px`, background: bucketColor(row.category) } });
  const made = node(
    "tr", { "data-ns": row.total_ns, tabindex: "-1", "aria-expanded": "false" },
    node("td", { class: "text" }, node("span", { class: "swatch", style: { background: bucketColor(row.category) } }), ` ${bucketLabel(row.category)}`),
    node("td", { class: "name" }, familyOf(row), node("span", { class: "clip", title: row.name }, row.name)),
    node("td", { class: "text" }, row.library),
    node("td", {}, count(row.count)),
    node("td", {}, duration(row.total_ns)),
    node("td", {}, duration(row.mean_ns)),
    node("td", {}, row.min_ns === null ? "" : duration(row.min_ns)),
    node("td", {}, row.max_ns === null ? "" : duration(row.max_ns)),
    node("td", {}, bar, share(row.share)),
    ...(withOperator ? [node("td", { class: "operator" }, node("span", { class: "clip", title: row.operator || "" }, row.operator || ""))] : []),
    node("td", { class: "facts" }, node("span", { class: "clip", title: row.facts || "" }, row.facts || "")),
  );
  made.addEventListener("click", () => made.setAttribute("aria-expanded", String(made.classList.toggle("open"))));
  return made;
}
