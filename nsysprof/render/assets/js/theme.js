// Light or dark: as the system has it, until the reader chooses.
function isDark() { return document.documentElement.dataset.theme === "dark"; }

const themeListeners = [];
function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  for (const listener of themeListeners) listener();
}

function startTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  setTheme(system.matches);
  system.addEventListener("change", () => setTheme(system.matches));
  byId("theme").addEventListener("click", () => setTheme(!isDark()));
}
