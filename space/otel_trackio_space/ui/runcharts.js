/** All curves of one run, training beside hardware, on one clock. */

import { aboutsOf } from "./attributes.js";
import { marksOf } from "./alertmark.js";
import { clockChoice, resetButton } from "./clock.js";
import { inkOf } from "./colour.js";
import { isResult } from "./columns.js";
import { inksOf, measures } from "./device.js";
import { el } from "./dom.js";
import { Wall } from "./wall.js";

/** Of keys: "layer2" before "layer10". */
const { compare } = new Intl.Collator("en", { numeric: true });

/** Charts of training that fit a screen. */
const FEW = 2;

export class RunCharts {
  #run = null;
  #alerts = [];

  /** @param {object} context see main.js */
  constructor(context) {
    this.context = context;
    const { view, catalog } = context;
    this.wall = new Wall(context);
    this.clock = clockChoice(view);
    this.reset = resetButton(view);
    this.bar = el("div", { class: "tools" }, this.clock.element, this.reset.element);
    this.element = el(
      "section",
      { class: "run-charts", "aria-label": "Curves" },
      this.bar,
      this.wall.element,
    );
    this.stops = [
      view.on(() => this.#draw(), "clock", "from", "to", "theme"),
      catalog.on("runs", () => this.#draw()),
    ];
  }

  close() {
    for (const stop of this.stops) stop();
    this.wall.close();
  }

  /** @param {object} run As /api/runs/{id} tells of it. */
  show(run) {
    this.#run = run;
    this.#draw();
  }

  /** Marks alerts on all curves. @param {object[]} alerts */
  mark(alerts) {
    this.#alerts = alerts;
    this.#draw();
  }

  #draw() {
    const { catalog, view } = this.context;
    const run = this.#run;
    if (!run || !catalog.runs) return;
    this.clock.show();
    this.reset.show();
    const drawn = run.metrics.filter((metric) => metric.kind !== "histogram");
    const isSystem = ({ key }) => key.startsWith("hw.") || key.startsWith("system.");
    const placed = { ...run, order: catalog.byId.get(run.id)?.order ?? 0 };
    const abouts = aboutsOf(run.metrics.map(({ key }) => key));
    const training = drawn
      .filter((metric) => !isSystem(metric))
      .sort((one, other) => isResult(other) - isResult(one) || compare(one.key, other.key))
      .map((metric) => ({ ...this.#curve(metric, placed), about: abouts.get(metric.key) }));
    const hardware = measures(drawn.filter(isSystem)).map((measure) => this.#measure(measure, placed));
    this.bar.hidden = drawn.length === 0;
    this.wall.element.classList.toggle("pair", training.length > 0 && hardware.length > 0);
    this.wall.element.classList.toggle("few", training.length <= FEW);
    const groups = [
      { title: hardware.length ? "Training" : "", cards: training },
      { title: "Hardware", cards: hardware },
    ];
    const x = view.now.clock;
    const events = marksOf(this.#alerts, x, new Map([[run.id, run]]));
    this.wall.show(groups, { ids: new Set([run.id]), x, rank: "all", events });
  }

  #curve({ key, unit, description }, run) {
    const { theme } = this.context;
    const several = run.ranks.length > 1;
    const ink = ({ curve: { rank } }) => ({
      id: `${run.id} ${rank} `,
      name: several ? `rank ${rank}` : key,
      ...inkOf(run.order + Math.max(0, run.ranks.indexOf(rank)), theme.dark),
    });
    return { id: key, title: key, unit, description, keys: [key], inks: (found) => found.map(ink) };
  }

  #measure({ name, unit, description, series }, run) {
    const { theme } = this.context;
    const inks = (found) => inksOf(found, new Map([[run.id, run]]), theme.dark);
    return { id: name, title: name, unit, description, keys: series.map(({ key }) => key), inks };
  }
}
