// Plotly in the page's colours: one way to draw a figure, drawn again when light turns to dark.
const config = { displayModeBar: false, responsive: true, showTips: false };
const drawn = [];

function themed(layout) {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--ink").trim();
  const line = style.getPropertyValue("--line").trim();
  const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, tickcolor: line, automargin: true };
  const full = {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily },
    margin: { l: 56, r: 12, t: 8, b: 40 },
    hoverlabel: { bgcolor: style.getPropertyValue("--card").trim(), font: { color: ink, size: 12 } },
    legend: { traceorder: "reversed", font: { size: 11.5 } },
    ...layout,
  };
  for (const name of Object.keys(full).filter((key) => /^[xy]axis\d*$/.test(key))) full[name] = { ...axis, ...full[name] };
  return full;
}

// make() gives { traces, layout }; the plot is drawn once it comes near the screen, and again on a change of theme.
function chart(body, height, make, after) {
  const entry = { body, shown: false };
  body.style.height = `${height}px`;
  entry.draw = () => {
    if (!entry.shown) return;
    const { traces, layout } = make();
    Plotly.react(body, traces, themed({ height, ...layout }), config);
    if (after && !entry.wired) {
      entry.wired = true;
      after(body);
    }
  };
  entry.show = () => {
    if (entry.shown) return;
    entry.shown = true;
    entry.draw();
  };
  drawn.push(entry);
  near.observe(body);
  return entry;
}

// Drawing waits until a figure comes near the screen, so that opening costs what the first screen costs.
const near = new IntersectionObserver((seen) => {
  for (const { target, isIntersecting } of seen) {
    const entry = isIntersecting && drawn.find(({ body }) => body === target);
    if (entry) {
      near.unobserve(target);
      entry.show();
    }
  }
}, { rootMargin: "200px" });

addEventListener("beforeprint", () => drawn.forEach((entry) => entry.show()));
themeListeners.push(() => drawn.forEach((entry) => entry.draw()));
