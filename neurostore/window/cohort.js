// The cohort: every trial in one table that draws only the visible rows.
import { get } from "./api.js";
import { $, choice, figure, h, isTyping, message, say, svg, trialName, trialPath } from "./dom.js";
import { COLOURS, LEVELS } from "./panels.js";

const ROW = 36;
const COLUMNS = [
  ["subject", "Subject"], ["session", "Session"], ["trial", "Trial"], ["group", "Group"], ["level", "Quality"], ["distance", "Distance"],
  ["knee", "Knee flexion"], ["speed_m_s", "Speed"], ["cadence_steps_min", "Cadence"], ["n_steady", "Steady"], ["looked_at", "Looked at"],
];
const UNITS = { distance: "°", speed_m_s: "m/s", cadence_steps_min: "/min" };
const FILTERS = { search: "", group: "", session: "", quality: "", looked: "", reference: null, sort: "distance", down: true };

export const keyOf = (t) => [t.subject, t.session, t.trial].join("/");

export async function cohortPage(page, shared) {
  const filters = (shared.filters ||= { ...FILTERS, reference: shared.state.reference || "" });
  let data = null, rows = [], place = 0, timer = null, isStopped = false;

  async function load() {
    data = await get("cohort", { reference: filters.reference });
    if (isStopped) return;
    shared.cohort = data;
    shared.sawVersion(data.version);
    if (data.problem) message(data.problem);
  }

  const isCurrent = shared.isCurrent;
  await load();
  if (!isCurrent()) return { stop() {} };
  const body = h("tbody", {});
  const scroller = h("div", { class: "rows", tabindex: "-1", onscroll: () => draw() });
  const progress = h("div", { class: "progress", id: "progress" });
  const heads = h("tr", {});
  const table = h("table", { class: "cohort", "aria-label": "Trials" }, h("thead", {}, heads), body);
  scroller.append(table);
  const search = h("input", { type: "search", id: "search", placeholder: "Subject, trial, condition, verdict…", value: filters.search, oninput: () => { filters.search = search.value; refilter(); } });
  page.replaceChildren(
    h("div", { class: "bar filters" },
      h("label", { class: "choice wide", for: "search" }, h("span", {}, "Search"), search),
      choice("Group", "group", [["", "All"], ...data.groups.map((g) => [g, g])], filters.group, set("group")),
      choice("Session", "session", [["", "All"], ...data.sessions.map((s) => [`=${s}`, s || "(none)"])], filters.session, set("session")),
      choice("Quality", "quality", [["", "All"], ...Object.entries(LEVELS).map(([k, [, text]]) => [k, text])], filters.quality, set("quality")),
      choice("Review", "looked", [["", "All"], ["no", "Not looked at"], ["yes", "Looked at"], ["again", "To be checked"]], filters.looked, set("looked")),
      choice("Distance to", "reference", [["", "everybody"], ...data.groups.map((g) => [g, g])], filters.reference, async (value) => { filters.reference = value; await reload(); }),
      h("span", { class: "spring" }), progress),
    scroller);

  function set(name) {
    return (value) => { filters[name] = value; refilter(); };
  }

  function refilter(keep = null) {
    const text = filters.search.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (t) => {
      const all = `${t.subject} ${t.session} ${t.trial} ${t.group || ""} ${t.condition || ""} ${t.verdict || ""} ${t.reviewers.join(" ")}`.toLowerCase();
      return text.every((word) => all.includes(word));
    };
    rows = data.trials.filter((t) => (!filters.group || t.group === filters.group) && (!filters.session || `=${t.session}` === filters.session)
      && (!filters.quality || t.level === filters.quality) && matches(t)
      && (!filters.looked || (filters.looked === "yes" ? t.looked_at : filters.looked === "again" ? t.needs_check : !t.looked_at)));
    const by = filters.sort, sign = filters.down ? -1 : 1;
    const value = (t) => (by === "knee" ? range(t.knee) : t[by] ?? null);
    rows.sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === y) return keyOf(a) < keyOf(b) ? -1 : 1;
      if (x === null) return 1;
      if (y === null) return -1;
      return (x < y ? -1 : 1) * sign;
    });
    shared.order = rows.map(({ subject, session, trial }) => ({ subject, session, trial }));
    place = keep === null ? 0 : Math.max(0, rows.findIndex((t) => keyOf(t) === keep));
    if (keep === null) scroller.scrollTop = 0;
    heads.replaceChildren(...COLUMNS.map(([name, title]) => h("th", { scope: "col", class: `c-${name}`, "aria-sort": by === name ? (filters.down ? "descending" : "ascending") : "none" },
      h("button", { type: "button", onclick: () => sort(name) }, title, UNITS[name] ? h("small", {}, ` ${UNITS[name]}`) : null, h("span", { class: "arrow", "aria-hidden": "true" }, by === name ? (filters.down ? "↓" : "↑") : "")))));
    tell();
    draw(true);
  }

  function sort(name) {
    filters.down = filters.sort === name ? !filters.down : ["distance", "knee", "speed_m_s", "cadence_steps_min", "n_steady"].includes(name);
    filters.sort = name;
    refilter(rows[place] ? keyOf(rows[place]) : null);
    $(`.c-${name} button`, heads).focus();
  }

  function tell() {
    const seen = data.n_looked_at, all = data.trials.length;
    const bar = h("progress", { max: String(Math.max(all, 1)), "aria-label": "Trials looked at" });
    bar.value = seen;
    progress.replaceChildren(bar, h("b", {}, `${seen} of ${all} looked at`),
      h("span", { class: "soft" }, data.n_pending ? ` · computing ${data.n_pending} more` : rows.length < all ? ` · ${rows.length} shown` : ""));
  }

  let drawn = [-1, -1];
  function draw(force = false) {
    const first = Math.max(0, Math.floor(scroller.scrollTop / ROW) - 6);
    const last = Math.min(rows.length, first + Math.ceil(scroller.clientHeight / ROW) + 14);
    if (!force && drawn[0] === first && drawn[1] === last) return;
    drawn = [first, last];
    const had = body.contains(document.activeElement);
    const spacer = (n) => { const cell = h("td", { colspan: String(COLUMNS.length) }); cell.style.height = `${n * ROW}px`; return h("tr", { class: "spacer", "aria-hidden": "true" }, cell); };
    table.setAttribute("aria-rowcount", String(rows.length + 1));
    body.replaceChildren(spacer(first), ...rows.slice(first, last).map((t, i) => row(t, first + i)), spacer(rows.length - last));
    if (!rows.length) body.replaceChildren(h("tr", {}, h("td", { colspan: String(COLUMNS.length), class: "soft empty" }, data.trials.length ? "No trial matches these filters." : "The lake has no trials: `neurostore ingest COHORT` adds them.")));
    if (had) $(`tr[data-place="${place}"]`, body)?.focus({ preventScroll: true });
  }

  function row(t, i) {
    const [mark, text] = LEVELS[t.level] || ["…", "computing"];
    const isCompared = shared.basket.includes(keyOf(t));
    return h("tr", { tabindex: i === place ? "0" : "-1", class: isCompared ? "compared" : null, dataset: { place: i, key: keyOf(t) }, "aria-rowindex": String(i + 2), "aria-label": trialName(t),
      onclick: () => { location.hash = trialPath(t); }, onfocus: () => { place = i; } },
      h("td", {}, h("b", {}, t.subject)), h("td", {}, t.session || "–"), h("td", {}, t.trial, isCompared ? h("span", { class: "tag" }, "compared") : null), h("td", {}, t.group ?? "–"),
      h("td", { title: t.verdict || "" }, h("span", { class: `level ${(t.level || "pending").replace(" ", "-")}` }, h("i", { "aria-hidden": "true" }, mark), text)),
      h("td", { class: "number" }, distance(t.distance)), h("td", { class: "spark" }, spark(t.knee)),
      h("td", { class: "number" }, figure(t.speed_m_s, 2)), h("td", { class: "number" }, figure(t.cadence_steps_min, 0)),
      h("td", { class: "number" }, t.n_cycles === undefined ? "…" : `${t.n_steady} / ${t.n_cycles}`),
      h("td", {}, t.needs_check ? h("span", { class: "level check" }, h("i", {}, "!"), "source changed") : t.looked_at ? `✓ ${t.reviewers.join(", ")}` : "–"));
  }

  function distance(value) {
    if (value === null || value === undefined) return "–";
    const bar = svg("svg", { class: "meter", viewBox: "0 0 40 8", width: "40", height: "8", "aria-hidden": "true" });
    bar.append(svg("rect", { width: Math.min(40, value * 3), height: 8, rx: 2 }));
    return [bar, figure(value, 1)];
  }

  function move(to) {
    place = Math.max(0, Math.min(rows.length - 1, to));
    const top = place * ROW, high = scroller.clientHeight - 2 * ROW;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (top > scroller.scrollTop + high) scroller.scrollTop = top - high;
    draw(true);
    $(`tr[data-place="${place}"]`, body)?.focus({ preventScroll: true });
    if (rows[place]) say(`${trialName(rows[place])}, ${LEVELS[rows[place].level]?.[1] || ""}`);
  }

  function onkey(event) {
    if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey) {
      if (event.target === search && (event.key === "ArrowDown" || event.key === "Enter")) { event.preventDefault(); move(0); }
      return;
    }
    const page_ = Math.floor(scroller.clientHeight / ROW) - 2;
    const to = { ArrowDown: place + 1, j: place + 1, ArrowUp: place - 1, k: place - 1, PageDown: place + page_, PageUp: place - page_, Home: 0, End: rows.length - 1 }[event.key];
    if (to !== undefined) { event.preventDefault(); move(body.contains(document.activeElement) ? to : place); return; }
    const isOnRow = body.contains(document.activeElement);
    if (event.key === "/") { event.preventDefault(); search.focus(); search.select(); }
    else if (event.key === "Enter" && isOnRow && rows[place]) location.hash = trialPath(rows[place]);
    else if (event.key === "c" && rows[place]) { toggle(keyOf(rows[place])); }
  }

  function toggle(key) {
    const i = shared.basket.indexOf(key);
    if (i < 0) shared.basket.push(key); else shared.basket.splice(i, 1);
    say(i < 0 ? `${key} is compared` : `${key} is no longer compared`);
    draw(true);
  }

  async function reload() {
    const keep = rows[place] ? keyOf(rows[place]) : null;
    const scrolled = scroller.scrollTop;
    try { await load(); } catch (error) { message(error.message); return; }
    if (isStopped) return;
    refilter(keep);
    scroller.scrollTop = scrolled;
  }

  async function follow() {
    if (isStopped) return;
    const pending = data.n_pending;
    try {
      const state = pending ? null : await get("state");
      if (pending || state.version !== data.version) await reload();
    } catch (error) { message(error.message); }
    timer = setTimeout(follow, data.n_pending ? 1500 : 3000);
  }

  document.addEventListener("keydown", onkey);
  const watcher = new ResizeObserver(() => draw(true));
  watcher.observe(scroller);
  refilter(shared.lastTrial || null);
  if (shared.lastTrial) move(place);
  timer = setTimeout(follow, data.n_pending ? 800 : 3000);
  return { stop() { isStopped = true; clearTimeout(timer); watcher.disconnect(); document.removeEventListener("keydown", onkey); } };
}

const range = (knee) => {
  const values = [knee?.left, knee?.right].filter(Boolean).flat();
  return values.length ? Math.max(...values) - Math.min(...values) : null;
};

// Left solid, right dashed, -10 to 80 degrees.
export function spark(knee) {
  if (!knee || (!knee.left && !knee.right)) return h("span", { class: "soft" }, knee ? "–" : "…");
  const picture = svg("svg", { viewBox: "0 0 100 30", width: "100", height: "30", role: "img", "aria-label": `Knee flexion, range ${range(knee)} degrees` });
  for (const side of ["left", "right"]) {
    if (!knee[side]) continue;
    const points = knee[side].map((v, i, all) => `${((100 * i) / (all.length - 1)).toFixed(1)},${(29 - (28 * (Math.max(-5, Math.min(75, v)) + 5)) / 80).toFixed(1)}`).join(" ");
    picture.append(svg("polyline", { points, fill: "none", stroke: COLOURS[side], "stroke-width": "1.6", ...(side === "right" ? { "stroke-dasharray": "4 2" } : {}) }));
  }
  return picture;
}
