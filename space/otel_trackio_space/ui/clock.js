/** The controls of a clock that several charts share. */

import { attribute, el } from "./dom.js";

/**
 * The choice between time since the start and time of day.
 * @param {import("./view.js").View} view
 */
export function clockChoice(view) {
  const button = (clock, text) =>
    el(
      "button",
      { type: "button", data: { clock }, on: { click: () => view.change({ clock, from: null, to: null }) } },
      text,
    );
  const buttons = [button("relative", "Since start"), button("time", "Time of day")];
  return {
    element: el("div", { class: "choice", role: "group", "aria-label": "Clock" }, buttons),
    show: () =>
      buttons.forEach((each) =>
        attribute(each, "aria-pressed", String(each.dataset.clock === view.now.clock)),
      ),
  };
}

/**
 * Shows all of the clock again.
 * @param {import("./view.js").View} view
 */
export function resetButton(view) {
  const element = el(
    "button",
    { type: "button", on: { click: () => view.change({ from: null, to: null }) } },
    "Reset zoom",
  );
  return { element, show: () => (element.hidden = view.now.from === null && view.now.to === null) };
}
