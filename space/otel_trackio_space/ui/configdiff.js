/** In what the configs of the selected runs differ. */

import { differences } from "./diff.js";
import { el, fill } from "./dom.js";
import { plural } from "./format.js";
import { dot } from "./runcell.js";

/** Runs that stand side by side. */
const MOST = 20;

export class ConfigDiff {
  #runs = [];

  constructor(context) {
    this.context = context;
    this.element = el("section", { class: "card panel", "aria-label": "Configs compared" });
  }

  /** @param {object[]} runs The selected ones. */
  show(runs) {
    this.#runs = runs;
    this.element.hidden = !this.context.view.now.diff || runs.length === 0;
    if (!this.element.hidden) this.#draw();
  }

  #draw() {
    const runs = this.#runs.slice(0, MOST);
    const all = this.context.view.now.tab === "all";
    const found = differences(runs);
    const rows = all ? found : found.filter(({ differs }) => differs);
    const box = el("input", { type: "checkbox", checked: all, on: { change: () => this.#toggle(!all) } });
    const held = this.element.contains(document.activeElement);
    fill(
      this.element,
      el(
        "header",
        {},
        el("h2", {}, "Configs compared"),
        el("label", { class: "check" }, box, el("span", {}, "Show what is equal, too")),
        el("span", { class: "soft" }, this.#told(found, runs)),
      ),
      rows.length > 0 &&
        el(
          "div",
          { class: "scrolls", tabindex: 0, role: "region", "aria-label": "Differences" },
          this.#table(rows, runs),
        ),
    );
    if (held) box.focus();
  }

  #toggle(all) {
    this.context.view.change({ tab: all ? "all" : "" });
  }

  #told(found, runs) {
    const differing = found.filter(({ differs }) => differs).length;
    const cut = this.#runs.length - runs.length;
    const of = `${plural(found.length, "key")}, ${differing} ${differing === 1 ? "differs" : "differ"}`;
    return cut > 0 ? `${of}; the first ${runs.length} runs` : of;
  }

  #table(rows, runs) {
    const heads = runs.map((run) =>
      el("th", { scope: "col", title: run.name }, dot(this.context, run), " ", run.name),
    );
    const line = ({ path, values, differs }) =>
      el(
        "tr",
        { class: differs ? "differs" : null },
        el("th", { scope: "row", title: path }, path),
        values.map((value) =>
          value === undefined ? el("td", { class: "none" }, "not set") : el("td", { title: value }, value),
        ),
      );
    return el(
      "table",
      { class: "plain-table" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Key"), heads)),
      el("tbody", {}, rows.map(line)),
    );
  }
}
