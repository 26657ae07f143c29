// Curves over the time of a trial: one axis for all, a canvas per chart, and one canvas over all for cursor and events.
import { h } from "./dom.js";
import { COLOURS, DASHES } from "./panels.js";

export const LEFT = 56, RIGHT = 12;

// The visible part of the time axis.
export class Axis {
  constructor(first, last) {
    this.whole = [first, Math.max(last, first + 0.1)];
    [this.t0, this.t1] = this.whole;
    this.width = 600;
  }

  x(t) { return LEFT + ((t - this.t0) / (this.t1 - this.t0)) * (this.width - LEFT - RIGHT); }

  t(x) { return this.t0 + ((x - LEFT) / (this.width - LEFT - RIGHT)) * (this.t1 - this.t0); }

  clamp(t) { return Math.max(this.whole[0], Math.min(this.whole[1], t)); }

  zoom(factor, around) {
    const [first, last] = this.whole, span = Math.min(last - first, Math.max(0.4, (this.t1 - this.t0) * factor));
    const share = (around - this.t0) / (this.t1 - this.t0 || 1);
    this.t0 = Math.max(first, Math.min(last - span, around - share * span));
    this.t1 = this.t0 + span;
  }

  // Keep a time visible. True if the visible part changed.
  follow(t) {
    if (t >= this.t0 && t <= this.t1) return false;
    const span = this.t1 - this.t0, [first, last] = this.whole;
    this.t0 = Math.max(first, Math.min(last - span, t - span * 0.2));
    this.t1 = this.t0 + span;
    return true;
  }

  ticks() {
    const span = this.t1 - this.t0;
    const step = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120].find((s) => span / s <= 12) || 300;
    const found = [];
    for (let t = Math.ceil(this.t0 / step) * step; t <= this.t1 + 1e-9; t += step) found.push(Math.round(t * 1000) / 1000);
    return found;
  }
}

export function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return [pen, width, height];
}

// series: [{label, side, time, values}]; bursts: [[from, to], …] drawn at the bottom.
export function chart(title, unit, series, axis, bursts = []) {
  const canvas = h("canvas", { role: "img" }), value = h("output", {});
  const figure = h("figure", { class: "chart", dataset: { title } }, h("figcaption", {}, h("b", {}, title), h("span", { class: "soft" }, ` ${unit}`), value), canvas);
  let low = Infinity, high = -Infinity;
  for (const one of series) for (const v of one.values) if (!Number.isNaN(v)) { low = Math.min(low, v); high = Math.max(high, v); }
  if (!(low < high)) [low, high] = Number.isFinite(low) ? [low - 1, low + 1] : [0, 1];
  const margin = 0.08 * (high - low);
  [low, high] = [low - margin, high + margin];
  canvas.setAttribute("aria-label", `${title}, ${unit}, ${low.toFixed(1)} to ${high.toFixed(1)}`);

  function draw() {
    const [pen, width, height] = fitted(canvas);
    if (!width) return;
    const y = (v) => height - 2 - ((v - low) / (high - low)) * (height - 4);
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "right";
    const step = nice((high - low) / 3);
    for (let v = Math.ceil(low / step) * step; v <= high; v += step) {
      pen.strokeStyle = Math.abs(v) < step / 1e6 ? "#aab4bf" : "#e8ecf0";
      pen.beginPath(); pen.moveTo(LEFT, y(v)); pen.lineTo(width - RIGHT, y(v)); pen.stroke();
      pen.fillStyle = "#52606d";
      pen.fillText(String(Math.round(v * 1000) / 1000), LEFT - 5, Math.max(9, Math.min(height - 2, y(v) + 4)));
    }
    pen.save();
    pen.beginPath(); pen.rect(LEFT, 0, width - LEFT - RIGHT, height); pen.clip();
    pen.fillStyle = "rgba(0, 158, 115, .35)";
    for (const [from, to] of bursts) pen.fillRect(axis.x(from), height - 6, axis.x(to) - axis.x(from), 5);
    for (const one of series) {
      pen.strokeStyle = COLOURS[one.side] || "#3E4C59";
      pen.lineWidth = 1.7;
      pen.setLineDash(DASHES[one.side] || []);
      pen.beginPath();
      const from = Math.max(0, before(one.time, axis.t0) - 1), to = Math.min(one.time.length, before(one.time, axis.t1) + 2);
      const stride = Math.max(1, Math.floor((to - from) / (2 * width)));
      let isDown = false;
      for (let i = from; i < to; i += stride) {
        const v = one.values[i];
        if (Number.isNaN(v)) { isDown = false; continue; }
        if (isDown) pen.lineTo(axis.x(one.time[i]), y(v)); else pen.moveTo(axis.x(one.time[i]), y(v));
        isDown = true;
      }
      pen.stroke();
    }
    pen.restore();
  }

  function tell(t) {
    value.textContent = series.map((one) => {
      const v = one.values[Math.min(one.values.length - 1, before(one.time, t))];
      return `${one.side ? `${one.side[0].toUpperCase()} ` : ""}${v === undefined || Number.isNaN(v) ? "–" : v.toFixed(1).replace(/^-(0\.0)$/, "$1")}`;
    }).join("   ");
  }
  return { figure, draw, tell };
}

// Index of the last time that is not after t.
export function before(time, t) {
  let low = 0, high = time.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (time[middle] <= t + 1e-6) low = middle; else high = middle - 1;
  }
  return low;
}

function nice(step) {
  const power = 10 ** Math.floor(Math.log10(step)), share = step / power;
  return power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
}
