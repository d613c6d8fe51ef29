// The events and curves of the timeline, read from the packed columns (nsysprof/render/timeline_data.py).
let events = null;

function readColumn(data, { at, rows, planes, delta }) {
  const out = new Float64Array(rows);
  for (let plane = 0, weight = 1; plane < planes; plane += 1, weight *= 256) {
    const base = at + plane * rows;
    for (let row = 0; row < rows; row += 1) out[row] += data[base + row] * weight;
  }
  let sum = 0;
  for (let row = 0; row < rows; row += 1) {
    const value = out[row];
    const signed = value % 2 ? -(value + 1) / 2 : value / 2; // the sign is in the lowest bit
    sum += signed;
    out[row] = delta ? sum : signed;
  }
  return out;
}

async function loadEvents() {
  if (!page.timeline) return;
  const data = new Uint8Array(await inflate(unpack("events")));
  byId("events").remove();
  const meta = page.timeline;
  const read = (name) => readColumn(data, meta.columns[name]);
  const small = (name) => Int32Array.from(read(name));
  const spans = (name) => {
    const start = read(`${name}.gap`);
    const end = read(`${name}.dur`);
    for (let row = 0, before = 0; row < start.length; row += 1) {
      start[row] += before;
      end[row] += start[row];
      before = end[row];
    }
    return { start, end };
  };
  events = {
    ...meta,
    length: meta.end_ns - meta.start_ns,
    complete: meta.spans[0].label === "all",
    gpu: {
      ...spans("gpu"), kind: small("gpu.kind"), shape: small("gpu.shape"), step: small("gpu.step"),
      launch: small("gpu.launch"), bytes: read("gpu.bytes"),
    },
    api: { ...spans("api"), kind: small("api.function") },
    nvtx: { ...spans("ranges"), kind: small("ranges.text"), depth: small("ranges.depth") },
    shapes: small("shapes"),
    binned: meta.bins ? read("bins.ns") : null,
    kinds: [...result.kernels, ...meta.other_kinds],
    stepNs: read("steps.ns"),
    stepCount: read("steps.count"),
    delay: { time: read("queue.time"), min: read("queue.min"), median: read("queue.median"), max: read("queue.max"), depth: read("queue.depth") },
  };
  // colours by number: what is drawn in one colour is drawn in one go
  events.paint = { gpu: painted(events.kinds.map((kind) => bucketColor(kind.category))), api: painted(meta.functions.map((each) => apiColor(each.class))) };
  events.paint.nvtx = painted(meta.texts.map(rangeColor));
  events.stepRows = rowsByStep(events.gpu);
}

function painted(colors) {
  const palette = [...new Set(colors)];
  return { palette, of: Uint16Array.from(colors.map((color) => palette.indexOf(color))) };
}

// Ranges of one family (texts that differ in numbers only) share a quiet colour.
function rangeColor(text) {
  let hash = 7;
  for (const letter of text.replace(/\d+/g, "#").slice(0, 80)) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return `hsl(${hash} 32% 58%)`;
}

// Rows of the GPU's events by step, in the order in which the CPU submitted them.
function rowsByStep({ step, launch, start }) {
  const found = new Map();
  for (let row = 0; row < step.length; row += 1) {
    if (step[row] < 0) continue;
    if (!found.has(step[row])) found.set(step[row], []);
    found.get(step[row]).push(row);
  }
  for (const rows of found.values()) rows.sort((a, b) => launch[a] - launch[b] || start[a] - start[b]);
  return found;
}

// The steps of which every event is in the page.
function exactSteps() {
  if (!events) return [];
  if (events.complete) return steps.map((_, index) => index);
  return events.spans.filter((span) => span.step >= 0).map((span) => span.step);
}

// First row in from..to whose value is greater than the wanted one; values ascend.
function after(values, wanted, from, to) {
  while (from < to) {
    const middle = (from + to) >> 1;
    if (values[middle] > wanted) to = middle;
    else from = middle + 1;
  }
  return from;
}

// resolution: in ns, how exact moments are told
function eventLines(kind, row, resolution = 1000) {
  const table = events[kind];
  const time = `${duration(table.end[row] - table.start[row])}, begins ${moment(table.start[row], resolution)} after the start of the recording`;
  if (kind === "nvtx") return [events.texts[table.kind[row]], time];
  if (kind === "api") {
    const { name, class: key } = events.functions[table.kind[row]];
    return [name, `CUDA API, ${apiLabel(key)}`, time];
  }
  const what = events.kinds[table.kind[row]];
  const lines = [what.name, [bucketLabel(what.category), what.library].filter(Boolean).join(", "), what.facts, time];
  const shape = table.shape[row];
  if (shape >= 0) {
    const [gx, gy, gz, bx, by, bz, registers, shared] = events.shapes.subarray(8 * shape, 8 * shape + 8);
    lines.push(`grid ${gx} x ${gy} x ${gz}, block ${bx} x ${by} x ${bz}, ${registers} registers, ${bytes(shared)} shared`);
  }
  if (table.bytes[row]) lines.push(bytes(table.bytes[row]));
  const launch = table.launch[row];
  if (launch >= 0) {
    lines.push(`launched by ${events.functions[events.api.kind[launch]].name}, ${duration(table.start[row] - events.api.start[launch])} before it began`);
  }
  if (table.step[row] >= 0) lines.push(`in ${steps[table.step[row]].label}`);
  return lines;
}
