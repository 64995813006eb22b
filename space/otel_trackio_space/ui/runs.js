/** Page Runs: a table to sort, filter and compare, and what can be done to many at once. */

import { cells, metricKeys, possible, usual } from "./columns.js";
import { add, attribute, download, el, fill, settled } from "./dom.js";
import { Edit } from "./edit.js";
import { count, plural } from "./format.js";
import { Grid } from "./grid.js";
import { whyNothing } from "./nothing.js";
import { openPicker } from "./picker.js";
import { cellOf, widthOf } from "./runcell.js";
import { ConfigDiff } from "./configdiff.js";
import { Scatter } from "./scatter.js";
import { csv, matches, sorted } from "./table.js";

/** Ms between two questions for the values of metrics, while runs go on. */
const FRESH = 2000;

/** Metrics that one question for values may be about. */
const MOST_KEYS = 50;

/** Runs that a press shows in the charts. */
const MOST_CHARTED = 100;

/** In the URL, instead of the ids of all rows that the filter leaves. */
const ALL = "*";

const STATES = ["running", "finished", "failed", "crashed"];

/** What the page depends on. */
const FIELDS = ["sort", "cols", "find", "state", "picked", "diff", "scatter", "tab"];

/** See main.js. */
export const page = {
  name: "runs",
  title: "Runs",
  sidebar: false,
  mount(root, context) {
    const shown = new RunsPage(root, context);
    return () => shown.close();
  },
};

class RunsPage {
  #values = {};
  #asked = "";
  #timer = 0;
  #stops = [];
  #rows = [];
  #all = [];
  #columns = [];
  #possible = [];
  #last = null;
  #ids = new Set();

  /** @param {HTMLElement} root @param {object} context see main.js */
  constructor(root, context) {
    this.context = context;
    this.view = context.view;
    this.catalog = context.catalog;
    this.root = root;
    this.edit = new Edit(root, context);
    this.grid = new Grid({
      label: "Runs",
      cell: (row, column) => this.#cell(row, column),
      picked: (row) => this.#ids.has(row.id),
      onSort: (column) => this.#sort(column),
    });
    this.scatter = new Scatter(context);
    this.diff = new ConfigDiff(context);
    this.bar = el("div", { class: "bulk", role: "toolbar", "aria-label": "Selected runs" });
    this.#build();
    this.#stops = [
      this.view.on(() => this.#show(), ...FIELDS),
      this.catalog.on("runs", () => this.#show()),
      this.catalog.on("projects", () => this.#show()),
      this.catalog.on("error", () => this.#show()),
      this.catalog.on("change", () => this.#freshen()),
      context.theme.on(() => this.#show()),
    ];
    this.#show();
  }

  /** Stops following what happens. */
  close() {
    clearTimeout(this.#timer);
    for (const stop of this.#stops) stop();
    this.grid.close();
    this.scatter.close();
  }

  #build() {
    const { view } = this;
    const typed = settled(() => view.change({ find: this.find.value }, "gradual"), 150);
    this.find = el("input", {
      type: "search",
      placeholder: "Filter: words, lr>0.01, state=failed",
      "aria-label": "Filter the table",
      on: { input: typed },
    });
    this.state = el(
      "select",
      { "aria-label": "State", on: { change: () => view.change({ state: this.state.value }) } },
      el("option", { value: "" }, "Any state"),
      STATES.map((state) => el("option", { value: state }, state)),
    );
    const button = (text, click) => el("button", { type: "button", on: { click } }, text);
    this.plot = button("Scatter", () => this.#toggleScatter());
    this.told = el("span", { class: "soft", role: "status" });
    this.tools = el(
      "div",
      { class: "tools" },
      this.find,
      this.state,
      button("Columns", () => this.#pickColumns()),
      this.plot,
      button("CSV", () => this.#save()),
      this.told,
    );
    this.nothing = el("div", { class: "card empty" });
    this.parts = [this.bar, this.scatter.element, this.diff.element, this.grid.element];
    add(this.root, el("h1", { class: "unseen" }, "Runs"), this.tools, this.parts, this.nothing);
  }

  #show() {
    const { runs, metrics } = this.catalog;
    const { now } = this.view;
    if (document.activeElement !== this.find) this.find.value = now.find;
    this.state.value = now.state;
    if (this.#isWithout(runs)) return;
    this.#possible = possible(runs, metrics);
    const known = new Map(this.#possible.map((column) => [column.id, column]));
    const asked = now.cols.length ? now.cols : usual(runs, metrics);
    this.#columns = asked.map((id) => known.get(id)).filter(Boolean);
    this.#ask();
    this.#arrange(known);
    this.#showBar();
  }

  /** Says that there are no runs, or not yet. */
  #isWithout(runs) {
    const why = whyNothing(this.catalog, this.view.now.project);
    this.tools.hidden = why !== null;
    this.nothing.hidden = why === null;
    fill(this.nothing, why);
    if (!why && runs) return false;
    for (const part of this.parts) part.hidden = true;
    this.told.textContent = "Loading";
    return true;
  }

  /** Filters, orders and draws the rows. */
  #arrange(known) {
    const { now } = this.view;
    const { runs } = this.catalog;
    const order = orderOf(now.sort);
    const axes = now.scatter.map((id) => known.get(id));
    const read = [...new Set([...this.#columns, ...axes, order && known.get(order.column)])].filter(Boolean);
    const filtering = now.find ? this.#possible : read;
    const clock = Date.now();
    const rowOf = (run) => ({ id: run.id, run, cells: cells(run, filtering, this.#values[run.id], clock) });
    this.#all = runs.map(rowOf).reverse();
    const left = this.#all.filter(
      (row) => (!now.state || row.run.state === now.state) && matches(row, now.find, this.#possible),
    );
    this.#rows = sorted(left, order);
    const { picked } = now;
    this.#ids = new Set(picked[0] === ALL ? this.#rows.map((row) => row.id) : picked);
    const pick = { id: "pick", title: "Select", head: this.#pickAll(), width: 5, fixed: true };
    const shown = this.#columns.map((column) => ({
      ...column,
      sorts: true,
      fixed: column.id === "run:name",
      width: widthOf(column, this.#all),
    }));
    this.grid.element.hidden = false;
    this.nothing.hidden = left.length > 0;
    fill(this.nothing, runs.length ? "No run matches the filter." : "No runs.");
    this.grid.show([pick, ...shown], this.#rows, order);
    this.told.textContent =
      left.length === runs.length
        ? plural(runs.length, "run")
        : `${count(left.length)} of ${plural(runs.length, "run")}`;
    attribute(this.plot, "aria-pressed", now.scatter.length > 0 ? "true" : "false");
    this.scatter.show(this.#rows, this.#possible);
    this.diff.show(this.#picked());
  }

  #cell(row, column) {
    if (column.id !== "pick") return cellOf(this.context, row, column);
    const box = el("input", {
      type: "checkbox",
      checked: this.#ids.has(row.id),
      "aria-label": `Select ${row.run.name}`,
    });
    box.addEventListener("click", (event) => this.#pick(row.id, box.checked, event.shiftKey));
    return el("label", { class: "hit" }, box);
  }

  #pickAll() {
    const hit = this.#rows.filter((row) => this.#ids.has(row.id)).length;
    const box = el("input", {
      type: "checkbox",
      checked: hit > 0 && hit === this.#rows.length,
      indeterminate: hit > 0 && hit < this.#rows.length,
      "aria-label": "Select all rows",
    });
    box.addEventListener("click", () => this.view.change({ picked: box.checked ? [ALL] : [] }));
    return el("label", { class: "hit" }, box);
  }

  /** One row, or with Shift all from the last one to it. */
  #pick(id, is, range) {
    const ids = this.#rows.map((row) => row.id);
    const [from, to] = [range && this.#last !== null ? ids.indexOf(this.#last) : -1, ids.indexOf(id)];
    const chosen = from < 0 ? [id] : ids.slice(Math.min(from, to), Math.max(from, to) + 1);
    this.#last = id;
    const others = [...this.#ids].filter((each) => !chosen.includes(each));
    this.view.change({ picked: is ? [...others, ...chosen] : others });
  }

  #picked() {
    return [...this.#ids].map((id) => this.catalog.byId.get(id)).filter(Boolean);
  }

  #showBar() {
    const runs = this.#picked();
    this.bar.hidden = runs.length === 0;
    if (this.bar.hidden) return;
    const held = this.bar.contains(document.activeElement) ? document.activeElement.textContent : null;
    const button = (text, click, about = {}) =>
      el("button", { type: "button", ...about, on: { click } }, text);
    const { diff } = this.view.now;
    fill(
      this.bar,
      el("strong", { role: "status" }, `${count(runs.length)} selected`),
      button("Show in charts", () => this.#chart(runs)),
      button("Compare configs", () => this.view.change({ diff: !diff }), { "aria-pressed": String(diff) }),
    );
    if (this.edit.allowed) {
      add(
        this.bar,
        runs.length === 1 && button("Rename", () => this.edit.rename(runs[0])),
        button("Edit tags", () => this.edit.tag(runs)),
        button("Move", () => this.edit.move(runs)),
        button("Delete", () => this.edit.remove(runs, () => this.view.change({ picked: [] }, "replace")), {
          class: "danger",
        }),
      );
    }
    add(
      this.bar,
      button("Clear", () => this.view.change({ picked: [] })),
    );
    if (held) [...this.bar.querySelectorAll("button")].find((each) => each.textContent === held)?.focus();
  }

  #chart(runs) {
    if (runs.length > MOST_CHARTED) this.context.toast(`Charts show the first ${MOST_CHARTED} of them.`);
    const only = runs.slice(0, MOST_CHARTED).map((run) => run.id);
    this.view.change({ page: "metrics", only, hide: [], none: false, filter: "", latest: false });
  }

  /** Up, then down, then as it was. */
  #sort(column) {
    const order = orderOf(this.view.now.sort);
    const same = order?.column === column;
    this.view.change({ sort: !same ? column : order.down ? "" : `-${column}` });
  }

  #pickColumns() {
    const ids = this.#columns.map((column) => column.id);
    openPicker(this.root, this.#possible, ids, (chosen) => this.view.change({ cols: chosen ?? [] }));
  }

  #toggleScatter() {
    const on = this.view.now.scatter.length > 0;
    this.view.change({ scatter: on ? [] : this.scatter.usual(this.#columns, this.#possible) });
  }

  #save() {
    const text = csv(this.#columns, this.#rows);
    download(`${this.catalog.project || "runs"}.csv`, new Blob([text], { type: "text/csv" }));
  }

  /** Asks for the values that columns and axes need, unless they are there. */
  #ask() {
    const { scatter, sort } = this.view.now;
    const others = [...scatter, orderOf(sort)?.column];
    const needed = [...this.#columns, ...this.#possible.filter(({ id }) => others.includes(id))];
    const keys = metricKeys(needed);
    const asked = JSON.stringify([this.catalog.project, keys]);
    if (asked === this.#asked) return;
    this.#asked = asked;
    if (keys.length) this.#read(keys, asked);
  }

  async #read(keys, asked) {
    const { project } = this.catalog;
    const pieces = [];
    for (let at = 0; at < keys.length; at += MOST_KEYS) pieces.push(keys.slice(at, at + MOST_KEYS));
    try {
      const answers = await Promise.all(
        pieces.map((key) => this.context.client.get("values", { project, key })),
      );
      if (asked !== this.#asked) return;
      this.#values = joined(answers.map((answer) => answer.values));
      this.#show();
    } catch (error) {
      this.told.textContent = `The values of metrics did not come: ${error.message}`;
    }
  }

  #freshen() {
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#asked = "";
      this.#show();
    }, FRESH);
  }
}

function orderOf(sort) {
  if (!sort) return null;
  return sort.startsWith("-") ? { column: sort.slice(1), down: true } : { column: sort, down: false };
}

/** Values by run and key, from several answers about other keys. */
function joined(answers) {
  const found = {};
  for (const values of answers) {
    for (const [run, own] of Object.entries(values)) found[run] = { ...found[run], ...own };
  }
  return found;
}
