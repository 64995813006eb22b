/** The run or group that the pointer is on, in the list or on a chart, so that all show it. */
export class Highlight {
  #listeners = new Set();

  /** @type {string|null} id of a line, see lines.js */
  now = null;

  /** @param {string|null} id */
  set(id) {
    if (id === this.now) return;
    this.now = id;
    for (const listener of [...this.#listeners]) listener(id);
  }

  /** Calls `listener(id)` on changes. Returns what stops it. */
  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
