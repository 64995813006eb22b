/** One chart of a wall: its title, curves, and what each has at the crosshair, or last. */

import { axisOf } from "./axes.js";
import { Chart } from "./chart.js";
import { lastOf } from "./curves.js";
import { el, fill } from "./dom.js";
import { number } from "./format.js";
import { fillLegend } from "./legend.js";
import { fillTitle } from "./metricname.js";
import { rowsAt } from "./reading.js";

const HEIGHT = 170;

/** How near a value must be to the crosshair to be named, and an alert, in pixels. */
const REACH = 24;
const EVENT = 6;

/** Letters of a name of which two stand side by side in the legend. */
const SHORT = 14;

/** Lines that a screen reader is told of. */
const NAMED = 8;

const VIEW = { logx: false, logy: false, clip: false, envelope: true };

const KEYS = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: "first", End: "last" };

export class Tile {
  /** @param {import("./wall.js").Wall} wall @param {import("./wall.js").Card} card */
  constructor(wall, card) {
    this.wall = wall;
    this.card = card;
    this.host = el("div", {
      class: "tile-plot",
      tabindex: 0,
      role: "group",
      on: { keydown: (event) => this.#key(event), blur: () => this.chart.hideCursor() },
    });
    this.note = el("p", { class: "tile-note soft" });
    this.legend = el("ul", { class: "legend" });
    this.last = el("strong");
    this.unit = el("span", { class: "soft" });
    this.title = el("h3");
    this.#call();
    this.element = el(
      "section",
      { class: "card tile", "aria-label": card.title },
      el("header", {}, this.title, el("span", { class: "tile-last" }, this.last, " ", this.unit)),
      this.host,
      this.note,
      this.legend,
    );
    this.chart = new Chart(this.host, this.#hooks(), "clock");
  }

  /** Shows a card of the same curves. @param {import("./wall.js").Card} card */
  become(card) {
    this.card = card;
    this.#call();
  }

  #call() {
    const { id, description, title, about } = this.card;
    fillTitle(this.title, { key: id, description }, title, about);
  }

  close() {
    this.chart.destroy();
  }

  #hooks() {
    const { view } = this.wall.context;
    return {
      onZoom: (lo, hi, how) => view.change({ from: lo, to: hi }, how),
      onReset: () => view.change({ from: null, to: null }),
      onCursor: (at) => this.#read(at),
    };
  }

  draw() {
    const { wall, card } = this;
    const { theme } = wall.context;
    const { lines, unit } = wall.linesOf(card);
    this.unit.textContent = unit;
    this.note.textContent = lines.length ? "" : wall.isHere(card) ? "No values." : "Loading";
    this.host.hidden = lines.length === 0;
    const alone = lines.length === 1 && lines[0].name === card.title;
    this.last.textContent = alone ? number(lastOf(lines[0].y)) : "";
    if (!lines.length) return fill(this.legend);
    const width = this.host.clientWidth;
    if (!width) return;
    this.chart.show({
      lines,
      x: wall.now.x,
      view: VIEW,
      zoom: [wall.now.lo, wall.now.hi],
      token: (name) => theme.token(name),
      dark: theme.dark,
      events: wall.events,
      size: { width, height: HEIGHT },
    });
    this.legend.classList.toggle("short", lines.every(({ name }) => name.length <= SHORT));
    fillLegend(this.legend, alone ? [] : lines, { all: false, onHover: (id) => wall.highlight.set(id) });
    const last = lines.toReversed().map(({ name, y }) => `${name} ${number(lastOf(y))}`);
    this.host.setAttribute(
      "aria-label",
      `${card.title} ${unit}: last ${last.slice(0, NAMED).join(", ")}. Arrow keys read values.`,
    );
  }

  emphasise(id) {
    this.chart.emphasise(id);
  }

  #read(at) {
    const { tooltip, highlight, now, events } = this.wall;
    if (!at) {
      highlight.set(null);
      return tooltip.hide();
    }
    const { lines, pixel } = this.chart;
    const rows = rowsAt(lines, at.x, REACH * pixel);
    const far = rows.map((row) => this.chart.distance(row.value, at.top));
    const least = Math.min(...far);
    const nearest = least <= REACH ? far.indexOf(least) : -1;
    const title = axisOf(now.x, false).text(at.x, lines[0]?.width ?? 1);
    const told = events
      .filter((event) => Math.abs(event.x - at.x) <= EVENT * pixel)
      .map((event) => event.title);
    const box = this.chart.over.getBoundingClientRect();
    tooltip.show({ title, rows, nearest, events: told }, { left: box.left + at.left, top: box.top + at.top });
    if (this.host.contains(document.activeElement)) this.#say(title, rows);
  }

  #say(title, rows) {
    const values = rows
      .slice(0, NAMED)
      .map(({ line, value, odd }) => `${line.name} ${value === null ? odd : number(value)}`);
    this.wall.context.say(`${title}: ${values.join(", ") || "no values here"}`);
  }

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in KEYS) this.chart.step(KEYS[event.key]);
    else if (event.key === "+" || event.key === "=") this.chart.zoomBy(0.5);
    else if (event.key === "-") this.chart.zoomBy(2);
    else if (event.key === "0") this.wall.context.view.change({ from: null, to: null });
    else if (event.key === "Escape") this.chart.hideCursor();
    else return;
    event.preventDefault();
  }
}
