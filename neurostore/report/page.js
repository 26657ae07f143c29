// The page's own behaviour: figures are drawn when they come near the screen, filters choose what is shown.
"use strict";
(() => {
  const CONFIG = {
    responsive: true, displaylogo: false, modeBarButtons: [["toImage"]], toImageButtonOptions: { format: "svg" },
  };
  const body = document.body;
  const select = (name) => document.getElementById(`filter-${name}`);
  const chosen = (name) => (select(name) ? select(name).value : "");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const isShown = (element) => element.getClientRects().length > 0;

  // Figures

  function draw(figure) {
    if (figure.dataset.drawn) return;
    figure.dataset.drawn = "yes";
    const plot = figure.querySelector(".plot");
    const { data, layout } = JSON.parse(figure.querySelector("script").textContent);
    const isCyclic = figure.classList.contains("cyclic");
    if (isCyclic) addStrides(figure, data);
    filterFigure(data, layout);
    if (plot.clientWidth < 520 && layout.xaxis.type === "category") { // names of bars need to stand upright on a phone
      layout.xaxis.tickangle = 90;
      layout.margin.b += 40;
      layout.height += 40;
    }
    if (plot.clientWidth < 480 && layout.yaxis.scaleanchor) layout.height = plot.clientWidth + 60; // a square is enough for a map
    plot.style.minHeight = `${layout.height}px`;
    Plotly.newPlot(plot, data, layout, configOf(figure));
    plot.on("plotly_click", (event) => {
      const point = event.points[0];
      if (point.data.meta && ["map", "subjects"].includes(point.data.meta.role)) choose(point.customdata);
    });
    freeze(plot);
    plot.on("plotly_afterplot", () => freeze(plot));
    if (isCyclic) {
      listen(figure, plot);
      const view = views.get(figure.closest("article.subject"));
      if (view) view.moveLines();
    }
  }

  const configOf = (figure) => ({ ...CONFIG, displayModeBar: figure.classList.contains("panel") ? false : "hover" });

  // A viewBox lets the print style sheet scale a drawing that has a fixed size in pixels.
  function freeze(plot) {
    const box = plot._fullLayout;
    for (const svg of plot.querySelectorAll(".main-svg")) svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    const container = plot.querySelector(".svg-container");
    if (container) container.style.setProperty("--ratio", `${box.width} / ${box.height}`);
  }

  // Applies the filters to traces and shapes before or after they are drawn.
  function filterFigure(data, layout) {
    const side = chosen("side"), group = chosen("group"), subject = chosen("subject");
    const isEvery = chosen("strides") === "strides", isAlone = !data.some((trace) => (trace.meta || {}).role === "mean");
    for (const trace of data) {
      const meta = trace.meta || {};
      if (meta.side) trace.visible = side === "" || meta.side === side || meta.side === "both";
      if (["sd", "before"].includes(meta.role) && isEvery) trace.visible = false;
      if (["stride", "chosen"].includes(meta.role) && !(isEvery || isAlone)) trace.visible = false;
      if (meta.group) trace.opacity = group === "" || meta.group === group ? 1 : 0.12;
    }
    const ring = data.find((trace) => trace.meta && trace.meta.role === "ring");
    if (ring) {
      const home = data.find((trace) => ["map", "subjects"].includes((trace.meta || {}).role) && trace.customdata.includes(subject));
      const at = home ? home.customdata.indexOf(subject) : -1;
      ring.x = home ? [home.x[at]] : [];
      ring.y = home ? [home.y[at]] : [];
    }
    for (const shape of layout.shapes || []) {
      if (shape.name === "left" || shape.name === "right") shape.visible = side === "" || shape.name === side;
    }
  }

  function refresh(figure) {
    if (!figure.dataset.drawn) return;
    const plot = figure.querySelector(".plot");
    filterFigure(plot.data, plot.layout);
    Plotly.react(plot, plot.data, plot.layout, configOf(figure));
  }

  const watcher = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => { watcher.unobserve(entry.target); draw(entry.target); }),
    { rootMargin: "500px" },
  );

  const drawAll = () => all("figure.figure").filter(isShown).forEach(draw);

  // Filters

  function showPeople() {
    const subject = chosen("subject"), group = chosen("group"), session = chosen("session");
    const inGroup = (element) => group === "" || element.dataset.group === group;
    for (const article of all("article.subject")) {
      article.hidden = subject === "*" ? !inGroup(article) : article.dataset.subject !== subject;
      for (const block of all(".block", article)) block.hidden = session !== "" && block.dataset.session !== session;
    }
    step("previous", -1).disabled = !neighbour(-1);
    step("next", 1).disabled = !neighbour(1);
  }

  const step = (name) => document.getElementById(`${name}-subject`);

  const people = () => [...select("subject").options].filter((option) => !option.disabled && option.value !== "*");

  function neighbour(by) {
    const names = people().map((option) => option.value);
    return names[names.indexOf(chosen("subject")) + by];
  }

  function choose(subject) {
    if (subject && people().some((option) => option.value === subject)) {
      select("subject").value = subject;
      changed();
      document.getElementById("people").scrollIntoView();
    }
  }

  // Goes to the person named after # in the address; other names are ignored.
  function toPerson() {
    let wanted = location.hash.slice(1);
    try { wanted = decodeURIComponent(wanted); } catch { /* a single % is not an escape: the text stays as it is */ }
    if ([...select("subject").options].some((option) => option.value === wanted && wanted !== "*")) {
      if (select("group").value && select("subject").querySelector(`option[value="${CSS.escape(wanted)}"]`).disabled) {
        select("group").value = "";
        groupChanged();
      }
      choose(wanted);
    }
  }

  function groupChanged() {
    const group = chosen("group");
    for (const option of select("subject").options) {
      if (option.value !== "*") option.disabled = option.hidden = group !== "" && option.dataset.group !== group;
    }
    const now = select("subject").selectedOptions[0];
    if (!now || now.disabled) select("subject").value = (people()[0] || { value: "*" }).value;
    changed();
  }

  function changed() {
    body.classList.toggle("only-left", chosen("side") === "left");
    body.classList.toggle("only-right", chosen("side") === "right");
    showPeople();
    all("figure.figure").forEach(refresh);
    all("article.subject:not([hidden])").forEach(startTrials);
    if (hasStarted && chosen("subject") !== "*") history.replaceState(null, "", `#${encodeURIComponent(chosen("subject"))}`);
  }

  // Trials of a person, and the strides that its panels share with them

  const views = new Map(); // article → TrialView
  const strides = new Map(); // block → Strides, or null without any

  function startTrials(article) {
    if (!article.querySelector(".trial-choice select") || views.has(article)) return;
    views.set(article, new TrialView(article, draw));
    article.addEventListener("stride", (event) => markStride(article, event.detail));
  }

  function stridesOf(block) {
    if (!block) return null;
    if (!strides.has(block)) {
      const script = block.querySelector("script.strides");
      strides.set(block, script ? new Strides(script.textContent) : null);
    }
    return strides.get(block);
  }

  function addStrides(figure, data) {
    const found = stridesOf(figure.closest(".block")), curve = figure.dataset.curve;
    if (found && found.has(curve)) data.push(...found.traces(curve));
  }

  function markStride(article, chosen) {
    for (const figure of all("figure.cyclic", article)) {
      const plot = figure.querySelector(".plot");
      if (!plot.data) continue;
      const trace = plot.data.find((t) => t.meta && t.meta.role === "chosen");
      const found = stridesOf(figure.closest(".block"));
      if (!trace || !found) continue;
      const index = found.list.findIndex((s) => s.trial === chosen.trial && s.side === chosen.side && s.cycle === chosen.cycle);
      trace.x = index < 0 ? [] : found.percents();
      trace.y = index < 0 ? [] : found.values(figure.dataset.curve, index);
      trace.meta.side = index < 0 ? "" : chosen.side;
      refresh(figure);
    }
  }

  // A click in a panel goes to that percent of the nearest stride if strides are shown, else of the chosen cycle.
  function listen(figure, plot) {
    let from = null;
    plot.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; }, true);
    document.addEventListener("pointerup", (event) => {
      const was = from;
      from = null;
      if (!was || Math.hypot(event.clientX - was[0], event.clientY - was[1]) > 6) return;
      const box = plot.getBoundingClientRect(), size = plot._fullLayout._size;
      const across = (event.clientX - box.left - size.l) / size.w, up = 1 - (event.clientY - box.top - size.t) / size.h;
      if (across >= 0 && across <= 1 && up >= 0 && up <= 1) pick(figure, plot, 100 * across, up);
    });
  }

  function pick(figure, plot, percent, up) {
    const article = figure.closest("article.subject"), block = figure.closest(".block"), view = views.get(article);
    const found = stridesOf(block);
    if (!view || !found) return;
    const isEvery = chosen("strides") === "strides" || !plot.data.some((trace) => (trace.meta || {}).role === "mean");
    if (isEvery) {
      const [low, high] = plot._fullLayout.yaxis.range;
      const sides = chosen("side") ? [chosen("side")] : ["left", "right"];
      const index = found.nearest(figure.dataset.curve, percent, low + up * (high - low), sides);
      if (index < 0) return;
      view.toStride(found.list[index], percent);
      article.querySelector(".viewer").scrollIntoView({ block: "nearest" });
    } else if (view.block() === block) {
      view.toPercent(percent);
    } else {
      view.toStride(found.list[0], percent);
    }
  }

  // Start

  let hasStarted = false;
  body.classList.remove("no-script");
  select("group").addEventListener("change", groupChanged);
  for (const name of ["subject", "session", "side", "strides"]) if (select(name)) select(name).addEventListener("change", changed);
  step("previous").addEventListener("click", () => choose(neighbour(-1)));
  step("next").addEventListener("click", () => choose(neighbour(1)));
  document.getElementById("print").addEventListener("click", () => window.print());
  window.addEventListener("beforeprint", drawAll);
  groupChanged();
  hasStarted = true;
  all("figure.figure").forEach((figure) => watcher.observe(figure));
  toPerson();
  window.addEventListener("hashchange", toPerson);
  window.report = { drawAll, choose };
})();
