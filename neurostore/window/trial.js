// One trial: skeleton, video, curves, events and cycles under one time cursor; drafts with their effect before storing.
import { get, numbers, post } from "./api.js";
import { Axis, LEFT, RIGHT, before, chart, fitted } from "./chart.js";
import { askReason, open } from "./dialogs.js";
import { $, figure, h, isTyping, message, say, trialName, trialPath } from "./dom.js";
import { Drafts, newId } from "./drafts.js";
import { eventName, track } from "./events.js";
import { COLOURS, EVENTS, LEVELS, PARAMETERS, SIDES, words } from "./panels.js";

const REASONS_CYCLE = ["stumbled", "turned", "touched the rail", "marker lost", "stopped", "foot only partly on the platform"];
const REASONS_EVENT = ["corrected by eye", "seen in the video", "seen in the force", "computed event is wrong"];

export async function trialPage(page, shared, [subject, session, trial]) {
  const key = { subject, session, trial }, text = [subject, session, trial].join("/");
  shared.lastTrial = text;
  const opened = performance.now();
  const skeletonSoon = get("skeleton", key), gaitSoon = get("gait", key);
  skeletonSoon.catch(() => {});
  gaitSoon.catch(() => {});
  const isCurrent = shared.isCurrent;
  const about = await get("trial", key);
  if (!isCurrent()) return { stop() {} };  // another page was opened meanwhile
  const reviewer = shared.state.reviewer;
  const view = build(page, shared, key, about, reviewer);
  const time = numbers(about.angles.time_s);
  const axis = new Axis(time[0] ?? 0, time[time.length - 1] ?? about.duration_s ?? 1);
  const frameS = 1 / (about.rate_hz || 100);
  const store = { angles: {}, forces: null, kinetics: null, emg: [] };
  for (const [name, packed] of Object.entries(about.angles.values)) store.angles[name] = { time, values: numbers(packed) };
  let now = axis.whole[0], charts = [], saved = null, shown = null, drafts = null, dragged = null, player = null, isStopped = false, clipTimes = null, isSyncing = false;

  const acts = {
    canEdit: Boolean(reviewer), axis, frame: () => frameS, time: (t) => setTime(t),
    move: (id, t) => { dragged = null; drafts.move(id, t); setTime(t); },
    remove: (id) => { const event = drafts.now.events.find((e) => e.id === id); drafts.remove(id); say(`${eventName(event)} deleted`); },
    pick: (cycle) => { setTime(cycle.start_s); view.showCycle(cycle, cyclePart); },
    dragging: (id, t) => { dragged = id === null ? null : { id, t }; setTime(t); if (id !== null) preview.soon(id, t); },
  };
  const lanes = track(acts);
  view.timeline.prepend(lanes.element);

  // Time

  function setTime(t, from = "") {
    now = axis.clamp(t);
    if (axis.follow(now)) redraw();
    if (from !== "player" && player && clipTimes) {
      const i = nearest(clipTimes, now);
      isSyncing = true;
      if (Number(player.slider.value) !== i) { player.pause(); player.slider.value = i; player.draw(); }
      isSyncing = false;
    }
    if (from !== "video") seekVideo();
    drawOver();
    view.clock.textContent = `${now.toFixed(3)} s`;
  }

  function seekVideo() {
    const { video } = view;
    if (!video || !video.duration) return;
    if (player?.playing) {
      if (video.paused) video.play().catch(() => {});
      video.playbackRate = Number(player.speed.value) || 1;
      if (Math.abs(video.currentTime - now) > 0.12) video.currentTime = now;
    } else {
      if (!video.paused) video.pause();
      if (Math.abs(video.currentTime - now) > frameS / 2) video.currentTime = Math.max(0, now);
    }
  }

  // Curves

  function series(stem) {
    const [kind, name] = stem.split(":");
    if (kind === "emg") {
      const one = store.emg[Number(name)];
      return chart(`${one.muscle ? words(one.muscle) : one.channel}`, `EMG ${one.unit || ""}${one.problem ? ` (${one.problem})` : ""}`, [{ side: one.side, time: one.time, values: one.values }], axis, one.bursts);
    }
    if (kind === "force") return chart("Vertical ground reaction", store.forces.unit, SIDES.map((side) => ({ side, ...store.forces.series[`${side}_vertical_force`] })), axis);
    const source = kind === "kinetics" ? store.kinetics : store.angles;
    const found = SIDES.map((side) => ({ side, ...source[`${side}_${name}`] })).filter((one) => one.values);
    if (source[name]) found.push({ side: "", ...source[name] });
    return chart(words(name), kind === "kinetics" ? (name.endsWith("w_kg") ? "W/kg" : "Nm/kg") : "°", found, axis);
  }

  function showCurves() {
    const names = view.chosen(shared);
    charts = names.map(series);
    view.charts.replaceChildren(...charts.map((c) => c.figure));
    redraw();
  }

  function redraw() {
    axis.width = view.timeline.clientWidth || 600;
    charts.forEach((c) => c.draw());
    if (shown) lanes.place();
    drawOver();
  }

  let isAsked = false;
  function drawOver() {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      const [pen, width, height] = fitted(view.over);
      if (!width) return;
      const isIn = (t) => t >= axis.t0 && t <= axis.t1;
      for (const event of drafts?.now.events || []) {
        const t = dragged?.id === event.id ? dragged.t : event.time_s;
        if (!isIn(t)) continue;
        pen.strokeStyle = COLOURS[event.side];
        pen.globalAlpha = dragged?.id === event.id ? 1 : 0.35;
        pen.lineWidth = dragged?.id === event.id ? 2 : 1;
        pen.setLineDash(event.event === "foot_off" ? [3, 3] : []);
        pen.beginPath(); pen.moveTo(axis.x(t), 0); pen.lineTo(axis.x(t), height); pen.stroke();
      }
      pen.globalAlpha = 1;
      pen.setLineDash([]);
      pen.strokeStyle = "#1f2933";
      pen.lineWidth = 1.5;
      if (isIn(now)) { pen.beginPath(); pen.moveTo(axis.x(now), 0); pen.lineTo(axis.x(now), height); pen.stroke(); }
      charts.forEach((c) => c.tell(now));
      acts.frames = (acts.frames || 0) + 1;
    });
  }

  // Drafts and what they change

  function changed() {
    lanes.show(drafts.now.events, shown.cycles, saved.file_events);
    view.showDrafts(drafts, reviewer);
    drawOver();
    preview.soon();
  }

  const preview = {
    isRunning: false, isWanted: false, extra: null,
    soon(id = null, t = null) {
      this.extra = id === null ? null : [id, t];
      this.isWanted = true;
      if (!this.isRunning) this.run();
    },
    async run() {
      while (this.isWanted && !isStopped) {
        this.isWanted = false;
        this.isRunning = true;
        const decisions = this.decisions();
        try {
          const found = decisions.length ? await post("preview", { ...key, decisions }) : saved;
          if (isStopped) return;
          shown = { ...saved, cycles: found.cycles, parameters: found.parameters };
          view.problem("");
          lanes.show(drafts.now.events.map((e) => (dragged?.id === e.id ? { ...e, time_s: dragged.t } : e)), shown.cycles, saved.file_events);
          view.showGait(saved, decisions.length ? shown : null, cyclePart);
        } catch (error) {
          view.problem(error.message);
        } finally {
          this.isRunning = false;
        }
      }
    },
    decisions() {
      if (!this.extra) return drafts.decisions("draft");
      const [id, t] = this.extra, kept = drafts.now;
      drafts.now = { ...kept, events: kept.events.map((e) => (e.id === id ? { ...e, time_s: t } : e)) };
      const found = drafts.decisions("draft");
      drafts.now = kept;
      return found;
    },
  };

  function gaitIs(found) {
    saved = shown = found;
    shared.sawVersion(found.version);
    if (drafts) drafts.rebase(found.events); else drafts = new Drafts(found.events, changed);
    acts.drafts = drafts;
    lanes.show(drafts.now.events, found.cycles, found.file_events);
    view.showGait(saved, null, cyclePart);
    view.showDrafts(drafts, reviewer);
    view.showDecisions(found.decisions, reviewer, takeBack);
    if (player) player.phases = phases(found.cycles);
    drawOver();
  }

  async function reload() {
    gaitIs(await get("gait", key));
  }

  async function storeAll() {
    if (!reviewer || !drafts?.isDirty) return;
    const list = drafts.decisions("");
    const needsReason = list.some((d) => d.action.endsWith("_event"));
    const changes = h("ul", {}, list.map((d) => h("li", {}, described(d))));
    let reason = "";
    if (needsReason) reason = await askReason(`Store ${list.length} change${list.length > 1 ? "s" : ""} as ${reviewer}`, REASONS_EVENT, changes);
    else if ((await open(`Store ${list.length} change${list.length > 1 ? "s" : ""} as ${reviewer}`, changes, [["ok", "Store", "main"], ["", "Cancel"]])) !== "ok") reason = null;
    if (reason === null) return;
    await send(drafts.forStoring(reason));
  }

  async function send(decisions) {
    try {
      const answer = await post("decisions", { ...key, version: saved.version, decisions });
      shared.sawVersion(answer.version);
      await reload();
      message(`${answer.n_stored} decision${answer.n_stored > 1 ? "s" : ""} stored.`, "done");
      say("stored");
    } catch (error) {
      if (error.kind === "ConflictError") {
        message(`${error.message}. Your changes are kept here; the newest state of the trial was loaded below them.`);
        const newest = await get("gait", key);
        saved = { ...saved, version: newest.version };
        view.showDecisions(newest.decisions, reviewer, takeBack);
      } else if (error.kind === "gone") message(`${error.message} Whether your changes were stored is not known; storing them again is safe, none is stored twice.`);
      else message(error.message);
    }
  }

  async function cyclePart(cycle) {
    if (!reviewer || !cycle) return;
    const isOut = /^excluded/.test(cycle.reason || "");
    const name = `${cycle.side} cycle ${cycle.cycle}`;
    const reason = await askReason(isOut ? `Include ${name} again` : `Leave out ${name}`, isOut ? ["it is a normal step"] : REASONS_CYCLE);
    if (reason === null) return;
    drafts.part({ action: isOut ? "include" : "exclude", side: cycle.side, cycle: cycle.cycle, reason });
  }

  async function wholeTrial() {
    const isOut = saved.decisions.find((d) => ["exclude", "include"].includes(d.action) && !d.side && d.cycle === null && d.from_s === null)?.action === "exclude";
    const reason = await askReason(isOut ? "Include the trial again" : "Leave out the whole trial", isOut ? ["it can be used"] : ["not the task", "assistance", "marker lost"]);
    if (reason !== null) await send([{ action: isOut ? "include" : "exclude", reason, review_id: newId() }]);
  }

  async function lookedAt() {
    if (reviewer && saved) await send([{ action: "note", reason: "looked at", review_id: newId() }]);
  }

  // The opposite of a stored decision, as a new one.
  async function takeBack(d) {
    const { side, event } = d, at = { side: d.new_side || side, event: d.new_event || event };
    const opposite = {
      exclude: { action: "include", side, cycle: d.cycle, from_s: d.from_s, to_s: d.to_s }, include: { action: "exclude", side, cycle: d.cycle, from_s: d.from_s, to_s: d.to_s },
      move_event: { action: "move_event", ...at, time_s: d.new_time_s, new_time_s: d.time_s }, delete_event: { action: "add_event", side, event, time_s: d.time_s },
      add_event: { action: "delete_event", side, event, time_s: d.time_s }, relabel_event: { action: "relabel_event", ...at, time_s: d.time_s, new_side: side, new_event: event },
      swap_sides: { action: "keep_sides" }, keep_sides: { action: "swap_sides" },
    }[d.action];
    if (!opposite) return;
    const reason = await askReason(`Undo: ${described(d)}`, ["decision undone"]);
    if (reason !== null) await send([{ ...opposite, reason, review_id: newId() }]);
  }

  function step(n) {
    const i = Math.round((now - axis.whole[0]) / frameS) + n;
    setTime(axis.whole[0] + i * frameS);
  }

  function neighbourEvent(n) {
    const ordered = [...(drafts?.now.events || [])].sort((a, b) => a.time_s - b.time_s);
    const id = lanes.focusedId(), at = ordered.findIndex((e) => e.id === id);
    const next = at >= 0 ? ordered[at + n] : n > 0 ? ordered.find((e) => e.time_s > now + 1e-4) : [...ordered].reverse().find((e) => e.time_s < now - 1e-4);
    if (!next) return;
    setTime(next.time_s);
    lanes.focus(next.id);
  }

  function addEvent(side, event) {
    if (!reviewer || !drafts) return;
    const id = drafts.add(side, event, now);
    lanes.focus(id);
    say(`${side} ${EVENTS[event].name} added at ${now.toFixed(3)} s`);
  }

  function onkey(event) {
    if (isTyping(event) || document.querySelector("dialog[open]")) return;
    const ctrl = event.ctrlKey || event.metaKey, name = event.key;
    const isButton = event.target.closest?.("button, a, summary") && !event.target.dataset.event;
    const does = ctrl ? { z: () => (event.shiftKey ? drafts?.redo() : drafts?.undo()), y: () => drafts?.redo(), s: storeAll }[name.toLowerCase()]
      : event.altKey ? null : {
        ArrowLeft: () => step(event.shiftKey ? -10 : -1), ArrowRight: () => step(event.shiftKey ? 10 : 1), "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "−": () => zoom(2), 0: () => zoom(1e9),
        "[": () => neighbourEvent(-1), "]": () => neighbourEvent(1), 1: () => addEvent("left", "foot_strike"), 2: () => addEvent("left", "foot_off"), 3: () => addEvent("right", "foot_strike"), 4: () => addEvent("right", "foot_off"),
        u: () => drafts?.undo(), r: () => drafts?.redo(), s: storeAll, l: lookedAt, c: compare, p: () => go(-1), n: () => go(1), x: atCursor, " ": isButton ? null : playOrPause,
      }[name];
    if (!does || (event.target === player?.canvas && name.startsWith("Arrow")) || (event.target === player?.slider && name.startsWith("Arrow"))) return;
    event.preventDefault();
    does();
  }

  const playOrPause = () => player && (player.playing ? player.pause() : player.play());
  const zoom = (factor) => { axis.zoom(factor, now); redraw(); };
  const compare = () => { if (!shared.basket.includes(text)) shared.basket.unshift(text); location.hash = "#/compare"; };
  const go = (n) => { const to = around(shared, text, n); if (to) location.hash = trialPath(to); };

  async function atCursor() {
    const here = (shown?.cycles || []).filter((c) => now >= c.start_s - 1e-6 && now < c.end_s);
    if (!here.length) { message("No cycle at the cursor.", "note"); return; }
    let cycle = here[0];
    if (here.length > 1) {
      const answer = await open("Which cycle?", h("p", {}, "Two cycles are at the cursor."), [...here.map((c, i) => [String(i + 1), `${c.side} cycle ${c.cycle}`, i ? "" : "main"]), ["", "Cancel"]]);
      if (!answer) return;
      cycle = here[Number(answer) - 1];
    }
    await cyclePart(cycle);
  }

  // Mouse on the curves: a click or drag moves the cursor, the wheel with Ctrl zooms.
  const scrub = (event) => { if (event.buttons & 1) setTime(axis.t(event.clientX - view.timeline.getBoundingClientRect().left)); };
  view.charts.addEventListener("pointerdown", (event) => { if (event.clientX - view.timeline.getBoundingClientRect().left > LEFT - 8) { view.charts.setPointerCapture(event.pointerId); scrub(event); } });
  view.charts.addEventListener("pointermove", scrub);
  view.timeline.addEventListener("wheel", (event) => { if (!event.ctrlKey) return; event.preventDefault(); axis.zoom(event.deltaY > 0 ? 1.25 : 0.8, axis.t(event.clientX - view.timeline.getBoundingClientRect().left)); redraw(); }, { passive: false });
  view.on({ undo: () => drafts?.undo(), redo: () => drafts?.redo(), store: storeAll, looked: lookedAt, compare, previous: () => go(-1), next: () => go(1), whole: wholeTrial, add: addEvent, curves: showCurves, zoom });
  document.addEventListener("keydown", onkey);
  const watcher = new ResizeObserver(redraw);
  watcher.observe(view.timeline);
  if (view.video) {
    view.video.addEventListener("loadedmetadata", seekVideo);
    view.video.addEventListener("timeupdate", () => { if (!player?.playing && !view.video.paused) setTime(view.video.currentTime, "video"); });
  }
  view.offer(about, store);
  showCurves();
  setTime(now);
  page.dataset.firstCurveMs = String(Math.round(performance.now() - opened));

  const rest = (async () => {
    try {
      gaitIs(await gaitSoon);
      const clip = await skeletonSoon;
      if (isStopped) return;
      if (clip) {
        clipTimes = clip.time_s;
        player = new SkeletonPlayer(view.player, (t) => { if (!isSyncing) setTime(t, "player"); });
        isSyncing = true;
        player.show(clip, phases(saved.cycles), trialName(key));
        isSyncing = false;
        setTime(now);
      }
      const measured = await get("measured", key);
      if (isStopped) return;
      unpack(measured, store);
      view.offer(about, store);
      showCurves();
      page.dataset.ready = text;
    } catch (error) { if (!isStopped) message(error.message); }
  })();
  rest.catch(() => {});
  shared.page = { acts, drafts: () => drafts, axis, time: () => now };

  return {
    isDirty: () => Boolean(drafts?.isDirty),
    mayLeave: () => !drafts?.isDirty || confirm("Changes of this trial are not stored. Leave it and lose them?"),
    stop() { isStopped = true; player?.pause(); document.removeEventListener("keydown", onkey); watcher.disconnect(); delete page.dataset.ready; delete page.dataset.firstCurveMs; },
  };
}

const nearest = (times, t) => { const i = before(times, t); return i + 1 < times.length && times[i + 1] - t < t - times[i] ? i + 1 : i; };

const phases = (cycles) => Object.fromEntries(SIDES.map((side) => [side, cycles.filter((c) => c.side === side).map((c) => [c.start_s, c.foot_off_s, c.end_s])]));

function around(shared, text, n) {
  const i = shared.order.findIndex((t) => [t.subject, t.session, t.trial].join("/") === text);
  return i < 0 ? null : shared.order[i + n];
}

function unpack(measured, store) {
  const opened = (one) => { const time = numbers(one.time_s); return Object.fromEntries(Object.entries(one.values).map(([name, packed]) => [name, { time, values: numbers(packed) }])); };
  if (measured.forces) store.forces = { unit: measured.forces.unit, series: opened(measured.forces) };
  if (measured.kinetics) store.kinetics = opened(measured.kinetics);
  store.emg = measured.emg.map((one) => ({ ...one, ...opened(one).envelope }));
}

function described(d) {
  const at = d.time_s === null || d.time_s === undefined ? "" : ` at ${d.time_s.toFixed(3)} s`;
  const part = d.cycle !== null && d.cycle !== undefined ? `${d.side} cycle ${d.cycle}` : d.from_s !== null && d.from_s !== undefined ? `${d.from_s} to ${d.to_s} s` : d.side || "the trial";
  const what = { exclude: `leave out ${part}`, include: `include ${part}`, note: "note", swap_sides: "exchange left and right", keep_sides: "keep left and right as in the file" }[d.action];
  if (what) return d.reason ? `${what}: ${d.reason}` : what;
  const name = `${d.side} ${EVENTS[d.event].name}`;
  return { add_event: `add ${name}${at}`, delete_event: `delete ${name}${at}`, move_event: `move ${name} from ${d.time_s.toFixed(3)} to ${d.new_time_s?.toFixed(3)} s`,
    relabel_event: `call ${name}${at} ${d.new_side || d.side} ${EVENTS[d.new_event || d.event].name}` }[d.action];
}

// Everything that is drawn around the curves.
function build(page, shared, key, about, reviewer) {
  const verdict = shared.cohort?.trials.find((t) => t.subject === key.subject && t.session === key.session && t.trial === key.trial);
  const button = (name, text, title, more = {}) => h("button", { type: "button", dataset: { act: name }, title, ...more }, text);
  const only = (element) => (reviewer ? element : null);
  const canvas = h("canvas", { tabindex: "0", "aria-label": "Skeleton: drag or arrow keys turn it" });
  const player = h("div", { class: "player card" }, canvas, h("div", { class: "controls" },
    h("button", { type: "button", class: "play" }, "Play"), h("select", { class: "speed", "aria-label": "Speed" }, [["1", "1×"], ["0.5", "½×"], ["0.25", "¼×"]].map(([v, t]) => h("option", { value: v }, t))),
    h("input", { type: "range", class: "frame", min: "0", value: "0", "aria-label": "Frame" }),
    h("label", { class: "forces", hidden: true }, h("span", { class: "soft" }, "Forces "), h("select", { class: "forces", "aria-label": "Forces" }, [["so-far", "of this step"], ["now", "now"], ["all", "all"], ["none", "none"]].map(([v, t]) => h("option", { value: v }, t)))),
    [["Front", "0"], ["Side", "1.5708"]].map(([name, yaw]) => h("button", { type: "button", class: "small", dataset: { yaw, pitch: "0.05" } }, name))), h("output", { class: "time" }));
  player.hidden = true;
  const video = about.video?.is_playable ? h("video", { src: `/api/video?${new URLSearchParams(key)}`, muted: true, playsinline: true, preload: "auto", "aria-label": "Video of the trial" }) : null;
  if (video) video.muted = true;
  const beside = about.video ? h("div", { class: "video card" }, video || h("p", { class: "soft" }, `${about.video.name}: a browser cannot play this kind of file.`), h("p", { class: "soft" }, about.video.name)) : null;
  const parameters = h("div", { class: "card parameters" }), problem = h("p", { class: "problem", role: "alert", hidden: true });
  const clock = h("output", { class: "clock" }), changes = h("span", { class: "changes" });
  const over = h("canvas", { class: "over", "aria-hidden": "true" }), charts = h("div", { class: "charts" });
  const timeline = h("div", { class: "timeline" }, h("div", { class: "stack" }, charts, over));
  const cycle = h("div", { class: "cycle", hidden: true }), cycles = h("div", {}), decisions = h("div", {}), menu = h("div", { class: "menu" });
  const adds = [["left", "foot_strike", "1"], ["left", "foot_off", "2"], ["right", "foot_strike", "3"], ["right", "foot_off", "4"]];
  const parts = [
    h("div", { class: "bar head" }, button("previous", "‹", "Previous trial (p)", { "aria-label": "Previous trial" }), button("next", "›", "Next trial (n)", { "aria-label": "Next trial" }), h("h1", {}, trialName(key)),
      verdict?.level ? h("span", { class: `level ${verdict.level.replace(" ", "-")}`, title: verdict.verdict }, h("i", {}, LEVELS[verdict.level][0]), LEVELS[verdict.level][1]) : null,
      h("span", { class: "soft" }, [about.condition, about.kind, `${about.rate_hz?.toFixed(0)} Hz`, `${about.duration_s?.toFixed(1)} s`].filter(Boolean).join(" · ")), h("span", { class: "spring" }),
      button("compare", "Compare", "Compare this trial (c)"), only(button("looked", "Looked at", "Looked at, nothing to change (l)")), only(button("whole", "Leave out trial…", "Leave out, or include, the whole trial"))),
    verdict?.verdict && verdict.level !== "usable" ? h("p", { class: "verdict" }, verdict.verdict) : null,
    h("div", { class: `upper${beside ? " with-video" : ""}` }, player, beside, parameters),
    h("div", { class: "card lower" },
      h("div", { class: "bar tools" }, clock, reviewer ? adds.map(([side, event, digit]) => h("button", { type: "button", class: `small add ${side}`, dataset: { side, event }, title: `Add a ${side} ${EVENTS[event].name} at the cursor (${digit})` }, `+ ${side[0].toUpperCase()} ${EVENTS[event].mark}`)) : null,
        only(button("undo", "↶", "Undo (u)", { "aria-label": "Undo" })), only(button("redo", "↷", "Redo (r)", { "aria-label": "Redo" })), only(button("store", "Store…", "Store the changes (s)", { class: "main" })), changes, h("span", { class: "spring" }),
        h("button", { type: "button", class: "small", "aria-label": "Zoom out", dataset: { zoom: "2" } }, "−"), h("button", { type: "button", class: "small", "aria-label": "Zoom in", dataset: { zoom: "0.5" } }, "+"),
        h("details", { class: "curves" }, h("summary", {}, "Curves"), menu)),
      problem, timeline, about.angles.step > 1 ? h("p", { class: "soft" }, `Every ${about.angles.step}th frame is drawn.`) : null, cycle),
    h("div", { class: "two" }, h("section", { class: "card" }, h("h2", {}, "Cycles"), cycles), h("section", { class: "card" }, h("h2", {}, "Decisions"), decisions)),
    about.notes.length ? h("details", { class: "card" }, h("summary", {}, "Notes of the ingest"), h("ul", {}, about.notes.map((note) => h("li", {}, note)))) : null];
  page.replaceChildren(...parts.filter(Boolean));
  const boxes = () => [...menu.querySelectorAll("input:checked")].map((box) => box.value);

  function offer(_about, store) {
    const first_ = ["hip_flexion", "knee_flexion", "ankle_dorsiflexion"], rank = (name) => { const i = first_.findIndex((one) => name.startsWith(one)); return i < 0 ? 9 : i; };
    const stems = (names) => [...new Set(names.map((name) => name.replace(/^(left|right)_/, "")))].sort((a, b) => rank(a) - rank(b));
    const groups = [["Angles", stems(about.curves).map((name) => [`angle:${name}`, words(name)])], ["Forces", store.forces ? [["force:vertical", "Vertical ground reaction"]] : []],
      ["Moments and powers", store.kinetics ? stems(Object.keys(store.kinetics)).map((name) => [`kinetics:${name}`, words(name)]) : []],
      ["EMG", store.emg.map((one, i) => [`emg:${i}`, `${one.side ? `${one.side} ` : ""}${one.muscle ? words(one.muscle).toLowerCase() : one.channel}`])]];
    const first = new Set(shared.curves || [...about.shown.flatMap((a) => [`angle:${a}_deg`, `angle:${a}_rel_deg`]), "force:vertical"]);
    menu.replaceChildren(...groups.filter(([, list]) => list.length).map(([title, list]) => h("fieldset", {}, h("legend", {}, title), list.map(([value, name]) => h("label", {}, h("input", { type: "checkbox", value, checked: first.has(value) }), name)))));
  }

  function showGait(saved, draft, leaveOut) {
    const cell = (side, name, decimals) => {
      const was = saved.parameters[side]?.[name], is = draft ? draft.parameters[side]?.[name] : was;
      const isNew = draft && figure(was, decimals) !== figure(is, decimals);
      return [h("td", { class: `number${isNew ? " old" : ""}` }, figure(was, decimals)), h("td", { class: "number new", dataset: { side, name, value: is ?? "" } }, isNew ? `→ ${figure(is, decimals)}` : "")];
    };
    const n = (side) => [h("td", { class: "number" }, String(saved.parameters[side]?.n_cycles ?? 0)), h("td", { class: "number new" }, draft && draft.parameters[side]?.n_cycles !== saved.parameters[side]?.n_cycles ? `→ ${draft.parameters[side]?.n_cycles ?? 0}` : "")];
    parameters.replaceChildren(h("h2", {}, "Parameters", h("small", { class: "soft" }, draft ? " stored → with your changes" : " medians over steady cycles")),
      h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, ""), SIDES.map((side) => h("th", { colspan: "2", class: side }, side === "left" ? "Left" : "Right")))),
        h("tbody", {}, h("tr", {}, h("th", { scope: "row" }, "Steady cycles"), SIDES.map(n)), PARAMETERS.filter(([name]) => SIDES.some((side) => saved.parameters[side]?.[name] != null || draft?.parameters[side]?.[name] != null))
          .map(([name, title, unit, decimals]) => h("tr", {}, h("th", { scope: "row" }, title, h("small", { class: "soft" }, ` ${unit}`)), SIDES.map((side) => cell(side, name, decimals)))))));
    const list = (draft || saved).cycles;
    cycles.replaceChildren(list.length ? h("table", {}, h("thead", {}, h("tr", {}, ["Cycle", "From", "To", "", ""].map((t, i) => h("th", { class: i === 1 || i === 2 ? "number" : null }, t)))), h("tbody", {}, list.map((c) => h("tr", { class: c.is_steady ? null : "weak" },
      h("td", {}, h("span", { class: c.side }, c.side === "left" ? "Left" : "Right"), ` ${c.cycle}`), h("td", { class: "number" }, figure(c.start_s, 2)), h("td", { class: "number" }, figure(c.end_s, 2)), h("td", {}, c.is_steady ? "steady" : c.reason),
      h("td", {}, only(h("button", { type: "button", class: "small", dataset: { cycle: `${c.side} ${c.cycle}` }, onclick: () => leaveOut(c) }, /^excluded/.test(c.reason || "") ? "Include…" : "Leave out…"))))))) : h("p", { class: "soft" }, "No gait cycle found."));
  }

  function showDecisions(list, who, takeBack) {
    decisions.replaceChildren(list.length ? h("ul", { class: "decisions" }, list.map((d) => h("li", { class: d.state === "superseded" ? "weak" : null }, h("b", {}, described(d)), d.action.endsWith("_event") ? `: ${d.reason}` : d.action === "note" ? `: ${d.reason}` : "",
      h("span", { class: "soft" }, ` ${d.reviewer}, ${d.reviewed_at.slice(0, 16).replace("T", " ")}, ${d.state}${d.is_disputed ? ", disputed" : ""}`),
      who && d.state === "holds" && d.action !== "note" ? h("button", { type: "button", class: "small", dataset: { review: d.review_id }, onclick: () => takeBack(d) }, "Undo…") : null))) : h("p", { class: "soft" }, who ? "None yet." : "None."));
  }

  function showDrafts(drafts) {
    const n = drafts.decisions("").length;
    changes.textContent = n ? `${n} change${n > 1 ? "s" : ""} not stored` : "";
    for (const [name, is] of [["store", n > 0], ["undo", drafts.past.length > 0], ["redo", drafts.future.length > 0]]) { const b = $(`[data-act=${name}]`, page); if (b) b.disabled = !is; }
  }

  function showCycle(c, leaveOut) {
    cycle.hidden = false;
    cycle.replaceChildren(h("b", {}, `${c.side} cycle ${c.cycle}`), ` ${c.start_s.toFixed(3)} to ${c.end_s.toFixed(3)} s, ${c.is_steady ? "steady" : c.reason} `,
      only(h("button", { type: "button", class: "small", onclick: () => leaveOut(c) }, /^excluded/.test(c.reason || "") ? "Include…" : "Leave out…")),
      h("a", { class: "button small", href: `#/compare?item=${encodeURIComponent([key.subject, key.session, key.trial, c.side, c.cycle].join("/"))}` }, "Compare this cycle"));
  }

  function on(acts) {
    page.querySelectorAll("[data-act]").forEach((b) => b.addEventListener("click", () => acts[b.dataset.act]()));
    page.querySelectorAll("button.add").forEach((b) => b.addEventListener("click", () => acts.add(b.dataset.side, b.dataset.event)));
    page.querySelectorAll("[data-zoom]").forEach((b) => b.addEventListener("click", () => acts.zoom(Number(b.dataset.zoom))));
    menu.addEventListener("change", () => { shared.curves = boxes(); acts.curves(); });
  }
  return { player, video, timeline, charts, over, clock, offer, chosen: boxes, showGait, showDecisions, showDrafts, showCycle, on,
    problem(text) { problem.hidden = !text; problem.textContent = text ? `This cannot be: ${text}` : ""; const b = $("[data-act=store]", page); if (b && text) b.disabled = true; } };
}
