/** Page Alerts: what runs and rules told of, and the rules. */

import { filtered, placeToLook } from "./alertmark.js";
import { add, el, fill, settled } from "./dom.js";
import { ago, count, moment, plural } from "./format.js";
import { linkTo } from "./link.js";
import { whyNothing } from "./nothing.js";
import { dot } from "./runcell.js";
import { Rules } from "./rules.js";

/** Alerts that are drawn; further ones after a press. */
const MOST = 200;

/** Ms between two questions for alerts, while runs go on. */
const FRESH = 1500;

/** Characters and lines of an alert beyond which its text scrolls. */
const LONG = 600;
const LINES = 8;

const LEVELS = ["error", "warn", "info"];

/** See main.js. */
export const page = {
  name: "alerts",
  title: "Alerts",
  sidebar: false,
  mount(root, context) {
    const shown = new AlertsPage(root, context);
    return () => shown.close();
  },
};

class AlertsPage {
  #alerts = null;
  #asked = 0;
  #timer = 0;
  #most = MOST;

  constructor(root, context) {
    this.context = context;
    this.root = root;
    const { view, catalog } = context;
    this.rules = new Rules(root, context);
    this.list = el("div", { class: "alert-list" });
    this.told = el("span", { class: "soft", role: "status" });
    const typed = settled(() => view.change({ find: this.find.value }, "gradual"), 150);
    this.find = el("input", {
      type: "search",
      placeholder: "Filter alerts",
      "aria-label": "Filter alerts",
      on: { input: typed },
    });
    this.level = el(
      "select",
      { "aria-label": "Level", on: { change: () => view.change({ level: this.level.value }) } },
      el("option", { value: "" }, "Any level"),
      LEVELS.map((level) => el("option", { value: level }, level)),
    );
    this.tools = el("div", { class: "tools" }, this.find, this.level, this.told);
    this.body = el("div", { class: "beside" }, this.list, this.rules.element);
    this.nothing = el("div", { class: "card empty" });
    add(
      root,
      el("h1", { class: "unseen" }, "Alerts"),
      this.tools,
      this.nothing,
      this.body,
    );
    this.stops = [
      view.on(() => this.#show(), "find", "level", "theme"),
      catalog.on("runs", () => this.#read()),
      catalog.on("projects", () => this.#show()),
      catalog.on("error", () => this.#show()),
      catalog.on("change", () => this.#soon()),
    ];
    this.#read();
  }

  close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    for (const stop of this.stops) stop();
    this.rules.close();
  }

  #soon() {
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#read();
    }, FRESH);
  }

  async #read() {
    const asked = ++this.#asked;
    const { client, catalog } = this.context;
    if (!catalog.project) return this.#show();
    try {
      const { alerts } = await client.get("alerts", { project: catalog.project });
      if (asked !== this.#asked) return;
      this.#alerts = alerts;
      this.#show();
    } catch (error) {
      if (asked === this.#asked) this.told.textContent = `The alerts did not come: ${error.message}`;
    }
  }

  #show() {
    const { now } = this.context.view;
    if (document.activeElement !== this.find) this.find.value = now.find;
    this.level.value = now.level;
    const why = whyNothing(this.context.catalog, now.project);
    this.tools.hidden = this.body.hidden = why !== null;
    this.nothing.hidden = why === null;
    fill(this.nothing, why);
    if (!this.#alerts) {
      this.told.textContent = "Loading";
      return;
    }
    const runs = this.context.catalog.byId;
    const left = filtered(this.#alerts, { level: now.level, text: now.find }, runs);
    this.rules.show(this.#alerts);
    const all = this.#alerts.length;
    this.told.textContent =
      left.length === all ? plural(all, "alert") : `${count(left.length)} of ${plural(all, "alert")}`;
    fill(
      this.list,
      left.length
        ? left.slice(0, this.#most).map((alert) => alertItem(this.context, alert))
        : this.#nothing(all),
    );
    if (left.length > this.#most) add(this.list, this.#more(left.length));
  }

  #more(all) {
    const click = () => {
      this.#most *= 5;
      this.#show();
    };
    return el("button", { type: "button", on: { click } }, `Show more of ${count(all)}`);
  }

  #nothing(all) {
    if (all) return el("p", { class: "card empty" }, "No alert matches.");
    return el(
      "p",
      { class: "card empty" },
      "No alerts. Training code tells of something by run.alert(…); a rule does it by itself.",
    );
  }
}

/**
 * One alert: its level, when and where it was, and a link to that place in the charts.
 * @param {object} context see main.js
 * @param {object} alert As /api/alerts tells of it.
 * @param {{named?: boolean}} [how] `named` says whose it is.
 */
export function alertItem(context, alert, { named = true } = {}) {
  const { view, catalog } = context;
  const run = catalog.byId.get(alert.run);
  const where = alert.step === null || alert.step === undefined ? "no step" : `step ${count(alert.step)}`;
  return el(
    "article",
    { class: "card alert", data: { level: alert.level } },
    el(
      "header",
      {},
      el("span", { class: "level", data: { level: alert.level } }, alert.level),
      el("strong", {}, alert.title),
      el("time", { class: "soft", title: moment(alert.time) }, ago(alert.time)),
    ),
    alert.text && textOf(alert.text),
    el(
      "footer",
      { class: "soft" },
      named &&
        run &&
        linkTo(
          view,
          { page: "run", run: run.id },
          { class: "run-link" },
          dot(context, run),
          run.name || run.id,
        ),
      el("span", {}, where),
      alert.rank ? el("span", {}, `rank ${alert.rank}`) : null,
      alert.source === "rule" && el("span", { class: "tag" }, "by a rule"),
      linkTo(view, placeToLook(alert, run), {}, "Show in charts"),
    ),
  );
}

/** Long text scrolls in its place, by the keyboard too. */
function textOf(text) {
  const long = text.length > LONG || text.split("\n").length > LINES;
  return el("p", { class: long ? "alert-text long" : "alert-text", tabindex: long && 0 }, text);
}
