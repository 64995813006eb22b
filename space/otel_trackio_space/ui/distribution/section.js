/** The distributions of one run, a panel a histogram metric, kept fresh while it goes on. */

import { aboutsOf } from "../attributes.js";
import { arrange, el, fill, oncePerFrame } from "../dom.js";
import { Tooltip } from "../tooltip.js";
import { Panel } from "./panel.js";

/** Panels this near to what shows are read and drawn. */
const NEAR = "300px";

/** Ms between two questions about a metric that grows, or so many times what an answer took. */
const PACE = 2000;
const REST = 10;

const { compare } = new Intl.Collator("en", { numeric: true });

export class Distributions {
  #panels = new Map();
  #near = new Set();
  #abort = new AbortController();

  /** @param {object} context see main.js @param {HTMLElement} element is filled */
  constructor(context, element) {
    this.context = context;
    this.element = element;
    this.run = null;
    this.grid = el("div", { class: "wall-grid" });
    fill(element, el("h2", {}, "Distributions"), this.grid);
    this.tooltip = new Tooltip(element);
    this.soon = oncePerFrame(() => this.#drawAll());
    this.watcher = new IntersectionObserver((entries) => this.#moved(entries), { rootMargin: NEAR });
    this.sizes = new ResizeObserver(this.soon);
    this.sizes.observe(this.grid);
    const { view, theme, catalog } = context;
    this.stops = [
      view.on(this.soon, "clock"),
      theme.on(this.soon),
      catalog.on("change", ({ runs, gap }) => this.#grown(runs, gap)),
    ];
  }

  /** Lets go of everything. */
  close() {
    for (const stop of this.stops) stop();
    for (const { timer } of this.#panels.values()) clearTimeout(timer);
    this.#abort.abort();
    this.soon.cancel();
    this.watcher.disconnect();
    this.sizes.disconnect();
  }

  /** @param {object} run as /api/runs/{id} tells of it @param {object[]} metrics its histograms */
  show(run, metrics) {
    this.run = run;
    const abouts = aboutsOf(metrics.map(({ key }) => key));
    const sorted = [...metrics].sort((one, other) => compare(one.key, other.key));
    arrange(
      this.grid,
      sorted.map((metric) => this.#shown(metric, abouts.get(metric.key)).element),
    );
    this.soon();
  }

  #shown(metric, about) {
    if (!this.#panels.has(metric.key)) {
      const panel = new Panel(this, metric);
      panel.element.dataset.key = metric.key;
      this.#panels.set(metric.key, { panel, stale: true, busy: false, timer: 0 });
      this.watcher.observe(panel.element);
    }
    const { panel } = this.#panels.get(metric.key);
    panel.call(about);
    return panel;
  }

  #moved(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#near.add(target.dataset.key);
      else this.#near.delete(target.dataset.key);
    }
    for (const key of this.#near) this.#freshen(key);
    this.soon();
  }

  #grown(runs, gap) {
    if (!gap && !runs.includes(this.run?.id)) return;
    for (const [key, state] of this.#panels) {
      state.stale = true;
      this.#freshen(key);
    }
  }

  /** Reads a metric that is looked at and may have grown, unless it was read just now. */
  async #freshen(key) {
    const state = this.#panels.get(key);
    if (!state.stale || state.busy || !this.#near.has(key)) return;
    Object.assign(state, { stale: false, busy: true });
    const began = performance.now();
    try {
      const path = `runs/${encodeURIComponent(this.run.id)}/distributions`;
      state.panel.show(await this.context.client.get(path, { key }, this.#abort.signal));
    } catch (error) {
      if (error.name === "AbortError") return;
      state.panel.failed(error);
    }
    state.timer = setTimeout(
      () => {
        state.busy = false;
        this.#freshen(key);
      },
      Math.max(PACE, REST * (performance.now() - began)),
    );
  }

  #drawAll() {
    for (const key of this.#near) this.#panels.get(key).panel.draw();
  }
}
