/** Alerts of the project's runs, as charts mark them. */

import { marksOf } from "./alertmark.js";

export class Alerts {
  #listeners = new Set();
  #alerts = [];
  #asked = 0;

  /** @param {object} context see main.js */
  constructor(context) {
    this.context = context;
    this.refresh();
  }

  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reads them anew; charts do without where that fails. */
  async refresh() {
    const { client, catalog } = this.context;
    if (!catalog.project || !catalog.runs) return;
    const asked = ++this.#asked;
    const answer = await client.get("alerts", { project: catalog.project }).catch(() => null);
    if (!answer || asked !== this.#asked) return;
    const word = JSON.stringify(answer.alerts);
    if (word === this.word) return;
    this.word = word;
    this.#alerts = answer.alerts;
    for (const listener of [...this.#listeners]) listener();
  }

  /**
   * Alerts of these runs by their place on an x axis; none where that is another metric.
   * @param {string|{metric: string}} x
   * @param {Set<string>} ids
   */
  alongX(x, ids) {
    const { byId } = this.context.catalog;
    const runs = new Map([...ids].flatMap((id) => (byId.has(id) ? [[id, byId.get(id)]] : [])));
    return marksOf(this.#alerts, x, runs);
  }

  close() {
    this.#asked += 1;
    this.#listeners.clear();
  }
}
