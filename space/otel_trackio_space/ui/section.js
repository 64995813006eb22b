/** A section of charts that folds. */

import { arrange, attribute, el } from "./dom.js";
import { count } from "./format.js";
import { icon } from "./icons.js";

export class Section {
  /**
   * @param {string} id
   * @param {string} title
   * @param {(id: string) => void} onFold
   */
  constructor(id, title, onFold) {
    const place = `ot-section-${id}`;
    this.amount = el("span", { class: "count" });
    this.button = el(
      "button",
      { class: "plain fold", type: "button", "aria-controls": place, on: { click: () => onFold(id) } },
      icon("chevron"),
      el("span", {}, title),
      this.amount,
    );
    this.grid = el("div", { class: "grid", id: place });
    this.root = el("section", { class: "section", "aria-label": title }, el("h2", {}, this.button), this.grid);
  }

  /** @param {HTMLElement[]} cards in their order */
  show(cards, open, amount) {
    this.amount.textContent = count(amount);
    attribute(this.button, "aria-expanded", String(open));
    this.grid.hidden = !open;
    arrange(this.grid, cards);
  }
}
