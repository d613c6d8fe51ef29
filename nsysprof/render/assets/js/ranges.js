// NVTX ranges as the GPU saw them: from the first operation that was submitted in a range to the end of the last.
const MOST_RANGES = 40;

function startRanges() {
  if (!result.ranges.length) {
    emptyState("inside", "No NVTX ranges", "No NVTX range of this trace submitted GPU work; mark the parts of a program with nvtx, and capture with nsys profile -t cuda,nvtx.");
    return;
  }
  const rows = result.ranges.filter((range) => !stepTexts.has(range.text)).slice(0, MOST_RANGES);
  if (rows.length) {
    const { body } = figure("inside", {
      title: "NVTX ranges on the GPU",
      text: `Ranges other than the steps themselves, by the time from their first operation's start to their last one's end${rows.length === MOST_RANGES ? `; the ${MOST_RANGES} longest` : ""}.`,
      csv: () => [["range", "domain", "kind", "count", "gpu_ns", "work_ns", "operations", "cpu_ns"],
        ...result.ranges.map((each) => [each.text, each.domain, each.kind, each.count, each.gpu_ns, each.work_ns, each.operations, each.cpu_ns])],
    });
    const domains = rows.some((each) => each.domain);
    const heads = [["Range", "name"], ...(domains ? [["Domain", "text"]] : []), ["Kind", "text"], ["Count"], ["On the GPU"], ["Work in it"], ["Operations"], ["On the CPU"]];
    body.append(plainTable("range-table", heads, rows.map((each) => ({
      ns: each.gpu_ns,
      cells: [each.text, ...(domains ? [each.domain] : []), each.kind, count(each.count), duration(each.gpu_ns), duration(each.work_ns), count(each.operations), duration(each.cpu_ns)],
    }))));
  }
  if (result.operators.length) operators();
}

function operators() {
  const { body } = figure("inside", {
    title: "GPU time by innermost range", text: "Every operation counts for the innermost NVTX range that submitted it: modules or operators, where the program marks them.",
    csv: () => [["operator", "category", "count", "ns", "share"], ...result.operators.map((each) => [each.name, each.category, each.count, each.ns, each.share])],
  });
  const heads = [["Range", "name"], ["Mostly", "text"], ["Operations"], ["GPU time"], ["Share"]];
  body.append(plainTable("operator-table", heads, result.operators.slice(0, MOST_RANGES).map((each) => ({
    ns: each.ns,
    cells: [each.name, [swatch(bucketColor(each.category)), ` ${bucketLabel(each.category)}`], count(each.count), duration(each.ns), share(each.share)],
  }))));
}
