"use strict";
// Reads out the point under the pointer, or under a cursor that the arrow keys move.
const NS = "http://www.w3.org/2000/svg";
for (const figure of document.querySelectorAll("figure")) {
  const data = figure.querySelector("script");
  if (!data) continue; // a picture without values over time
  const stops = JSON.parse(data.textContent);
  const frame = figure.querySelector(".frame");
  const out = figure.querySelector("output");
  if (!stops.length || !frame.querySelector("[data-area]")) continue;
  const hint = "Point at the plot, or use the arrow keys on it, to read values.";
  const cursors = [];
  let at = -1;

  const show = (index) => {
    at = Math.max(0, Math.min(stops.length - 1, index));
    out.textContent = stops[at][1];
    for (const { line, area } of cursors) {
      const x = area[0] + stops[at][0] * area[2];
      line.setAttribute("d", `M${x} ${area[1]}v${area[3]}`);
    }
  };
  const nearest = (place) => {
    let low = 0;
    let high = stops.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((stops[middle][0] + stops[middle + 1][0]) / 2 < place) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const clear = () => {
    at = -1;
    out.textContent = hint;
    for (const { line } of cursors) line.removeAttribute("d");
  };

  for (const svg of frame.querySelectorAll("svg")) {
    const area = svg.querySelector("[data-area]").dataset.area.split(" ").map(Number);
    const line = document.createElementNS(NS, "path");
    line.setAttribute("class", "b-cursor");
    svg.append(line);
    cursors.push({ line, area });
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      show(nearest((x - area[0]) / area[2]));
    });
  }
  frame.addEventListener("pointerleave", clear);
  frame.addEventListener("blur", clear);
  frame.addEventListener("keydown", (event) => {
    const page = Math.ceil(stops.length / 20);
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -page, PageDown: page };
    if (event.key === "Home") show(0);
    else if (event.key === "End") show(stops.length - 1);
    else if (event.key in steps) show(at < 0 ? 0 : at + steps[event.key]);
    else return;
    event.preventDefault();
  });
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", hint);
  out.hidden = false;
  clear();
}
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
