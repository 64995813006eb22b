/** All that was recorded under one name, one step at a time, which a slider chooses. */

import { attribute, el, fill, settled } from "./dom.js";
import { followed, groupsOf, whenOf } from "./recordgroups.js";
import { RecordImages } from "./recordimages.js";
import { RecordTable } from "./recordtable.js";
import { RecordText } from "./recordtext.js";

const SHOWS = { table: RecordTable, image: RecordImages, markdown: RecordText, trace: RecordText };

export class RecordCard {
  #groups = [];
  #at = 0;
  #shown = "";

  /** @param {object} context see main.js @param {string} run its id */
  constructor(context, run, kind, key) {
    this.kind = kind;
    this.content = new SHOWS[kind](context, run, kind, key);
    this.when = el("span", { class: "soft" });
    this.slider = el("input", { type: "range", min: 0, step: 1, "aria-label": `Step of ${key}` });
    const later = settled(() => this.#draw(), 60);
    this.slider.addEventListener("input", () => {
      this.#at = Number(this.slider.value);
      this.#tell();
      later();
    });
    this.element = el(
      "section",
      { class: "card panel", "aria-label": key },
      el("header", {}, el("h2", {}, key), this.when, this.slider),
      this.content.element,
    );
  }

  /** Lets go of what watches it. */
  close() {
    this.content.close();
  }

  /** @param {object[]} records All of this name, in the order recorded. */
  show(records) {
    const groups = groupsOf(records, this.kind === "image");
    this.#at = followed(this.#groups, this.#at, groups);
    this.#groups = groups;
    attribute(this.slider, "max", groups.length - 1);
    this.slider.value = String(this.#at);
    this.slider.hidden = groups.length < 2;
    this.#tell();
    this.#draw();
  }

  #tell() {
    const text = whenOf(this.#groups[this.#at]);
    fill(this.when, text);
    attribute(this.slider, "aria-valuetext", text);
  }

  #draw() {
    const { records } = this.#groups[this.#at];
    const text = JSON.stringify(records);
    if (text === this.#shown) return;
    this.#shown = text;
    this.content.show(records);
  }
}
