/** Modal dialogs. The focus goes into one, stays there, and goes back to where it was. */

import { add, el, listen } from "./dom.js";
import { icon } from "./icons.js";

let opened = 0;

/**
 * Opens a dialog; Escape, the cross, a click beside it and going back in the history close it.
 * @param {HTMLElement} page The page that asks; it inherits the theme from there.
 * @param {string} title
 * @param {(close: () => void) => any[]} content The body, given what closes the dialog. What has
 *   `data-first` gets the focus.
 */
export function openDialog(page, title, content) {
  const heading = `dialog-title-${++opened}`;
  const origin = document.activeElement;
  const main = page.closest("main");
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": heading });
  const close = () => dialog.close();
  const cross = el(
    "button",
    { type: "button", class: "plain square", "aria-label": "Close", on: { click: close } },
    icon("close"),
  );
  add(
    dialog,
    el("header", {}, el("h2", { id: heading }, title), cross),
    el("div", { class: "dialog-body" }, content(close)),
  );
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog && isBeside(dialog, event)) close();
  });
  const left = listen(window, "popstate", close);
  dialog.addEventListener("close", () => {
    left();
    dialog.remove();
    restore(main, origin);
  });
  page.closest(".ot").append(dialog);
  dialog.showModal();
  dialog.querySelector("[data-first]")?.focus();
}

/** What was drawn anew meanwhile is found by its text; where nothing is, the page gets the focus. */
function restore(main, origin) {
  const same = () =>
    [...main.querySelectorAll("button, a")].find((each) => each.textContent === origin.textContent);
  const wanted = origin.isConnected && origin !== document.body ? origin : same();
  (wanted ?? main).focus({ preventScroll: true });
}

/** A click on the backdrop has the dialog as its target, as one on its padding has. */
function isBeside(dialog, event) {
  const box = dialog.getBoundingClientRect();
  const within = (at, from, to) => at >= from && at <= to;
  return !within(event.clientX, box.left, box.right) || !within(event.clientY, box.top, box.bottom);
}

/**
 * A form in a dialog. `submit` may raise what the server refuses: that is shown, and it stays open.
 * @param {HTMLElement} page
 * @param {string} title
 * @param {any[]} fields
 * @param {{action: string, danger?: boolean, submit: () => Promise<void>}} options
 */
export function openForm(page, title, fields, { action, danger = false, submit }) {
  openDialog(page, title, (close) => {
    const told = el("p", { class: "refused", role: "alert" });
    const button = el("button", { type: "submit", class: danger ? "danger" : "primary" }, action);
    const cancel = el("button", { type: "button", "data-first": danger, on: { click: close } }, "Cancel");
    const form = el("form", {}, fields, told, el("footer", {}, cancel, button));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      told.textContent = "";
      try {
        await submit();
        close();
      } catch (error) {
        told.textContent = [error.message, error.hint].filter(Boolean).join(": ");
      } finally {
        button.disabled = false;
      }
    });
    return [form];
  });
}
