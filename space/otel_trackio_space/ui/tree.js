/** A config or a summary, nested as it is, to search and to copy. */

import { copyButton } from "./copy.js";
import { el, fill } from "./dom.js";
import { figure } from "./figure.js";
import { isBranch, leaves, plain, searched } from "./nested.js";

/** Leaves beyond which a search is offered. */
const MANY = 8;

/** Leaves beyond which what is nested starts closed. */
const LONG = 60;

export class Tree {
  #values = {};
  #shown = "";

  /**
   * @param {object} context see main.js
   * @param {string} title
   * @param {string} nothing What stands there while it is empty.
   */
  constructor(context, title, nothing) {
    this.nothing = nothing;
    this.search = el("input", {
      type: "search",
      placeholder: `Search ${title.toLowerCase()}`,
      "aria-label": `Search ${title.toLowerCase()}`,
    });
    this.search.addEventListener("input", () => this.#draw());
    this.body = el("div", {
      class: "tree",
      tabindex: 0,
      role: "group",
      "aria-label": `All of ${title.toLowerCase()}`,
    });
    this.copy = copyButton(context, "Copy as JSON", () => JSON.stringify(this.#values, null, 2));
    this.element = el(
      "section",
      { class: "card panel", "aria-label": title },
      el("header", {}, el("h2", {}, title), this.search, this.copy),
      this.body,
    );
  }

  /** @param {Record<string, unknown>} values */
  show(values) {
    const text = JSON.stringify(values);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#values = values;
    const { length } = leaves(values);
    this.search.hidden = length <= MANY;
    this.copy.hidden = length === 0;
    this.#draw();
  }

  #draw() {
    const typed = this.search.value;
    const left = searched(this.#values, typed);
    const open = Boolean(typed) || leaves(left).length <= LONG;
    const empty = typed ? "Nothing matches." : this.nothing;
    fill(this.body, Object.keys(left).length ? branch(left, open) : el("p", { class: "soft" }, empty));
  }
}

function branch(values, open) {
  return el(
    "ul",
    {},
    Object.entries(values).map(([key, value]) =>
      el("li", {}, isBranch(value) ? inner(key, value, open) : leaf(key, value)),
    ),
  );
}

function inner(key, value, open) {
  return el("details", { open }, el("summary", {}, el("span", { class: "key" }, key)), branch(value, open));
}

function leaf(key, value) {
  const text = typeof value === "number" ? figure(value) : plain(value);
  return [el("span", { class: "key" }, key), el("span", { class: "value", title: plain(value) }, text)];
}
