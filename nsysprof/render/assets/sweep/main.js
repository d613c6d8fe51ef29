// Opening: what needs no charts first, then plotly (packed into the page), then the charts.
startTheme();
startPrint();
startBar();
addEventListener("keydown", (event) => {
  if (event.key === "t" && !event.ctrlKey && !event.metaKey && !event.altKey && !/^(INPUT|SELECT)$/.test(event.target.tagName)) setTheme(!isDark());
});
startImages();
startTable();
await loadPlotly();
startCurves();
startComposition();
document.documentElement.dataset.ready = "";
