// Elements without HTML text: nothing from the lake is ever parsed as markup.

// h("button", { class: "x", onclick: f, "aria-label": "y", dataset: { a: 1 } }, children…)
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "value" || name === "checked" || name === "selected" || name === "disabled") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export const $ = (selector, within = document) => within.querySelector(selector);

export function choice(label, id, options, value, onchange) {
  const select = h("select", { id, onchange: () => onchange(select.value) },
    options.map(([v, text]) => h("option", { value: v, selected: v === value }, text)));
  return h("label", { class: "choice", for: id }, h("span", {}, label), select);
}

// A number for people: fixed decimals; a dash if there is no number.
export const figure = (value, decimals = 1) => (value === null || value === undefined ? "–" : value.toFixed(decimals));

// Announced to screen readers.
export function say(text) {
  $("#status").textContent = text;
}

let hiding = null;
export function message(text, kind = "error", seconds = kind === "error" ? 0 : 4) {
  const box = $("#message");
  clearTimeout(hiding);
  box.hidden = !text;
  box.className = kind;
  box.replaceChildren();
  if (text) box.append(h("span", {}, text), h("button", { type: "button", "aria-label": "Close", onclick: () => message("") }, "×"));
  if (text && seconds) hiding = setTimeout(() => message(""), seconds * 1000);
}

export const isTyping = (event) => event.target.closest?.("input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, dialog") !== null;

export const trialPath = (t) => `#/trial/${[t.subject, t.session, t.trial].map(encodeURIComponent).join("/")}`;
export const trialName = (t) => [t.subject, t.session, t.trial].filter(Boolean).join(" / ");
