/** The dialog that chooses the columns of the table of runs. */

import { OF_METRIC } from "./columns.js";
import { openDialog } from "./dialog.js";
import { el, fill } from "./dom.js";
import { plural } from "./format.js";
import { named } from "./metricname.js";

/** Lines that are shown before a search must narrow them. */
const MOST = 200;

const PARTS = { run: "Run", config: "Config", summary: "Summary", metric: "Metrics" };

/**
 * Opens it; every change is told at once.
 * @param {HTMLElement} page
 * @param {import("./columns.js").Column[]} columns All that could be chosen.
 * @param {string[]} chosen Ids.
 * @param {(ids: string[]|null) => void} onChange Null asks for the usual ones.
 */
export function openPicker(page, columns, chosen, onChange) {
  const ids = new Set(chosen);
  const lines = linesOf(columns);
  const search = el("input", {
    type: "search",
    placeholder: "Search columns",
    "aria-label": "Search columns",
    "data-first": true,
  });
  const list = el("div", { class: "picker-list" });
  const told = el("p", { class: "soft", role: "status" });
  const toggle = (id, is) => {
    if (is) ids.add(id);
    else ids.delete(id);
    onChange([...ids]);
  };
  const show = () => {
    const found = lines.filter((line) => line.text.includes(search.value.trim().toLowerCase()));
    fill(list, sections(found.slice(0, MOST), ids, toggle));
    told.textContent =
      found.length > MOST
        ? `${found.length - MOST} more: search to narrow them`
        : search.value.trim()
          ? plural(found.length, "match", "matches")
          : plural(found.length, "column");
  };
  search.addEventListener("input", show);
  show();
  openDialog(page, "Columns", (close) => {
    const usual = () => {
      onChange(null);
      close();
    };
    return [
      search,
      told,
      list,
      el(
        "footer",
        {},
        el("button", { type: "button", on: { click: usual } }, "Usual columns"),
        el("button", { type: "button", class: "primary", on: { click: close } }, "Done"),
      ),
    ];
  });
}

/** A line a fact, path or metric; that of a metric has several columns. */
function linesOf(columns) {
  const found = new Map();
  for (const column of columns) {
    const part = OF_METRIC.includes(column.part) ? "metric" : column.part;
    const name = `${part}:${column.key}`;
    const title = part === "metric" ? column.key : column.title;
    if (!found.has(name)) found.set(name, { part, title, about: column.about, text: title.toLowerCase(), columns: [] });
    found.get(name).columns.push(column);
  }
  return [...found.values()];
}

function sections(lines, ids, toggle) {
  return Object.entries(PARTS).map(([part, title]) => {
    const own = lines.filter((line) => line.part === part);
    return (
      own.length > 0 &&
      el(
        "fieldset",
        {},
        el("legend", {}, title),
        own.map((line) => lineOf(line, ids, toggle)),
      )
    );
  });
}

function lineOf({ title, about, columns }, ids, toggle) {
  const boxes = columns.map((column) => {
    const change = (event) => toggle(column.id, event.target.checked);
    const box = el("input", { type: "checkbox", checked: ids.has(column.id), on: { change } });
    const text = columns.length > 1 ? column.part : title;
    return el("label", { class: "check", title: column.title }, box, el("span", {}, text));
  });
  if (columns.length === 1) return boxes[0];
  return el(
    "div",
    { class: "picker-metric", role: "group", "aria-label": title },
    el("span", { class: "ellipsis", title }, named(title, about)),
    boxes,
  );
}
