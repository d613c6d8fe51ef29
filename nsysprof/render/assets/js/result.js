// What was measured: the trace's hotspots.
const result = page.hotspots;
const steps = result.steps;
const stepTexts = new Set(steps.map((step) => step.label));
// labels repeat where a program ran its steps more than once: then the position tells them apart
if (new Set(steps.map((step) => step.label)).size < steps.length) {
  for (const step of steps) step.label = `${step.label} (#${step.index})`;
}
result.kernels.forEach((kernel, index) => { kernel.facts = page.facts[index]; });
