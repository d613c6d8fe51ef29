// What the reader chose: a step (null: all of them). The step lives in the address: #kernels?step=7
const chosen = { step: null };
const listeners = [];
const onSelect = (listener) => listeners.push(listener);

const stepOf = () => (chosen.step === null ? null : steps[chosen.step]);
const stepName = (index) => (index === null ? `all ${count(steps.length)} steps` : steps[index].label);

function selectStep(index, { keepHash = false } = {}) {
  const next = index === null || index < 0 || index >= steps.length ? null : index;
  if (next === chosen.step) return;
  chosen.step = next;
  byId("step-choice").value = next === null ? "" : String(next);
  byId("step-back").disabled = next === 0 || !steps.length;
  byId("step-on").disabled = next === steps.length - 1 || !steps.length;
  if (!keepHash) writeHash(readHash().part);
  for (const listener of listeners) listener(next);
}

function moveStep(by) {
  if (!steps.length) return;
  const from = chosen.step === null ? (by > 0 ? -1 : steps.length) : chosen.step;
  selectStep(Math.min(Math.max(from + by, 0), steps.length - 1));
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return ""; // an address that is cut off within a character
  }
}

function readHash() {
  const [part, query] = decoded(location.hash.slice(1)).split("?");
  const match = /(?:^|&)step=(\d+)(?:&|$)/.exec(query || "");
  return { part, step: match ? Number(match[1]) : null };
}

function writeHash(part) {
  const query = chosen.step === null ? "" : `?step=${chosen.step}`;
  history.replaceState(null, "", part || query ? `#${part}${query}` : location.pathname + location.search);
}

function followHash() {
  const { part, step } = readHash();
  selectStep(step, { keepHash: true });
  const target = part && document.getElementById(part);
  if (target) target.scrollIntoView();
}

function startState() {
  startTheme();
  startPrint();
  startBar();
  const choice = byId("step-choice");
  choice.append(node("option", { value: "" }, steps.length ? `all ${count(steps.length)} steps` : "no steps"));
  choice.append(...steps.map((step, index) => node("option", { value: index }, step.label)));
  choice.addEventListener("change", () => selectStep(choice.value === "" ? null : Number(choice.value)));
  byId("step-back").addEventListener("click", () => moveStep(-1));
  byId("step-on").addEventListener("click", () => moveStep(1));
  for (const link of document.querySelectorAll("#bar .links a, .skip")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      writeHash(link.getAttribute("href").slice(1));
      followHash();
    });
  }
  addEventListener("hashchange", followHash);
  addEventListener("keydown", onKey);
}

function onKey(event) {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const act = {
    ArrowLeft: () => moveStep(-1),
    ArrowRight: () => moveStep(1),
    Escape: () => { selectStep(null); showSteps(); },
    "/": () => byId("kernel-search") && byId("kernel-search").focus(),
    t: () => setTheme(!isDark()),
  }[event.key];
  if (!act || event.target.closest(".js-plotly-plot, [data-keys]") && event.key.startsWith("Arrow")) return;
  event.preventDefault();
  act();
}
