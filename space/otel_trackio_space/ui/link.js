/** Links within the dashboard: real addresses, which a plain click follows without loading a page. */

import { el } from "./dom.js";

/**
 * @param {import("./view.js").View} view
 * @param {object} patch What the view changes to.
 * @param {object} attributes
 * @param {...any} children
 */
export function linkTo(view, patch, attributes, ...children) {
  const link = el("a", { ...attributes, href: view.link(patch) }, ...children);
  link.addEventListener("click", (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    view.change(patch);
  });
  return link;
}
