// The track of events: a lane per foot with its cycles as bars and its events as handles that are dragged or moved by keys.
import { h } from "./dom.js";
import { EVENTS, SIDES } from "./panels.js";

export const eventName = (e) => `${e.side} ${EVENTS[e.event].name}`;

// acts: {canEdit, axis, frame(): seconds of a frame, time(t), move(id, t), remove(id), pick(cycle), dragging(id, t)}
export function track(acts) {
  const lanes = Object.fromEntries(SIDES.map((side) => [side, h("div", { class: `lane ${side}` }, h("span", { class: "name" }, side === "left" ? "Left" : "Right"))]));
  const ruler = h("div", { class: "ruler", "aria-hidden": "true" });
  const element = h("div", { class: "track", role: "group", "aria-label": "Events and cycles" }, ruler, lanes.left, lanes.right);
  let handles = new Map(), bars = [], drawn = { events: [], cycles: [], files: [] };

  function show(events, cycles, files) {
    drawn = { events, cycles, files };
    const focused = document.activeElement?.dataset?.event;
    for (const side of SIDES) lanes[side].querySelectorAll(".bar-cycle, .file").forEach((e) => e.remove());
    bars = cycles.map((cycle) => {
      const state = cycle.is_steady ? "steady" : /^excluded/.test(cycle.reason || "") ? "excluded" : "unsteady";
      const bar = h("button", { type: "button", tabindex: "-1", class: `bar-cycle ${state}`, title: `${cycle.side} cycle ${cycle.cycle}: ${cycle.is_steady ? "steady" : cycle.reason}`,
        "aria-label": `${cycle.side} cycle ${cycle.cycle}, ${state}`, onclick: () => acts.pick(cycle) }, h("i", { class: "stance" }), h("span", {}, String(cycle.cycle)));
      lanes[cycle.side].prepend(bar);
      return [bar, cycle];
    });
    for (const file of files) {
      const mark = h("i", { class: "file", title: `${eventName(file)} in the source file`, dataset: { t: file.time_s } });
      lanes[file.side].append(mark);
    }
    const kept = new Map();
    for (const event of [...events].sort((a, b) => a.time_s - b.time_s)) {
      const handle = handles.get(event.id) || make(event.id);
      label(handle, event);
      lanes[event.side].append(handle);
      kept.set(event.id, handle);
    }
    for (const [id, handle] of handles) if (!kept.has(id)) handle.remove();
    handles = kept;
    if (focused && kept.has(focused)) kept.get(focused).focus({ preventScroll: true });
    place();
  }

  function label(handle, event) {
    const isChanged = !event.base || event.base.time_s !== event.time_s;
    handle.className = `handle ${event.side} ${event.event}${isChanged ? " changed" : ""}${event.method === "review" ? " reviewed" : ""}`;
    handle.setAttribute("aria-label", `${eventName(event)} at ${event.time_s.toFixed(3)} s`);
    const spread = event.spread_ms ? `, methods differ by ${event.spread_ms.toFixed(0)} ms` : "";
    handle.title = `${eventName(event)}, ${event.time_s.toFixed(3)} s (${event.source}, ${event.method}${spread})`;
    handle.firstChild.textContent = EVENTS[event.event].mark;
  }

  function make(id) {
    const handle = h("button", { type: "button", dataset: { event: id } }, h("i", { "aria-hidden": "true" }));
    let from = null;
    const of = () => drawn.events.find((e) => e.id === id);
    handle.addEventListener("focus", () => { const e = of(); if (e && from === null) acts.time(e.time_s); });
    handle.addEventListener("pointerdown", (pointer) => {
      if (!acts.canEdit || pointer.button) return;
      handle.setPointerCapture(pointer.pointerId);
      from = { x: pointer.clientX, t: of().time_s, now: null };
    });
    handle.addEventListener("pointermove", (pointer) => {
      if (!from) return;
      const { axis } = acts;
      from.now = axis.clamp(axis.t(axis.x(from.t) + pointer.clientX - from.x));
      handle.style.transform = `translateX(${axis.x(from.now)}px)`;
      acts.dragging(id, from.now);
    });
    const end = (keep) => () => {
      const was = from;
      from = null;
      if (!was || was.now === null) return;
      if (keep && Math.abs(was.now - was.t) > 1e-4) acts.move(id, was.now);
      else { acts.dragging(null, was.t); place(); }
    };
    handle.addEventListener("pointerup", end(true));
    handle.addEventListener("pointercancel", end(false));
    handle.addEventListener("keydown", (key) => {
      if (key.ctrlKey || key.metaKey || key.altKey) return;
      const event = of();
      const by = { ArrowLeft: -1, ArrowRight: 1 }[key.key];
      if (key.key === "Escape" && from) { from.now = null; place(); from = null; acts.dragging(null, event.time_s); }
      else if (by && acts.canEdit) { key.preventDefault(); key.stopPropagation(); acts.move(id, acts.axis.clamp(event.time_s + by * acts.frame() * (key.shiftKey ? 10 : 1))); }
      else if ((key.key === "Delete" || key.key === "Backspace") && acts.canEdit) { key.preventDefault(); key.stopPropagation(); acts.remove(id); }
    });
    return handle;
  }

  function place() {
    const { axis } = acts;
    const isIn = (t) => t >= axis.t0 - 1e-6 && t <= axis.t1 + 1e-6;
    for (const event of drawn.events) {
      const handle = handles.get(event.id);
      handle.style.transform = `translateX(${axis.x(event.time_s)}px)`;
      handle.hidden = !isIn(event.time_s);
    }
    for (const [bar, cycle] of bars) {
      const from = Math.max(cycle.start_s, axis.t0), to = Math.min(cycle.end_s, axis.t1);
      bar.hidden = from >= to;
      bar.style.left = `${axis.x(from)}px`;
      bar.style.width = `${Math.max(1, axis.x(to) - axis.x(from))}px`;
      const off = cycle.foot_off_s === null ? from : Math.min(Math.max(cycle.foot_off_s, from), to);
      bar.firstChild.style.width = `${axis.x(off) - axis.x(from)}px`;
    }
    for (const mark of element.querySelectorAll(".file")) {
      const t = Number(mark.dataset.t);
      mark.hidden = !isIn(t);
      mark.style.transform = `translateX(${axis.x(t)}px)`;
    }
    ruler.replaceChildren(...axis.ticks().map((t) => { const tick = h("span", {}, `${t}`); tick.style.transform = `translateX(${axis.x(t)}px)`; return tick; }));
  }

  return { element, show, place, focus: (id) => handles.get(id)?.focus(), focusedId: () => document.activeElement?.dataset?.event };
}
