// Takes pictures of pages in Chromium.
//
//     node --experimental-websocket pictures.mjs CHROMIUM LIST
//
// LIST is a JSON file: objects of `url`, `to` (a PNG file), `width`, `height`, `dark`, and where wanted
// `run`, what to run in the page before.
import { readFileSync } from "node:fs";

import { open, sleep } from "./browser.mjs";

const [chromium, list] = process.argv.slice(2);
const browser = await open(chromium);
try {
  for (const { url, to, width, height, dark, run } of JSON.parse(readFileSync(list, "utf8"))) {
    await browser.look(width, height, dark);
    await browser.go(url);
    if (run) await browser.run(run);
    await sleep(200);
    await browser.shot(to);
    console.log(to);
  }
} finally {
  await browser.close();
}
