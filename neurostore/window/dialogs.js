// Dialogs: help, reasons, what will be stored.
import { h } from "./dom.js";

export function open(title, content, buttons) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-label": title }, h("form", { method: "dialog" }, h("h2", {}, title), content,
      h("div", { class: "buttons" }, buttons.map(([value, text, kind]) => h("button", { value, class: kind || null, formnovalidate: kind !== "main" }, text)))));
    dialog.addEventListener("close", () => { const value = dialog.returnValue; dialog.remove(); resolve(value); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const KEYS = [
  ["Everywhere", [["?", "this help"], ["Esc", "close a message or dialog"], ["Tab", "next control"]]],
  ["Cohort", [["/", "search"], ["↑ ↓ or k j", "another row"], ["Enter", "open the trial"], ["c", "add to the comparison, or remove"]]],
  ["Trial", [
    ["Space", "play or pause"], ["← →", "a frame back or on (Shift: ten)"], ["+ − 0", "zoom in, out, whole trial"], ["[ ]", "previous or next event"],
    ["← → on an event", "move it by a frame (Shift: ten)"], ["Delete on an event", "delete it"], ["1 2 3 4", "add at the cursor: left strike, left off, right strike, right off"],
    ["x", "leave out, or include, a cycle at the cursor"], ["u or Ctrl+Z", "undo"], ["r or Ctrl+Y", "redo"], ["s or Ctrl+S", "store"],
    ["l", "looked at, nothing to change"], ["p n", "previous or next trial of the list"], ["c", "compare this trial"],
  ]],
];

export function helpDialog() {
  if (document.querySelector("dialog[open]")) return null;
  const parts = KEYS.map(([name, keys]) => h("section", {}, h("h3", {}, name), h("dl", {}, keys.map(([key, text]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, text)]))));
  const about = h("p", { class: "soft" }, "Distance: root mean square difference in degrees from the mean curves of the reference, over the angles of the Gait Profile Score that the trial has. " +
    "Looked at: somebody decided on the trial, or marked it as looked at. Decisions never change recordings; each can be undone.");
  return open("Keys and help", h("div", { class: "help" }, parts, about), [["", "Close", "main"]]);
}

// A reason, or null if the dialog was cancelled.
export async function askReason(title, suggestions, extra = null) {
  const field = h("input", { type: "text", id: "reason", required: true, maxlength: "300", list: "reasons", value: suggestions[0] || "", autocomplete: "off" });
  const list = h("datalist", { id: "reasons" }, suggestions.map((text) => h("option", { value: text })));
  const content = h("div", {}, extra, h("label", { for: "reason" }, "Reason"), field, list);
  const answer = open(title, content, [["ok", "Store", "main"], ["", "Cancel"]]);
  field.focus();
  field.select();
  return (await answer) === "ok" && field.value.trim() ? field.value.trim() : null;
}
