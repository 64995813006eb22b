/** What a metric is called: its name, and below it the attributes that tell it from its like. */

import { parsed } from "./attributes.js";
import { el, fill } from "./dom.js";

/** What titles show, by element: one that shows it already is left alone. */
const filled = new WeakMap();

/**
 * The nodes of a title: the name alone, or above what tells it apart.
 * @param {string} title the key, or what is left of it within a section
 * @param {string} [about] see attributes.js
 */
export function named(title, about = "") {
  if (!about) return [title];
  return [
    el("span", { class: "metric-name" }, parsed(title).name),
    " ",
    el("span", { class: "metric-about" }, about),
  ];
}

/**
 * Fills a title; all of it is told on hover.
 * @param {HTMLElement} element
 * @param {{key: string, description?: string}} metric
 * @param {string} title its key, or what is left of it within a section
 * @param {import("./attributes.js").About} [about]
 */
export function fillTitle(element, { key, description = "" }, title, about = undefined) {
  const hint = [key, description].filter(Boolean).join("\n");
  const shown = JSON.stringify([hint, title, about?.full]);
  if (filled.get(element) === shown) return;
  filled.set(element, shown);
  element.title = hint;
  fill(element, named(title, about?.full));
}
