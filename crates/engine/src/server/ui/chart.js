// Draws one series with its band, and reads out its points. Texts only ever become text nodes.
const NS = "http://www.w3.org/2000/svg";
const H = 210, LEFT = 72, RIGHT = 8, TOP = 8, BOTTOM = 24;
const [TIME, VALUE, EXPECTED, LOWER, UPPER, SCORE, ODD] = [0, 1, 2, 3, 4, 5, 6];

const shape = (name, attributes, parent) => {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent?.append(node);
  return node;
};

const SIZES = [" B", " KiB", " MiB", " GiB", " TiB", " PiB"];

// A number with its unit, short.
export const written = (x, unit) => {
  if (x === null || x === undefined) return "–";
  const plain = (n) => String(Number(n.toPrecision(3)));
  if (unit === "ratio") return `${plain(x * 100)} %`;
  if (unit === "percent") return `${plain(x)} %`;
  const size = Math.abs(x);
  if (unit === "bytes" || unit === "bytes/s") {
    const i = size < 1 ? 0 : Math.min(SIZES.length - 1, Math.floor(Math.log2(size) / 10));
    return plain(x / 1024 ** i) + SIZES[i] + (unit === "bytes" ? "" : "/s");
  }
  if (unit === "seconds" || unit === "s") {
    if (size > 0 && size < 1e-3) return `${plain(x * 1e6)} µs`;
    if (size > 0 && size < 1) return `${plain(x * 1e3)} ms`;
    return `${plain(x)} s`;
  }
  const after = unit ? ` ${unit}` : "";
  if (size >= 1e15 || (size > 0 && size < 1e-4)) return x.toExponential(2) + after;
  for (const [least, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]]) {
    if (size >= least) return plain(x / (letter === "k" ? 1e3 : least)) + letter + after;
  }
  return plain(x) + after;
};

const clock = (t, span) => {
  const at = new Date(t);
  const options = span > 36 * 3600e3 ? { month: "short", day: "numeric", hour: "2-digit" }
    : { hour: "2-digit", minute: "2-digit", ...(span < 600e3 && { second: "2-digit" }) };
  return at.toLocaleString(undefined, { ...options, hourCycle: "h23" });
};

const round = (x) => Math.round(x * 10) / 10;

const ticks = (low, high, count, unit) => {
  const base = unit?.startsWith("bytes") ? 1024 ** Math.max(0, Math.floor(Math.log2((high - low) / count) / 10)) : 1;
  const rough = (high - low) / count / base;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = base * ([1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? power * 10);
  const all = [];
  for (let k = Math.ceil(low / step); k * step <= high && all.length < 12; k++) all.push(k * step);
  return all;
};

// Path commands through points; a hole wider than usual breaks the line.
const through = (points, at, x, y, hole) => {
  let out = "", before = null;
  for (const point of points) {
    if (point[at] === null) { before = null; continue; }
    const join = before !== null && point[TIME] - before <= hole ? "L" : "M";
    out += `${join}${round(x(point[TIME]))} ${round(y(point[at]))}`;
    before = point[TIME];
  }
  return out;
};

// A new chart, which `draw(points)` fills; points are [time, value, expected, lower, upper, score, odd].
export const chart = (name, unit) => {
  const svg = shape("svg", { class: "chart", role: "img", tabindex: 0 });
  const out = document.createElement("output");
  let shown = [], x = () => 0, at = -1, cursor = null, W = 640;

  const read = (index) => {
    at = Math.max(0, Math.min(shown.length - 1, index));
    const p = shown[at];
    if (!p) return;
    cursor?.setAttribute("d", `M${round(x(p[TIME]))} ${TOP}V${H - BOTTOM}`);
    const band = p[LOWER] === null && p[UPPER] === null ? ""
      : `, expected ${written(p[EXPECTED], unit)} (${written(p[LOWER], unit)} to ${written(p[UPPER], unit)})`;
    const score = p[SCORE] === null ? ", warming up" : `, score ${p[SCORE].toFixed(2)}`;
    out.textContent = `${new Date(p[TIME]).toLocaleString()}: ${p[VALUE] === null ? "absent" : written(p[VALUE], unit)}${band}${score}${p[ODD] ? ", anomalous" : ""}`;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * W;
    let best = 0;
    shown.forEach((p, i) => { if (Math.abs(x(p[TIME]) - place) < Math.abs(x(shown[best][TIME]) - place)) best = i; });
    read(best);
  });
  svg.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 };
    if (event.key === "Home") read(0);
    else if (event.key === "End") read(shown.length - 1);
    else if (event.key in steps) read((at < 0 ? shown.length - 1 : at) + steps[event.key]);
    else return;
    event.preventDefault();
  });

  const draw = (points) => {
    shown = points;
    svg.replaceChildren();
    // As wide as it is shown, so that its texts keep their size on a phone.
    W = Math.round(Math.max(280, Math.min(900, svg.clientWidth || 640)));
    svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
    const parts = W < 450 ? 2 : 3;
    const odd = points.filter((p) => p[ODD]).length;
    svg.setAttribute("aria-label", `${name}: ${points.length} points, ${odd} anomalous. Arrow keys read values.`);
    const finite = (i) => points.map((p) => p[i]).filter((v) => v !== null && Number.isFinite(v));
    const values = finite(VALUE);
    if (!points.length || (!values.length && !finite(EXPECTED).length)) {
      const text = shape("text", { x: W / 2, y: H / 2, "text-anchor": "middle" }, svg);
      text.textContent = "no data yet";
      return;
    }
    // A band that is still learning may be huge, and gets less of a say.
    const edges = [...finite(LOWER), ...finite(UPPER), ...finite(EXPECTED)].sort((a, b) => a - b);
    let low = Math.min(...values, edges[Math.floor(edges.length * .03)] ?? Infinity);
    let high = Math.max(...values, edges[Math.floor(edges.length * .97)] ?? -Infinity);
    if (!(high > low)) { const pad = Math.abs(high) * .05 || 1; low -= pad; high += pad; }
    const pad = (high - low) * .06;
    low -= pad; high += pad;
    const from = points[0][TIME], to = Math.max(points.at(-1)[TIME], from + 1);
    x = (t) => LEFT + ((t - from) / (to - from)) * (W - LEFT - RIGHT);
    const y = (v) => {
      const place = TOP + (1 - (v - low) / (high - low)) * (H - TOP - BOTTOM);
      return Math.max(TOP, Math.min(H - BOTTOM, place));
    };
    for (const tick of ticks(low, high, 4, unit)) {
      shape("path", { class: "grid", d: `M${LEFT} ${round(y(tick))}H${W - RIGHT}` }, svg);
      const text = shape("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, svg);
      text.textContent = written(tick, unit);
    }
    for (let i = 0; i <= parts; i++) {
      const t = from + ((to - from) * i) / parts;
      const anchor = i === 0 ? "start" : i === parts ? "end" : "middle";
      const text = shape("text", { x: x(t), y: H - 6, "text-anchor": anchor }, svg);
      text.textContent = clock(t, to - from);
    }
    const steps = points.slice(1).map((p, i) => p[TIME] - points[i][TIME]).sort((a, b) => a - b);
    const hole = (steps[steps.length >> 1] ?? 1) * 2.5;
    let piece = [];
    const flush = () => {
      if (piece.length > 1) {
        const top = piece.map((p) => `${round(x(p[TIME]))} ${round(y(p[UPPER] ?? high))}`);
        const bottom = piece.map((p) => `${round(x(p[TIME]))} ${round(y(p[LOWER] ?? low))}`).reverse();
        shape("path", { class: "band", d: `M${top.join("L")}L${bottom.join("L")}Z` }, svg);
      }
      piece = [];
    };
    for (const p of points) {
      const none = p[LOWER] === null && p[UPPER] === null;
      if (none || (piece.length && p[TIME] - piece.at(-1)[TIME] > hole)) flush();
      if (!none) piece.push(p);
    }
    flush();
    shape("path", { class: "expected", d: through(points, EXPECTED, x, y, hole) }, svg);
    shape("path", { class: "line", d: through(points, VALUE, x, y, hole) }, svg);
    for (const p of points) {
      if (p[ODD] && p[VALUE] !== null) {
        shape("circle", { class: "mark", cx: round(x(p[TIME])), cy: round(y(p[VALUE])), r: 4 }, svg);
      }
    }
    cursor = shape("path", { class: "cursor" }, svg);
    if (at >= 0 && document.activeElement === svg) read(at);
  };
  return { svg, out, draw };
};
