/** The list of runs: which are shown, in which colour, in which groups. */

import { attribute, el, fill, listen, oncePerFrame } from "./dom.js";
import { choiceRows } from "./rows.js";
import { allOrNone, groupKeys, onlyThese, toggled } from "./choice.js";
import { count } from "./format.js";
import { groupRow, runRow } from "./runrow.js";

/** Height of a row, and how many are there above and below what is seen. */
const ROW = 30;
const SPARE = 8;

export class Sidebar {
  #rows = [];
  #drawn = new Map();

  /** @param {object} context see main.js */
  constructor(context) {
    this.context = context;
    const { view, catalog, theme, highlight } = context;
    this.space = el("div", { class: "runs-space", role: "list" });
    this.list = el("div", { class: "runs", tabindex: -1 }, this.space);
    this.note = el("div", { class: "side-note", hidden: true });
    this.root = el("aside", { class: "sidebar", "aria-label": "Runs" }, this.#top(), this.note, this.list);
    this.acts = { show: (ids, on) => this.#show(ids, on), only: (ids) => this.#only(ids) };
    this.drawSoon = oncePerFrame(() => this.#draw());
    this.placeSoon = oncePerFrame(() => this.#place());
    listen(this.list, "scroll", () => this.placeSoon(), { passive: true });
    new ResizeObserver(() => this.placeSoon()).observe(this.list);
    view.on(
      () => this.drawSoon(),
      "filter",
      "hide",
      "only",
      "none",
      "all",
      "latest",
      "group",
      "folded",
      "baseline",
      "project",
      "lines",
    );
    for (const event of ["runs", "projects"]) catalog.on(event, () => this.drawSoon());
    theme.on(() => this.drawSoon());
    highlight.on((id) => this.#mark(id));
    this.drawSoon();
  }

  #top() {
    const { view } = this.context;
    this.amount = el("span", { class: "soft" });
    this.filter = el("input", {
      type: "search",
      placeholder: "Filter runs (regex)",
      "aria-label": "Filter runs by a regular expression",
      "aria-describedby": "ot-filter-error",
      on: { input: () => view.change({ filter: this.filter.value }, "gradual") },
    });
    this.error = el("div", { class: "wrong", id: "ot-filter-error", role: "status" });
    this.group = el("select", {
      "aria-label": "Group runs by",
      on: { change: () => view.change({ group: this.group.value, folded: [] }) },
    });
    this.latest = el("input", { type: "checkbox", on: { change: () => view.change({ latest: this.latest.checked }) } });
    this.all = el("input", {
      type: "checkbox",
      class: "swatch",
      "aria-label": "Show all runs",
      on: { change: () => this.#showAll(this.all.checked) },
    });
    return el(
      "div",
      { class: "side-top" },
      el("div", { class: "side-title" }, el("h2", {}, "Runs"), this.amount),
      this.filter,
      this.error,
      el(
        "div",
        { class: "side-row" },
        el("label", { for: "ot-group" }, "Group"),
        attributed(this.group, { id: "ot-group" }),
      ),
      el(
        "div",
        { class: "side-row between" },
        el("label", {}, this.all, "All"),
        el("label", { title: "The newest run, or that of each group" }, this.latest, "Latest only"),
      ),
    );
  }

  #showAll(on) {
    this.context.view.change(allOrNone(this.context.choice(), this.context.view.now, on));
  }

  #show(ids, on) {
    this.context.view.change(toggled(this.context.choice(), this.context.view.now, ids, on));
  }

  #only(ids) {
    this.context.view.change(onlyThese(ids));
  }

  #draw() {
    const { view, catalog } = this.context;
    const choice = this.context.choice();
    const { now } = view;
    if (document.activeElement !== this.filter) this.filter.value = now.filter;
    attribute(this.filter, "aria-invalid", choice.error ? "true" : null);
    this.error.textContent = choice.error;
    this.latest.checked = now.latest;
    const { length } = choice.matching;
    const none = catalog.projects?.length === 0;
    this.amount.textContent =
      catalog.runs || none ? `${count(choice.shown.length)} of ${count(choice.all)} shown` : "…";
    this.all.checked = length > 0 && choice.shown.length === length;
    this.all.indeterminate = choice.shown.length > 0 && choice.shown.length < length;
    this.#groups(now.group);
    this.note.hidden = choice.cut === 0;
    if (choice.cut) {
      fill(
        this.note,
        `The newest ${count(choice.shown.length)} are shown, so that charts stay quick. `,
        el(
          "button",
          { class: "link", type: "button", on: { click: () => this.#showAll(true) } },
          `Show ${count(choice.cut)} more`,
        ),
      );
    }
    this.#rows = choiceRows(choice, now);
    this.space.style.height = `${this.#rows.length * ROW}px`;
    const focus = this.#focus();
    for (const [index, { row, word }] of this.#drawn) {
      if (this.#rows[index] && this.#word(this.#rows[index]) === word) continue;
      row.remove();
      this.#drawn.delete(index);
    }
    this.#place();
    this.#refocus(focus);
  }

  #groups(chosen) {
    const keys = groupKeys(this.context.catalog.runs ?? []);
    const word = keys.join("\n");
    if (word !== this.known) {
      this.known = word;
      const configs = keys.map((key) => el("option", { value: `config.${key}` }, key));
      fill(
        this.group,
        el("option", { value: "" }, "None"),
        el("option", { value: "group" }, "Group"),
        configs.length ? el("optgroup", { label: "Config" }, configs) : null,
      );
    }
    if (![...this.group.options].some((option) => option.value === chosen))
      this.group.append(el("option", { value: chosen }, chosen.replace(/^config\./, "")));
    this.group.value = chosen;
  }

  /** Draws the rows that are seen; the others are only room. */
  #place() {
    const height = this.list.clientHeight || 600;
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - SPARE);
    const last = Math.min(this.#rows.length, Math.ceil((this.list.scrollTop + height) / ROW) + SPARE);
    for (const [index, { row }] of this.#drawn) {
      if (index >= first && index < last) continue;
      if (row.contains(document.activeElement)) continue;
      row.remove();
      this.#drawn.delete(index);
    }
    for (let index = first; index < last; index++) {
      if (this.#drawn.has(index)) continue;
      const row = this.#row(this.#rows[index], index);
      const next = this.#after(index);
      this.#drawn.set(index, { row, word: this.#word(this.#rows[index]) });
      this.space.insertBefore(row, next); // The Tab key follows the order here.
    }
  }

  #after(index) {
    const next = Math.min(...[...this.#drawn.keys()].filter((each) => each > index));
    return this.#drawn.get(next)?.row ?? null;
  }

  /** All that a row shows: where it is another, the row is made anew. */
  #word(entry) {
    const { run, group, ...rest } = entry;
    const { theme, view } = this.context;
    const about = run ? [run.id, run.name, run.state] : [group.name, group.order, group.runs.map(({ id }) => id)];
    return JSON.stringify([about, rest, theme.dark, view.now.lines, this.#rows.length]);
  }

  /** The control that has the focus, as its row and its place there. */
  #focus() {
    const row = document.activeElement?.closest?.(".run-row");
    if (!row || !this.space.contains(row)) return null;
    return { id: row.dataset.id, place: controls(row).indexOf(document.activeElement) };
  }

  #refocus(focus) {
    if (!focus || this.#focus()) return;
    const found = [...this.#drawn.values()].find(({ row }) => row.dataset.id === focus.id);
    if (found) controls(found.row)[focus.place]?.focus();
  }

  #row(entry, index) {
    const row = entry.run ? runRow(this.context, entry, this.acts) : groupRow(this.context, entry, this.acts);
    row.style.top = `${index * ROW}px`;
    attribute(row, "role", "listitem");
    attribute(row, "aria-setsize", this.#rows.length);
    attribute(row, "aria-posinset", index + 1);
    return row;
  }

  #mark(id) {
    for (const { row } of this.#drawn.values()) row.classList.toggle("lit", id !== null && row.dataset.id === id);
  }
}

function controls(row) {
  return [...row.querySelectorAll("input, button, a")];
}

function attributed(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) attribute(element, name, value);
  return element;
}
