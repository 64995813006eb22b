/** A box that a button opens below itself; Escape, or a press or focus anywhere else, closes it. */

import { attribute, el, listen } from "./dom.js";

let made = 0;

export class Popup {
  /** @param {string} title @param {Node} picture @param {...any} children of the box */
  constructor(title, picture, ...children) {
    const id = `ot-popup-${++made}`;
    this.button = el(
      "button",
      { type: "button", "aria-expanded": "false", "aria-controls": id, on: { click: () => this.#show(this.box.hidden) } },
      picture,
      title,
    );
    this.box = el("div", { class: "popup-box", id, role: "group", "aria-label": title, hidden: true }, children);
    this.root = el("div", { class: "popup", on: { keydown: (event) => this.#key(event) } }, this.button, this.box);
    const elsewhere = ({ target }) => target instanceof Node && !this.root.contains(target) && this.#show(false);
    const events = ["pointerdown", "focusin"];
    this.offs = events.map((name) => listen(document, name, elsewhere));
  }

  #show(open) {
    this.box.hidden = !open;
    attribute(this.button, "aria-expanded", String(open));
  }

  #key(event) {
    if (event.key !== "Escape" || this.box.hidden) return;
    event.stopPropagation();
    this.#show(false);
    this.button.focus();
  }

  close() {
    for (const off of this.offs) off();
  }
}
