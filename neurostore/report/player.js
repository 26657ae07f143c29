// A skeleton in three dimensions on a plain canvas: turned by dragging or arrow keys, moved by a slider.
"use strict";
class SkeletonPlayer {
  static MISSING = -32768;
  static COLOURS = { left: "#D55E00", right: "#0072B2", "": "#3E4C59" };

  // onTime(seconds) is called whenever another frame is shown.
  constructor(element, onTime) {
    this.element = element;
    this.canvas = element.querySelector("canvas");
    this.slider = element.querySelector("input.frame");
    this.button = element.querySelector("button.play");
    this.speed = element.querySelector("select.speed");
    this.shown = element.querySelector("select.forces");
    this.shown.addEventListener("change", () => this.draw(false));
    this.output = element.querySelector("output.time");
    this.onTime = onTime;
    this.yaw = 0.9;
    this.pitch = 0.18;
    this.clip = null;
    this.slider.addEventListener("input", () => { this.pause(); this.draw(); });
    this.button.addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    for (const view of element.querySelectorAll("button[data-yaw]")) {
      view.addEventListener("click", () => {
        this.yaw = this.heading + Number(view.dataset.yaw);
        this.pitch = Number(view.dataset.pitch);
        this.draw(false);
      });
    }
    this.canvas.addEventListener("pointerdown", (event) => { this.canvas.setPointerCapture(event.pointerId); this.from = [event.clientX, event.clientY]; });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!this.from) return;
      this.turn((event.clientX - this.from[0]) * 0.01, (event.clientY - this.from[1]) * 0.006);
      this.from = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => { this.from = null; });
    this.canvas.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.06], ArrowDown: [0, -0.06] }[event.key];
      if (!by) return;
      event.preventDefault();
      this.turn(...by);
    });
    new ResizeObserver(() => this.draw(false)).observe(this.canvas);
  }

  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = Math.max(-0.1, Math.min(1.5, this.pitch + pitch));
    this.draw(false);
  }

  // clip: points, links, time_s, positions (base64 int16 mm), perhaps forces, or null; phases: strikes and offs of each side.
  show(clip, phases, name) {
    this.pause();
    this.phases = phases;
    this.element.hidden = clip === null;
    this.clip = clip;
    if (clip === null) return;
    const bytes = Uint8Array.from(atob(clip.positions), (character) => character.charCodeAt(0));
    this.xyz = new Int16Array(bytes.buffer);
    this.forces = clip.forces ? { ...clip.forces, values: new Int16Array(Uint8Array.from(atob(clip.forces.values), (c) => c.charCodeAt(0)).buffer) } : null;
    this.element.querySelector("label.forces").hidden = !this.forces;
    this.slider.max = clip.time_s.length - 1;
    this.slider.value = 0;
    this.slider.setAttribute("aria-label", `Frame of ${name}`);
    this.measure();
    this.yaw = this.heading + 0.9;
    this.draw();
  }

  // Size of the body, floor and main direction of travel, from all frames.
  measure() {
    const n = this.clip.points.length, lows = [], highs = [];
    for (let frame = 0; frame < this.clip.time_s.length; frame++) {
      const ys = [];
      for (let i = 0; i < n; i++) { const p = this.at(frame, i); if (p) ys.push(p[1]); }
      if (ys.length) { lows.push(Math.min(...ys)); highs.push(Math.max(...ys)); }
    }
    const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
    this.floor = lows.sort((a, b) => a - b)[Math.floor(lows.length * 0.05)] ?? 0;
    this.height = Math.max(300, middle(highs) - this.floor);
    const first = this.centre(0), last = this.centre(this.clip.time_s.length - 1);
    const moved = Math.hypot(last[0] - first[0], last[2] - first[2]);
    this.heading = moved > 300 ? Math.atan2(last[0] - first[0], last[2] - first[2]) : 0;
  }

  at(frame, point) {
    const k = (frame * this.clip.points.length + point) * 3;
    return this.xyz[k] === SkeletonPlayer.MISSING ? null : [this.xyz[k], this.xyz[k + 1], this.xyz[k + 2]];
  }

  centre(frame) {
    let sum = [0, 0, 0], n = 0;
    for (const name of ["pelvis", "left_hip", "right_hip"]) {
      const i = this.clip.points.indexOf(name), p = i < 0 ? null : this.at(frame, i);
      if (p) { sum = sum.map((v, k) => v + p[k]); n++; }
    }
    if (n) return (this.last = sum.map((v) => v / n));
    return this.last || [0, 0, 0];
  }

  play() {
    if (!this.clip) return;
    this.playing = true;
    this.button.textContent = "Pause";
    if (Number(this.slider.value) >= Number(this.slider.max)) this.slider.value = 0;
    const times = this.clip.time_s;
    let before = performance.now(), time = times[Number(this.slider.value)];
    const next = (now) => {
      if (!this.playing) return;
      time += (Math.max(0, now - before) / 1000) * Number(this.speed.value);
      before = now;
      let frame = Number(this.slider.value);
      while (frame < times.length - 1 && times[frame + 1] <= time) frame++;
      if (frame !== Number(this.slider.value)) { this.slider.value = frame; this.draw(); }
      if (frame >= times.length - 1) this.pause();
      else requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }

  // Shows the frame nearest to a time without calling onTime.
  seek(time) {
    if (!this.clip) return;
    this.pause();
    const times = this.clip.time_s;
    let frame = 0;
    while (frame < times.length - 1 && Math.abs(times[frame + 1] - time) <= Math.abs(times[frame] - time)) frame++;
    this.slider.value = frame;
    this.draw(false);
  }

  pause() {
    this.playing = false;
    this.button.textContent = "Play";
  }

  draw(isTold = true) {
    if (!this.clip || !this.canvas.clientWidth) return;
    const ratio = window.devicePixelRatio || 1, width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    if (this.canvas.width !== Math.round(width * ratio)) this.canvas.width = Math.round(width * ratio);
    if (this.canvas.height !== Math.round(height * ratio)) this.canvas.height = Math.round(height * ratio);
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const frame = Number(this.slider.value), middle = this.centre(frame);
    const scale = (height * 0.74) / this.height, cy = Math.cos(this.yaw), sy = Math.sin(this.yaw);
    const cp = Math.cos(this.pitch), sp = Math.sin(this.pitch);
    // Orthographic: seen from the direction of yaw about the vertical, raised by pitch; third value is depth towards us.
    const place = (p) => {
      const x = p[0] - middle[0], y = p[1] - this.floor - this.height / 2, z = p[2] - middle[2];
      const across = x * cy - z * sy, towards = x * sy + z * cy;
      return [width / 2 + across * scale, height * 0.46 - (y * cp - towards * sp) * scale, y * sp + towards * cp];
    };
    this.grid(pen, place, middle);
    if (this.forces) this.vectors(pen, place, this.clip.time_s[frame]);
    const drawn = [];
    for (const [a, b, side] of this.clip.links) {
      const p = this.at(frame, a), q = this.at(frame, b);
      if (p && q) drawn.push([place(p), place(q), side]);
    }
    drawn.sort((one, two) => one[0][2] + one[1][2] - two[0][2] - two[1][2]);
    pen.lineCap = "round";
    for (const [p, q, side] of drawn) {
      pen.strokeStyle = SkeletonPlayer.COLOURS[side];
      pen.lineWidth = 4.5;
      pen.beginPath(); pen.moveTo(p[0], p[1]); pen.lineTo(q[0], q[1]); pen.stroke();
      pen.fillStyle = "white"; pen.lineWidth = 1.4;
      for (const end of [p, q]) { pen.beginPath(); pen.arc(end[0], end[1], 2.6, 0, 7); pen.fill(); pen.stroke(); }
    }
    const head = this.clip.points.indexOf("head"), crown = head < 0 ? null : this.at(frame, head);
    if (crown) {
      const [x, y] = place(crown);
      pen.strokeStyle = SkeletonPlayer.COLOURS[""]; pen.fillStyle = "#fff"; pen.lineWidth = 3;
      pen.beginPath(); pen.arc(x, y, 0.055 * this.height * scale, 0, 7); pen.fill(); pen.stroke();
    }
    const time = this.clip.time_s[frame];
    this.output.textContent = `${time.toFixed(2)} s — ${this.phase("left", time)}; ${this.phase("right", time)}`;
    this.slider.setAttribute("aria-valuetext", this.output.textContent);
    if (isTold) this.onTime(time);
  }

  // Platforms, and their forces as arrows of 1 mm per N: current forces are thick, earlier ones of the same step thin (butterfly).
  vectors(pen, place, now) {
    const { plates, time_s, plate, side, values } = this.forces, kind = this.shown.value;
    pen.strokeStyle = "#7b8794"; pen.lineWidth = 1;
    for (const corners of plates) {
      pen.beginPath();
      corners.map(place).forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath(); pen.stroke();
    }
    if (kind === "none") return;
    const colour = (k) => SkeletonPlayer.COLOURS[{ l: "left", r: "right" }[side[k]] || ""];
    const step = 0.5 * (this.clip.time_s.length > 1 ? this.clip.time_s[1] - this.clip.time_s[0] : 0.04) + 1e-6;
    for (let k = 0; k < time_s.length; k++) {
      const isNow = Math.abs(time_s[k] - now) <= step;
      if (!isNow && (kind === "now" || (kind === "so-far" && !this.isOfThisStep(k, now)))) continue;
      const at = Array.from(values.subarray(6 * k, 6 * k + 3)), force = values.subarray(6 * k + 3, 6 * k + 6);
      const [x0, y0] = place(at), [x1, y1] = place(at.map((v, i) => v + force[i]));
      pen.strokeStyle = pen.fillStyle = colour(k);
      pen.globalAlpha = isNow ? 1 : 0.35; pen.lineWidth = isNow ? 3 : 1;
      pen.beginPath(); pen.moveTo(x0, y0); pen.lineTo(x1, y1); pen.stroke();
      if (isNow) {
        const turn = Math.atan2(y1 - y0, x1 - x0);
        pen.beginPath(); pen.moveTo(x1, y1);
        for (const by of [-0.35, 0.35]) pen.lineTo(x1 - 10 * Math.cos(turn + by), y1 - 10 * Math.sin(turn + by));
        pen.closePath(); pen.fill();
      }
    }
    pen.globalAlpha = 1;
  }

  // Whether a force belongs to the current step: no gap on its platform between it and now.
  isOfThisStep(k, now) {
    const { time_s, plate } = this.forces;
    if (time_s[k] > now) return false;
    let last = time_s[k];
    for (let j = k + 1; j < time_s.length && plate[j] === plate[k] && time_s[j] <= now + 1e-6; j++) {
      if (time_s[j] - last > 0.15) return false;
      last = time_s[j];
    }
    return now - last <= 0.15;
  }

  grid(pen, place, middle) {
    const step = 500, reach = 1500;
    const x0 = Math.round(middle[0] / step) * step, z0 = Math.round(middle[2] / step) * step;
    pen.strokeStyle = "#c3ccd6"; pen.lineWidth = 1;
    for (let k = -reach; k <= reach; k += step) {
      for (const ends of [[[x0 + k, z0 - reach], [x0 + k, z0 + reach]], [[x0 - reach, z0 + k], [x0 + reach, z0 + k]]]) {
        const [p, q] = ends.map(([x, z]) => place([x, this.floor, z]));
        pen.beginPath(); pen.moveTo(p[0], p[1]); pen.lineTo(q[0], q[1]); pen.stroke();
      }
    }
  }

  // Where a foot is in its cycle: phases[side] holds [strike, off, next strike].
  phase(side, time) {
    const found = (this.phases[side] || []).find(([start, , end]) => time >= start && time < end);
    if (!found) return `${side} –`;
    const [start, off, end] = found, percent = Math.round((100 * (time - start)) / (end - start));
    return `${side} ${off === null ? "" : time < off ? "stance " : "swing "}${percent} %`;
  }
}
