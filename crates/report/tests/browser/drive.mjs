// Drives a report in Chromium, and prints what it found as JSON.
//
//     node --experimental-websocket drive.mjs CHROMIUM URL [FOLDER_FOR_SCREENSHOTS]
import { join } from "node:path";

import { open } from "../../../../tools/browser.mjs";

const [chromium, url, shots] = process.argv.slice(2);
const found = {};
let browser;
try {
  browser = await open(chromium);
  const { call, run, key, mouse, look, go } = browser;
  const shot = async (name) => {
    if (shots) await browser.shot(join(shots, `${name}.png`));
  };
  await look(1280, 900, false);
  await go(url);
  await run(`document.querySelector("figure .frame").scrollIntoView({ block: "center" })`);
  const svg = `document.querySelector(".frame svg")`;
  const drawn = () => run(`${svg}.querySelector("[data-area] .b-line").getAttribute("d")`);
  const output = () => run(`document.querySelector("output").textContent`);
  const labels = () => run(`[...${svg}.querySelectorAll(":scope > g:not([data-part]) text")].map((t) => t.textContent)`);
  const box = await run(`(() => { const b = ${svg}.getBoundingClientRect(); const a = ${svg}.querySelector("[data-area]").dataset.area.split(" ").map(Number); const s = b.width / ${svg}.viewBox.baseVal.width; return [b.left + a[0] * s, b.top + a[1] * s, a[2] * s, a[3] * s]; })()`);
  const at = (share) => [box[0] + share * box[2], box[1] + box[3] / 2];
  const whole = await drawn();
  const drag = async (from, to) => {
    await mouse("mouseMoved", ...at(from), { buttons: 0 });
    await mouse("mousePressed", ...at(from));
    await mouse("mouseMoved", ...at((from + to) / 2));
    await shot("report-dragging");
    await mouse("mouseMoved", ...at(to));
    await mouse("mouseReleased", ...at(to));
  };
  found.hint = await output();
  await mouse("mouseMoved", ...at(0.5), { buttons: 0 });
  found.readout = await output();
  await drag(0.25, 0.5);
  found.zoomed = (await drawn()) !== whole;
  found.labels = await labels();
  await mouse("mouseMoved", ...at(0.5), { buttons: 0 });
  found.within = await output();
  await shot("report-zoomed-light");
  // To the left of the plot nothing is drawn over the axis, and marks beyond the edges are gone.
  found.marks = await run(`(() => { const a = ${svg}.querySelector("[data-area]").dataset.area.split(" ").map(Number); return [...${svg}.querySelectorAll('[data-part="marks"] path')].flatMap((p) => p.getAttribute("d").split("M").slice(1)).every((m) => parseFloat(m) >= a[0] - 1 && parseFloat(m) <= a[0] + a[2] + 1); })()`);
  for (let i = 0; i < 2; i++) {
    await mouse("mousePressed", ...at(0.5), { clickCount: i + 1 });
    await mouse("mouseReleased", ...at(0.5), { clickCount: i + 1 });
  }
  found.reset = (await drawn()) === whole && (await labels()).length === 0;
  // The same from the keyboard.
  await run(`document.querySelector(".frame").focus()`);
  await key("Home");
  await key("+", "+");
  await key("+", "+");
  found.byKey = (await drawn()) !== whole;
  found.cursor = await output();
  await key("End");
  found.follows = await output();
  await key("Escape");
  found.escaped = (await drawn()) === whole;
  // And by its buttons.
  await run(`document.querySelector('.tools button[aria-label="Zoom in"]').click()`);
  found.byButton = (await drawn()) !== whole;
  found.said = await output();
  await look(1280, 900, true);
  await shot("report-zoomed-dark");
  await run(`document.querySelector('.tools button[aria-label="Show all"]').click()`);
  found.buttons = await run(`[...document.querySelectorAll(".tools button")].every((b) => b.getAttribute("aria-label"))`);
  await look(390, 844, true);
  await shot("report-phone-dark");
  found.overflow = await run(`document.documentElement.scrollWidth - document.documentElement.clientWidth`);
  await look(1280, 900, false, "print");
  found.printed = await run(`getComputedStyle(document.querySelector(".tools button")).display`);
  found.owned = await run(`Boolean(window.owned)`);
  found.inline = await run(`(() => { const s = document.createElement("script"); s.textContent = "window.inlined = 1"; document.head.append(s); return Boolean(window.inlined); })()`);
  // Without scripts the page is the same picture.
  await call("Emulation.setScriptExecutionDisabled", { value: true });
  await look(1280, 900, false);
  await go(url);
  await shot("report-without-script");
  found.without = await run(`document.querySelectorAll(".frame svg").length`);
} catch (error) {
  found.failed = String(error.message ?? error);
} finally {
  found.errors = browser?.errors ?? [];
  await browser?.close();
  console.log(JSON.stringify(found));
}
