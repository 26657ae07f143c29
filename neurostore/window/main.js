// The frame of the window: which page is shown, who looks, and help.
import { get } from "./api.js";
import { cohortPage } from "./cohort.js";
import { comparePage } from "./compare.js";
import { helpDialog } from "./dialogs.js";
import { $, h, isTyping, message } from "./dom.js";
import { queryPage } from "./query.js";
import { trialPage } from "./trial.js";

const shared = { state: null, cohort: null, order: [], basket: [] };
let leave = null, shows = 0;

async function show() {
  const address = location.hash.slice(1) || "/";
  if (leave?.mayLeave && !leave.mayLeave()) {
    history.replaceState(null, "", leave.address);
    return;
  }
  leave?.stop();
  leave = null;
  message("");
  const [path, query] = address.split("?");
  const [, name, ...rest] = path.split("/");
  const page = $("#page");
  page.replaceChildren(h("p", { class: "soft loading" }, "Loading…"));
  for (const link of document.querySelectorAll("header nav a")) {
    if (link.dataset.page === (name || "cohort")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  try {
    const build = { "": cohortPage, trial: trialPage, compare: comparePage, query: queryPage }[name];
    if (!build) throw new Error("There is no such page.");
    const mine = ++shows;
    shared.isCurrent = () => mine === shows;
    const built = await build(page, shared, rest.map(decodeURIComponent), new URLSearchParams(query));
    if (mine !== shows) built?.stop();
    else leave = built && { ...built, address: `#${address}` };
  } catch (error) {
    page.replaceChildren(h("p", {}, h("a", { href: "#/" }, "Back to the cohort")));
    message(error.message);
  }
}

async function begin() {
  $("#help").addEventListener("click", helpDialog);
  document.addEventListener("keydown", (event) => {
    if (event.key === "?" && !isTyping(event)) { event.preventDefault(); helpDialog(); }
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) message("");
  });
  window.addEventListener("beforeunload", (event) => { if (leave?.isDirty?.()) event.preventDefault(); });
  try {
    shared.state = await get("state");
  } catch (error) {
    message(error.message);
    return;
  }
  const { lake, version, reviewer, state, is_release: isRelease } = shared.state;
  $("#lake").textContent = isRelease ? `${lake} · ${state}` : `${lake} · version ${version}`;
  $("#role").textContent = reviewer ? `reviewer ${reviewer}` : "read-only";
  $("#role").classList.toggle("on", Boolean(reviewer));
  shared.sawVersion = (v) => { shared.state.version = v; if (!isRelease) $("#lake").textContent = `${lake} · version ${v}`; };
  window.addEventListener("hashchange", show);
  await show();
}

window.neurostore = shared;
begin();
