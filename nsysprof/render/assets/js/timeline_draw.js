// What the timeline's canvas shows beside the events: rows and their names, step borders, what is pointed at.
function drawTimeline(screen) {
  const { canvas, axis, lanes, height } = screen;
  const ratio = sharpness();
  const width = axis.clientWidth;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const box = boxOf(screen);
  const style = getComputedStyle(document.documentElement);
  drawBackground(context, screen, box, style);
  drawTicks(context, screen, box, style);
  context.save();
  context.beginPath();
  context.rect(box.x0, 0, box.x1 - box.x0, height);
  context.clip();
  drawLanes(context, view, lanes, box);
  drawMarks(context, screen, box, style);
  context.restore();
  performance.mark("nsysprof-drawn");
}

function drawBackground(context, { lanes }, box, style) {
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  context.textBaseline = "middle";
  for (const lane of lanes) {
    context.fillStyle = style.getPropertyValue("--faint");
    context.fillRect(box.x0, lane.y, box.x1 - box.x0, lane.height);
    context.fillStyle = style.getPropertyValue("--soft");
    const lines = nameLines(lane);
    const middle = lane.y + Math.min(lane.height, 40) / 2;
    lines.forEach((line, at) => context.fillText(line, 2, middle + 14 * (at - (lines.length - 1) / 2)));
  }
}

// Lines at round moments, and the moments below the rows.
function drawTicks(context, { ticks, height }, box, style) {
  const scale = (box.x1 - box.x0) / (view.to - view.from);
  const found = timeTicks(view.from, view.to, Math.max((box.x1 - box.x0) / 110, 2));
  context.fillStyle = style.getPropertyValue("--line");
  ticks.replaceChildren(...found.map(([ns, text]) => {
    const x = Math.round(box.x0 + (ns - view.from) * scale);
    context.fillRect(x, 0, 1, height);
    return node("span", { style: { left: `${x}px`, top: `${height + 4}px` } }, text);
  }));
}

// The name of a row, in two lines where it is too long for one and the row is high enough.
function nameLines({ label, height }) {
  const room = LEFT - 8;
  if (textWidth(label) <= room || height < 28) return [fitted(label, room)];
  const parts = label.split(", ");
  const fits = (count) => textWidth(parts.slice(0, count).join(", ")) <= room;
  let first = 1;
  while (first + 1 < parts.length && fits(first + 1)) first += 1;
  return [parts.slice(0, first).join(", "), parts.slice(first).join(", ")].filter(Boolean).map((line) => fitted(line, room));
}

// Step borders on the GPU, the selected step, and from a kernel under the pointer to the call that launched it.
function drawMarks(context, { lanes, height, hover }, box, style) {
  const scale = (box.x1 - box.x0) / (view.to - view.from);
  const x = (ns) => box.x0 + (ns - events.start_ns - view.from) * scale;
  context.strokeStyle = style.getPropertyValue("--mark");
  const step = stepOf();
  if (step) {
    context.lineWidth = 1.5;
    context.strokeRect(x(step.gpu_start_ns), 1, x(step.gpu_end_ns) - x(step.gpu_start_ns), height - 4);
  }
  const wide = steps.length && (x(steps[steps.length - 1].gpu_end_ns) - x(steps[0].gpu_start_ns)) / steps.length > 8;
  if (wide) {
    context.globalAlpha = 0.35;
    context.lineWidth = 1;
    context.beginPath();
    for (const each of steps) {
      const at = Math.round(x(each.gpu_start_ns)) + 0.5;
      if (at > box.x0 && at < box.x1) { context.moveTo(at, 0); context.lineTo(at, height); }
    }
    context.stroke();
    context.globalAlpha = 1;
  }
  if (hover && hover.row !== undefined) drawHover(context, lanes, hover, (ns) => box.x0 + (ns - view.from) * scale);
}

function drawHover(context, lanes, { lane, row }, x) {
  const table = events[lane.kind];
  const rowHeight = lane.height / lane.rows;
  const y = lane.y + (table.depth ? table.depth[row] * rowHeight : 0);
  context.lineWidth = 2;
  context.strokeRect(x(table.start[row]), y, Math.max(x(table.end[row]) - x(table.start[row]), 1.5), rowHeight - (table.depth ? 1 : 0));
  const launch = lane.kind === "gpu" ? table.launch[row] : -1;
  const from = launch < 0 ? null : lanes.find((each) => each.kind === "api" && each.first <= launch && launch < each.last);
  if (!from) return;
  context.lineWidth = 1.2;
  context.beginPath();
  context.moveTo(x(events.api.start[launch]), from.y + from.height);
  context.lineTo(x(table.start[row]), lane.y);
  context.stroke();
  context.strokeRect(x(events.api.start[launch]), from.y, Math.max(x(events.api.end[launch]) - x(events.api.start[launch]), 1.5), from.height);
}
