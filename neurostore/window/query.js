// Free queries: one SELECT, run by the server in a locked process.
import { post } from "./api.js";
import { h, message } from "./dom.js";

const FIRST = "SELECT subject, session, count(*) AS trials\nFROM trials\nGROUP BY ALL\nORDER BY ALL";

export async function queryPage(page, shared) {
  const text = h("textarea", { id: "query", rows: "8", spellcheck: "false", "aria-label": "Query" });
  text.value = shared.query || FIRST;
  const found = h("div", { class: "scroll", tabindex: "0", "aria-label": "Result" });
  const status = h("p", { class: "soft", role: "status" });
  const button = h("button", { type: "button", class: "main", onclick: run }, "Run");
  async function run() {
    shared.query = text.value;
    button.disabled = true;
    status.textContent = "Running…";
    try {
      const result = await post("sql", { query: text.value });
      message("");
      status.textContent = `${result.n_rows.toLocaleString("en")} rows` + (result.n_rows > result.rows.length ? `, the first ${result.rows.length} are shown` : "");
      found.replaceChildren(h("table", {}, h("thead", {}, h("tr", {}, result.columns.map((name) => h("th", {}, name)))),
        h("tbody", {}, result.rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value))))))));
    } catch (error) {
      status.textContent = "";
      message(error.message);
    } finally {
      button.disabled = false;
    }
  }
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); } });
  page.replaceChildren(h("section", { class: "card" }, h("h1", {}, "Query"),
    h("p", { class: "soft" }, "One SELECT over the tables and views of the lake (Ctrl+Enter runs it). It reads only, for 20 seconds at most."),
    text, h("div", { class: "bar" }, button, status), found));
  text.focus();
  return { stop() {} };
}
