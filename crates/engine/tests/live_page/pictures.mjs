// Takes the pictures of the live page that the documentation shows.
//
//     node --experimental-websocket pictures.mjs CHROMIUM URL TOKEN FOLDER
import { join } from "node:path";

import { open, sleep, until } from "../../../../tools/browser.mjs";

const [chromium, url, token, folder] = process.argv.slice(2);
const browser = await open(chromium);
try {
  const { run, look, go } = browser;
  const shot = (name) => browser.shot(join(folder, `${name}.png`));
  await look(1280, 560, false);
  await go(url);
  await until("the question for a token", () => run(`document.getElementById("ask")?.open === true`));
  await run(`document.getElementById("token").value = ${JSON.stringify(token)};
    document.querySelector("#ask button[value=ok]").click()`);
  await until("an alert", () => run(`!!document.querySelector("[data-alert]")`), 60000);
  await sleep(3000);
  await shot("live-now");
  await run(`location.hash = "#queries"`);
  await until("a mark", () => run(`!!document.querySelector(".chart .mark")`));
  await look(1280, 480, true);
  await sleep(500);
  await shot("live-queries-dark");
  await look(390, 844, false);
  await sleep(500);
  await shot("live-queries-phone");
  await run(`location.hash = "#quality"`);
  await look(1280, 480, false);
  await until("a row", () => run(`!!document.querySelector("#quality-table tbody tr")`));
  await sleep(500);
  await shot("live-quality");
  await run(`location.hash = "#capacity"`);
  await until("a plan", () => run(`!!document.querySelector("#capacity-table tbody tr")`));
  await sleep(500);
  await shot("live-capacity");
} finally {
  await browser.close();
}
