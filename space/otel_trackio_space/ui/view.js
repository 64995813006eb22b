/** The view of this page: state.js's value, kept in the browser's address and history. */

import { changed, fromQuery, mergedQuery, toQuery, withProject } from "./state.js";

/** Changes of one slider or field that follow each other this fast are one step back, in ms. */
const BURST = 1200;

/** Within a burst the address follows this much later, in ms: browsers refuse a flood of changes. */
const WRITTEN = 150;

export class View {
  #listeners = new Set();
  #last = { names: "", at: -Infinity };
  #timer = 0;

  constructor() {
    /** The present view: read its fields, change none of them here. */
    this.now = fromQuery(location.search);
    addEventListener("popstate", () => {
      clearTimeout(this.#timer);
      this.#timer = 0;
      this.#become(fromQuery(location.search));
    });
  }

  /**
   * Changes fields, and with them the URL. A step in the history, but for `gradual` changes (typing,
   * dragging), of which a burst is one step, and `replace`, which is none.
   * @param {Partial<typeof this.now>} patch
   * @param {"step"|"gradual"|"replace"} [how]
   */
  change(patch, how = "step") {
    const after = Object.freeze({ ...this.now, ...patch });
    const names = changed(this.now, after).join();
    if (!names) return;
    const now = performance.now();
    const burst = how === "gradual" && names === this.#last.names && now - this.#last.at < BURST;
    this.#last = { names: how === "gradual" ? names : "", at: now };
    if (burst) {
      this.#timer ||= setTimeout(() => this.#flush(), WRITTEN);
    } else {
      this.#flush();
      const place = this.#place(mergedQuery(location.search, after));
      if (how === "replace") history.replaceState(null, "", place);
      else history.pushState(null, "", place);
    }
    this.#become(after);
  }

  /** Brings the address up to what a burst of changes came to. */
  #flush() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = 0;
    history.replaceState(null, "", this.#place(mergedQuery(location.search, this.now)));
  }

  /** Another project: what belongs to the old one's runs is forgotten. */
  openProject(project, how = "step") {
    this.change(withProject(this.now, project), how);
  }

  /**
   * Calls `listener(now, names)` after changes of any of the fields, or of all if none are named.
   * @returns {() => void} stops it
   */
  on(listener, ...fields) {
    const entry = { listener, fields };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  /** The address of the view after a patch, as others may open it. */
  link(patch = {}) {
    return new URL(this.#place(toQuery({ ...this.now, ...patch })), location.href).href;
  }

  #place(query) {
    return query ? `${location.pathname}?${query}` : location.pathname;
  }

  #become(after) {
    const names = changed(this.now, after);
    this.now = after;
    if (!names.length) return;
    for (const { listener, fields } of [...this.#listeners]) {
      if (!fields.length || fields.some((name) => names.includes(name))) listener(after, names);
    }
  }
}
