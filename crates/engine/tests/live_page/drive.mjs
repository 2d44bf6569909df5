// Drives the live page in Chromium over the DevTools protocol, and prints what it found as JSON.
//
//     node --experimental-websocket drive.mjs CHROMIUM URL READ_TOKEN TOKEN [FOLDER_FOR_SCREENSHOTS]
//
// It needs Node 20 or later and nothing else.
import { join } from "node:path";

import { open, until } from "../../../../tools/browser.mjs";

const [chromium, url, readToken, token, shots] = process.argv.slice(2);
const found = {};
let browser;
let text = async () => "";

try {
  browser = await open(chromium);
  const { call, run, key, look } = browser;
  text = () => run(`document.body.innerText`);
  const shot = async (name) => {
    if (shots) await browser.shot(join(shots, `${name}.png`));
  };
  const give = (value) => run(`document.getElementById("token").value = ${JSON.stringify(value)};
    document.querySelector("#ask button[value=ok]").click()`);
  const asked = () => run(`document.getElementById("ask")?.open === true`);

  await look(1280, 900, false);
  await call("Page.navigate", { url });
  await until("the question for a token", asked);
  found.asks = true;
  await give(readToken);
  await until("the page", () => run(`document.body.dataset.ready === "yes"`));
  await until("an alert", () => run(`!!document.querySelector("[data-alert]")`));
  found.alert = await run(`document.querySelector("[data-alert]").textContent`);
  const before = await run(`Number(document.body.dataset.events)`);
  const judged = () => run(`[...document.querySelectorAll("#facts div")].find((d) => d.textContent.startsWith("Points")).lastChild.textContent`);
  const points = await judged();
  await until("a live update", () => run(`Number(document.body.dataset.events) > ${before}`));
  await until("more points", async () => await judged() !== points);
  found.live = true;
  await shot("now-light");

  await run(`location.hash = "#queries"`);
  await until("a chart", () => run(`[...document.querySelectorAll(".chart .line")].some((p) => p.getAttribute("d").length > 50)`));
  found.band = await run(`!!document.querySelector(".chart .band")`);
  const line = () => run(`document.querySelector(".chart .line")?.getAttribute("d")`);
  const drawn = await line();
  await until("a chart that moves", async () => await line() !== drawn);
  await run(`document.querySelector(".chart").focus()`);
  await key("End");
  await key("ArrowLeft");
  found.readout = await run(`document.querySelector("output").textContent`);
  await until("a mark", () => run(`!!document.querySelector(".chart .mark")`));
  await shot("queries-light");
  await look(1280, 900, true);
  await shot("queries-dark");
  await look(390, 844, true);
  await shot("queries-phone-dark");
  found.overflow = await run(`document.documentElement.scrollWidth - document.documentElement.clientWidth`);

  await run(`location.hash = "#quality"`);
  await until("the data quality", () => run(`document.querySelectorAll("#quality-table tbody tr").length > 0`));
  await shot("quality-phone-dark");
  await look(1280, 900, false);
  await shot("quality-light");

  await run(`location.hash = "#capacity"`);
  await until("a plan", () => run(`document.querySelectorAll("#capacity-table tbody tr").length > 1`));
  found.capacity = await run(`document.getElementById("capacity-table").textContent`);
  await shot("capacity-light");
  await look(390, 844, true);
  await shot("capacity-phone-dark");
  found.overflow = Math.max(found.overflow, await run(`document.documentElement.scrollWidth - document.documentElement.clientWidth`));
  await look(1280, 900, false);

  await run(`location.hash = "#now"`);
  await until("an alert", () => run(`!!document.querySelector("[data-alert] button")`));
  await run(`document.querySelector("[data-alert] button").click()`);
  found.dialog = await run(`document.getElementById("hush").open`);
  await shot("silence-light");
  await run(`document.getElementById("hush-by").value = "kim"; document.getElementById("hush-why").value = "known";
    document.querySelector("#hush button[value=ok]").click()`);
  // The token for reading is not good for orders.
  await until("the question for the other token", asked);
  await give(token);
  await until("a silence", () => run(`document.querySelectorAll("#silence-list li").length === 1`));
  found.silence = await run(`document.getElementById("silence-list").textContent`);
  await look(390, 844, false);
  await shot("now-phone-light");
  await look(1280, 900, true);
  await shot("now-dark");

  found.images = await run(`document.images.length`);
  found.owned = await run(`Boolean(window.owned)`);
  found.inline = await run(`(() => { const s = document.createElement("script"); s.textContent = "window.inlined = 1"; document.head.append(s); return Boolean(window.inlined); })()`);
  found.named = await run(`[...document.querySelectorAll("button, select, input, a")].every((e) => (e.ariaLabel || e.textContent || e.labels?.[0]?.textContent || "").trim())`);
} catch (error) {
  found.failed = String(error.message ?? error);
  found.page = await text().catch(() => "");
} finally {
  found.errors = browser?.errors ?? [];
  await browser?.close();
  console.log(JSON.stringify(found));
}
