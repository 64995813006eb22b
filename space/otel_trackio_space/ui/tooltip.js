/** The box beside the crosshair: all lines' values there, the nearest standing out. */

import { el, fill } from "./dom.js";
import { count, delta, shortened, steady } from "./format.js";
import { fitting } from "./reading.js";

/** Pixels between the crosshair and the box, and the box and the window's edge. */
const BESIDE = 16;
const EDGE = 8;

/** Letters of a name. */
const LETTERS = 32;

/** In a window narrower than this the box would cover the chart; below it are the ticks. */
const NARROW = 760;
const BELOW = 28;

export class Tooltip {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.box = el("div", { class: "tooltip", hidden: true, "aria-hidden": "true" });
    root.append(this.box);
  }

  /**
   * @param {object} reading
   * @param {string} reading.title
   * @param {import("./reading.js").Row[]} reading.rows
   * @param {number} reading.nearest index in rows, or -1
   * @param {string[]} reading.events
   * @param {{left: number, top: number, chart?: DOMRect}} place of the crosshair and of the chart in
   *   the window
   */
  show({ title, rows, nearest, events }, place) {
    const { rows: shown, above, below } = fitting(rows, nearest);
    const deltas = rows.some((row) => row.delta !== null);
    const raws = rows.some((row) => row.raw !== null);
    const ranges = rows.some((row) => row.range);
    fill(
      this.box,
      el("div", { class: "tooltip-title" }, title),
      events.map((event) => el("div", { class: "tooltip-event" }, "⚑ ", event)),
      rows.length ? null : el("div", { class: "soft" }, "no values here"),
      above ? el("div", { class: "soft" }, `${count(above)} more above`) : null,
      el(
        "table",
        {},
        rows.length ? headOf({ deltas, raws, ranges }) : null,
        el(
          "tbody",
          {},
          shown.map((row) => rowOf(row, row === rows[nearest], { deltas, raws, ranges })),
        ),
      ),
      below ? el("div", { class: "soft" }, `${count(below)} more below`) : null,
    );
    this.box.hidden = false;
    this.#place(place);
  }

  /** Shows other content at a place. */
  tell(content, place) {
    fill(this.box, content);
    this.box.hidden = false;
    this.#place(place);
  }

  hide() {
    this.box.hidden = true;
  }

  /** Beside the crosshair, on the side that has room; on a phone below the chart, or above it. */
  #place({ left, top, chart = null }) {
    const { offsetWidth: width, offsetHeight: height } = this.box;
    if (chart && innerWidth < NARROW) {
      const below = chart.bottom + BELOW;
      const y = below + height + EDGE < innerHeight ? below : Math.max(EDGE, chart.top - height - EDGE);
      this.box.style.transform = `translate(${EDGE}px, ${Math.round(y)}px)`;
      return;
    }
    const right = left + BESIDE + width + EDGE < innerWidth;
    const x = right ? left + BESIDE : Math.max(EDGE, left - BESIDE - width);
    const y = Math.max(EDGE, Math.min(top - height / 2, innerHeight - height - EDGE));
    this.box.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }
}

/** What the columns are; for a value alone that needs no word. */
function headOf({ deltas, raws, ranges }) {
  if (!deltas && !raws && !ranges) return null;
  const names = [raws ? "smooth" : "value", deltas && "to baseline", raws && "raw", ranges && "range"];
  const heads = ["", "", ...names.filter(Boolean)].map((name) => el("th", {}, name));
  return el("thead", {}, el("tr", {}, heads));
}

function rowOf({ line, value, raw, range, odd, delta: difference }, near, { deltas, raws, ranges }) {
  const shown = [value === null ? null : steady(value), odd || null].filter(Boolean).join(" ");
  return el(
    "tr",
    { class: [near && "near", line.base && "base"].filter(Boolean).join(" ") },
    el("td", {}, el("i", { class: line.dash?.length ? "stroke dashed" : "stroke", style: { "--swatch": line.colour } })),
    el("td", { class: "name" }, shortened(line.name, LETTERS), line.base ? " (baseline)" : ""),
    el("td", { class: "value" }, shown),
    deltas && el("td", { class: "extra" }, difference === null ? "" : delta(difference)),
    raws && el("td", { class: "extra" }, raw === null ? "" : steady(raw)),
    ranges && el("td", { class: "extra" }, range ? `${steady(range[0], 3)} … ${steady(range[1], 3)}` : ""),
  );
}
