// Trials and cycles over each other, the band of a group, and who walks most alike.
import { get } from "./api.js";
import { $, choice, figure, h, message, trialPath } from "./dom.js";
import { DASHES, ITEM_COLOURS, SIDES } from "./panels.js";

export async function comparePage(page, shared, _rest, query) {
  for (const item of query.getAll("item")) if (!shared.basket.includes(item)) shared.basket.push(item);
  const chosen = (shared.comparing ||= { side: "", group: shared.state.reference || "", band: true });
  const isCurrent = shared.isCurrent;
  if (!shared.cohort) shared.cohort = await get("cohort", { reference: shared.state.reference });
  if (!isCurrent()) return { stop() {} };
  const grid = h("div", { class: "panels" }), list = h("ul", { class: "items" }), bandNote = h("p", { class: "soft", id: "band-note" }), near = h("div", {}), adding = h("datalist", { id: "trials" });
  adding.append(...shared.cohort.trials.map((t) => h("option", { value: `${t.subject}/${t.session}/${t.trial}` })));
  const field = h("input", { type: "text", id: "add", list: "trials", placeholder: "subject/session/trial", autocomplete: "off", onkeydown: (event) => { if (event.key === "Enter") add(field.value); } });
  const groups = [["", "everybody"], ...shared.cohort.groups.map((g) => [g, g])];
  page.replaceChildren(
    h("div", { class: "bar filters" },
      h("label", { class: "choice wide", for: "add" }, h("span", {}, "Add a trial"), field), adding, h("button", { type: "button", onclick: () => add(field.value) }, "Add"),
      choice("Side", "side", [["", "Both"], ["left", "Left"], ["right", "Right"]], chosen.side, (v) => { chosen.side = v; draw(); }),
      choice("Band of", "group", groups, chosen.group, (v) => { chosen.group = v; load(); }),
      h("button", { type: "button", onclick: () => { shared.basket.length = 0; load(); } }, "Clear")),
    h("div", { class: "compare" }, h("section", { class: "card" }, grid),
      h("aside", { class: "card" }, h("h2", {}, "Shown"), list, h("p", { class: "soft" }, "Left solid, right dashed. Mean over steady cycles, or one cycle."), bandNote, h("h2", {}, "Most alike"), near)));
  let data = null, timer = null, isStopped = false;

  function add(text) {
    const item = text.trim();
    if (!item) return;
    if (!shared.basket.includes(item)) shared.basket.push(item);
    field.value = "";
    load();
  }

  async function load() {
    clearTimeout(timer);
    try {
      data = await get("compare", { item: shared.basket, group: chosen.group });
      message("");
    } catch (error) {
      message(error.message);
      if (error.status === 400 && shared.basket.length) { shared.basket.pop(); await reloadQuietly(); }
      return;
    }
    draw();
    neighbours();
    if (data.items.some((item) => item.is_pending) && !isStopped) timer = setTimeout(load, 1500);
  }

  async function reloadQuietly() {
    try { data = await get("compare", { item: shared.basket, group: chosen.group }); draw(); } catch { /* reported already */ }
  }

  function draw() {
    if (!data) return;
    list.replaceChildren(...data.items.map((item, i) => h("li", {}, swatch(i), h("a", { href: trialPath(item) }, name(item)), item.is_pending ? " (computing)" : item.relative?.length ? " (from neutral)" : "",
      h("button", { type: "button", class: "small", "aria-label": `Remove ${name(item)}`, onclick: () => { shared.basket.splice(i, 1); load(); } }, "×"))));
    if (!data.items.length) list.replaceChildren(h("li", { class: "soft" }, "Nothing yet: press c on a row of the cohort or on a trial, or add one above."));
    const group = data.group ?? "everybody";
    bandNote.textContent = data.band.n ? `Grey: mean ± SD between the people of ${group} (${data.band.n}). Curves from the neutral pose have no band.` : `No band: fewer than 3 people of ${group} have steady cycles.`;
    grid.replaceChildren(...data.panels.map((panel) => {
      const canvas = h("canvas", { role: "img", "aria-label": panel.title, dataset: { angle: panel.angle } });
      requestAnimationFrame(() => drawPanel(canvas, panel, data, chosen.side));
      return h("figure", {}, h("figcaption", {}, h("b", {}, panel.title), h("span", { class: "soft" }, ` ${panel.down} / ${panel.up}`)), canvas);
    }));
  }

  async function neighbours() {
    if (!data.items.length) { near.replaceChildren(h("p", { class: "soft" }, "Of the first trial shown.")); return; }
    const { subject, session, trial } = data.items[0];
    try {
      const found = await get("neighbours", { subject, session, trial });
      if (isStopped) return;
      if (found.is_pending) { near.replaceChildren(h("p", { class: "soft" }, "Computing…")); return; }
      near.replaceChildren(h("p", { class: "soft" }, found.why ? `None: ${found.why}.` : `To ${name({ subject, session, trial })}, of ${found.n_compared} trials: dynamic time warping of mean hip, knee and ankle flexion.`),
        h("table", { id: "neighbours" }, h("tbody", {}, found.neighbours.map((n) => h("tr", {}, h("td", {}, h("button", { type: "button", class: "link", onclick: () => add([n.subject, n.session, n.trial].join("/")) }, name(n))),
          h("td", {}, n.group ?? ""), h("td", { class: "number" }, figure(n.distance, 0)), h("td", { class: "soft" }, n.is_same_person ? "same person" : ""))))));
    } catch (error) { near.replaceChildren(h("p", { class: "soft" }, error.message)); }
  }

  const resized = () => draw();
  window.addEventListener("resize", resized);
  await load();
  return { stop() { isStopped = true; clearTimeout(timer); window.removeEventListener("resize", resized); } };
}

const name = (item) => [item.subject, item.session, item.trial].filter(Boolean).join(" / ") + (item.side ? `, ${item.side} cycle ${item.cycle}` : "");

function swatch(i) {
  const mark = h("span", { class: "swatch", "aria-hidden": "true" });
  mark.style.background = ITEM_COLOURS[i % ITEM_COLOURS.length];
  return mark;
}

function drawPanel(canvas, panel, data, side) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width) return;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const sides = side ? [side] : SIDES;
  const band = data.band.mean?.[panel.angle];
  const values = [];
  for (const item of data.items) for (const s of sides) values.push(...(item.curves[panel.angle]?.[s] || []).filter((v) => v !== null));
  let low = panel.low, high = panel.high;
  for (const v of values) { low = Math.min(low, v); high = Math.max(high, v); }
  const left = 30, bottom = 16, x = (p) => left + ((width - left - 4) * p) / 100, y = (v) => 4 + (height - bottom - 4) * (1 - (v - low) / (high - low));
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = "#52606d";
  pen.strokeStyle = "#e4e8ed";
  const step = [5, 10, 20, 50].find((one) => (high - low) / one <= 5) || 100;
  pen.textAlign = "right";
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) {
    pen.beginPath(); pen.moveTo(left, y(v)); pen.lineTo(width - 4, y(v)); pen.stroke();
    pen.fillText(String(v), left - 4, y(v) + 4);
  }
  pen.textAlign = "center";
  for (const [p, align] of [[0, "left"], [50, "center"], [100, "right"]]) { pen.textAlign = align; pen.fillText(`${p} %`, x(p), height - 3); }
  if (band) for (const s of sides) {
    const mean = band[s], sd = data.band.sd[panel.angle]?.[s];
    if (!mean || !sd) continue;
    pen.fillStyle = "rgba(110, 118, 129, .22)";
    pen.beginPath();
    mean.forEach((v, p) => v !== null && pen.lineTo(x(p), y(v + sd[p])));
    for (let p = 100; p >= 0; p--) if (mean[p] !== null) pen.lineTo(x(p), y(mean[p] - sd[p]));
    pen.fill();
    line(pen, mean, x, y, "#6e7681", 1.2, [2, 2]);
  }
  data.items.forEach((item, i) => {
    for (const s of sides) if (item.curves[panel.angle]?.[s]) line(pen, item.curves[panel.angle][s], x, y, ITEM_COLOURS[i % ITEM_COLOURS.length], 1.8, DASHES[s]);
  });
}

function line(pen, values, x, y, colour, width, dash) {
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.beginPath();
  let isDown = false;
  values.forEach((v, p) => {
    if (v === null) { isDown = false; return; }
    if (isDown) pen.lineTo(x(p), y(v)); else pen.moveTo(x(p), y(v));
    isDown = true;
  });
  pen.stroke();
  pen.setLineDash([]);
}
