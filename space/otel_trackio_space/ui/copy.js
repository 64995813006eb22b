/** A button that copies text. */

import { el } from "./dom.js";

/**
 * @param {object} context see main.js
 * @param {string} label
 * @param {() => string} text
 */
export function copyButton(context, label, text) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      context.toast("Copied.", "good");
    } catch {
      context.toast("The browser did not allow it.", "bad");
    }
  };
  return el("button", { type: "button", on: { click: copy } }, label);
}
