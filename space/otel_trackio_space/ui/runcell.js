/** What a cell of the table of runs shows, and how wide its column is. */

import { el } from "./dom.js";
import { figure } from "./figure.js";
import { ago, duration, moment } from "./format.js";
import { linkTo } from "./link.js";
import { plain } from "./nested.js";
import { asNumber } from "./table.js";

/** Least and greatest width of a column, in characters, by what it shows. */
const WIDTHS = {
  name: [16, 34],
  tags: [10, 26],
  state: [10, 10],
  time: [9, 12],
  duration: [9, 12],
  number: [7, 16],
  text: [7, 26],
};

/** The greatest width of a column whose heading says what tells a metric from its like. */
const ABOUT = 24;

/** Characters that the padding of a cell, and an arrow in the heading, take. */
const BESIDE = 3;

/** The same that the dot before a name takes. */
const DOT = 3;

/** Rows whose texts decide how wide a column is. */
const SAMPLE = 300;

/**
 * A run's dot, in its colour of the charts.
 * @param {object} context see main.js
 * @param {object} run
 */
export function dot(context, run) {
  return el("span", { class: "dot ink", "aria-hidden": "true", style: { background: context.colour(run) } });
}

/**
 * A run's state: a word, and a mark in a colour.
 * @param {object} run
 */
export function stateOf(run) {
  return el(
    "span",
    { class: "state", title: run.error },
    el("i", { class: "dot", data: { state: run.state } }),
    run.state,
  );
}

/**
 * @param {object} context see main.js
 * @param {import("./table.js").Row} row
 * @param {import("./columns.js").Column} column
 */
export function cellOf(context, row, column) {
  const { run } = row;
  const value = row.cells[column.id];
  if (column.id === "run:name") {
    return [
      dot(context, run),
      linkTo(
        context.view,
        { page: "run", run: run.id },
        { class: "ellipsis", title: run.name },
        run.name || run.id,
      ),
    ];
  }
  if (value === undefined) return el("span", { class: "none", "aria-label": "none" }, "–");
  if (column.shows === "state") return stateOf(run);
  if (column.shows === "tags")
    return value.map((tag) => [el("span", { class: "tag", title: tag }, tag), " "]);
  const title = column.shows === "time" ? moment(value) : plain(value);
  return el("span", { class: "ellipsis", title }, textOf(column, value));
}

/**
 * A value as text of its column.
 * @param {import("./columns.js").Column} column
 * @param {unknown} value
 */
export function textOf(column, value) {
  if (column.shows === "time") return ago(value);
  if (column.shows === "duration") return duration(value);
  if (column.shows === "tags") return value.join("   "); // As wide as the tags with their edges.
  const known = asNumber(value);
  if (known === undefined || typeof value === "string") return plain(value);
  return figure(known, 5);
}

/**
 * Characters that a column is wide, so that scrolling rows never changes it.
 * @param {import("./columns.js").Column} column
 * @param {import("./table.js").Row[]} rows
 */
export function widthOf(column, rows) {
  const [least, usual] = WIDTHS[column.shows];
  const most = column.about ? ABOUT : usual;
  let longest = Math.max((column.name ?? column.title).length, column.about?.length ?? 0);
  for (const row of rows.slice(0, SAMPLE)) {
    const value = row.cells[column.id];
    if (value !== undefined) longest = Math.max(longest, textOf(column, value).length);
  }
  const dot = column.shows === "name" ? DOT : 0;
  return Math.max(least, Math.min(most, longest)) + BESIDE + dot;
}
