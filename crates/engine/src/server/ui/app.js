// The live page of the service. Everything that comes from outside becomes a text node.
import { chart } from "./chart.js";

const $ = (id) => document.getElementById(id);
const KEY = "bongsu-token";
const MAX_POINTS = 240;
const SHOWN = 60;
let token = sessionStorage.getItem(KEY) ?? "";
let asking = null;

const el = (name, attributes = {}, ...children) => {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") node.className = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};
const note = (text) => {
  $("note").textContent = text;
  $("note").hidden = false;
  clearTimeout(note.timer);
  note.timer = setTimeout(() => { $("note").hidden = true; }, 8000);
};
const short = (text, most = 200) => (text.length > most ? `${text.slice(0, most)}…` : text);
const ago = (t) => {
  const seconds = Math.max(0, Math.round((Date.now() - t) / 1000));
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return `${seconds} s ago`;
};
const selector = (labels) => {
  const { __name__: name = "", ...rest } = labels;
  const pairs = Object.entries(rest).map(([key, value]) => `${key}="${value}"`);
  return short(name + (pairs.length || !name ? `{${pairs.join(", ")}}` : ""));
};

// Asks for a token, once at a time; whether one was given.
const askToken = (why) => {
  asking ??= new Promise((resolve) => {
    $("ask-why").textContent = why;
    $("token").value = "";
    $("ask").returnValue = "";
    $("ask").showModal();
    $("ask").addEventListener("close", () => {
      asking = null;
      const given = $("ask").returnValue === "ok" && $("token").value;
      if (given) sessionStorage.setItem(KEY, token = $("token").value.trim());
      resolve(Boolean(given));
    }, { once: true });
  });
  return asking;
};
const request = async (path, options = {}) => {
  for (;;) {
    const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(path, { ...options, headers });
    if (answer.status !== 401) return answer;
    const order = options.method && options.method !== "GET";
    const why = order ? "This changes something and needs the service's token." : "This service asks for a token.";
    if (!await askToken(why)) throw new Error("there is no token");
  }
};
const json = async (path, options) => {
  const answer = await request(path, options);
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(body.error ?? `${path}: ${answer.status}`), { status: answer.status });
  return body;
};
const order = (method, path, body) =>
  json(path, { method, body: body && JSON.stringify(body), headers: { "content-type": "application/json" } });

// Silences.
const hush = (alert) => {
  const pairs = Object.entries(alert.labels);
  $("hush-what").textContent = short(`No messages for alerts with ${pairs.map(([k, v]) => `${k}="${v}"`).join(", ")}.`, 600);
  $("hush").returnValue = "";
  $("hush").showModal();
  $("hush").addEventListener("close", async () => {
    if ($("hush").returnValue !== "ok") return;
    const quote = (text) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
    try {
      await order("POST", "api/v1/silences", {
        matchers: pairs.map(([name, value]) => `${name}=${quote(value)}`),
        duration: $("hush-for").value,
        created_by: $("hush-by").value || "dashboard",
        comment: $("hush-why").value || "from the dashboard",
      });
      note("Silenced.");
      refresh();
    } catch (error) {
      note(`Not silenced: ${error.message}`);
    }
  }, { once: true });
};
const takeUp = (alert) => {
  $("take-what").textContent = short(alert.summary, 600);
  $("take").returnValue = "";
  $("take").showModal();
  $("take").addEventListener("close", async () => {
    if ($("take").returnValue !== "ok") return;
    try {
      await order("POST", `api/v1/alerts/${alert.fingerprint}/acknowledge`,
        { by: $("take-by").value || "dashboard", note: $("take-note").value || null });
      note("Acknowledged.");
      refresh();
    } catch (error) {
      note(`Not acknowledged: ${error.message}`);
    }
  }, { once: true });
};
const showSilences = ({ silences = [] }) => {
  $("silences").hidden = !silences.length;
  $("silence-list").replaceChildren(...silences.slice(0, SHOWN).map((silence) => {
    const until = silence.ends_at ? `, until ${new Date(silence.ends_at).toLocaleString()}` : "";
    const words = (silence.matchers ?? []).map((m) => (typeof m === "string" ? m : JSON.stringify(m))).join(", ");
    const end = el("button", { type: "button" }, "End it");
    end.addEventListener("click", () => order("DELETE", `api/v1/silences/${encodeURIComponent(silence.id)}`)
      .then(() => { note("The silence has ended."); refresh(); }, (error) => note(error.message)));
    return el("li", { class: "card row" }, el("div", {}, el("code", {}, short(words, 400)),
      el("p", { class: "small" }, short(`${silence.comment ?? ""} (${silence.created_by ?? ""}${until})`))), end);
  }));
};

// What fires.
const showStatus = (status) => {
  const facts = [["Alerts", status.alerts_firing], ["Queries", status.queries], ["Series", status.series],
    ["Points judged", status.totals.verdicts], ["Messages", status.totals.pages], ["Problems", status.problems.length]];
  $("facts").replaceChildren(...facts.map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, Number(value).toLocaleString()))));
  document.title = status.alerts_firing ? `(${status.alerts_firing}) Bongsu` : "Bongsu";
};
const showAlerts = ({ alerts }) => {
  const ranks = ["critical", "major", "minor", "warning", "info"];
  alerts.sort((a, b) => ranks.indexOf(a.severity) - ranks.indexOf(b.severity) || b.starts_at - a.starts_at);
  const cards = alerts.slice(0, SHOWN).map((alert) => {
    const button = el("button", { type: "button", "aria-label": `Silence ${short(alert.summary)}` }, "Silence…");
    button.addEventListener("click", () => hush(alert));
    const take = el("button", { type: "button", "aria-label": `Acknowledge ${short(alert.summary)}` }, "Acknowledge…");
    take.addEventListener("click", () => takeUp(alert));
    const known = alert.acknowledged;
    const back = el("button", { type: "button", "aria-label": `Give back ${short(alert.summary)}` }, "Give back");
    back.addEventListener("click", () => order("DELETE", `api/v1/alerts/${alert.fingerprint}/acknowledge`)
      .then(() => { note("Not acknowledged any more."); refresh(); }, (error) => note(error.message)));
    const chip = ranks.includes(alert.severity) ? alert.severity : "info";
    return el("article", { class: "card odd", "data-alert": alert.fingerprint },
      el("div", { class: "row" },
        el("h3", {}, el("span", { class: `chip ${chip}` }, alert.severity), " ", short(alert.summary, 300)), el("span", {}, button, " ", known ? back : take)),
      el("p", { class: "small" }, `Since ${new Date(alert.starts_at).toLocaleString()} (${ago(alert.starts_at)})`,
        alert.verdict.score === null ? "" : `, highest score ${alert.verdict.score.toFixed(1)}`),
      known ? el("p", { class: "small" }, short(`Acknowledged${known.by ? ` by ${known.by}` : ""} ${ago(known.at)}${known.note ? `: ${known.note}` : ""}`, 400)) : null,
      alert.cause ? el("p", {}, `Probable cause: ${short(alert.cause, 400)}`) : null,
      el("code", {}, selector(alert.verdict.labels)));
  });
  const more = alerts.length - cards.length;
  if (more > 0) cards.push(el("p", { class: "small" }, `and ${more} more`));
  $("alerts").replaceChildren(...(cards.length ? cards
    : [el("p", { class: "card quiet" }, "Nothing fires: everything is within what is expected.")]));
};
const showIncidents = ({ incidents }) => {
  $("incidents").hidden = !incidents.length;
  $("incident-list").replaceChildren(...incidents.slice(0, 20).map((incident) => {
    const open = incident.closed_at === null;
    const cause = incident.cause
      ? `Probable cause: ${short(incident.cause.service)} (${Math.round(incident.cause.likelihood)} %). ${short(incident.cause.evidence ?? "", 300)}`
      : incident.problem ? `The analysis failed: ${short(incident.problem)}` : "No cause is proven.";
    const span = `${new Date(incident.onset).toLocaleString()}${open ? ", still open" : ` to ${new Date(incident.closed_at).toLocaleString()}`}`;
    return el("article", { class: open ? "card odd" : "card" },
      el("h3", {}, el("a", { href: `incidents/${encodeURIComponent(incident.id)}` }, `Incident ${incident.id.slice(0, 8)}`),
        ` ${incident.alerts} ${incident.alerts === 1 ? "alert" : "alerts"}`),
      el("p", { class: "small" }, span), el("p", {}, cause),
      incident.services.length ? el("p", { class: "small" }, `On ${short(incident.services.join(", "))}`) : null);
  }));
};

// Charts, one a query, each of the series that is chosen.
const cards = new Map();
const showQueries = ({ queries }) => {
  const names = new Set(queries.map((query) => query.name));
  for (const [name, card] of cards) if (!names.has(name)) { card.node.remove(); cards.delete(name); }
  for (const query of queries.slice(0, 200)) {
    let card = cards.get(query.name);
    if (!card) {
      const select = el("select", { "aria-label": `Series of ${short(query.name)}` });
      const words = el("p", { class: "small" });
      const body = el("div");
      const node = el("article", { class: "card" }, el("div", { class: "row" }, el("h3", {}, short(query.name)), select), words, body);
      card = { node, select, words, body, series: new Map(), chosen: null, pinned: false, since: 0, visible: false, chart: null };
      select.addEventListener("change", () => { card.chosen = select.value; card.pinned = true; redraw(card); });
      watcher.observe(node);
      node.dataset.query = query.name;
      cards.set(query.name, card);
      $("charts").append(node);
    }
    const until = query.judged_until === null ? "not judged yet" : `judged until ${new Date(query.judged_until).toLocaleTimeString()}`;
    card.words.textContent = `${query.detector}, every ${query.step}, ${query.series} series, ${until}`;
    card.words.classList.toggle("wrong", Boolean(query.problem));
    if (query.problem) card.words.textContent += `: ${short(query.problem)}`;
  }
};
const redraw = (card) => {
  const series = card.series.get(card.chosen);
  if (!series) return;
  if (card.chart?.of !== card.chosen) {
    card.chart = { of: card.chosen, ...chart(series.name, card.unit) };
    card.body.replaceChildren(card.chart.svg, card.chart.out);
  }
  card.chart.draw(series.points);
};
const loadPoints = async (name, card) => {
  if (card.loading) return;
  card.loading = true;
  try {
    const answer = await json(`ui/points?query=${encodeURIComponent(name)}&since=${card.since}`);
    card.unit = answer.unit ?? "";
    for (const found of answer.series) {
      const known = card.series.get(found.id) ?? { name: selector(found.labels), points: [] };
      const last = known.points.at(-1)?.[0] ?? -Infinity;
      known.points = [...known.points, ...found.points.filter((point) => point[0] > last)].slice(-MAX_POINTS);
      known.worst = Math.max(...known.points.map((point) => point[5] ?? 0));
      card.series.set(found.id, known);
      card.since = Math.max(card.since, found.points.at(-1)?.[0] ?? 0);
    }
    const order = [...card.series].sort((a, b) => b[1].worst - a[1].worst);
    // The oddest series is shown until somebody chooses one.
    if (!card.pinned || !card.series.has(card.chosen)) card.chosen ??= order[0]?.[0];
    const key = order.map(([id]) => id).sort().join();
    if (card.options !== key) {
      card.options = key;
      card.select.replaceChildren(...order.map(([id, of]) => el("option", { value: id }, of.name)));
    }
    card.select.value = card.chosen;
    card.select.hidden = order.length < 2;
    if (!order.length) card.body.replaceChildren(el("p", { class: "quiet" }, "no data yet"));
    redraw(card);
  } catch (error) {
    card.body.replaceChildren(el("p", { class: "wrong" }, short(error.message)));
  } finally {
    card.loading = false;
  }
};
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const card = cards.get(entry.target.dataset.query);
    if (!card) continue;
    card.visible = entry.isIntersecting;
    if (card.visible) loadPoints(entry.target.dataset.query, card);
  }
}, { rootMargin: "200px" });

// Data quality.
const showQuality = ({ queries }, { verdicts }) => {
  const of = new Map();
  for (const verdict of verdicts) {
    const row = of.get(verdict.query) ?? { all: 0, absent: 0, warming: 0 };
    row.all += 1;
    if (verdict.value === null) row.absent += 1;
    if (verdict.score === null) row.warming += 1;
    of.set(verdict.query, row);
  }
  const cell = (label, text, kind = "") => el("td", { "data-label": label, class: kind }, String(text));
  const head = ["Query", "Series", "Absent", "Warming up", "Judged until", "Failures in a row", "Problem"];
  const rows = queries.slice(0, 500).map((query) => {
    const row = of.get(query.name) ?? { absent: 0, warming: 0 };
    return el("tr", {}, el("th", { scope: "row" }, short(query.name)), cell(head[1], query.series, "num"),
      cell(head[2], row.absent, row.absent ? "num wrong" : "num"), cell(head[3], row.warming, "num"),
      cell(head[4], query.judged_until === null ? "–" : ago(query.judged_until)),
      cell(head[5], query.failures, query.failures ? "num wrong" : "num"), cell(head[6], short(query.problem ?? "none", 400)));
  });
  $("quality-table").replaceChildren(el("div", { class: "wide" }, el("table", {},
    el("thead", {}, el("tr", {}, ...head.map((name, i) => el("th", { scope: "col", class: i > 0 && i < 4 || i === 5 ? "num" : "" }, name)))),
    el("tbody", {}, ...rows))));
};

// When resources run out.
const number = (value) => (Number.isFinite(value) ? value.toLocaleString(undefined,
  { maximumSignificantDigits: 4, notation: Math.abs(value) >= 1e6 ? "compact" : "standard" }) : "–");
const showCapacity = (plan) => {
  const words = !plan ? "No capacity is planned: the configuration has no section for it."
    : plan.planned_at === null ? "The first plan is being made."
      : `Planned ${ago(plan.planned_at)}${plan.next ? `, again at ${new Date(plan.next).toLocaleString()}` : ""}.`;
  $("capacity-words").textContent = plan?.problem ? `${words} The newest attempt failed: ${short(plan.problem, 400)}` : words;
  $("capacity-words").classList.toggle("wrong", Boolean(plan?.problem));
  const report = plan?.report;
  if (!report) { $("capacity-table").replaceChildren(); $("capacity-advice").replaceChildren(); return; }
  const cell = (label, text, kind = "") => el("td", { "data-label": label, class: kind }, String(text));
  const head = ["Resource", "Use", "Threshold", "Days left", "Interval", "Likely within the horizon", "Trend", "Growth a day"];
  const urgent = new Set(report.alerts.map((alert) => alert.resource));
  const rows = report.resources.slice(0, 500).map((plan) => {
    const bound = (days, other) => (days === null ? other : days.toFixed(1));
    const left = plan.status === "exceeded" ? "exceeded" : plan.days_left === null ? plan.status : number(plan.days_left);
    return el("tr", {}, el("th", { scope: "row" }, short(plan.resource, 120)), cell(head[1], number(plan.current), "num"),
      cell(head[2], number(plan.threshold), "num"), cell(head[3], left, urgent.has(plan.resource) ? "num wrong" : "num"),
      cell(head[4], plan.days_left === null && plan.days_left_lower === null ? "–"
        : `${bound(plan.days_left_lower, "later")} to ${bound(plan.days_left_upper, "later")}`, "num"),
      cell(head[5], `${Math.round(100 * plan.probability)} %`, "num"), cell(head[6], plan.trend),
      cell(head[7], number(plan.growth.per_day), "num"));
  });
  $("capacity-table").replaceChildren(el("div", { class: "wide" }, el("table", {},
    el("thead", {}, el("tr", {}, ...head.map((name, i) => el("th", { scope: "col", class: i > 0 && i !== 6 ? "num" : "" }, name)))),
    el("tbody", {}, ...rows))));
  const advice = report.recommendations.slice(0, SHOWN).map((one) => el("li", { class: "card" },
    el("strong", {}, short(one.resource, 120)), ` ${short(one.action, 300)} `, el("span", { class: "small" }, short(one.because, 300))));
  const failures = (report.failures ?? []).slice(0, SHOWN).map((text) => el("li", { class: "card" },
    el("strong", {}, "Not planned: "), short(text, 300)));
  const all = [...advice, ...failures];
  $("capacity-advice").replaceChildren(...(all.length ? [el("h3", {}, "What to do"), el("ul", { class: "plain" }, ...all)] : []));
};

// Pages.
const PAGES = ["now", "queries", "capacity", "quality"];
const page = () => PAGES.find((name) => location.hash === `#${name}`) ?? "now";
const turn = () => {
  for (const name of PAGES) $(name).hidden = name !== page();
  for (const link of document.querySelectorAll("[data-page]")) {
    if (link.dataset.page === page()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  refresh();
};
const optional = (path) => json(path).catch(() => null);
let busy = false, again = false;
const refresh = async () => {
  if (busy) { again = true; return; }
  busy = true;
  try {
    const [status, queries] = await Promise.all([json("api/v1/status"), json("api/v1/queries")]);
    showStatus(status);
    if (page() === "now") {
      const [alerts, incidents, silences] = await Promise.all(
        [json("api/v1/alerts"), optional("api/v1/incidents"), optional("api/v1/silences")]);
      showAlerts(alerts);
      if (incidents) showIncidents(incidents);
      if (silences) showSilences(silences);
    } else if (page() === "queries") {
      showQueries(queries);
      for (const [name, card] of cards) if (card.visible) loadPoints(name, card);
    } else if (page() === "capacity") {
      showCapacity(await optional("api/v1/capacity"));
    } else {
      showQuality(queries, await json("api/v1/verdicts"));
    }
    document.body.dataset.ready = "yes";
  } catch (error) {
    note(error.message);
  } finally {
    busy = false;
    if (again) { again = false; setTimeout(refresh, 500); }
  }
};

// News from the service: an event stream, read by hand because it needs a header for the token.
const state = (text, kind) => { $("state").textContent = text; $("state").className = kind; };
const listen = async () => {
  for (let pause = 1000; ; pause = Math.min(pause * 2, 30000)) {
    try {
      const answer = await request("ui/live");
      if (!answer.ok) throw new Error(`the service answered ${answer.status}`);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      state("Live", "live");
      for (let rest = ""; ;) {
        const { done, value } = await reader.read();
        if (done) break;
        pause = 1000;
        const events = (rest + value).split("\n\n");
        rest = events.pop();
        if (events.some((event) => event.startsWith("data:"))) {
          document.body.dataset.events = Number(document.body.dataset.events ?? 0) + 1;
          state(`Live, ${new Date().toLocaleTimeString()}`, "live");
          refresh();
        }
      }
    } catch (error) {
      state(`No connection: ${error.message}`, "lost");
    }
    await new Promise((go) => setTimeout(go, pause));
  }
};
addEventListener("hashchange", turn);
turn();
listen();
