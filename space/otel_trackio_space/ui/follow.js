/** How old the copy is that is shown, where the runs come from a remote. */

import { el } from "./dom.js";
import { ago, count } from "./format.js";

/** Ms between two questions to the server, and between two looks at the clock. */
const ASKED = 10_000;
const TICK = 1_000;

export class Follow {
  #asked = 0;

  /** @param {object} context see main.js */
  constructor({ catalog, client }) {
    this.catalog = catalog;
    this.client = client;
    this.element = el("span", { class: "status follow", hidden: true });
    catalog.on("projects", () => this.#begin());
    catalog.on("change", () => this.timer && this.#ask());
  }

  /** From the moment that a remote is known to be followed. */
  #begin() {
    if (this.timer || !this.catalog.about?.follow) return;
    this.timer = setInterval(() => this.#tick(), TICK);
    this.#show();
  }

  #tick() {
    if (document.hidden) return;
    if (performance.now() - this.#asked >= ASKED) this.#ask();
    this.#show();
  }

  async #ask() {
    this.#asked = performance.now();
    try {
      this.catalog.about = await this.client.get("about");
      this.#show();
    } catch {
      // That the server does not answer stands beside it already.
    }
  }

  #show() {
    const { follow } = this.catalog.about;
    const { remote, error, hint } = follow;
    this.element.hidden = false;
    this.element.dataset.state = error ? "lost" : "live";
    this.element.textContent = saying(follow);
    this.element.title = [remote, error, hint].filter(Boolean).join("\n");
  }
}

function saying({ synced, error, busy, done, total }) {
  const age = synced === null ? "" : `synced ${ago(synced)}`;
  if (error) return age ? `Not reached, ${age}` : error;
  if (busy && total) return `Syncing ${count(done)} of ${count(total)} files`;
  return age ? `S${age.slice(1)}` : "Waiting for the remote";
}
