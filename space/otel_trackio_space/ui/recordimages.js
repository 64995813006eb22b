/** The images that were recorded under one name at one step. */

import { el, fill } from "./dom.js";

/** Images that are shown of one step. */
const MOST = 100;

export class RecordImages {
  constructor(context, run, kind, key) {
    this.picture = (data) => pictureOf(context, run, data, key);
    this.element = el("div", { class: "gallery" });
  }

  close() {}

  /** @param {object[]} records */
  show(records) {
    const rest = records.length - MOST;
    fill(
      this.element,
      records.slice(0, MOST).map(({ data }) => this.picture(data)),
      rest > 0 && el("p", { class: "soft" }, `and ${rest} more`),
    );
  }
}

/** What a record, or a cell, says of an image, as a figure. */
export function pictureOf(context, run, data, key) {
  const { file, caption } = data ?? {};
  const missing = el("p", { class: "soft" }, "The file of this image is not here, so it cannot be shown.");
  const url = urlOf(context, run, file);
  const image = url && el("img", { src: url, alt: caption || key, loading: "lazy" });
  if (image) image.addEventListener("error", () => image.replaceWith(missing));
  return el("figure", {}, image || missing, caption && el("figcaption", {}, caption));
}

/** Where the server has a file that a record names; null where it names none. */
export function urlOf(context, run, file) {
  const name = file?.name;
  if (typeof name !== "string" || !name) return null;
  return context.client.url(`runs/${encodeURIComponent(run)}/files/${encodeURIComponent(name)}`);
}
