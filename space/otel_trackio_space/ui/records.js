/** The tables, and images, that a run recorded beside its curves. */

import { el, fill } from "./dom.js";
import { count, moment, number, plural } from "./format.js";
import { Grid } from "./grid.js";
import { plain } from "./nested.js";
import { rowsOf } from "./recordrows.js";

/** Least and greatest width of a column, in characters, and the padding. */
const [LEAST, GREATEST, BESIDE] = [8, 40, 4];

/** Rows whose texts decide how wide a column is. */
const SAMPLE = 200;

export class Records {
  #grids = [];
  #shown = "";

  constructor(context) {
    this.context = context;
    this.element = el("div", { class: "records" });
  }

  /** Lets go of what watches it. */
  close() {
    for (const grid of this.#grids) grid.close();
    this.#grids = [];
  }

  /** @param {object[]} tables @param {object[]} images Records as the API tells of them. */
  show(tables, images) {
    const text = JSON.stringify([tables, images]);
    if (text === this.#shown) return;
    this.#shown = text;
    this.close();
    fill(
      this.element,
      this.#byKey(tables, (record) => this.#table(record)),
      this.#byKey(images, (record) => this.#image(record)),
    );
  }

  /** One card a key; where there are several steps, one is chosen, the last at first. */
  #byKey(records, draw) {
    const keys = [...new Set(records.map((record) => record.key))];
    return keys.map((key) => {
      const own = records.filter((record) => record.key === key);
      const body = el("div", { class: "record-body" });
      const choose = el(
        "select",
        { "aria-label": `Which ${key}`, hidden: own.length < 2 },
        own.map((record, at) => el("option", { value: at }, whenOf(record))),
      );
      const show = () => fill(body, draw(own[Number(choose.value)]));
      choose.value = String(own.length - 1);
      choose.addEventListener("change", show);
      show();
      const when = own.length < 2 && el("span", { class: "soft" }, whenOf(own[0]));
      return el(
        "section",
        { class: "card panel", "aria-label": key },
        el("header", {}, el("h2", {}, key), when, choose),
        body,
      );
    });
  }

  #table(record) {
    const { columns, rows, cut } = rowsOf(record.data);
    const grid = new Grid({
      label: `Rows of ${record.key}`,
      cell: (row, { id }) => this.#cell(row.values[Number(id)]),
    });
    this.#grids.push(grid);
    const numeric = (at) => rows.every(({ values }) => values[at] === null || typeof values[at] === "number");
    grid.show(
      columns.map((title, at) => ({
        id: String(at),
        title,
        numeric: numeric(at),
        width: widthOf(title, rows, at),
      })),
      rows,
    );
    return [
      grid.element,
      el(
        "p",
        { class: "soft" },
        cut
          ? `The first ${count(rows.length)} of ${count(rows.length + cut)} rows`
          : plural(rows.length, "row"),
      ),
    ];
  }

  #cell(value) {
    if (value === null || value === undefined)
      return el("span", { class: "none", "aria-label": "none" }, "–");
    return el("span", { class: "ellipsis", title: plain(value) }, textOf(value));
  }

  #image(record) {
    const { url, file, caption } = record.data;
    const source = file
      ? this.context.client.url(`runs/${encodeURIComponent(record.run)}/files/${encodeURIComponent(file)}`)
      : url;
    const inside = typeof source === "string" && !source.startsWith("data:image/") ? null : source;
    if (!inside) return el("p", { class: "soft" }, "This image cannot be shown here.");
    return el(
      "figure",
      {},
      el("img", { src: inside, alt: caption || record.key, loading: "lazy" }),
      caption && el("figcaption", {}, caption),
    );
  }
}

function whenOf(record) {
  return record.step === null || record.step === undefined
    ? moment(record.time)
    : `step ${count(record.step)}`;
}

function textOf(value) {
  return typeof value === "number" ? number(value, 6) : plain(value);
}

function widthOf(title, rows, at) {
  let longest = title.length;
  for (const { values } of rows.slice(0, SAMPLE))
    longest = Math.max(longest, textOf(values[at] ?? "").length);
  return Math.max(LEAST, Math.min(GREATEST, longest)) + BESIDE;
}
