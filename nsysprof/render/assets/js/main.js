// Opening: state first, then plotly (packed into the page), then the parts from top to bottom.
async function loadPlotly() {
  const source = new TextDecoder().decode(await inflate(unpack("plotly")));
  // plotly would fill a style element of its map library, which the policy refuses: give it an empty one instead
  for (const [, id] of source.matchAll(/getElementById\("([0-9a-f]{64})"\)/g)) document.head.append(node("style", { id }));
  const script = document.createElement("script");
  script.textContent = source; // the policy in the head allows exactly this text, by its hash
  document.head.append(script);
  byId("plotly").remove();
}

const parts = [
  startSteps, loadEvents, startTimeline, startInside, startRanges, startKernels, startCompare, startApi, startQueue, startPatterns, startMemory,
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
