// What every part of the page uses: the data, numbers as people write them, and DOM nodes made without HTML text.
const byId = (id) => document.getElementById(id);
const page = JSON.parse(new TextDecoder().decode(await inflate(unpack("data"))));

function significant(value) {
  const size = Math.abs(value);
  for (const [limit, digits] of [[99.95, 0], [9.995, 1], [0.9995, 2], [0.09995, 3], [0.009995, 4]]) {
    if (size >= limit) {
      return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    }
  }
  return value ? value.toFixed(5) : "0";
}

function scaled(value, units) {
  if (Number.isInteger(value) && Math.abs(value) < 1000) return `${value} ${units[0][0]}`;
  const [unit, factor] = units.find(([, factor]) => Math.abs(value) / factor < 999.5) || units[units.length - 1];
  return `${significant(value / factor)} ${unit}`;
}

const duration = (ns) => scaled(ns, [["ns", 1], ["us", 1e3], ["ms", 1e6], ["s", 1e9]]);
const bytes = (count) => scaled(count, [["B", 1], ["kB", 1e3], ["MB", 1e6], ["GB", 1e9], ["TB", 1e12]]);
const count = (number) => number.toLocaleString("en-US");

// 0 % and 100 % only where it is exactly so
function share(part) {
  const percent = part * 100;
  if (part === 0 || part === 1) return `${percent} %`;
  if (percent > 0 && percent < 0.01) return "<0.01 %";
  if (percent >= 99.95 && percent < 100) return ">99.9 %";
  return `${percent.toFixed(Math.abs(percent) >= 9.995 ? 1 : 2)} %`;
}

const bucketLabel = (key) => (page.buckets[key] || { label: key }).label;
const bucketColor = (key) => (page.buckets[key] || { color: "#888888" }).color;
const apiLabel = (key) => (page.api_classes[key] || { label: key }).label;
const apiColor = (key) => (page.api_classes[key] || { color: "#888888" }).color;

// A node: attributes, then children; strings become text, never markup.
function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(made.style, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// A figure: its frame with title, what it shows in words, and a button that copies its numbers as CSV.
function figure(section, { title, text, csv, tools = [] }) {
  const body = node("div", { class: "plot" });
  const copy = csv && node("button", { title: "Copy these numbers as CSV" }, "Copy CSV");
  if (copy) copy.addEventListener("click", () => copyText(toCsv(csv()), copy));
  const words = node("p", {}, text || "");
  const frame = node(
    "div", { class: "figure" },
    node("div", { class: "head" }, node("h3", {}, title), node("div", { class: "tools" }, ...tools, copy)),
    words, body,
  );
  (typeof section === "string" ? byId(section) : section).append(frame);
  return { frame, body, words };
}

function emptyState(section, title, reason) {
  const frame = node("div", { class: "figure" }, node("h3", {}, title), node("p", { class: "empty" }, reason));
  (typeof section === "string" ? byId(section) : section).append(frame);
}

function toCsv(rows) {
  const cell = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => row.map(cell).join(",")).join("\n") + "\n";
}

async function copyText(text, button) {
  const words = button.textContent;
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    // pages opened from a file may not use the clipboard directly
    const area = node("textarea", { style: { position: "fixed", opacity: "0" } });
    area.value = text;
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
  }
  button.textContent = done ? "Copied" : "Not allowed";
  setTimeout(() => { button.textContent = words; }, 1200);
}

// A table of given rows: heads are [label, kind], where kind is "text", "name" or empty for numbers.
function plainTable(id, heads, rows) {
  const head = heads.map(([label, kind]) => node("th", { scope: "col", class: kind ? "text" : "" }, label));
  const cells = (row) => row.map((value, at) => node("td", { class: heads[at][1] || "" }, ...[value].flat()));
  const body = rows.map(({ cells: row, ns }) => node("tr", { "data-ns": ns }, ...cells(row)));
  return node("div", { class: "scroll", tabindex: "0" },
    node("table", { id }, node("thead", {}, node("tr", {}, ...head)), node("tbody", {}, ...body)));
}

const swatch = (color, pattern) => node("span", { class: "swatch", "data-pattern": pattern, style: { backgroundColor: color } });

// entries: label, colour or a swatch, and perhaps a value
function legend(entries) {
  return node("ul", { class: "legend" }, ...entries.map(([label, mark, value]) =>
    node("li", {}, typeof mark === "string" ? swatch(mark) : mark, label, value === undefined ? null : node("b", {}, value))));
}

// Tooltips are one node that follows the pointer.
const tip = byId("tip");
function showTip(event, lines) {
  tip.replaceChildren(...lines.filter(Boolean).map((line, index) => node(index ? "span" : "b", {}, line)));
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const left = Math.min(event.clientX + 14, innerWidth - box.width - 8);
  const below = event.clientY + 16 + box.height < innerHeight;
  tip.style.left = `${Math.max(left, 8)}px`;
  tip.style.top = `${below ? event.clientY + 16 : Math.max(event.clientY - box.height - 12, 8)}px`;
}
function hideTip() { tip.hidden = true; }

// Headings that are jumped to stand below the bar, which takes two lines on a narrow screen.
function startBar() {
  const bar = byId("bar");
  new ResizeObserver(() => {
    const covered = getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0;
    document.documentElement.style.scrollPaddingTop = `${covered + 10}px`;
  }).observe(bar);
}
