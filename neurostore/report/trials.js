// The trials of one person: events, skeleton, cycle and percent, which all show the same moment.
"use strict";
class TrialView {
  // draw(figure) draws a figure of the page that is not drawn yet.
  constructor(article, draw) {
    this.article = article;
    this.draw = draw;
    this.choice = article.querySelector(".trial-choice select");
    this.cycles = article.querySelector("select.cycle");
    this.percent = article.querySelector("input.percent");
    this.output = article.querySelector("output.percent");
    this.player = new SkeletonPlayer(article.querySelector(".player"), (time) => this.moved(time));
    this.choice.addEventListener("change", () => this.show(this.choice.value));
    this.cycles.addEventListener("change", () => this.toPercent(0));
    this.percent.addEventListener("input", () => this.toPercent(Number(this.percent.value)));
    this.show(this.choice.value);
  }

  // Shows a trial from its start, with its first steady cycle chosen.
  show(id) {
    this.choice.value = id;
    for (const part of this.article.querySelectorAll(".trial")) part.hidden = part.id !== id;
    this.part = document.getElementById(id);
    this.part.querySelectorAll("figure.figure").forEach(this.draw);
    this.phases = JSON.parse(this.part.querySelector("script.phases").textContent);
    this.list = ["left", "right"].flatMap((side) =>
      (this.phases[side] || []).map(([start, , end, cycle, isSteady]) => ({ side, start, end, cycle, isSteady })));
    this.list.sort((a, b) => a.start - b.start);
    this.cycles.replaceChildren(...this.list.map(({ side, cycle, start, isSteady }, index) =>
      new Option(`${side} ${cycle}, from ${start.toFixed(2)} s${isSteady ? "" : ", not steady"}`, index)));
    const steady = this.list.findIndex((cycle) => cycle.isSteady);
    if (this.list.length) this.cycles.value = Math.max(steady, 0);
    this.cycles.disabled = this.percent.disabled = this.list.length === 0;
    const clip = this.part.querySelector("script.clip");
    this.player.show(clip ? JSON.parse(clip.textContent) : null, this.phases, this.choice.selectedOptions[0].textContent);
    if (!clip) this.moved(this.list.length ? this.list[0].start : 0);
  }

  cycle() { return this.list[Number(this.cycles.value)]; }

  // The block of the session that the trial belongs to.
  block() { return document.getElementById(this.part.dataset.block); }

  toPercent(percent) {
    const cycle = this.cycle();
    if (!cycle) return;
    const time = cycle.start + (percent / 100) * (cycle.end - cycle.start);
    this.player.seek(time);
    this.moved(time, percent);
    this.mark();
  }

  // Shows a stride of the panels: {trial, side, cycle}, at a percent of it.
  toStride(stride, percent) {
    if (this.part.id !== stride.trial) this.show(stride.trial);
    const index = this.list.findIndex((c) => c.side === stride.side && c.cycle === stride.cycle);
    if (index < 0) return;
    this.cycles.value = index;
    this.toPercent(percent);
  }

  // Another moment is shown: the cursors of the events and of every panel follow. percent: the requested percent.
  moved(time, percent) {
    this.time = time;
    const timeline = this.part.querySelector(".timeline .plot");
    if (timeline && timeline._fullLayout && timeline.layout.shapes) this.moveCursor(timeline, time);
    const cycle = this.cycle();
    const share = cycle ? (100 * (time - cycle.start)) / (cycle.end - cycle.start) : NaN;
    const isInside = share >= -1e-6 && share <= 100 + 1e-6;
    if (isInside && percent === undefined) this.percent.value = Math.round(share);
    if (percent !== undefined) this.percent.value = Math.round(percent);
    this.output.textContent = isInside ? `${cycle.side} cycle ${cycle.cycle}: ${Math.round(share)} %` : cycle ? "outside this cycle" : "no cycle";
    this.percent.setAttribute("aria-valuetext", this.output.textContent);
    this.moveLines();
  }

  // For each side, the percent of the cycle around the moment; null outside cycles.
  places() {
    const found = {};
    for (const side of ["left", "right"]) {
      const around = (this.phases[side] || []).find(([start, , end]) => this.time >= start - 1e-9 && this.time <= end + 1e-9);
      found[side] = around ? (100 * (this.time - around[0])) / (around[2] - around[0]) : null;
    }
    const cycle = this.cycle(); // where two cycles meet the chosen one counts
    if (cycle && this.time >= cycle.start - 1e-9 && this.time <= cycle.end + 1e-9) {
      found[cycle.side] = (100 * (this.time - cycle.start)) / (cycle.end - cycle.start);
    }
    return found;
  }

  moveLines() {
    const places = this.places(), block = this.block();
    for (const figure of this.article.querySelectorAll("figure.cyclic")) {
      const plot = figure.querySelector(".plot"), size = plot._fullLayout ? plot._fullLayout._size : null;
      for (const side of ["left", "right"]) {
        let line = figure.querySelector(`i.moment.${side}`);
        if (!line && size) {
          line = document.createElement("i");
          line.className = `moment ${side}`;
          plot.append(line);
        }
        if (!line) continue;
        line.hidden = !size || places[side] === null || !block || !block.contains(figure);
        if (line.hidden) continue;
        line.dataset.percent = places[side].toFixed(2);
        line.style.left = `${size.l + (size.w * places[side]) / 100}px`;
        line.style.top = `${size.t}px`;
        line.style.height = `${size.h}px`;
      }
    }
  }

  // Draws the chosen cycle thick in the panels that show every stride.
  mark() {
    this.article.dispatchEvent(new CustomEvent("stride", { detail: { trial: this.part.id, ...this.cycle() } }));
  }

  moveCursor(plot, time) {
    plot.pending = { "shapes[0].x0": time, "shapes[0].x1": time, "shapes[0].visible": true };
    if (plot.dataset.moving) return;
    plot.dataset.moving = "yes";
    requestAnimationFrame(() => { delete plot.dataset.moving; Plotly.relayout(plot, plot.pending); });
  }
}
