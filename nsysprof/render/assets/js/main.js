// Opening: state first, then plotly (packed into the page), then the parts from top to bottom.
const parts = [
  startSteps, loadEvents, startTimeline, startInside, startRanges, startKernels, startCompare, startApi, startQueue, startPatterns, startAround, startMemory,
];

startState();
const { step: wanted } = readHash();
if (wanted !== null) selectStep(wanted, { keepHash: true });
performance.mark("nsysprof-data");
await loadPlotly();
performance.mark("nsysprof-plotly");
for (const start of parts) {
  await start();
  performance.mark(`nsysprof-${start.name}`);
}
followHash();
performance.mark("nsysprof-open");
document.documentElement.dataset.ready = "";
