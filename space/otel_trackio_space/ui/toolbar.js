/** The controls above the charts. Each shows the view, and changes it. */

import { el, fill, attribute } from "./dom.js";
import { duration, moment, number } from "./format.js";
import { icon } from "./icons.js";
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

const SWITCHES = [
  ["logy", "Log y", "A logarithmic y axis"],
  ["logx", "Log x", "A logarithmic x axis"],
  ["clip", "Clip outliers", "The y axis shows the 1st to the 99th percentile of what is in view"],
  ["envelope", "Envelope", "The least and greatest value of each bucket, behind the line"],
  ["legend", "Legend", "The runs' names and last values below each chart"],
  ["marks", "Alerts", "Alerts as flags on the charts"],
];

export class Toolbar {
  /** @param {object} context see main.js */
  constructor(context) {
    this.context = context;
    const { view } = context;
    this.find = el("input", {
      type: "search",
      class: "find",
      placeholder: "Filter metrics (regex)",
      "aria-label": "Filter metrics by a regular expression",
      "aria-describedby": "ot-find-error",
      on: { input: () => view.change({ metrics: this.find.value }, "gradual") },
    });
    this.error = el("span", { class: "wrong", id: "ot-find-error", role: "status" });
    this.amount = el("span", { class: "soft amount" });
    this.more = el(
      "button",
      { class: "options-button", type: "button", "aria-expanded": "false", on: { click: () => this.#toggle() } },
      icon("sliders"),
      "Options",
    );
    this.zoom = el("button", {
      class: "zoom",
      type: "button",
      title: "Show all again (double click or Escape on a chart)",
      on: { click: () => view.change({ lo: null, hi: null }) },
    });
    this.options = el(
      "div",
      { class: "options" },
      this.#axis(),
      this.#smoothing(),
      this.#lines(),
      this.#switches(),
      this.#columns(),
    );
    this.root = el(
      "div",
      { class: "toolbar", role: "group", "aria-label": "How charts are drawn" },
      el("div", { class: "toolbar-top" }, this.find, this.error, this.amount, this.zoom, this.more),
      this.options,
    );
  }

  /** On a phone the options are folded away. */
  #toggle() {
    const open = this.root.classList.toggle("opened");
    attribute(this.more, "aria-expanded", String(open));
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
    return label;
  }

  #columns() {
    const [select, label] = this.#select("columns", "Columns", COLUMNS, Number);
    this.columns = select;
    label.classList.add("wide-only");
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
        title:
          "Time-weighted exponential moving average: after one half-life a value counts half. The raw line stays behind it.",
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

  #switches() {
    const { view } = this.context;
    this.switches = SWITCHES.map(([name, title, meaning]) =>
      el(
        "button",
        {
          class: "switch",
          type: "button",
          title: meaning,
          data: { name },
          on: { click: () => view.change({ [name]: !view.now[name] }) },
        },
        title,
      ),
    );
    return el("div", { class: "switches", role: "group", "aria-label": "Switches" }, this.switches);
  }

  /** Shows the view, and what came of the filter. */
  show({ error, amount }) {
    const view = this.context.view.now;
    put(this.find, view.metrics);
    attribute(this.find, "aria-invalid", error ? "true" : null);
    this.error.textContent = error;
    this.amount.textContent = `${amount} ${amount === 1 ? "chart" : "charts"}`;
    this.#showAxis(view.x);
    put(this.slider, String(placeOf(view.smooth, this.#most())));
    put(this.halfLife, String(view.smooth));
    attribute(this.slider, "aria-valuetext", view.smooth ? `half-life of ${view.smooth} steps` : "off");
    this.lines.value = view.lines;
    this.columns.value = String(view.columns);
    for (const each of this.switches) attribute(each, "aria-pressed", String(view[each.dataset.name]));
    this.#showZoom(view);
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
