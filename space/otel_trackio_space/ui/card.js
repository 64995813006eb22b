/** A chart's card: its title, buttons, notes, legend, and the text that says what it shows. */

import { axisOf } from "./axes.js";
import { Chart, REACH } from "./chart.js";
import { attribute, el, fill } from "./dom.js";
import { saveCsv, savePng } from "./export.js";
import { number, plural } from "./format.js";
import { icon } from "./icons.js";
import { fillLegend } from "./legend.js";
import { leftOut, summaryOf } from "./lines.js";
import { fillTitle } from "./metricname.js";
import { rowsAt } from "./reading.js";
import { shownUnit } from "./unit.js";

/** Values that a screen reader is told of at once. */
const SAID = 5;

/** A pointer farther from a line than this, in pixels, does not emphasise it. */
const NEAR = 28;

/** Text follows the picture this much later, in ms: it is not to slow a drag down. */
const DESCRIBED = 400;

/** Height of the plot. */
const HEIGHT = 214;

/** Size of a picture that is saved. */
const PICTURE = { width: 1280, height: 640 };

let made = 0;

export class Card {
  #chart = null;
  #pending = null;
  #due = 0;

  /**
   * @param {object} metric
   * @param {string} title
   * @param {object} board what the card tells: see metrics.js
   * @param {{full?: boolean}} [how]
   */
  constructor(metric, title, board, { full = false } = {}) {
    this.metric = metric;
    this.title = title;
    this.board = board;
    this.full = full;
    this.lines = [];
    this.root = this.#build();
  }

  #build() {
    const id = `ot-card-${++made}`;
    const { key, unit } = this.metric;
    const shown = shownUnit(unit, "", 0).text;
    this.name = el("h3", { class: "card-title", id: `${id}-t` });
    this.call();
    this.notes = el("div", { class: "card-notes" });
    this.summary = el("p", { class: "unseen", id: `${id}-s` });
    this.legend = el("ul", { class: "legend", hidden: true });
    this.host = el("div", {
      class: "plot",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "chart",
      "aria-label": `${key}. Arrow keys read values, plus and minus zoom, Escape shows all again.`,
      "aria-describedby": `${id}-s`,
      on: { keydown: (event) => this.#key(event), blur: () => this.#chart?.hideCursor() },
    });
    return el(
      "figure",
      { class: "card chart", data: { key }, "aria-labelledby": `${id}-t` },
      el(
        "div",
        { class: "card-head" },
        this.name,
        shown ? el("span", { class: "soft" }, shown) : null,
        this.#buttons(),
      ),
      this.host,
      this.notes,
      this.legend,
      this.summary,
    );
  }

  /** @param {import("./attributes.js").About} [about] what tells it from its like */
  call(about) {
    fillTitle(this.name, this.metric, this.title, about);
  }

  #buttons() {
    const { key } = this.metric;
    const button = (what, name, act) =>
      el(
        "button",
        { class: "plain square", type: "button", title: what, "aria-label": `${what}: ${key}`, on: { click: act } },
        icon(name),
      );
    this.pin = button("Pin to the top", "pin", () => this.board.pin(key));
    return el(
      "div",
      { class: "card-acts" },
      this.pin,
      button("Points as CSV", "download", () => saveCsv(this.board.context, key, this.#runs())),
      button("Picture as PNG", "picture", () => this.#png()),
      this.full
        ? button("Close", "close", () => this.board.open(""))
        : button("Full screen", "expand", () => this.board.open(key)),
    );
  }

  #runs() {
    return [...this.board.context.choice().ids];
  }

  /** The picture has a size of its own, whatever that of the card is. */
  async #png() {
    if (!this.#chart) return;
    const host = el("div", { class: "aside" });
    this.root.append(host);
    const chart = new Chart(host, { onCursor: () => {} }, "ot-picture");
    chart.show({ ...this.state, size: PICTURE });
    await new Promise((drawn) => requestAnimationFrame(drawn));
    await savePng(chart.canvas, this.metric.key, this.lines, (name) => this.board.context.theme.token(name));
    chart.destroy();
    host.remove();
  }

  /** Whether there is a chart now: only near the viewport. */
  get mounted() {
    return this.#chart !== null;
  }

  /**
   * Draws the card.
   * @param {object} state
   * @param {import("./lines.js").Line[]|null} state.lines null while they are unknown
   */
  draw(state) {
    this.state = state;
    attribute(this.pin, "aria-pressed", String(state.view.pin.includes(this.metric.key)));
    this.root.classList.toggle("waiting", state.lines === null);
    if (state.lines === null) return;
    this.lines = state.lines;
    this.axis = axisOf(state.x, state.view.logx);
    this.#note();
    this.#legend();
    this.#chart ??= new Chart(this.host, this.#hooks(), "ot-charts");
    this.#chart.show({ ...state, size: this.#size() }); // What stands below leaves that much.
    this.#due ||= setTimeout(() => this.#describe(), DESCRIBED);
  }

  #hooks() {
    return {
      onZoom: (lo, hi, how) => this.board.zoom(this, lo, hi, how),
      onReset: () => this.board.resetZoom(),
      onCursor: (at) => this.#read(at),
    };
  }

  #size() {
    const width = Math.max(120, Math.floor(this.host.clientWidth));
    return { width, height: this.full ? Math.max(160, this.host.clientHeight) : HEIGHT };
  }

  /** Fits the chart to the card's width. */
  resize() {
    this.#chart?.resize(this.#size());
  }

  /** Lets one line stand out. */
  emphasise(id) {
    this.#chart?.emphasise(id);
  }

  #note() {
    const { view, zoom } = this.state;
    const out = leftOut(this.lines, { logx: view.logx && this.state.x !== "time", logy: view.logy });
    const empty = this.lines.length === 0 || this.lines.every(({ x }) => x.length === 0);
    const notes = [
      empty &&
        (this.board.chosen
          ? zoom[0] !== null
            ? "No values in this range"
            : "None of the runs shown has this metric"
          : "No runs are shown"),
      out.y && `${plural(out.y, "value")} ≤ 0 left out`,
      out.x && `${plural(out.x, "point")} at x ≤ 0 left out`,
      view.clip && !empty && "y: 1st to 99th percentile",
      this.state.x === "relative" && view.x === "step" && "no steps: by time",
    ].filter(Boolean);
    fill(
      this.notes,
      notes.map((note) => el("span", {}, note)),
    );
    this.notes.hidden = notes.length === 0;
    this.root.classList.toggle("blank", empty);
  }

  #legend() {
    const { view } = this.state;
    const wanted = this.full || view.legend || view.embed;
    this.legend.hidden = !wanted || this.lines.length === 0;
    if (!wanted) return;
    fillLegend(this.legend, this.lines, { all: this.full, onHover: (id) => this.board.context.highlight.set(id) });
    attribute(this.legend, "tabindex", this.legend.scrollHeight > this.legend.clientHeight && "0");
    attribute(this.legend, "aria-label", `Runs of ${this.metric.key}`);
  }

  /** What lies under the crosshair goes into the tooltip; of several moves in a frame the last. */
  #read(at) {
    this.#chart.at = at;
    if (at === null) {
      this.#pending = null;
      this.board.unread(this);
      return;
    }
    if (!this.#pending) requestAnimationFrame(() => this.#show());
    this.#pending = at;
  }

  #show() {
    const at = this.#pending;
    this.#pending = null;
    if (!at || !this.#chart) return;
    const rows = rowsAt(this.lines, at.x, REACH * this.#chart.pixel);
    let nearest = -1;
    let least = Infinity;
    rows.forEach((row, index) => {
      const away = this.#chart.distance(row.value, at.top);
      if (away < least) [nearest, least] = [index, away];
    });
    const chart = this.#chart.over.getBoundingClientRect();
    const width = Math.max(0, ...rows.map(({ line }) => (line.x.includes(at.x) ? line.width : 0)));
    const events = (this.state.events ?? []).filter(
      (event) => Math.abs(event.x - at.x) <= Math.max(width, 4 * this.#chart.pixel),
    );
    this.board.read(
      this,
      {
        title: this.axis.text(at.x, width),
        rows,
        nearest,
        close: least <= NEAR ? (rows[nearest]?.line.id ?? null) : null,
        events: events.map((event) => `${event.title} (${event.name})`),
      },
      { left: chart.left + at.left, top: chart.top + at.top, chart },
    );
  }

  #key(event) {
    if (!this.#chart || event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 10 : 1;
    const acts = {
      ArrowRight: () => this.#step(far),
      ArrowLeft: () => this.#step(-far),
      Home: () => this.#step("first"),
      End: () => this.#step("last"),
      "+": () => this.#chart.zoomBy(0.7),
      "=": () => this.#chart.zoomBy(0.7),
      "-": () => this.#chart.zoomBy(1.4),
      Enter: () => this.board.open(this.full ? "" : this.metric.key),
    };
    if (event.key === "Escape" && this.#chart.at) this.#chart.hideCursor();
    else if (event.key === "Escape" && this.board.zoomed) this.board.resetZoom();
    else if (acts[event.key]) acts[event.key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #step(by) {
    this.#chart.step(by);
    const at = this.#chart.at;
    if (!at) return;
    const rows = rowsAt(this.lines, at.x, REACH * this.#chart.pixel);
    const said = rows
      .slice(0, SAID)
      .map(({ line, value, odd }) => `${line.name} ${value === null ? odd : number(value)}`);
    const more = rows.length - said.length;
    this.board.context.say(
      [this.axis.text(at.x, 1), ...said, more > 0 && `and ${more} more`].filter(Boolean).join("; "),
    );
  }

  #describe() {
    this.#due = 0;
    if (!this.state || !this.lines) return;
    const say = { x: (value) => this.axis.text(value, 1), y: (value) => number(value) };
    this.summary.textContent = summaryOf(this.metric.key, this.lines, say);
  }

  /** Takes the chart away, as far from the viewport; the card stays. */
  rest() {
    clearTimeout(this.#due);
    this.#due = 0;
    this.#chart?.destroy();
    this.#chart = null;
  }
}
