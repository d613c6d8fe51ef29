// What was measured: the trace's hotspots.
const result = page.hotspots;
const steps = result.steps;
const stepTexts = new Set(steps.map((step) => step.label));
// labels repeat where a program ran its steps more than once: then the position tells them apart
if (new Set(steps.map((step) => step.label)).size < steps.length) {
  for (const step of steps) step.label = `${step.label} (#${step.index})`;
}
result.kernels.forEach((kernel, index) => { kernel.facts = page.facts[index]; });

// Beyond MOST_COLUMNS steps a column stands for several that follow each other, and shows their mean.
const MOST_COLUMNS = 1500;
const stepGroups = (() => {
  const size = Math.ceil(steps.length / MOST_COLUMNS) || 1;
  return Array.from({ length: Math.ceil(steps.length / size) }, (_, at) => {
    const members = steps.slice(at * size, (at + 1) * size);
    const label = members.length > 1 ? `mean of ${members[0].label} to ${members[members.length - 1].label}` : members[0].label;
    return { x: at * size + (members.length - 1) / 2, members, label, wall: members.reduce((sum, step) => sum + step.wall_ns, 0) };
  });
})();
