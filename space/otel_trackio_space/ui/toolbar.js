/** The controls above the charts: in a row what is used most, the rest behind a button. */

import { el, fill, attribute } from "./dom.js";
import { duration, moment, number, plural } from "./format.js";
import { icon } from "./icons.js";
import { Popup } from "./popup.js";
import { isCurve } from "./sections.js";
import { halfLifeAt, longest, placeOf } from "./smooth.js";

const X = [
  ["step", "Step"],
  ["relative", "Relative time"],
  ["time", "Wall time"],
];

const LINES = [
  ["runs", "Each run"],
  ["std", "Mean ± std"],
  ["minmax", "Mean, min–max"],
];

const COLUMNS = [
  [0, "Auto"],
  [1, "1"],
  [2, "2"],
  [3, "3"],
  [4, "4"],
  [6, "6"],
];

const LOGY = ["logy", "Log y", "A logarithmic y axis"];

const SWITCHES = [
  ["logx", "Log x", "A logarithmic x axis"],
  ["clip", "Clip outliers", "The y axis shows the 1st to the 99th percentile of what is in view"],
  ["envelope", "Envelope", "The least and greatest value of each bucket, behind the line"],
  ["legend", "Legend", "The runs' names and last values below each chart"],
  ["marks", "Alerts", "Alerts as flags on the charts"],
];

const SMOOTHING = [
  "A moving average in time: a point this many steps back counts half as much as the newest.",
  "0 is off. The raw line stays behind the smooth one.",
].join(" ");

/** In less room, in pixels, all controls but the filter stand behind the button. */
const NARROW = 800;

export class Toolbar {
  /** @param {object} context see main.js */
  constructor(context) {
    this.context = context;
    const { view } = context;
    this.find = el("input", {
      type: "search",
      class: "find",
      placeholder: "Filter metrics",
      title: "A regular expression, such as loss|accuracy",
      "aria-label": "Filter metrics by a regular expression",
      "aria-describedby": "ot-find-error",
      on: { input: () => view.change({ metrics: this.find.value }, "gradual") },
    });
    this.error = el("span", { class: "wrong", id: "ot-find-error", role: "status" });
    this.amount = el("span", { class: "soft amount" });
    this.zoom = el("button", {
      class: "zoom",
      type: "button",
      title: "Show all again (double click or Escape on a chart)",
      on: { click: () => view.change({ lo: null, hi: null }) },
    });
    const logy = this.#switch(...LOGY);
    const others = SWITCHES.map((each) => this.#switch(...each));
    this.switches = [logy, ...others];
    this.often = el("div", { class: "often" }, this.#axis(), this.#smoothing(), this.#lines(), logy);
    const switches = el("div", { class: "switches", role: "group", "aria-label": "Switches" }, others);
    const rest = el("div", { class: "options" }, switches, this.#ranks(), this.#columns());
    this.popup = new Popup("Options", icon("sliders"), rest);
    this.root = el(
      "div",
      { class: "toolbar", role: "group", "aria-label": "How charts are drawn" },
      this.find,
      this.error,
      this.amount,
      this.zoom,
      el("div", { class: "controls" }, this.often, this.popup.root),
    );
    this.sizes = new ResizeObserver(() => this.#fit());
    this.sizes.observe(this.root);
  }

  /** Where there is little room, or charts are what matters, all goes behind the button. */
  #fit() {
    const narrow = this.root.clientWidth < NARROW || this.context.view.now.embed;
    if (narrow === this.narrow) return;
    this.narrow = narrow;
    if (narrow) this.popup.box.prepend(this.often);
    else this.popup.root.before(this.often);
  }

  close() {
    this.sizes.disconnect();
    this.popup.close();
  }

  #select(name, title, entries, read = String) {
    const { view } = this.context;
    const select = el(
      "select",
      { on: { change: () => view.change({ [name]: read(select.value) }) } },
      optionsOf(entries),
    );
    return [select, el("label", { class: "control" }, el("span", {}, title), select)];
  }

  #axis() {
    const [select, label] = this.#select("x", "X axis", X);
    select.addEventListener("change", () => this.context.view.change({ lo: null, hi: null }, "replace"));
    this.x = select;
    return label;
  }

  #lines() {
    const [select, label] = this.#select("lines", "Lines", LINES);
    this.lines = select;
    label.classList.add("quiet"); // Its choices say what it is.
    return label;
  }

  #columns() {
    const [select, label] = this.#select("columns", "Columns", COLUMNS, Number);
    this.columns = select;
    return label;
  }

  /** Only where a run has several. */
  #ranks() {
    const [select, label] = this.#select("rank", "Ranks", []);
    [this.rank, this.rankLabel] = [select, label];
    return label;
  }

  #smoothing() {
    const { view } = this.context;
    const smooth = (value) => view.change({ smooth: value }, "gradual");
    this.slider = el("input", {
      type: "range",
      min: 0,
      max: 100,
      step: 1,
      "aria-label": "Smoothing",
      on: { input: () => smooth(halfLifeAt(Number(this.slider.value), this.#most())) },
    });
    this.halfLife = el("input", {
      type: "number",
      min: 0,
      step: "any",
      "aria-label": "Smoothing: half-life in steps",
      on: {
        input: () => Number.isFinite(this.halfLife.valueAsNumber) && smooth(Math.max(0, this.halfLife.valueAsNumber)),
      },
    });
    return el(
      "div",
      {
        class: "control smoothing",
        title: SMOOTHING,
      },
      el("span", {}, "Smoothing"),
      this.slider,
      this.halfLife,
      el("span", { class: "soft" }, "steps"),
    );
  }

  #most() {
    const steps = (this.context.catalog.runs ?? []).map((run) => run.last_step ?? 0);
    return longest(steps.reduce((most, each) => Math.max(most, each), 0));
  }

  #switch(name, title, meaning) {
    const { view } = this.context;
    const press = { click: () => view.change({ [name]: !view.now[name] }) };
    return el("button", { class: "switch", type: "button", title: meaning, data: { name }, on: press }, title);
  }

  /** Shows the view, and what came of the filter. */
  show({ error, amount }) {
    const view = this.context.view.now;
    put(this.find, view.metrics);
    attribute(this.find, "aria-invalid", error ? "true" : null);
    this.error.textContent = error;
    this.amount.textContent = plural(amount, "chart");
    this.#showAxis(view.x);
    put(this.slider, String(placeOf(view.smooth, this.#most())));
    put(this.halfLife, String(view.smooth));
    attribute(this.slider, "aria-valuetext", view.smooth ? `half-life of ${view.smooth} steps` : "off");
    this.lines.value = view.lines;
    this.columns.value = String(view.columns);
    this.#showRanks(view.rank);
    for (const each of this.switches) attribute(each, "aria-pressed", String(view[each.dataset.name]));
    this.#showZoom(view);
  }

  #showRanks(rank) {
    const ranks = [...new Set((this.context.catalog.runs ?? []).flatMap((run) => run.ranks))].sort((a, b) => a - b);
    this.rankLabel.hidden = ranks.length < 2 && !rank;
    const entries = [["", "The lowest"], ["all", "All"], ...ranks.map((each) => [String(each), `Rank ${each}`])];
    fill(this.rank, optionsOf(entries));
    this.rank.value = rank;
  }

  #showAxis(x) {
    const metrics = (this.context.catalog.metrics ?? []).filter((each) => each.steps && isCurve(each));
    const word = metrics.map(({ key }) => key).join("\n");
    if (word !== this.known) {
      this.known = word;
      const along = metrics.map(({ key }) => [`metric:${key}`, key]);
      fill(this.x, optionsOf(X), along.length ? el("optgroup", { label: "Metric" }, optionsOf(along)) : null);
    }
    if (![...this.x.options].some((option) => option.value === x))
      this.x.append(el("option", { value: x }, x.replace(/^metric:/, "")));
    this.x.value = x;
  }

  #showZoom({ lo, hi, x }) {
    this.zoom.hidden = lo === null && hi === null;
    const text = { step: (value) => number(value), relative: duration, time: moment }[x] ?? ((value) => number(value));
    const end = (value, fallback) => (value === null ? fallback : text(value));
    fill(this.zoom, `${end(lo, "start")} – ${end(hi, "end")}`, icon("close"));
    attribute(this.zoom, "aria-label", `Zoomed to ${end(lo, "start")} – ${end(hi, "end")}; show all again`);
  }
}

function optionsOf(entries) {
  return entries.map(([value, title]) => el("option", { value }, title));
}

/** Sets a field's value, unless the person is at it. */
function put(field, value) {
  if (document.activeElement === field && field.type !== "range") {
    if (field.value === value || Number(field.value) === Number(value) || field.type === "search") return;
  }
  if (field.value !== value) field.value = value;
}
