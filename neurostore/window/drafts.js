// What a reviewer has changed and not yet stored: snapshots, so that every step can be undone.

const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");

export class Drafts {
  // events: as stored; onChange is called after every step.
  constructor(events, onChange) {
    this.onChange = onChange;
    this.rebase(events);
  }

  rebase(events) {
    this.base = events.map((event, id) => ({ ...event, id: `e${id}`, base: event }));
    this.now = { events: this.base, parts: [] };
    this.past = [];
    this.future = [];
    this.ids = new Map();
    this.added = 0;
  }

  get isDirty() { return this.decisions("").length > 0; }

  step(next) {
    this.past.push(this.now);
    this.future = [];
    this.now = next;
    this.onChange();
  }

  undo() {
    if (!this.past.length) return false;
    this.future.push(this.now);
    this.now = this.past.pop();
    this.onChange();
    return true;
  }

  redo() {
    if (!this.future.length) return false;
    this.past.push(this.now);
    this.now = this.future.pop();
    this.onChange();
    return true;
  }

  move(id, time_s) {
    this.step({ ...this.now, events: this.now.events.map((e) => (e.id === id ? { ...e, time_s } : e)) });
  }

  remove(id) {
    this.step({ ...this.now, events: this.now.events.filter((e) => e.id !== id) });
  }

  add(side, event, time_s) {
    const one = { side, event, time_s, id: `n${this.added++}`, base: null, source: "draft", method: "review" };
    this.step({ ...this.now, events: [...this.now.events, one] });
    return one.id;
  }

  // part: {action: exclude or include, side, cycle, reason}
  part(one) {
    const rest = this.now.parts.filter((p) => p.side !== one.side || p.cycle !== one.cycle);
    this.step({ ...this.now, parts: [...rest, one] });
  }

  // The decisions that lead from what is stored to what is shown, in an order in which each is possible.
  decisions(reason) {
    const left = new Set(this.now.events.map((e) => e.id));
    const about = ({ side, event }) => ({ side, event });
    const gone = this.base.filter((e) => !left.has(e.id)).map((e) => ({ action: "delete_event", ...about(e), time_s: e.base.time_s, reason }));
    const moved = this.now.events.filter((e) => e.base && e.base.time_s !== e.time_s)
      .map((e) => ({ action: "move_event", ...about(e), time_s: e.base.time_s, new_time_s: e.time_s, reason }));
    const right = moved.filter((d) => d.new_time_s > d.time_s).sort((a, b) => b.time_s - a.time_s);
    const back = moved.filter((d) => d.new_time_s < d.time_s).sort((a, b) => a.time_s - b.time_s);
    const added = this.now.events.filter((e) => !e.base).map((e) => ({ action: "add_event", ...about(e), time_s: e.time_s, reason }));
    return [...gone, ...right, ...back, ...added, ...this.now.parts];
  }

  // The same with an id each, which stays the same until they are stored: the server stores none twice.
  forStoring(reason) {
    return this.decisions(reason).map((decision) => {
      const text = JSON.stringify({ ...decision, reason: "" });
      if (!this.ids.has(text)) this.ids.set(text, newId());
      return { ...decision, review_id: this.ids.get(text) };
    });
  }
}

export { newId };
