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
    filterFigure(data, layout);
    if (plot.clientWidth < 520 && layout.xaxis.type === "category") { // names of bars need to stand upright on a phone
      layout.xaxis.tickangle = 90;
      layout.margin.b += 40;
      layout.height += 40;
    }
    if (plot.clientWidth < 480 && layout.yaxis.scaleanchor) layout.height = plot.clientWidth + 60; // a square is enough for a map
    plot.style.minHeight = `${layout.height}px`;
    Plotly.newPlot(plot, data, layout, { ...CONFIG, displayModeBar: figure.classList.contains("panel") ? false : "hover" });
    plot.on("plotly_click", (event) => {
      const point = event.points[0];
      if (point.data.meta && ["map", "subjects"].includes(point.data.meta.role)) choose(point.customdata);
    });
    freeze(plot);
    plot.on("plotly_afterplot", () => freeze(plot));
  }

  // A viewBox lets the print style sheet scale a drawing that has a fixed size in pixels.
  function freeze(plot) {
    const box = plot._fullLayout;
    for (const svg of plot.querySelectorAll(".main-svg")) svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    const container = plot.querySelector(".svg-container");
    if (container) container.style.setProperty("--ratio", `${box.width} / ${box.height}`);
  }

  // Sets what the filters say on traces and shapes before, or after, they are drawn.
  function filterFigure(data, layout) {
    const side = chosen("side"), group = chosen("group"), subject = chosen("subject");
    for (const trace of data) {
      const meta = trace.meta || {};
      if (meta.side) trace.visible = side === "" || meta.side === side || meta.side === "both";
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
    Plotly.react(plot, plot.data, plot.layout, CONFIG);
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
    if (chosen("subject") !== "*") history.replaceState(null, "", `#${encodeURIComponent(chosen("subject"))}`);
  }

  // Trials of a person: timeline and player

  function startTrials(article) {
    const choice = article.querySelector(".trial-choice select");
    if (!choice || article.dataset.started) return;
    article.dataset.started = "yes";
    const player = new SkeletonPlayer(article.querySelector(".player"), (time) => {
      const plot = article.querySelector(".timeline:not([hidden]) .plot");
      if (plot && plot._fullLayout && plot.layout.shapes) moveCursor(plot, time);
    });
    const show = () => {
      for (const part of all(".trial", article)) part.hidden = part.id !== choice.value;
      const part = document.getElementById(choice.value);
      all("figure.figure", part).forEach(draw);
      const clip = part.querySelector("script.clip");
      const events = part.querySelector("script.phases");
      player.show(clip ? JSON.parse(clip.textContent) : null, JSON.parse(events.textContent), choice.selectedOptions[0].textContent);
    };
    choice.addEventListener("change", show);
    show();
  }

  function moveCursor(plot, time) {
    const update = { "shapes[0].x0": time, "shapes[0].x1": time, "shapes[0].visible": true };
    if (!plot.dataset.moving) {
      plot.dataset.moving = "yes";
      requestAnimationFrame(() => { delete plot.dataset.moving; Plotly.relayout(plot, plot.pending); });
    }
    plot.pending = update;
  }

  // Start

  body.classList.remove("no-script");
  select("group").addEventListener("change", groupChanged);
  for (const name of ["subject", "session", "side"]) if (select(name)) select(name).addEventListener("change", changed);
  step("previous").addEventListener("click", () => choose(neighbour(-1)));
  step("next").addEventListener("click", () => choose(neighbour(1)));
  document.getElementById("print").addEventListener("click", () => window.print());
  window.addEventListener("beforeprint", drawAll);
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (people().some((option) => option.value === wanted)) select("subject").value = wanted;
  groupChanged();
  all("figure.figure").forEach((figure) => watcher.observe(figure));
  window.report = { drawAll, choose };
})();
