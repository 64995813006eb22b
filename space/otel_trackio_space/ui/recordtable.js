/** A recorded table, a page of its rows at a time. */

import { el, fill } from "./dom.js";
import { figure } from "./figure.js";
import { count, plural } from "./format.js";
import { Grid } from "./grid.js";
import { plain } from "./nested.js";
import { pictureOf } from "./recordimages.js";

/** Rows of a page. */
export const PAGE = 100;

/** Least and greatest width of a column, in characters, and the padding. */
const [LEAST, GREATEST, BESIDE] = [8, 40, 4];

/** The column whose cells open their row. */
const OPENS = "row";

/** Characters of a cell that are shown until it is opened. */
const SHORT = 200;

export class RecordTable {
  #record = null;
  #start = 0;
  #asked = 0;
  #page = null;

  constructor(context, run, kind, key) {
    this.context = context;
    this.run = run;
    this.key = key;
    this.grid = new Grid({
      label: `Rows of ${key}`,
      cell: (row, { id }) =>
        id === OPENS ? this.#opener(row.id) : this.#cell(row.values[Number(id)], this.#page.types[Number(id)]),
    });
    this.told = el("p", { class: "soft", role: "status" });
    const turn = (text, by) =>
      el("button", { type: "button", on: { click: () => this.#read(this.#start + by) } }, text);
    [this.back, this.on] = [turn("Previous rows", -PAGE), turn("Next rows", PAGE)];
    this.detail = el("div", { class: "record-detail" });
    this.element = el(
      "div",
      { class: "record-body" },
      this.grid.element,
      el("div", { class: "pages" }, this.told, this.back, this.on),
      this.detail,
    );
    this.back.hidden = this.on.hidden = true;
  }

  close() {
    this.#asked += 1;
    this.grid.close();
  }

  /** @param {object[]} records The last one counts. */
  show(records) {
    this.#record = records.at(-1);
    this.#read(this.#start);
  }

  async #read(from) {
    const asked = ++this.#asked;
    const { id, key, data } = this.#record;
    const last = Math.max(0, (data.count ?? 0) - 1);
    const start = Math.floor(Math.max(0, Math.min(last, from)) / PAGE) * PAGE;
    this.#start = start; // Now, for who clicks faster than pages come.
    try {
      const path = `runs/${encodeURIComponent(this.run)}/rows/${id}`;
      const page = await this.context.client.get(path, { key, start, limit: PAGE });
      if (asked === this.#asked) this.#show(page);
    } catch (error) {
      if (asked === this.#asked) fill(this.told, "The rows cannot be shown: ", error.message);
    }
  }

  #show(page) {
    this.#page = page;
    fill(this.detail);
    const rows = page.rows.map((values, at) => ({ id: String(page.start + at), values }));
    this.grid.show(
      [
        { id: OPENS, title: "Row", fixed: true, width: LEAST + BESIDE },
        ...page.columns.map((title, at) => ({
          id: String(at),
          title,
          numeric: page.types[at] === "int" || page.types[at] === "float",
          width: widthOf(title, rows, at, page.types[at]),
        })),
      ],
      rows,
    );
    const several = page.count > PAGE;
    const last = page.start + rows.length;
    const range = `Rows ${count(page.start + 1)} to ${count(last)} of ${count(page.count)}`;
    fill(this.told, several ? range : plural(page.count, "row"));
    this.back.hidden = this.on.hidden = !several;
    this.back.disabled = page.start === 0;
    this.on.disabled = last >= page.count;
  }

  #cell(value, type) {
    if (value === null || value === undefined)
      return el("span", { class: "none", "aria-label": "none" }, "–");
    if (type === "image")
      return [value].flat().map((each) => pictureOf(this.context, this.run, each, this.key));
    const text = textOf(value, type);
    return el("span", { class: "ellipsis", title: text.slice(0, SHORT) }, text.slice(0, SHORT));
  }

  #opener(id) {
    const number = count(Number(id) + 1);
    const about = { type: "button", class: "link", "aria-label": `Show row ${number}` };
    return el("button", { ...about, on: { click: () => this.#open(id) } }, number);
  }

  /** A row in full, below the table: a prompt takes more than a line. */
  #open(id) {
    const { columns, types, rows, start } = this.#page;
    const values = rows[Number(id) - start];
    fill(
      this.detail,
      el("h3", {}, `Row ${count(Number(id) + 1)}`),
      el(
        "dl",
        {},
        columns.map((title, place) => [
          el("dt", {}, title),
          el("dd", {}, full(this.#cell(values[place], types[place]), values[place], types[place])),
        ]),
      ),
    );
  }
}

function full(cell, value, type) {
  if (value === null || value === undefined || type === "image") return cell;
  return el("pre", {}, textOf(value, type));
}

function textOf(value, type) {
  if (typeof value === "number") return figure(value);
  return type === "float" && typeof value === "string" ? figure(Number(value)) : plain(value);
}

function widthOf(title, rows, at, type) {
  let longest = title.length;
  if (type !== "image")
    for (const { values } of rows) longest = Math.max(longest, textOf(values[at] ?? "", type).length);
  return Math.max(LEAST, Math.min(GREATEST, longest)) + BESIDE;
}
