/** Page Run: all there is of one run. */

import { alertItem } from "./alerts.js";
import { Attempts } from "./attempts.js";
import { copyButton } from "./copy.js";
import { duration as durationOf } from "./columns.js";
import { add, el, fill } from "./dom.js";
import { Edit } from "./edit.js";
import { ago, count, duration, moment, plural } from "./format.js";
import { linkTo } from "./link.js";
import { KINDS, Records } from "./records.js";
import { dot, stateOf } from "./runcell.js";
import { RunCharts } from "./runcharts.js";
import { Tree } from "./tree.js";

/** Ms between two questions about a run that goes on. */
const FRESH = 2000;

/** Of each kind of record, the latest that are shown. */
const MOST_RECORDS = 500;

/** Alerts that are shown. */
const MOST_ALERTS = 3;

/** See main.js. */
export const page = {
  name: "run",
  title: "",
  sidebar: false,
  mount(root, context) {
    const shown = new RunPage(root, context);
    return () => shown.close();
  },
};

class RunPage {
  #run = null;
  #asked = 0;
  #timer = 0;
  #distributions = null;

  constructor(root, context) {
    this.context = context;
    this.root = root;
    this.id = context.view.now.run;
    this.edit = new Edit(root, context);
    this.head = el("header", { class: "run-head" });
    this.banner = el("div", { class: "banners" });
    this.facts = el("dl", { class: "facts" });
    this.summary = new Tree(context, "Summary", "Nothing is in the summary.");
    this.attempts = new Attempts();
    this.config = new Tree(context, "Config", "The run has no config.");
    this.alerts = el("section", { class: "run-alerts", "aria-label": "Alerts" });
    this.records = new Records(context);
    this.charts = new RunCharts(context);
    this.spread = el("section", { class: "wall-group", "aria-label": "Distributions", hidden: true });
    this.jumps = [jumpTo("Distributions", this.spread), jumpTo("Tables and images", this.records.element)];
    this.python = el("pre", { class: "mono", tabindex: 0 });
    this.#build();
    const { catalog, view } = context;
    this.stops = [
      catalog.on("runs", () => this.#head()),
      catalog.on("projects", () => this.#head()),
      catalog.on("change", (change) => this.#changed(change)),
      view.on(() => this.#show(), "theme"),
    ];
    this.#read();
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    for (const stop of this.stops) stop();
    this.records.close();
    this.charts.close();
    this.#distributions?.close();
  }

  #build() {
    const facts = el(
      "section",
      { class: "card panel first", "aria-label": "Facts" },
      el("header", {}, el("h2", {}, "Facts")),
      this.facts,
    );
    const load = el(
      "section",
      { class: "card panel", "aria-label": "In Python" },
      el(
        "header",
        {},
        el("h2", {}, "In Python"),
        copyButton(this.context, "Copy", () => this.python.textContent),
      ),
      this.python,
    );
    this.body = el(
      "div",
      { class: "run-body" },
      el(
        "div",
        { class: "run-side" },
        facts,
        this.attempts.element,
        this.summary.element,
        this.config.element,
        load,
      ),
      el("div", { class: "run-main" }, this.alerts, this.charts.element, this.spread, this.records.element),
    );
    this.body.hidden = true;
    add(this.charts.bar, this.jumps);
    add(this.root, this.head, this.banner, this.body);
  }

  #changed({ runs, gap }) {
    if (!gap && !runs.includes(this.id)) return;
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#read();
    }, FRESH);
  }

  async #read() {
    const asked = ++this.#asked;
    const { client, view } = this.context;
    const path = `runs/${encodeURIComponent(this.id)}`;
    try {
      const run = await client.get(path);
      if (asked !== this.#asked) return;
      this.#run = run;
      if (run.project !== view.now.project) view.change({ project: run.project }, "replace");
      this.#show();
      await this.#readBeside(path, run.project, asked);
    } catch (error) {
      if (asked === this.#asked) this.#failed(error);
    }
  }

  /** Alerts and records, which the rest does not wait for. */
  async #readBeside(path, project, asked) {
    const { client } = this.context;
    const asks = (kind) => client.get(`${path}/records`, { kind, limit: MOST_RECORDS, brief: true });
    const [{ alerts }, ...found] = await Promise.all([
      client.get("alerts", { project }),
      ...KINDS.map(asks),
    ]);
    if (asked !== this.#asked) return;
    const own = alerts.filter((alert) => alert.run === this.id).sort((one, other) => other.time - one.time);
    this.#alerts(own);
    this.charts.mark(own);
    this.records.show(this.id, Object.fromEntries(KINDS.map((kind, at) => [kind, found[at].records])));
    this.jumps[1].hidden = found.every(({ records }) => records.length === 0);
  }

  /** The latest; page Alerts has them all. */
  #alerts(own) {
    const { view } = this.context;
    const rest = own.length - MOST_ALERTS;
    const all =
      rest > 0 &&
      linkTo(view, { page: "alerts", find: this.#run.name }, {}, `All ${count(own.length)} alerts`);
    const items = own.slice(0, MOST_ALERTS).map((alert) => alertItem(this.context, alert, { named: false }));
    fill(this.alerts, own.length > 0 && [el("h2", {}, plural(own.length, "alert"), " ", all), items]);
  }

  #failed(error) {
    const { view } = this.context;
    const gone = error.status === 404 ? "There is no such run. It may have been deleted." : error.message;
    if (this.#run && error.status !== 404) return this.context.toast(error.message, "bad");
    this.body.hidden = true;
    fill(this.head);
    fill(
      this.banner,
      el("p", { class: "card empty" }, gone, " ", linkTo(view, { page: "runs", run: "" }, {}, "All runs")),
    );
  }

  #show() {
    const run = this.#run;
    if (!run) return;
    this.body.hidden = false;
    this.#head();
    this.#banners(run);
    this.#facts(run);
    this.attempts.show(run.attempts);
    this.summary.show(run.summary);
    this.config.show(run.config);
    this.python.textContent = run.python;
    this.charts.show(run);
    this.#spread(run);
  }

  /** Distributions, whose modules come where a run has any. */
  async #spread(run) {
    const found = run.metrics.filter(({ kind }) => kind === "histogram");
    this.spread.hidden = this.jumps[0].hidden = found.length === 0;
    if (!found.length) return;
    const asked = this.#asked;
    const { Distributions } = await import("./distribution/section.js");
    if (asked !== this.#asked) return;
    this.#distributions ??= new Distributions(this.context, this.spread);
    this.#distributions.show(run, found);
  }

  /** The run with its place among the others, which gives it its colour. */
  get #placed() {
    return { ...this.#run, order: this.context.catalog.byId.get(this.id)?.order ?? 0 };
  }

  #head() {
    if (!this.#run) return;
    const run = this.#placed;
    const { view } = this.context;
    const held = this.head.contains(document.activeElement) ? document.activeElement.textContent : null;
    const button = (text, click, about = {}) =>
      el("button", { type: "button", ...about, on: { click } }, text);
    const alone = { page: "metrics", only: [run.id], hide: [], none: false, filter: "", latest: false };
    const all = () => view.change({ page: "runs", run: "" });
    fill(
      this.head,
      el(
        "div",
        { class: "run-title" },
        linkTo(view, { page: "runs", run: "" }, { class: "soft" }, "Runs"),
        el("span", { class: "soft", "aria-hidden": "true" }, "/"),
        dot(this.context, run),
        el("h1", {}, run.name || run.id),
        stateOf(run),
      ),
      el(
        "div",
        { class: "tools" },
        linkTo(view, alone, { class: "button" }, "Show in charts"),
        this.edit.allowed && [
          button("Rename", () => this.edit.rename(run)),
          button("Edit tags", () => this.edit.tag([run])),
          button("Move", () => this.edit.move([run])),
          button("Delete", () => this.edit.remove([run], all), { class: "danger" }),
        ],
      ),
    );
    if (held) [...this.head.querySelectorAll("button, a")].find((each) => each.textContent === held)?.focus();
  }

  #banners(run) {
    const failed = { failed: "The run failed", crashed: "The run crashed: its process ended without a word" }[
      run.state
    ];
    fill(
      this.banner,
      failed &&
        el(
          "div",
          { class: "banner bad", role: "status" },
          el("strong", {}, failed),
          run.error && el("pre", { class: "mono", tabindex: 0 }, run.error),
        ),
      run.missing.length > 0 &&
        el(
          "div",
          { class: "banner warn" },
          el("strong", {}, "Not all of it is here"),
          el(
            "ul",
            {},
            run.missing.map((each) => el("li", {}, each)),
          ),
        ),
    );
  }

  #facts(run) {
    const time = (ms) =>
      ms === null || ms === undefined ? null : [moment(ms), " ", el("span", { class: "soft" }, ago(ms))];
    const lines = [
      ["Id", el("span", { class: "mono" }, run.id)],
      ["Project", run.project],
      ["Group", run.group],
      ["Tags", run.tags.length > 0 && run.tags.map((tag) => [el("span", { class: "tag" }, tag), " "])],
      ["Notes", run.notes && el("span", { class: "notes" }, run.notes)],
      ["Started", time(run.started)],
      ["Ended", time(run.ended)],
      ["Took", duration(durationOf(run, Date.now()))],
      ["Last step", run.last_step !== null && count(run.last_step)],
      ["Points", count(run.points)],
    ];
    const shown = lines.filter(([, value]) => value);
    fill(
      this.facts,
      shown.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]),
    );
  }
}

/** A button, hidden as yet, that leads down the page. */
function jumpTo(text, place) {
  const click = () => place.scrollIntoView();
  return el("button", { type: "button", class: "link", hidden: true, on: { click } }, text);
}
