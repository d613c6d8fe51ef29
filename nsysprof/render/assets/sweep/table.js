// Every configuration in the columns in which people write such tables down.
function tableColumns() {
  const option = (key) => (point) => {
    const value = point.options[key];
    return value === undefined || value === null ? "" : key === "cfg" ? Number(value).toFixed(1) : String(value);
  };
  const has = (key) => points.some((point) => point.options[key] !== undefined);
  const columns = [["plan", (point) => point.label], [`max ${sweep.memory}`, (point) => (point.memory_bytes ? bytes(point.memory_bytes.median) : "")]];
  if (points.some((point) => point.allocated_bytes)) columns.push(["allocated", (point) => (point.allocated_bytes ? bytes(point.allocated_bytes.median) : "")]);
  columns.push(["time s", (point) => (point.time_s ? significant(point.time_s.median) : STATUS[point.status] || "")]);
  if (sweep.runs_each[1] > 1) {
    columns.push(["min", (point) => (point.time_s ? significant(point.time_s.min) : "")], ["max", (point) => (point.time_s ? significant(point.time_s.max) : "")]);
  }
  columns.push(["s/step", (point) => (point.step_s ? significant(point.step_s.median) : "")]);
  columns.push(["images/s", (point) => (point.images_per_s ? significant(point.images_per_s.median) : "")]);
  if (has("batch")) columns.push(["batch", option("batch")]);
  if (has("width") && has("height")) columns.push(["resolution", (point) => (point.options.width ? `${point.options.width}x${point.options.height}` : "")]);
  for (const key of ["steps", "cfg"]) if (has(key)) columns.push([key, option(key)]);
  if (points.some((point) => point.reason)) columns.push(["what went wrong", (point) => point.reason]);
  return columns;
}

function startTable() {
  const columns = tableColumns();
  const wordy = (name) => name === "plan" || name === "what went wrong";
  const { body } = figure("table", {
    title: `${count(points.length)} configuration${points.length === 1 ? "" : "s"}`,
    text: sweep.runs_each[1] > 1 ? "Times and sizes are medians of the repeats." : "",
    csv: () => [columns.map(([name]) => name), ...points.map((point) => columns.map(([, text]) => text(point)))],
  });
  body.append(node("div", { class: "scroll", tabindex: "0" }, node("table", { id: "runs" },
    node("thead", {}, node("tr", {}, ...columns.map(([name]) =>
      node("th", { scope: "col", class: wordy(name) ? "text" : "", style: { padding: "6px 9px" } }, name)))),
    node("tbody", {}, ...points.map((point) => node("tr", { class: point.status === "ok" ? "" : "bad" },
      ...columns.map(([name, text]) => node("td", { class: name === "plan" ? "text" : wordy(name) ? "why" : "" }, text(point)))))))));
}
