/** What a run recorded beside its curves: tables, images, texts and traces, a card for each name. */

import { arrange, el } from "./dom.js";
import { RecordCard } from "./recordcard.js";

/** Kinds that are shown, in their order on the page. */
export const KINDS = ["table", "image", "markdown", "trace"];

export class Records {
  #cards = new Map();

  /** @param {object} context see main.js */
  constructor(context) {
    this.context = context;
    this.element = el("div", { class: "records" });
  }

  /** Lets go of what watches it. */
  close() {
    for (const card of this.#cards.values()) card.close();
    this.#cards.clear();
  }

  /** @param {string} run @param {Record<string, object[]>} found By kind, records as the API tells of them. */
  show(run, found) {
    const wanted = new Map();
    for (const kind of KINDS)
      for (const record of found[kind] ?? []) {
        const name = JSON.stringify([kind, record.key]);
        if (!wanted.has(name)) wanted.set(name, { kind, key: record.key, records: [] });
        wanted.get(name).records.push(record);
      }
    for (const [name, card] of this.#cards)
      if (!wanted.has(name)) {
        card.close();
        this.#cards.delete(name);
      }
    const cards = [...wanted].map(([name, { kind, key, records }]) => {
      const card = this.#cards.get(name) ?? new RecordCard(this.context, run, kind, key);
      this.#cards.set(name, card);
      card.show(records);
      return card.element;
    });
    arrange(this.element, cards);
  }
}
