// What a reader sees when the page's script fails.
const trouble = document.getElementById("trouble");
trouble.hidden = false;
trouble.textContent = typeof DecompressionStream === "undefined"
  ? "The charts need a browser of 2023 or later."
  : `The charts could not be drawn: ${error.message}`;
throw error;
