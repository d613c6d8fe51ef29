// What is under the pointer: one event, or what a pixel adds up to where events are smaller than pixels.
function pointAt(screen) {
  const event = screen.pointer;
  screen.hover = null;
  if (!event) return hideTip();
  const top = screen.axis.getBoundingClientRect().top;
  const y = event.clientY - top;
  const lane = screen.lanes.find((each) => y >= each.y && y < each.y + each.height);
  const time = timeAt(screen, event);
  if (lane && event.clientX - screen.axis.getBoundingClientRect().left < LEFT) return showTip(event, laneLines(lane));
  if (!lane || time < view.from || time > view.to) return hideTip();
  const pixel = (view.to - view.from) / (boxOf(screen).x1 - LEFT);
  const known = events.complete || lane.kind === "nvtx" && events.all_ranges || events.spans.some((span) => time >= span.start && time <= span.end);
  const [low, high] = known ? visibleRows(lane, time - pixel, time + pixel) : [0, 0];
  const { start, end, kind, depth } = events[lane.kind];
  const deep = depth ? Math.floor((y - lane.y) / (lane.height / lane.rows)) : 0;
  let best = -1;
  const sums = new Map();
  for (let row = low; row < high; row += 1) {
    if (end[row] < time - pixel || depth && depth[row] !== deep) continue;
    if (best < 0 || start[row] <= time) best = row;
    sums.set(kind[row], (sums.get(kind[row]) || 0) + 1);
  }
  if (best < 0) return known ? hideTip() : showTip(event, binLines(lane, time));
  const many = [...sums.values()].reduce((a, b) => a + b, 0);
  if (many > 6) {
    const names = lane.kind === "api" ? (which) => events.functions[which].name : (which) => events.kinds[which].family || events.kinds[which].name;
    const list = [...sums].sort((a, b) => b[1] - a[1]).slice(0, 6);
    return showTip(event, [`${count(many)} events within ${duration(Math.round(2 * pixel))}; zoom in`, ...list.map(([which, times]) => `${count(times)}x ${names(which).slice(0, 70)}`)]);
  }
  screen.hover = { lane, row: best };
  return showTip(event, eventLines(lane.kind, best, pixel));
}

// What a row is, where its name is pointed at.
function laneLines({ label, levels, rows }) {
  return [label, levels > rows ? `${count(rows)} of ${count(levels)} levels are drawn` : null];
}
