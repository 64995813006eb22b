/** Page Metrics: the curves of all metrics, in sections. */

import { aboutsOf } from "./attributes.js";
import { until } from "./alertmark.js";
import { Card } from "./card.js";
import { arrange, attribute, el, fill, oncePerFrame } from "./dom.js";
import { extentOf, linesOf } from "./lines.js";
import { isCurve, sectionsOf, titleIn } from "./sections.js";
import { Section } from "./section.js";
import { Series } from "./series.js";
import { Toolbar } from "./toolbar.js";
import { Tooltip } from "./tooltip.js";
import { Alerts } from "./marks.js";
import { noRuns } from "./nothing.js";

/** Charts this far outside of the viewport are there already, and kept. */
const NEARBY = "400px 0px";

/** Fields of the view of which another value needs other charts, other data, or another drawing. */
const LAYOUT = ["metrics", "closed", "pin", "columns", "project", "embed"];
const DATA = ["x", "rank"];
const RANGE = ["lo", "hi", "full"];
const RUNS = ["filter", "hide", "only", "none", "all", "latest", "group", "baseline"];
const LOOK = ["logx", "logy", "smooth", "lines", "envelope", "clip", "legend", "marks", "theme", "lo", "hi"];

class Board {
  #cards = new Map();
  #sections = new Map();
  #seen = new Set();
  #offs = [];
  #open = null;
  #due = null; // Metrics whose charts are to be drawn; null for all.

  constructor(root, context) {
    this.context = context;
    this.root = root;
    this.series = new Series(context, (error) => this.#failed(error));
    this.alerts = new Alerts(context);
    this.toolbar = new Toolbar(context);
    this.list = el("div", { class: "sections" });
    this.tooltip = new Tooltip(root);
    this.dialog = el("dialog", {
      class: "full",
      "aria-label": "Chart in full screen",
      on: { cancel: (event) => this.#cancel(event) },
    });
    root.prepend(this.toolbar.root, this.list, this.dialog);
    this.drawNext = oncePerFrame(() => this.#draw());
    this.layoutSoon = oncePerFrame(() => this.#layout());
    this.observer = new IntersectionObserver((entries) => this.#met(entries), {
      root: root.parentElement,
      rootMargin: NEARBY,
    });
    this.sizes = new ResizeObserver(() => this.#resize());
    this.sizes.observe(this.list);
    this.#listen();
    this.#layout();
  }

  #listen() {
    const { view, catalog, theme, highlight } = this.context;
    this.#offs = [
      view.on((now, names) => this.#changed(names)),
      catalog.on("runs", () => {
        this.layoutSoon();
        this.series.soon();
        this.alerts.refresh();
      }),
      catalog.on("projects", () => this.layoutSoon()),
      catalog.on("error", () => this.layoutSoon()),
      catalog.on("change", ({ runs, gap }) => this.series.grown(runs, gap)),
      this.series.on((keys) => this.#drawSome(keys)),
      this.alerts.on(() => this.drawSoon()),
      theme.on(() => this.drawSoon()),
      highlight.on((id) => this.#emphasise(id)),
    ];
  }

  #changed(names) {
    const any = (fields) => fields.some((name) => names.includes(name));
    if (any(["project"])) this.series.clear();
    if (any(LAYOUT) || any(["full"])) this.#layout();
    if (any(DATA)) this.series.clear();
    if (any(RANGE) || any(RUNS)) this.series.soon();
    if (any(LOOK) || any(RUNS) || any(DATA) || any(LAYOUT)) this.drawSoon();
  }

  /** Sections and cards as the view wants them; cards that stay are kept. */
  #layout() {
    this.layoutSoon.cancel();
    const { catalog, view } = this.context;
    const { error, amount, sections } = sectionsOf(catalog.metrics ?? [], view.now);
    this.toolbar.show({ error, amount });
    this.toolbar.root.hidden = catalog.runs ? !catalog.metrics.some(isCurve) : catalog.projects?.length === 0;
    this.list.style.setProperty("--columns", view.now.columns || "auto-fill");
    attribute(this.list, "data-columns", view.now.columns ? "set" : null);
    this.abouts = this.#aboutsOf(catalog.metrics ?? []);
    const kept = new Set();
    const roots = sections.map((section) => this.#section(section, kept));
    for (const [key, card] of this.#cards) if (!kept.has(key)) this.#drop(key, card);
    arrange(this.list, roots.length ? roots : [this.#nothing(error)]);
    this.#fullScreen();
    this.drawSoon();
  }

  /** Worked out once for each list of metrics. */
  #aboutsOf(metrics) {
    if (this.told !== metrics) this.abouts = aboutsOf(metrics.map(({ key }) => key));
    this.told = metrics;
    return this.abouts;
  }

  #section(section, kept) {
    if (!this.#sections.has(section.id))
      this.#sections.set(section.id, new Section(section.id, section.title, (id) => this.#fold(id)));
    const shown = this.#sections.get(section.id);
    const open = !this.context.view.now.closed.includes(section.id);
    const cards = section.metrics.map((metric) => this.#card(metric, titleIn(section, metric.key), section.id, kept));
    shown.show(
      cards.map((card) => card.root),
      open,
      section.metrics.length,
    );
    return shown.root;
  }

  #card(metric, title, section, kept) {
    const name = `${section} ${metric.key}`;
    kept.add(name);
    if (!this.#cards.has(name)) {
      const card = new Card(metric, title, this);
      this.#cards.set(name, card);
      card.root.card = card;
      this.observer.observe(card.root);
    }
    const card = this.#cards.get(name);
    card.call(this.abouts.get(metric.key));
    return card;
  }

  #drop(name, card) {
    this.observer.unobserve(card.root);
    this.#seen.delete(card);
    card.rest();
    this.#cards.delete(name);
  }

  #nothing(error) {
    const { catalog, view } = this.context;
    if (catalog.error)
      return el("div", { class: "empty" }, el("p", {}, catalog.error.message), el("p", {}, catalog.error.hint ?? ""));
    if (catalog.projects?.length === 0) return el("div", { class: "empty" }, ...noRuns());
    if (catalog.projects && !catalog.projects.some(({ name }) => name === view.now.project)) {
      return el("p", { class: "empty" }, "There is no project of this name.");
    }
    if (catalog.runs === null)
      return el(
        "div",
        { class: "grid waiting-grid" },
        [0, 1, 2, 3, 4, 5].map(() => el("div", { class: "card chart waiting" })),
      );
    if (view.now.metrics && !error) return el("p", { class: "empty" }, "No metric matches the filter.");
    if (catalog.metrics?.some(({ kind }) => kind === "histogram"))
      return el("p", { class: "empty" }, "No curves recorded yet. Distributions are on the page of each run.");
    return el("p", { class: "empty" }, "No metrics recorded yet; they show up here by themselves.");
  }

  #fold(id) {
    const { view } = this.context;
    const closed = view.now.closed.includes(id)
      ? view.now.closed.filter((each) => each !== id)
      : [...view.now.closed, id];
    view.change({ closed });
  }

  /** Cards came near the viewport, or went. */
  #met(entries) {
    for (const { target, isIntersecting } of entries) {
      const { card } = target;
      if (isIntersecting) this.#seen.add(card);
      else if (this.#seen.delete(card)) card.rest();
    }
    this.#want();
    this.drawSoon();
  }

  #want() {
    const cards = [...this.#seen, ...(this.#open ? [this.#open] : [])];
    this.series.want(cards.map((card) => card.metric.key));
  }

  /** Draws all charts that are near the viewport before the next frame. */
  drawSoon() {
    this.#due = null;
    this.drawNext();
  }

  /** Draws those of some metrics. */
  #drawSome(keys) {
    for (const key of keys) this.#due?.add(key);
    this.drawNext();
  }

  #draw() {
    const due = this.#due;
    this.#due = new Set();
    const { view, catalog, theme } = this.context;
    const choice = this.context.choice();
    this.chosen = choice.shown.length;
    const tokens = new Map();
    const token = (name) => {
      if (!tokens.has(name)) tokens.set(name, theme.token(name));
      return tokens.get(name);
    };
    const how = { view: view.now, byId: catalog.byId, choice, dark: theme.dark };
    for (const card of [...this.#seen, this.#open]) {
      if (card?.root.isConnected && (!due || due.has(card.metric.key))) this.#drawCard(card, how, token);
    }
    if (!due) this.toolbar.show(sectionsOf(catalog.metrics ?? [], view.now));
    this.#emphasise(this.context.highlight.now);
  }

  #drawCard(card, how, token) {
    const { whole, part } = this.series.of(card.metric.key);
    const { view, choice, dark } = how;
    const none = choice.shown.length === 0 && !view.baseline;
    const data = none ? { x: view.x, width: 1, curves: [] } : (part ?? whole);
    if (!data) return card.draw({ lines: null, view });
    const own = sameAxis(data.x, view.x);
    const zoom = own ? [view.lo, view.hi] : [null, null];
    const lines = linesOf(data, part ? whole : null, how);
    card.draw({
      lines,
      x: data.x,
      view,
      zoom,
      dark,
      token,
      events: view.marks ? this.#events(data.x, choice.ids, lines) : [],
    });
  }

  #events(x, ids, lines) {
    const marks = this.alerts.alongX(x, ids);
    return this.zoomed ? marks : until(marks, x, extentOf(lines, false)?.[1]);
  }

  #resize() {
    for (const card of this.#seen) card.resize();
    this.#open?.resize();
  }

  #emphasise(id) {
    for (const card of this.#seen) card.emphasise(id);
    this.#open?.emphasise(id);
  }

  /** The chart that fills the screen, if there is one. */
  #fullScreen() {
    const { catalog, view } = this.context;
    const key = view.now.full;
    const metric = (catalog.metrics ?? []).find((each) => each.key === key);
    if (!metric) {
      if (this.#open) this.#close();
      return;
    }
    if (this.#open?.metric.key === key) return;
    this.#close();
    this.#open = new Card(metric, metric.key, this, { full: true });
    this.#open.call(this.abouts.get(key));
    fill(this.dialog, this.#open.root);
    this.dialog.append(this.tooltip.box); // What is not in the dialog would be under it.
    this.dialog.showModal();
    this.#open.host.focus();
    this.#want();
  }

  #close() {
    this.#open?.rest();
    this.#open = null;
    this.root.append(this.tooltip.box);
    if (this.dialog.open) this.dialog.close();
    this.#want();
  }

  #cancel(event) {
    event.preventDefault();
    this.open("");
  }

  // What cards ask for.

  /** Opens a chart in full screen; "" closes it. */
  open(key) {
    this.context.view.change({ full: key });
  }

  pin(key) {
    const { view } = this.context;
    const pin = view.now.pin.includes(key) ? view.now.pin.filter((each) => each !== key) : [...view.now.pin, key];
    view.change({ pin });
  }

  get zoomed() {
    const { lo, hi } = this.context.view.now;
    return lo !== null || hi !== null;
  }

  /** Zooms all charts of the page's x axis. */
  zoom(card, lo, hi, how = "step") {
    const { view } = this.context;
    if (!sameAxis(card.state.x, view.now.x)) return;
    const [low, high] = neat(lo, hi, view.now.x);
    if (high > low) view.change({ lo: low, hi: high }, how);
  }

  resetZoom() {
    this.context.view.change({ lo: null, hi: null });
  }

  /** Shows what a card reads under its crosshair. */
  read(card, reading, place) {
    this.reader = card;
    this.tooltip.show(reading, place);
    this.context.highlight.set(reading.close);
  }

  unread(card) {
    if (this.reader !== card) return;
    this.reader = null;
    this.tooltip.hide();
    this.context.highlight.set(null);
  }

  #failed(error) {
    this.context.toast([error.message, error.hint].filter(Boolean).join("; "), "bad");
  }

  close() {
    for (const off of this.#offs) off();
    this.observer.disconnect();
    this.sizes.disconnect();
    this.drawNext.cancel();
    this.layoutSoon.cancel();
    this.toolbar.close();
    this.series.close();
    this.alerts.close();
    for (const card of this.#cards.values()) card.rest();
    this.#open?.rest();
    this.context.highlight.set(null);
  }
}

/** Whether a chart's axis is the page's. */
function sameAxis(x, wanted) {
  return wanted === (typeof x === "object" ? `metric:${x.metric}` : x);
}

/** Ends of a zoom as short numbers: whole steps and ms, and six digits of what is between others. */
function neat(lo, hi, x) {
  if (!x.startsWith("metric:")) return [Math.floor(lo), Math.ceil(hi)];
  const places = Math.max(0, 5 - Math.floor(Math.log10(hi - lo)));
  return [lo, hi].map((value) => Number(value.toFixed(Math.min(20, places))));
}

export const page = {
  name: "metrics",
  title: "Metrics",
  sidebar: true,
  mount(root, context) {
    const board = new Board(root, context);
    return () => board.close();
  },
};
