// Paper: everything is drawn before the browser lays out pages, in light colours and as wide as A4 and Letter have room.
const printing = () => "printing" in document.documentElement.dataset;

// Dots of a canvas for each pixel of the page.
const sharpness = () => (printing() ? 2 : Math.min(devicePixelRatio || 1, 2));

function startPrint() {
  const { dataset } = document.documentElement;
  let theme = null;
  addEventListener("beforeprint", () => {
    theme = dataset.theme;
    dataset.theme = "light";
    dataset.printing = ""; // the style sheet sets the width of paper by this
    for (const entry of waiting.values()) {
      if (entry.atOnce) entry.atOnce();
      else if (entry.due) entry.work();
    }
  });
  addEventListener("afterprint", () => {
    if (theme === null) return;
    delete dataset.printing;
    dataset.theme = theme;
    theme = null;
    for (const entry of waiting.values()) {
      entry.due ||= Boolean(entry.atOnce);
      if (entry.due && entry.near) entry.work();
    }
  });
}
