// Chromium over the DevTools protocol, for tests and pictures. It needs Node 20 or later
// (`--experimental-websocket` before 22) and nothing else.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const sleep = (ms) => new Promise((go) => setTimeout(go, ms));

export const until = async (what, check, ms = 30000) => {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await sleep(150);
  }
};

// Starts `chromium` and gives what drives its page; `close` ends it.
export const open = async (chromium) => {
  const profile = mkdtempSync(join(tmpdir(), "bongsu-page-"));
  const browser = spawn(chromium, [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--hide-scrollbars", "--disable-background-networking", "--disable-component-update",
    "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank",
  ], { stdio: "ignore" });
  const errors = [];
  let socket;
  const close = async () => {
    socket?.close();
    const gone = new Promise((go) => browser.once("exit", go));
    browser.kill();
    await gone;
    // Its helpers may write for a moment longer. What they leave behind is no fault of the page.
    for (let tries = 0; tries < 20; tries += 1) {
      try {
        rmSync(profile, { recursive: true, force: true });
        return;
      } catch {
        await sleep(250);
      }
    }
  };
  try {
    const file = join(profile, "DevToolsActivePort");
    await until("the browser", () => existsSync(file) && readFileSync(file, "utf8").includes("\n"));
    const port = readFileSync(file, "utf8").split("\n")[0];
    const pages = await (await fetch(`http://127.0.0.1:${port}/json`)).json();
    socket = new WebSocket(pages.find((page) => page.type === "page").webSocketDebuggerUrl);
    await new Promise((go, fail) => { socket.onopen = go; socket.onerror = fail; });
  } catch (error) {
    await close();
    throw error;
  }
  let last = 0;
  const waiting = new Map();
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.id) {
      const { go, fail } = waiting.get(message.id);
      waiting.delete(message.id);
      if (message.error) fail(new Error(message.error.message));
      else go(message.result);
    } else if (message.method === "Runtime.exceptionThrown") {
      errors.push(message.params.exceptionDetails.exception?.description ?? message.params.exceptionDetails.text);
    }
  };
  const call = (method, params = {}) => new Promise((go, fail) => {
    waiting.set(++last, { go, fail });
    socket.send(JSON.stringify({ id: last, method, params }));
  });
  const run = async (expression) => {
    const { result, exceptionDetails } = await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  const shot = async (path) => {
    const { data } = await call("Page.captureScreenshot", { format: "png" });
    writeFileSync(path, Buffer.from(data, "base64"));
  };
  const look = (width, height, dark, media = "") => Promise.all([
    call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 }),
    call("Emulation.setEmulatedMedia", { media, features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }] }),
  ]);
  const key = async (name, text) => {
    for (const type of ["keyDown", "keyUp"]) await call("Input.dispatchKeyEvent", { type, key: name, code: name, ...(text && type === "keyDown" ? { text } : {}) });
  };
  const mouse = (type, x, y, more = {}) => call("Input.dispatchMouseEvent", { type, x, y, button: "left", buttons: type === "mouseReleased" ? 0 : 1, clickCount: 1, ...more });
  const go = async (url) => {
    await call("Page.navigate", { url });
    await until("the page", () => run(`document.readyState === "complete" && location.href !== "about:blank"`).catch(() => false));
  };
  await call("Page.enable");
  await call("Runtime.enable");
  return { call, run, shot, look, key, mouse, go, errors, close };
};
