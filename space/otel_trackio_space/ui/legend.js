/** The lines of a chart by name, with their last values and their distance from the baseline. */

import { el, fill } from "./dom.js";
import { count, delta, shortened, steady } from "./format.js";
import { lastRows } from "./reading.js";

/** Lines that a legend names in the grid, and letters of a name there. */
const MOST = 24;
const LETTERS = 34;

/**
 * Fills `list` anew.
 * @param {HTMLElement} list
 * @param {import("./lines.js").Line[]} lines
 * @param {{all: boolean, onHover: (id: string|null) => void}} how
 */
export function fillLegend(list, lines, { all, onHover }) {
  const rows = lastRows(lines).reverse(); // The baseline lies on top of the others: it comes first.
  const shown = all ? rows : rows.slice(0, MOST);
  const items = shown.map(({ line, value, delta: difference }) =>
    el(
      "li",
      {
        class: line.base ? "base" : null,
        on: { pointerenter: () => onHover(line.id), pointerleave: () => onHover(null) },
      },
      el("i", { class: line.dash?.length ? "stroke dashed" : "stroke", style: { "--swatch": line.colour } }),
      el("span", { class: "name", title: line.name }, all ? line.name : shortened(line.name, LETTERS)),
      el("span", { class: "value" }, value === null ? "" : steady(value)),
      difference === null ? null : el("span", { class: "extra" }, delta(difference)),
    ),
  );
  const more = rows.length - shown.length;
  fill(list, items, more ? el("li", { class: "soft" }, `and ${count(more)} more`) : null);
}
