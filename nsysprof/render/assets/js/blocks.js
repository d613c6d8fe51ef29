// NVTX ranges inside a step: as marks over the step's kernels, and those that repeat as a table.
const MARKED_LEVELS = 3;
const MOST_BLOCKS = 24;

const threadOf = ({ label }) => label.replace(/^(NVTX|CUDA API), /, "").replace(/, start\/end.*$/, "");

// Ranges within a step that launched something: their places among the step's operations, and what those took.
function rangesInside(step, rows) {
  const { cpu_start_ns: from, cpu_end_ns: to } = steps[step];
  const { start, end, depth, kind } = events.nvtx;
  const found = [];
  for (const lane of events.lanes.filter((each) => each.kind === "nvtx")) {
    const calls = events.lanes.find((each) => each.kind === "api" && threadOf(each) === threadOf(lane));
    if (!calls) continue;
    const places = rows.map((_, at) => at).filter((at) => events.gpu.launch[rows[at]] >= calls.first && events.gpu.launch[rows[at]] < calls.last);
    const times = places.map((at) => events.api.start[events.gpu.launch[rows[at]]]);
    const sums = [0];
    for (const at of places) sums.push(sums[sums.length - 1] + events.gpu.end[rows[at]] - events.gpu.start[rows[at]]);
    for (let row = lane.first; row < lane.last; row += 1) {
      const within = start[row] + events.start_ns >= from && end[row] + events.start_ns <= to;
      if (!within || stepTexts.has(events.texts[kind[row]])) continue;
      const low = after(times, start[row] - 1, 0, times.length);
      const high = after(times, end[row], 0, times.length);
      if (low < high) found.push({ kind: kind[row], depth: depth[row], first: places[low], last: places[high - 1], ns: sums[high] - sums[low], operations: high - low });
    }
  }
  return found;
}

// The first level on which ranges repeat, by name, and the levels in it, as lines over the kernels launched in them.
function markRanges(context, inside, perLine) {
  const levels = [...new Set(inside.map(({ depth }) => depth))].sort((a, b) => a - b);
  const busiest = levels.findIndex((level) => inside.filter(({ depth }) => depth === level).length >= 4);
  const shown = levels.slice(Math.max(busiest, 0)).slice(0, MARKED_LEVELS);
  const style = getComputedStyle(document.documentElement);
  context.font = "10px system-ui, sans-serif";
  for (const { kind, depth, first, last } of inside) {
    const level = shown.indexOf(depth);
    if (level < 0) continue;
    const [top, bottom] = [Math.floor(first / perLine), Math.floor(last / perLine)];
    for (let line = top; line <= bottom; line += 1) {
      const x0 = line === top ? (first % perLine) * CELL : 0;
      const x1 = line === bottom ? ((last % perLine) + 1) * CELL : perLine * CELL;
      context.fillStyle = events.paint.nvtx.palette[events.paint.nvtx.of[kind]];
      context.fillRect(x0, line * LINE + 11 + 3 * level, x1 - x0 - 1, 2);
      const room = Math.floor((x1 - x0) / 5.4);
      const text = events.texts[kind];
      context.fillStyle = style.getPropertyValue("--soft");
      if (!level && room > 3) context.fillText(text.length > room ? `${text.slice(0, room - 1)}\u2026` : text, x0, line * LINE + 9);
    }
  }
}

// unet.up_blocks.0.attentions.1 in=[2,1280,32,32]: an "attentions in=[2,1280,32,32]"; of other texts all but the numbers.
function blockName(text) {
  const [path, ...rest] = text.split(" ");
  const parts = path.split(".").filter((part) => !/^\d+$/.test(part));
  return /\w\.\w/.test(path) ? [parts[parts.length - 1], ...rest].join(" ") : text.replace(/\d+/g, "#");
}

// Ranges of one kind, with inputs of one shape and as many operations, are the same block again.
function repeatedBlocks(inside) {
  const blocks = new Map();
  for (const { kind, ns, operations } of inside) {
    const name = blockName(events.texts[kind]);
    const key = `${operations} ${name}`;
    if (!blocks.has(key)) blocks.set(key, { name, operations, times: 0, ns: 0, least: Infinity, most: 0 });
    const block = blocks.get(key);
    block.times += 1;
    block.ns += ns;
    block.least = Math.min(block.least, ns);
    block.most = Math.max(block.most, ns);
  }
  return [...blocks.values()].filter(({ times }) => times > 1).sort((a, b) => b.ns - a.ns);
}

function startBlocks() {
  if (!events || !steps.length) return;
  let blocks = [];
  const { body, frame, words } = figure("inside", {
    title: "Blocks that repeat within a step",
    csv: () => [["block", "times", "operations", "ns", "min_ns", "max_ns"], ...blocks.map((each) => [each.name, each.times, each.operations, each.ns, each.least, each.most])],
  });
  const heads = [["Block", "name"], ["In the step"], ["Operations each"], ["GPU time"], ["Shortest"], ["Longest"]];
  const draw = () => {
    blocks = repeatedBlocks(rangesInside(insideStep(), ribbonRows()));
    frame.hidden = !blocks.length;
    words.textContent = `${steps[insideStep()].label}: NVTX ranges of one name with inputs of one shape that launch as many operations, numbers aside. `
      + `Blocks lie within blocks, so that their times do not add up.${blocks.length > MOST_BLOCKS ? ` The first ${MOST_BLOCKS} of ${count(blocks.length)}.` : ""}`;
    body.replaceChildren(plainTable("block-table", heads, blocks.slice(0, MOST_BLOCKS).map((each) => ({
      ns: each.ns, cells: [each.name, count(each.times), count(each.operations), duration(each.ns), duration(each.least), duration(each.most)],
    }))));
  };
  draw();
  onSelect(draw);
}
