/** A table that scrolls in its box and draws only the rows near what shows, so it may be long. */

import { attribute, el, fill, oncePerFrame } from "./dom.js";
import { named } from "./metricname.js";
import { near } from "./table.js";

/**
 * @typedef {object} GridColumn
 * @property {string} id
 * @property {string} title
 * @property {string} [name] What of the title stands above `about`.
 * @property {string} [about]
 * @property {any} [head] What stands in the heading instead of the title.
 * @property {boolean} [numeric]
 * @property {boolean} [fixed] Stays in place while the others scroll sideways.
 * @property {boolean} [sorts]
 * @property {number} width In characters.
 */

/** Pixels of a row until one was measured. */
const ROW = 36;

/** Rows that a page of the keyboard moves by. */
const PAGE = 10;

const MOVES = { ArrowDown: 1, ArrowUp: -1, PageDown: PAGE, PageUp: -PAGE };

export class Grid {
  #columns = [];
  #rows = [];
  #drawn = new Map();
  #height = ROW;

  /**
   * @param {object} options
   * @param {string} options.label What a screen reader calls it.
   * @param {(row: any, column: GridColumn) => any} options.cell What a cell holds.
   * @param {(row: any) => boolean} [options.picked] Whether a row is marked.
   * @param {(column: string) => void} [options.onSort]
   */
  constructor({ label, cell, picked = () => false, onSort = () => {} }) {
    this.cell = cell;
    this.picked = picked;
    this.onSort = onSort;
    this.head = el("tr");
    this.body = el("tbody");
    this.group = el("colgroup");
    this.table = el(
      "table",
      { class: "rows", "aria-label": label },
      this.group,
      el("thead", {}, this.head),
      this.body,
    );
    const soon = oncePerFrame(() => this.#draw());
    this.element = el(
      "div",
      { class: "rows-box", tabindex: 0, role: "region", "aria-label": label, on: { scroll: soon } },
      this.table,
    );
    this.table.addEventListener("keydown", (event) => this.#move(event));
    this.watcher = new ResizeObserver(soon);
    this.watcher.observe(this.element);
  }

  /** Lets go of what watches it. */
  close() {
    this.watcher.disconnect();
  }

  /**
   * @param {GridColumn[]} columns
   * @param {{id: string}[]} rows
   * @param {{column: string, down: boolean}|null} order
   */
  show(columns, rows, order = null) {
    const held = this.#focused();
    this.#columns = columns;
    this.#rows = rows;
    this.#drawn.clear();
    fill(
      this.group,
      columns.map(({ width }) => el("col", { style: { width: `${width}ch` } })),
    );
    fill(
      this.head,
      columns.map((column) => this.#heading(column, order)),
    );
    attribute(this.table, "aria-rowcount", rows.length + 1);
    const wide = columns.reduce((sum, { width }) => sum + width, 0);
    this.table.style.width = `${wide}ch`;
    this.#draw();
    this.#focus(held);
  }

  #heading(column, order) {
    const is = order?.column === column.id;
    const sort = is ? (order.down ? "descending" : "ascending") : column.sorts ? "none" : null;
    const arrow = is ? el("span", { class: "arrow", "aria-hidden": "true" }, order.down ? "↓" : "↑") : null;
    const press = { click: () => this.onSort(column.id) };
    const content = column.sorts
      ? el("button", { type: "button", title: column.title, on: press }, el("span", {}, named(column.name ?? column.title, column.about)), arrow)
      : (column.head ?? el("span", { title: column.title }, column.title));
    return el(
      "th",
      { scope: "col", class: classes(column), "aria-sort": sort, data: { column: column.id } },
      content,
    );
  }

  #draw() {
    const { scrollTop, clientHeight } = this.element;
    const { first, last } = near(this.#rows.length, this.#height, scrollTop, clientHeight || 600);
    const held = this.#focused();
    const before = this.#drawn;
    this.#drawn = new Map();
    for (let at = first; at < last; at++) {
      const row = this.#rows[at];
      this.#drawn.set(row.id, before.get(row.id) ?? this.#row(row, at));
    }
    const drawn = [...this.#drawn.values()];
    const spaces = [first, this.#rows.length - last].map((count) => this.#space(count));
    fill(this.body, spaces[0], drawn, spaces[1]);
    this.#focus(held);
    if (drawn.length) this.#height = drawn[0].offsetHeight || this.#height;
  }

  #space(count) {
    if (!count) return null;
    const cell = el("td", { colspan: this.#columns.length });
    return el(
      "tr",
      { class: "space", "aria-hidden": "true", style: { height: `${count * this.#height}px` } },
      cell,
    );
  }

  #row(row, at) {
    const picked = this.picked(row);
    const cells = this.#columns.map((column) => {
      const about = { class: classes(column), data: { column: column.id } };
      return el(
        column.fixed ? "th" : "td",
        { ...about, scope: column.fixed ? "row" : null },
        this.cell(row, column),
      );
    });
    const about = { class: picked ? "picked" : null, "aria-rowindex": at + 2, data: { row: row.id } };
    return el("tr", about, cells);
  }

  /** The row and column of what has the focus, which drawing anew would lose. */
  #focused() {
    const now = document.activeElement;
    const cell = this.table.contains(now) ? now.closest("[data-column]") : null;
    return cell && { row: cell.parentElement.dataset.row, column: cell.dataset.column };
  }

  #focus(place) {
    if (!place || this.table.contains(document.activeElement)) return;
    const line = place.row === undefined ? this.head : this.#drawn.get(place.row);
    const cells = line ? [...line.children] : [];
    const cell = cells.find((each) => each.dataset.column === place.column);
    cell?.querySelector("a, button, input")?.focus({ preventScroll: true });
  }

  #move(event) {
    const place = this.#focused();
    const by = MOVES[event.key];
    if (!by || place?.row === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const at = this.#rows.findIndex(({ id }) => id === place.row);
    const next = Math.max(0, Math.min(this.#rows.length - 1, at + by));
    this.#reveal(next);
    document.activeElement.blur();
    this.#focus({ row: this.#rows[next].id, column: place.column });
  }

  #reveal(at) {
    const [top, bottom] = [at * this.#height, (at + 1) * this.#height];
    const head = this.head.offsetHeight;
    const seen = this.element.clientHeight - head;
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (bottom > this.element.scrollTop + seen) this.element.scrollTop = bottom - seen;
    this.#draw();
  }
}

function classes({ numeric, fixed }) {
  return [numeric && "numeric", fixed && "fixed"].filter(Boolean).join(" ") || null;
}
