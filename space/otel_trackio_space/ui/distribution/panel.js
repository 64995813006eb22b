/** One histogram metric: its title, its heat map, what the colours mean, and what each cell says. */

import { attribute, el } from "../dom.js";
import { count, plural } from "../format.js";
import { fillTitle } from "../metricname.js";
import { shownUnit, sizeOf } from "../unit.js";
import { draw } from "./draw.js";
import { cellAt, heatOf, percent, placeOf, readingOf, summaryOf } from "./heat.js";
import { rampOf } from "./ramp.js";

const HEIGHT = 190;

/** Columns that a press of Page Up and Down moves by, and of Home and End. */
const FAR = 10;
const ALL = 1e6;

const MOVES = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  PageDown: [FAR, 0],
  PageUp: [-FAR, 0],
  Home: [-ALL, 0],
  End: [ALL, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

export class Panel {
  #answer = null;
  #heat = null;
  #box = null;
  #at = null;

  /** @param {import("./section.js").Distributions} section @param {object} metric as /api/runs/{id} has it */
  constructor(section, metric) {
    this.section = section;
    this.metric = metric;
    this.canvas = el("canvas", { "aria-hidden": "true" });
    this.column = el("i", { class: "heat-column", hidden: true });
    this.cell = el("i", { class: "heat-cell", hidden: true });
    this.host = el(
      "div",
      {
        class: "heat",
        tabindex: 0,
        role: "group",
        "aria-label": metric.key,
        on: {
          pointermove: (event) => this.#point(event),
          pointerdown: (event) => this.#point(event),
          pointerleave: (event) => event.pointerType !== "touch" && this.#read(null),
          keydown: (event) => this.#key(event),
          blur: () => this.#read(null),
        },
      },
      this.canvas,
      this.column,
      this.cell,
    );
    this.unit = el("span", { class: "soft" });
    this.note = el("p", { class: "tile-note soft" }, "Loading");
    this.bar = el("i", { class: "heat-bar" });
    this.end = el("span");
    this.more = el("span");
    this.legend = el(
      "p",
      { class: "heat-legend soft", hidden: true },
      "share of the count ",
      el("span", {}, "0"),
      this.bar,
      this.end,
      this.more,
    );
    this.title = el("h3");
    this.element = el(
      "section",
      { class: "card tile", "aria-label": metric.key },
      el("header", {}, this.title, this.unit),
      this.host,
      this.note,
      this.legend,
    );
    this.host.hidden = true;
  }

  /** @param {import("../attributes.js").About} [about] what tells it from its like */
  call(about) {
    fillTitle(this.title, this.metric, this.metric.key, about);
  }

  /** @param {object} answer of the API */
  show(answer) {
    this.#answer = answer;
    this.draw();
  }

  /** Says why there is nothing, unless there is something. */
  failed(error) {
    if (!this.#answer) this.note.textContent = error.message;
  }

  /** Draws it as the theme and the clock are now. */
  draw() {
    const answer = this.#answer;
    if (!answer) return;
    const { view, theme } = this.section.context;
    const { started } = this.section.run;
    // Buckets may span many powers of ten.
    const size = sizeOf(answer.even ? [answer.edges, answer.min, answer.max] : [answer.mean]);
    const { factor, text } = shownUnit(this.metric.unit, this.metric.key, size);
    this.unit.textContent = text;
    this.#heat = heatOf(answer, { clock: view.now.clock, started, factor });
    const empty = answer.count.every((amount) => amount === 0);
    this.host.hidden = this.legend.hidden = empty;
    this.note.textContent = empty ? nothingOf(answer) : "";
    this.#told(answer, theme.dark);
    const width = Math.floor(this.host.clientWidth);
    if (empty || !width) return;
    const how = { width, height: HEIGHT, dark: theme.dark, token: (name) => theme.token(name) };
    this.#box = draw(this.canvas, this.#heat, how);
    attribute(this.host, "aria-label", `${summaryOf(this.metric.key, this.#heat)} Arrow keys read values.`);
    if (this.#at) this.#read(within(this.#at, this.#heat));
  }

  #told({ every, skipped }, dark) {
    const { most, beyond } = this.#heat;
    this.bar.style.background = `linear-gradient(to right, ${rampOf(dark).join()})`;
    this.end.textContent = `${percent(most)}${beyond ? " or more" : ""}`;
    const notes = [
      every > 1 && `one distribution in ${every} is shown`,
      skipped > 0 && `${plural(skipped, "distribution")} could not be read`,
    ];
    this.more.textContent = notes.filter(Boolean).join(", ");
  }

  #point(event) {
    if (!this.#box) return;
    const bounds = this.host.getBoundingClientRect();
    const { left, top, width, height } = this.#box;
    const right = (event.clientX - bounds.left - left) / width;
    const up = 1 - (event.clientY - bounds.top - top) / height;
    this.#read(right >= 0 && right <= 1 ? cellAt(this.#heat, right, up) : null);
  }

  /** Shows what a cell says; null shows nothing. */
  #read(at) {
    this.#at = at;
    this.column.hidden = this.cell.hidden = at === null;
    if (!at) return this.section.tooltip.hide();
    const place = this.#mark(at);
    const { title, facts, row, share } = readingOf(this.#heat, at);
    const line = ([name, text], named = "") =>
      el("tr", { class: named }, el("td", { class: "name" }, name), el("td", { class: "value" }, text));
    const table = el("table", {}, el("tbody", {}, line([row, share], "near"), facts.map((fact) => line(fact))));
    this.section.tooltip.tell([el("div", { class: "tooltip-title" }, title), table], place);
  }

  #say() {
    const { title, facts, row, share } = readingOf(this.#heat, this.#at);
    this.section.context.say(`${title}: ${row} ${share}; ${facts.map((fact) => fact.join(" ")).join(", ")}`);
  }

  /** Frames a cell and its column. Returns the middle of it in the window. */
  #mark({ column, row }) {
    const { left, top, width, height } = this.#box;
    const rows = this.#heat.edges.length - 1;
    const [from, to] = this.#heat.spans[column].map((x) => left + width * placeOf(this.#heat, x));
    const [low, high] = [row, row + 1].map((edge) => top + height * (1 - edge / rows));
    put(this.column, from, top, to - from, height);
    put(this.cell, from, high, to - from, low - high);
    const bounds = this.host.getBoundingClientRect();
    return { left: bounds.left + (from + to) / 2, top: bounds.top + (low + high) / 2, chart: bounds };
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || !this.#box) return;
    if (event.key === "Escape" && this.#at) this.#read(null);
    else if (event.key in MOVES) this.#step(...MOVES[event.key]);
    else return;
    event.preventDefault();
  }

  /** To another cell; first to the fullest of the last column. */
  #step(columns, rows) {
    const { shares } = this.#heat;
    const last = shares[shares.length - 1];
    const fullest = { column: shares.length - 1, row: last.indexOf(Math.max(...last)) - rows };
    const { column, row } = this.#at ?? fullest;
    this.#read(within({ column: column + columns, row: row + rows }, this.#heat));
    this.#say();
  }
}

/** The cell, or that of the picture which is nearest. */
function within({ column, row }, { shares }) {
  const limited = (place, amount) => Math.max(0, Math.min(amount - 1, place));
  return { column: limited(column, shares.length), row: limited(row, shares[0].length) };
}

/** Why there is nothing to draw. */
function nothingOf({ nonfinite }) {
  const odd = nonfinite.reduce((sum, amount) => sum + amount, 0);
  return odd ? `No finite values among ${count(odd)}.` : "No values.";
}

function put(element, left, top, width, height) {
  element.hidden = false;
  Object.assign(element.style, {
    left: `${left}px`,
    top: `${top}px`,
    width: `${Math.max(1, width)}px`,
    height: `${height}px`,
  });
}
