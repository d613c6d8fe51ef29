// Rows of the timeline on one canvas: single events where they can be told apart, exact sums per pixel where not.
const HEIGHTS = { nvtx: 15, api: 30, gpu: 40 };
const LANE_GAP = 7;
// Ranges within ranges: so many levels have rows of full height, more get narrower ones, and beyond a bound none.
const WHOLE_LEVELS = 10;
const NARROW = 5;
const MOST_LEVELS = 60;
const LEFT = 168;
const RIGHT = 14;

function placeLanes() {
  let y = 4;
  const placed = events.lanes.map((lane) => {
    let levels = 1;
    if (lane.kind === "nvtx") {
      for (let row = lane.first; row < lane.last; row += 1) levels = Math.max(levels, events.nvtx.depth[row] + 1);
    }
    const rows = Math.min(levels, MOST_LEVELS);
    const height = Math.max(HEIGHTS[lane.kind] * Math.min(rows, WHOLE_LEVELS), NARROW * rows);
    const place = { ...lane, y, height, rows, levels, reach: reachOf(lane) };
    y += height + LANE_GAP;
    return place;
  });
  return { placed, height: y };
}

// Says which ranges are too deep to be drawn.
function hiddenLevels(lanes) {
  const deep = lanes.filter(({ levels, rows }) => levels > rows);
  return deep.map(({ label, levels, rows }) => `${label}: ranges lie ${count(levels)} levels deep; the first ${count(rows)} are drawn, ${count(levels - rows)} are not. `).join("");
}

// The latest end among a lane's events up to each one: ascends, so the first event that is still open is found fast.
function reachOf({ kind, first, last }) {
  const { end } = events[kind];
  const reach = new Float64Array(last - first);
  for (let row = first, most = -Infinity; row < last; row += 1) {
    most = Math.max(most, end[row]);
    reach[row - first] = most;
  }
  return reach;
}

function visibleRows(lane, from, to) {
  const { start } = events[lane.kind];
  return [lane.first + after(lane.reach, from, 0, lane.reach.length), after(start, to, lane.first, lane.last)];
}

// context: canvas; view: { from, to } in ns; width: of the canvas; box: { x0, x1 } where time runs
function drawLanes(context, view, lanes, box) {
  const scale = (box.x1 - box.x0) / (view.to - view.from);
  const spot = { ...view, scale, box };
  for (const lane of lanes) {
    if (events.complete || lane.kind === "nvtx" && events.all_ranges) {
      drawExact(context, lane, spot);
      continue;
    }
    drawBins(context, lane, spot);
    for (const span of events.spans) {
      const x0 = Math.max(box.x0, box.x0 + (span.start - view.from) * scale);
      const x1 = Math.min(box.x1, box.x0 + (span.end - view.from) * scale);
      if (x1 - x0 < 3) continue;
      context.save();
      context.beginPath();
      context.rect(x0, lane.y, x1 - x0, lane.height);
      context.clip();
      context.clearRect(x0, lane.y, x1 - x0, lane.height);
      drawExact(context, lane, spot);
      context.restore();
    }
  }
}

function drawExact(context, lane, spot) {
  const [low, high] = visibleRows(lane, spot.from, spot.to);
  const pixels = spot.box.x1 - spot.box.x0;
  if (lane.kind !== "nvtx" && high - low > 2 * pixels) drawColumns(context, lane, spot, sumPixels(lane, spot, low, high));
  else drawEvents(context, lane, spot, low, high);
}

function drawEvents(context, lane, spot, low, high) {
  const { start, end, kind, depth } = events[lane.kind];
  const { palette, of } = events.paint[lane.kind];
  const paths = palette.map(() => null);
  const labels = [];
  const rowHeight = lane.height / lane.rows;
  for (let row = low; row < high; row += 1) {
    if (end[row] < spot.from || depth && depth[row] >= lane.rows) continue;
    const x0 = Math.max(spot.box.x0 + (start[row] - spot.from) * spot.scale, spot.box.x0);
    const x1 = Math.min(spot.box.x0 + (end[row] - spot.from) * spot.scale, spot.box.x1);
    const width = Math.max(x1 - x0, 0.8);
    const y = lane.y + (depth ? depth[row] * rowHeight : 0);
    const color = of[kind[row]];
    const height = depth ? rowHeight - Math.min(1, rowHeight / 8) : rowHeight;
    const path = (paths[color] ||= new Path2D());
    path.rect(x0, y, width > 2.5 ? width - 0.5 : width, height);
    if (width > 36 && height > 11) labels.push([row, x0, y, width, height]);
  }
  paths.forEach((path, color) => {
    if (!path) return;
    context.fillStyle = palette[color];
    context.fill(path);
  });
  context.font = "11px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const [row, x, y, width, height] of labels) {
    const text = eventTitle(lane.kind, row);
    const room = Math.floor((width - 8) / 6.1);
    context.fillStyle = inkOn(palette[of[kind[row]]]);
    context.fillText(text.length > room ? `${text.slice(0, Math.max(room - 1, 1))}\u2026` : text, x + 4, y + height / 2 + 0.5);
  }
}

function eventTitle(kind, row) {
  const which = events[kind].kind[row];
  if (kind === "nvtx") return events.texts[which];
  return kind === "api" ? events.functions[which].name : events.kinds[which].family || events.kinds[which].name;
}

// Time of each colour in each pixel, as a part of the pixel: exact up to float32.
function sumPixels(lane, spot, low, high) {
  const { start, end, kind } = events[lane.kind];
  const { palette, of } = events.paint[lane.kind];
  const pixels = Math.ceil(spot.box.x1 - spot.box.x0);
  const sums = new Float32Array(pixels * palette.length);
  for (let row = low; row < high; row += 1) {
    const x0 = Math.max((start[row] - spot.from) * spot.scale, 0);
    const x1 = Math.min((end[row] - spot.from) * spot.scale, pixels);
    if (x1 <= x0) continue;
    const color = of[kind[row]];
    const first = Math.floor(x0);
    const last = Math.min(Math.floor(x1), pixels - 1);
    if (first === last) {
      sums[first * palette.length + color] += x1 - x0;
      continue;
    }
    sums[first * palette.length + color] += first + 1 - x0;
    for (let pixel = first + 1; pixel < last; pixel += 1) sums[pixel * palette.length + color] += 1;
    sums[last * palette.length + color] += x1 - last;
  }
  return { sums, palette, pixels };
}

function drawColumns(context, lane, spot, { sums, palette, pixels }) {
  const paths = palette.map(() => null);
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    let whole = 0;
    for (let color = 0; color < palette.length; color += 1) whole += sums[pixel * palette.length + color];
    if (!whole) continue;
    const unit = lane.height / Math.max(whole, 1); // calls within calls can fill a pixel more than once
    let y = lane.y + lane.height;
    for (let color = 0; color < palette.length; color += 1) {
      const height = sums[pixel * palette.length + color] * unit;
      if (!height) continue;
      y -= height;
      (paths[color] ||= new Path2D()).rect(spot.box.x0 + pixel, y, 1, height);
    }
  }
  paths.forEach((path, color) => {
    if (!path) return;
    context.fillStyle = palette[color];
    context.fill(path);
  });
}

// The rows of sums that a lane has, one for each category or class.
function binRows(lane) {
  const index = events.lanes.findIndex((each) => each.label === lane.label && each.kind === lane.kind);
  return events.bins.rows.map((row, at) => ({ ...row, at })).filter((row) => row.lane === index);
}

// What the bin at a time adds up to, in words.
function binLines(lane, time) {
  const { width, count: bins } = events.bins;
  const bin = Math.min(Math.max(Math.floor(time / width), 0), bins - 1);
  const sums = binRows(lane).map(({ key, at }) => [key, events.binned[at * bins + bin]]).filter(([, ns]) => ns).sort((a, b) => b[1] - a[1]);
  const label = lane.kind === "gpu" ? bucketLabel : apiLabel;
  return [`Sums of ${duration(width)}, from ${moment(bin * width, width / 10)} on`, ...sums.map(([key, ns]) => `${label(key)} ${duration(ns)}`),
    `Single events are in the page for ${spansInWords()}.`];
}

// Bins of the whole recording, added up to pixels, or wider than pixels at deep zoom.
function drawBins(context, lane, spot) {
  const { width, count: bins } = events.bins;
  const mine = binRows(lane);
  const palette = mine.map((row) => (lane.kind === "gpu" ? bucketColor(row.key) : apiColor(row.key)));
  const first = Math.max(Math.floor(spot.from / width), 0);
  const last = Math.min(Math.ceil(spot.to / width), bins);
  const perPixel = 1 / (spot.scale * width);
  const step = Math.max(Math.ceil(perPixel), 1);
  const paths = mine.map(() => new Path2D());
  for (let bin = first - (first % step); bin < last; bin += step) {
    const end = Math.min(bin + step, bins);
    const heights = mine.map(({ at }) => {
      let sum = 0;
      for (let each = bin; each < end; each += 1) sum += events.binned[at * bins + each];
      return sum / (width * step);
    });
    const whole = heights.reduce((a, b) => a + b, 0);
    const x0 = Math.max(spot.box.x0 + (bin * width - spot.from) * spot.scale, spot.box.x0);
    const x1 = Math.min(spot.box.x0 + (end * width - spot.from) * spot.scale, spot.box.x1);
    let y = lane.y + lane.height;
    heights.forEach((part, at) => {
      const height = (part * lane.height) / Math.max(whole, 1);
      if (!height) return;
      y -= height;
      paths[at].rect(x0, y, Math.max(x1 - x0, 0.5), height);
    });
  }
  paths.forEach((path, at) => {
    context.fillStyle = palette[at];
    context.fill(path);
  });
}
