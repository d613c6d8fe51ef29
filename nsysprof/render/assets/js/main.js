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
  startSteps, loadEvents, startTimeline, startInside, startKernels, startCompare, startApi, startQueue, startSequences, startMemory,
];

async function open() {
  startState();
  const { step } = readHash();
  if (step !== null) selectStep(step, { keepHash: true });
  try {
    await loadPlotly();
    for (const start of parts) await start();
  } catch (error) {
    byId("trouble").hidden = false;
    byId("trouble").textContent = typeof DecompressionStream === "undefined"
      ? "The charts need a browser of 2023 or later."
      : `The charts could not be drawn: ${error.message}`;
    throw error;
  }
  followHash();
  performance.mark("nsysprof-open");
  document.documentElement.dataset.ready = "";
}
open();
