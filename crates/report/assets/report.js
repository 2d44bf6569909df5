"use strict";
// Plots over time: reads out the point under the pointer, or under a cursor that the arrow keys move,
// and zooms into a stretch of time. Without this script every plot is as it was printed.
const NS = "http://www.w3.org/2000/svg";
const DAY = 86400e3;
const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3, 900e3, 1800e3,
  3600e3, 7200e3, 10800e3, 21600e3, 43200e3, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 365 * DAY,
];
// As much of the time as is shown at least: the drawing has no more detail.
const LEAST = 0.02;

const format = (name) => {
  const zone = name.replace(/^UTC(?=[+-])/, "");
  const all = { hourCycle: "h23", weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  try {
    return new Intl.DateTimeFormat("en-GB", { ...all, timeZone: zone });
  } catch {
    return new Intl.DateTimeFormat("en-GB", { ...all, timeZone: "UTC" });
  }
};

// The round moments from one to another, each with its label, and with the day where it is a new one.
const ticks = (clock, from, to, most) => {
  const civil = (ms) => Object.fromEntries(clock.formatToParts(ms).map((part) => [part.type, part.value]));
  const offset = (ms) => {
    const at = civil(ms);
    return Date.parse(`${at.day} ${at.month} ${at.year} ${at.hour}:${at.minute}:${at.second} GMT`) - Math.floor(ms / 1e3) * 1e3;
  };
  const step = STEPS.find((ms) => (to - from) / ms <= most) ?? STEPS.at(-1);
  const base = step >= 7 * DAY ? 4 * DAY : 0; // weeks begin on Mondays
  const found = [];
  let before = "";
  for (let k = Math.ceil((from + offset(from) - base) / step); found.length < 100; k++) {
    const local = base + k * step;
    const at = local - offset(local - offset(from));
    if (at > to) break;
    if (at < from) continue;
    const { weekday, day, month, year, hour, minute, second } = civil(at);
    const clocked = step >= 60e3 ? `${hour}:${minute}` : `${hour}:${minute}:${second}`;
    const millis = step < 1e3 ? `.${String(at % 1e3).padStart(3, "0")}` : "";
    const date = step < DAY ? `${weekday} ${day} ${month}` : year;
    found.push({ at, label: step < DAY ? clocked + millis : `${day} ${month}`, date: date === before ? "" : date });
    before = date;
  }
  return found;
};

const element = (name, attributes, parent) => {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
};

// One drawing of a plot, whose parts over time move when another stretch is shown.
const drawing = (svg) => {
  const area = svg.querySelector("[data-area]").dataset.area.split(" ").map(Number);
  const [left, top, width, height] = area;
  const parts = (name) => [...svg.querySelectorAll(`[data-part="${name}"]`)];
  const kept = new Map();
  const first = (node, name) => {
    const key = kept.get(node) ?? {};
    kept.set(node, key);
    return (key[name] ??= node.getAttribute(name));
  };
  const times = parts("times")[0];
  const lines = times ? [...times.querySelectorAll("text")] : [];
  const size = Number(lines[0]?.getAttribute("font-size") ?? 14);
  const [upper, lower] = [lines[0], lines.at(-1)].map((text) => text?.getAttribute("y"));
  const own = element("g", {}, svg);
  svg.querySelector("[data-area]").before(own);
  const chosen = element("rect", { class: "b-chosen", y: top, height, width: 0 }, svg);
  const cursor = element("path", { class: "b-cursor" }, svg);

  const moved = (map) => (all, before, x, y) => `${before}${map(Number(x)).toFixed(1)} ${y}`;
  const pair = /([ML ])(-?[\d.]+) (-?[\d.]+)/g;
  const data = (map, whole) => {
    for (const path of svg.querySelectorAll("[data-area] path")) {
      const d = first(path, "d");
      // A line all across stays.
      if (!/^M\S+ [\d.]+h[1-9]/.test(d)) path.setAttribute("d", whole ? d : d.replace(pair, moved(map)));
    }
  };
  const marks = (map, whole) => {
    for (const node of parts("marks").flatMap((part) => [...part.querySelectorAll("path")])) {
      const d = first(node, "d");
      const pieces = whole ? [d] : d.split("M").slice(1).map((piece) => {
        const x = map(parseFloat(piece));
        return x < left - 1 || x > left + width + 1 ? "" : `M${x.toFixed(1)}${piece.slice(piece.indexOf(" "))}`;
      });
      node.setAttribute("d", pieces.join(""));
    }
    for (const node of parts("marks").flatMap((part) => [...part.querySelectorAll("text")])) {
      text(node, map);
    }
  };
  const text = (node, map) => {
    const x = map(Number(first(node, "x")));
    node.setAttribute("x", x);
    node.setAttribute("visibility", x < left || x > left + width ? "hidden" : "visible");
  };
  const spans = (map) => {
    for (const part of parts("spans")) {
      for (const rect of part.querySelectorAll("rect")) {
        const x = Number(first(rect, "x"));
        const [from, to] = [x, x + Number(first(rect, "width"))].map((at) => Math.min(Math.max(map(at), left), left + width));
        rect.setAttribute("x", from);
        rect.setAttribute("width", to - from);
      }
      for (const label of part.querySelectorAll("text")) text(label, map);
    }
  };
  const axis = (map, whole, clock, from, to) => {
    for (const part of [...parts("times"), ...parts("grid")]) part.setAttribute("visibility", whole ? "visible" : "hidden");
    own.replaceChildren();
    if (whole || !times) return;
    const x = (at) => left + ((at - from) / (to - from)) * width;
    for (const { at, label, date } of ticks(clock, from, to, width / size / 6.5)) {
      // A label at the very end would be cut off.
      const room = Math.min(x(at), left + 1.2 * size + width - label.length * 0.31 * size);
      element("path", { class: date ? "b-day" : "b-grid", d: `M${x(at)} ${top}v${height}` }, own);
      element("text", { class: "b-m", "font-size": size, "text-anchor": "middle", x: room, y: upper }, own).textContent = label;
      if (date && upper !== lower && x(at) < left + width - 12 * size) {
        element("text", { class: "b-t", "font-size": size, "font-weight": "bold", "text-anchor": "middle", x: Math.max(x(at), 3 * size), y: lower }, own).textContent = date;
      }
    }
  };

  return {
    svg,
    // Where along the axis, from 0 to 1, an event is.
    place: (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
      return Math.min(1, Math.max(0, (x - left) / width));
    },
    show: (view, clock, from, to) => {
      const whole = view[0] === 0 && view[1] === 1;
      const map = whole ? (x) => x : (x) => left + (((x - left) / width - view[0]) / (view[1] - view[0])) * width;
      data(map, whole);
      marks(map, whole);
      spans(map);
      axis(map, whole, clock, from, to);
    },
    choose: (a, b) => {
      chosen.setAttribute("x", left + Math.min(a, b) * width);
      chosen.setAttribute("width", Math.abs(a - b) * width);
    },
    point: (place) => {
      if (place >= 0 && place <= 1) cursor.setAttribute("d", `M${left + place * width} ${top}v${height}`);
      else cursor.removeAttribute("d");
    },
  };
};

for (const figure of document.querySelectorAll("figure")) {
  const script = figure.querySelector("script");
  if (!script) continue; // a picture without values over time
  const stops = JSON.parse(script.textContent);
  const frame = figure.querySelector(".frame");
  const out = figure.querySelector("output");
  if (!stops.length || !frame.querySelector("[data-area]")) continue;
  const hint = "Point at the plot, or use the arrow keys on it, to read values. Drag across it, or press +, to zoom.";
  const clock = format(figure.dataset.zone);
  const [start, end] = [figure.dataset.from, figure.dataset.to].map(Number);
  const drawings = [...frame.querySelectorAll("svg")].map(drawing);
  let view = [0, 1];
  let at = -1;
  let begun = null;

  const inView = (index) => (stops[index][0] - view[0]) / (view[1] - view[0]);
  const moment = (place) => {
    const { day, month, year, hour, minute, second } = Object.fromEntries(
      clock.formatToParts(start + place * (end - start)).map((part) => [part.type, part.value]),
    );
    return `${day} ${month} ${year} ${hour}:${minute}:${second}`;
  };
  const clear = () => {
    at = -1;
    const whole = view[0] === 0 && view[1] === 1;
    out.textContent = whole ? hint : `${moment(view[0])} to ${moment(view[1])}. Escape or a double click shows all.`;
    for (const one of drawings) one.point(-1);
  };
  const look = (from, to) => {
    const wide = Math.min(1, Math.max(LEAST, to - from));
    const begin = Math.min(1 - wide, Math.max(0, (from + to - wide) / 2));
    view = wide === 1 ? [0, 1] : [begin, begin + wide];
    for (const one of drawings) one.show(view, clock, start + view[0] * (end - start), start + view[1] * (end - start));
    clear();
  };
  const show = (index) => {
    const next = Math.max(0, Math.min(stops.length - 1, index));
    const wide = view[1] - view[0];
    // The view goes along with the cursor.
    if (stops[next][0] < view[0]) look(stops[next][0], stops[next][0] + wide);
    else if (stops[next][0] > view[1]) look(stops[next][0] - wide, stops[next][0]);
    at = next;
    out.textContent = stops[at][1];
    for (const one of drawings) one.point(inView(at));
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
  const zoom = (factor) => {
    const middle = at < 0 ? (view[0] + view[1]) / 2 : stops[at][0];
    const half = ((view[1] - view[0]) * factor) / 2;
    const kept = at;
    look(middle - half, middle + half);
    if (kept >= 0) show(kept);
  };

  for (const one of drawings) {
    const place = (event) => view[0] + one.place(event) * (view[1] - view[0]);
    one.svg.addEventListener("pointerdown", (event) => {
      // A finger reads and scrolls; the buttons zoom.
      if (event.button === 0 && event.pointerType !== "touch") begun = one.place(event);
    });
    one.svg.addEventListener("pointermove", (event) => {
      if (begun !== null && event.buttons === 0) begun = null;
      if (begun !== null) {
        one.svg.setPointerCapture(event.pointerId);
        one.choose(begun, one.place(event));
      }
      show(nearest(place(event)));
    });
    one.svg.addEventListener("pointerup", (event) => {
      one.choose(0, 0);
      const ends = begun === null ? null : [begun, one.place(event)].sort((a, b) => a - b);
      begun = null;
      if (ends && ends[1] - ends[0] > 0.01) {
        const wide = view[1] - view[0];
        look(view[0] + ends[0] * wide, view[0] + ends[1] * wide);
      }
    });
    one.svg.addEventListener("pointercancel", () => {
      begun = null;
      one.choose(0, 0);
    });
    one.svg.addEventListener("dblclick", () => look(0, 1));
  }
  frame.addEventListener("pointerleave", clear);
  frame.addEventListener("blur", clear);
  frame.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.ceil(stops.length / 20);
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -page, PageDown: page };
    if (event.key === "Home") show(0);
    else if (event.key === "End") show(stops.length - 1);
    else if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else if (event.key === "Escape" || event.key === "0") look(0, 1);
    else if (event.key in steps) show(at < 0 ? nearest(view[0]) : at + steps[event.key]);
    else return;
    event.preventDefault();
  });
  frame.tabIndex = 0;
  frame.setAttribute("role", "group");
  frame.setAttribute("aria-label", `${hint} Escape shows all.`);
  const tools = document.createElement("div");
  tools.className = "tools";
  out.before(tools);
  tools.append(out);
  for (const [sign, name, act] of [["+", "Zoom in", () => zoom(0.5)], ["\u2212", "Zoom out", () => zoom(2)], ["All", "Show all", () => look(0, 1)]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    button.title = name;
    button.setAttribute("aria-label", name);
    button.addEventListener("click", act);
    tools.append(button);
  }
  out.hidden = false;
  clear();
}
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
