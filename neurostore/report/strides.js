// Single strides in the panels over the gait cycle: a thin line each, unpacked from 16-bit steps of a session.
"use strict";
class Strides {
  static MISSING = -32768;
  static COLOURS = { left: "#D55E00", right: "#0072B2" };

  // text: JSON of {scales: {name: unit of a step}, every, strides: [[trial, side, cycle, start_s, end_s]], curves: {name: base64 int16}}.
  constructor(text) {
    this.packed = JSON.parse(text);
    this.list = this.packed.strides.map(([trial, side, cycle, start, end]) => ({ trial, side, cycle, start, end }));
    this.n = Math.floor(100 / this.packed.every) + 1;
    this.steps = {};
  }

  has(curve) { return curve in this.packed.curves; }

  // Values of one stride, null where unknown; index: its place in the list.
  values(curve, index) {
    this.steps[curve] ??= new Int16Array(Uint8Array.from(atob(this.packed.curves[curve]), (c) => c.charCodeAt(0)).buffer);
    const part = this.steps[curve].subarray(index * this.n, (index + 1) * this.n);
    return Array.from(part, (step) => (step === Strides.MISSING ? null : step * this.packed.scales[curve]));
  }

  percents() { return Array.from({ length: this.n }, (_, i) => i * this.packed.every); }

  // One trace per side, with a gap after each stride, and one for the stride that is chosen.
  traces(curve) {
    const shared = { type: "scatter", mode: "lines", hoverinfo: "skip", showlegend: false, connectgaps: false };
    const found = [];
    for (const side of ["left", "right"]) {
      const x = [], y = [];
      this.list.forEach((stride, index) => {
        if (stride.side !== side) return;
        x.push(...this.percents(), null);
        y.push(...this.values(curve, index), null);
      });
      if (x.length) found.push({ ...shared, x, y, opacity: 0.65, line: { color: Strides.COLOURS[side], width: 0.9 }, meta: { role: "stride", side } });
    }
    return [...found, { ...shared, x: [], y: [], line: { color: "#1F2933", width: 2.6 }, meta: { role: "chosen" } }];
  }

  // The stride whose line is nearest to a value at a percent, among the sides shown; -1 if there is none.
  nearest(curve, percent, value, sides) {
    const place = Math.min(this.n - 1, Math.max(0, Math.round(percent / this.packed.every)));
    let best = -1, least = Infinity;
    this.list.forEach((stride, index) => {
      const at = sides.includes(stride.side) ? this.values(curve, index)[place] : null;
      if (at !== null && Math.abs(at - value) < least) { least = Math.abs(at - value); best = index; }
    });
    return best;
  }
}
