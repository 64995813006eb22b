/** Two columns of the table of runs against each other, a point a run. */

import { axisOf } from "./scatteraxis.js";
import { el, fill, oncePerFrame, svg } from "./dom.js";
import { count, plural } from "./format.js";
import { textOf } from "./runcell.js";

const HEIGHT = 340;
const ROOM = { left: 64, right: 16, top: 12, bottom: 34 };
const RADIUS = 5;

/** How near the pointer must be to a point, in pixels. */
const REACH = 24;

/** Characters of a tick's text. */
const TICK = 12;

const MOVES = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

export class Scatter {
  #rows = [];
  #columns = [];
  #points = [];
  #at = -1;

  /** @param {object} context see main.js */
  constructor(context) {
    this.context = context;
    const change = () => this.#change();
    const axis = (name) => el("select", { "aria-label": name, on: { change } });
    const box = () => el("input", { type: "checkbox", on: { change } });
    [this.x, this.y, this.logx, this.logy] = [axis("Column along x"), axis("Column along y"), box(), box()];
    this.told = el("span", { class: "soft" });
    this.tip = el("div", { class: "scatter-tip", hidden: true });
    this.plot = svg("svg", {
      class: "scatter-plot",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "scatter plot",
    });
    this.#listen();
    const labelled = (text, ...inputs) => el("span", { class: "axis" }, text, inputs);
    const log = (input) => el("label", { class: "check" }, input, el("span", {}, "log"));
    this.element = el(
      "section",
      { class: "card panel", "aria-label": "Scatter plot" },
      el(
        "header",
        {},
        labelled("y", this.y, log(this.logy)),
        labelled("x", this.x, log(this.logx)),
        this.told,
      ),
      el("div", { class: "scatter-box" }, this.plot, this.tip),
    );
    this.soon = oncePerFrame(() => this.#draw());
    this.watcher = new ResizeObserver(this.soon);
    this.watcher.observe(this.plot);
  }

  /** Lets go of what watches it. */
  close() {
    this.watcher.disconnect();
    this.soon.cancel();
  }

  /**
   * The axes of somebody who chose none: the first config that is a number against the first metric.
   * @param {import("./columns.js").Column[]} shown
   * @param {import("./columns.js").Column[]} columns
   * @returns {string[]} As the view keeps it: x, y, and "logx", "logy" where they are.
   */
  usual(shown, columns) {
    const first = (parts) => [...shown, ...columns].find((each) => parts.includes(each.part) && each.numeric);
    const x = first(["config"])?.id ?? "run:started";
    const y = first(["last"])?.id ?? first(["summary"])?.id ?? "run:step";
    return [x, y];
  }

  /**
   * @param {import("./table.js").Row[]} rows
   * @param {import("./columns.js").Column[]} columns
   */
  show(rows, columns) {
    const { scatter } = this.context.view.now;
    this.element.hidden = scatter.length === 0;
    if (this.element.hidden) return;
    this.#rows = rows;
    this.#columns = columns;
    const [x, y, ...flags] = scatter;
    this.#choices(this.x, x);
    this.#choices(this.y, y);
    this.logx.checked = flags.includes("logx");
    this.logy.checked = flags.includes("logy");
    this.#draw();
  }

  #choices(select, id) {
    const key = this.#columns.map((column) => column.id).join();
    if (select.dataset.key !== key) {
      const usable = this.#columns.filter((column) => !["name", "tags"].includes(column.shows));
      fill(
        select,
        usable.map((column) => el("option", { value: column.id }, column.title)),
      );
      select.dataset.key = key;
    }
    select.value = id;
  }

  #change() {
    const flags = [this.logx.checked && "logx", this.logy.checked && "logy"].filter(Boolean);
    this.context.view.change({ scatter: [this.x.value, this.y.value, ...flags] });
  }

  #draw() {
    if (this.element.hidden) return;
    const width = Math.max(240, this.plot.clientWidth);
    const [x, y] = [this.x.value, this.y.value].map((id) => this.#columns.find((column) => column.id === id));
    if (!x || !y) return;
    const values = (column) => this.#rows.map((row) => row.cells[column.id]);
    const along = axisOf(values(x), { log: this.logx.checked, shows: x.shows, wanted: width / 110 });
    const up = axisOf(values(y), { log: this.logy.checked, shows: y.shows });
    const px = (place) => ROOM.left + place * (width - ROOM.left - ROOM.right);
    const py = (place) => HEIGHT - ROOM.bottom - place * (HEIGHT - ROOM.top - ROOM.bottom);
    const placed = this.#rows.map((row) => ({
      row,
      a: along.place(row.cells[x.id]),
      b: up.place(row.cells[y.id]),
    }));
    const shown = placed.filter(({ a, b }) => a !== undefined && b !== undefined);
    this.#points = shown
      .map(({ row, a, b }) => ({
        row,
        x: px(a),
        y: py(b),
        texts: [x, y].map((each) => [each.title, textOf(each, row.cells[each.id])]),
      }))
      .sort((one, other) => one.x - other.x);
    this.#mark(-1);
    this.plot.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.plot.setAttribute(
      "aria-label",
      `${y.title} against ${x.title}, ${plural(shown.length, "run")}. Arrow keys go from run to run, Enter opens one.`,
    );
    this.halo = svg("circle", { class: "halo", r: RADIUS + 4, visibility: "hidden" });
    fill(
      this.plot,
      this.#axes(along, up, px, py, width),
      this.#points.map((point) => this.#dot(point)),
      this.halo,
    );
    const left = this.#rows.length - shown.length;
    this.told.textContent = left
      ? `${count(left)} of ${plural(this.#rows.length, "run")} without a place here`
      : "";
  }

  #axes(along, up, px, py, width) {
    const bottom = HEIGHT - ROOM.bottom;
    const text = (value) => (value.length > TICK ? `${value.slice(0, TICK - 1)}…` : value);
    return [
      up.ticks.map(({ place, text: value }) => [
        svg("line", { class: "rule", x1: ROOM.left, x2: width - ROOM.right, y1: py(place), y2: py(place) }),
        svg("text", { x: ROOM.left - 8, y: py(place) + 4, "text-anchor": "end" }, text(value)),
      ]),
      along.ticks.map(({ place, text: value }) => [
        svg("line", { class: "rule", x1: px(place), x2: px(place), y1: ROOM.top, y2: bottom }),
        svg("text", { x: px(place), y: bottom + 18, "text-anchor": "middle" }, text(value)),
      ]),
      svg("line", { class: "frame", x1: ROOM.left, x2: width - ROOM.right, y1: bottom, y2: bottom }),
    ];
  }

  #dot(point) {
    const colour = this.context.colour(point.row.run);
    return svg("circle", { cx: point.x, cy: point.y, r: RADIUS, fill: colour, class: "point" });
  }

  #listen() {
    const { view } = this.context;
    this.plot.addEventListener("pointermove", (event) => this.#mark(this.#nearest(event)));
    this.plot.addEventListener("pointerleave", () => this.#mark(-1));
    this.plot.addEventListener("blur", () => this.#mark(-1));
    const open = (at) => at >= 0 && view.change({ page: "run", run: this.#points[at].row.id });
    this.plot.addEventListener("click", (event) => open(this.#nearest(event)));
    this.plot.addEventListener("keydown", (event) => {
      if (event.key === "Enter") open(this.#at);
      const by = MOVES[event.key];
      if (!by || !this.#points.length) return;
      event.preventDefault();
      const { length } = this.#points;
      this.#mark(this.#at < 0 ? (by > 0 ? 0 : length - 1) : (this.#at + by + length) % length);
      const { row, texts } = this.#points[this.#at];
      this.context.say(`${row.run.name}: ${texts.map((each) => each.join(" ")).join(", ")}`);
    });
  }

  #nearest(event) {
    const box = this.plot.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const far = ({ x: a, y: b }) => Math.hypot(a - x, b - y);
    let [best, least] = [-1, REACH];
    this.#points.forEach((point, at) => {
      if (far(point) < least) [best, least] = [at, far(point)];
    });
    return best;
  }

  #mark(at) {
    this.#at = at;
    const point = this.#points[at];
    this.tip.hidden = !point;
    this.plot.classList.toggle("over", Boolean(point));
    this.halo?.setAttribute("visibility", point ? "visible" : "hidden");
    if (!point) return;
    this.halo.setAttribute("cx", point.x);
    this.halo.setAttribute("cy", point.y);
    const line = ([name, value]) =>
      el("div", { class: "line" }, el("span", { class: "soft" }, name), el("span", {}, value));
    fill(this.tip, el("strong", {}, point.row.run.name), point.texts.map(line));
    const left = point.x > this.plot.clientWidth / 2;
    this.tip.style.setProperty("left", left ? "auto" : `${point.x + 14}px`);
    this.tip.style.setProperty("right", left ? `${this.plot.clientWidth - point.x + 14}px` : "auto");
    this.tip.style.setProperty("top", `${Math.max(0, point.y - 20)}px`);
  }
}
