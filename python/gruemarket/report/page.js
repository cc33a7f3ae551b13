"use strict";
// every chart's specification stands in a data block of the page; one that fails shall not take the others with it
for (const place of document.querySelectorAll(".chart")) {
  const spec = JSON.parse(document.getElementById(place.dataset.spec).textContent);
  const options = { renderer: "svg", actions: { export: true, source: false, compiled: false, editor: false } };
  vegaEmbed(place, spec, options).catch((error) => {
    place.textContent = "This plot cannot be drawn (" + error.message + "); its numbers are below.";
    place.classList.add("failed");
  });
}
const schemes = ["light dark", "light", "dark"];
document.getElementById("scheme").addEventListener("click", (event) => {
  const root = document.documentElement;
  const next = schemes[(schemes.indexOf(root.style.colorScheme || schemes[0]) + 1) % schemes.length];
  root.style.colorScheme = next;
  event.target.textContent = { "light dark": "Colours: as the system", light: "Colours: light", dark: "Colours: dark" }[next];
});
