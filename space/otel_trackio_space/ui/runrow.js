/** Rows of the list of runs. */

import { el } from "./dom.js";
import { inkOf } from "./colour.js";
import { ago, count, duration, number, shortened } from "./format.js";
import { icon } from "./icons.js";
import { linkTo } from "./link.js";

/** Letters of a name that fit into a row: of longer ones the ends matter, as in "…-seed3". */
const LETTERS = 26;

/**
 * A run: whether it is shown, how it is doing, and what can be done with it.
 * @param {object} context see main.js
 * @param {object} entry see rows.js
 * @param {{show: (ids: string[], on: boolean) => void, only: (ids: string[]) => void}} acts
 */
export function runRow({ view, highlight, theme }, { run, shown, inner, base, order }, acts) {
  const box = el("input", {
    type: "checkbox",
    class: "swatch",
    checked: shown,
    "aria-label": `${run.name} ${run.state}`,
    style: { "--swatch": inkOf(order, theme.dark).colour },
    on: { change: () => acts.show([run.id], box.checked) },
  });
  const name = el("span", { class: "run-name" }, shortened(run.name, LETTERS));
  const enter = () => {
    name.title = titleOf(run);
    highlight.set(shown || base ? line : null);
  };
  const line = view.now.lines === "runs" || base ? run.id : null;
  return el(
    "div",
    {
      class: ["run-row", inner && "inner", !shown && "off", base && "base"].filter(Boolean).join(" "),
      data: { id: run.id },
      on: { pointerenter: enter, pointerleave: () => highlight.set(null) },
    },
    el(
      "label",
      {},
      box,
      el("i", { class: "dot", data: { state: run.state }, title: run.state }),
      name,
    ),
    el(
      "span",
      { class: "acts" },
      only(run.name, "Show only this run", () => acts.only([run.id])),
      baseline(view, run, base),
      linkTo(
        view,
        { page: "run", run: run.id },
        { class: "about", "aria-label": `All about ${run.name}`, title: "All about this run" },
        icon("info"),
      ),
    ),
  );
}

function only(name, title, act) {
  const attributes = { class: "plain", type: "button", "aria-label": `Show only ${name}`, title, on: { click: act } };
  return el("button", attributes, "only");
}

function baseline(view, run, base) {
  const title = base
    ? "The baseline, to which others are compared; click to end that"
    : "Compare others to this run, as the baseline";
  const attributes = {
    class: "plain square",
    type: "button",
    "aria-pressed": String(base),
    "aria-label": `Baseline: ${run.name}`,
    title,
    on: { click: () => view.change({ baseline: base ? "" : run.id }) },
  };
  return el("button", attributes, icon("flag"));
}

/** A group of runs, which folds. Parameters are those of runRow. */
export function groupRow({ view, highlight, theme }, { group, folded, on, some }, acts) {
  const ids = group.runs.map((run) => run.id);
  const mean = view.now.lines !== "runs";
  const box = el("input", {
    type: "checkbox",
    class: "swatch",
    checked: on,
    indeterminate: some && !on,
    "aria-label": `Show group ${group.name}`,
    style: mean ? { "--swatch": inkOf(group.order, theme.dark).colour } : {},
    on: { change: () => acts.show(ids, box.checked) },
  });
  const fold = () => {
    const { folded: now } = view.now;
    view.change({ folded: folded ? now.filter((each) => each !== group.name) : [...now, group.name] });
  };
  return el(
    "div",
    {
      class: "run-row group-row",
      data: { id: `group ${group.name}` },
      on: {
        pointerenter: () => highlight.set(mean ? `group ${group.name}` : null),
        pointerleave: () => highlight.set(null),
      },
    },
    el(
      "button",
      {
        class: "plain square fold",
        type: "button",
        "aria-expanded": String(!folded),
        "aria-label": `Runs of ${group.name}`,
        on: { click: fold },
      },
      icon("chevron"),
    ),
    el("label", {}, box, el("span", { class: "run-name group-name", title: group.name }, shortened(group.name, LETTERS))),
    el("span", { class: "count" }, count(group.runs.length)),
    el(
      "span",
      { class: "acts" },
      only(`group ${group.name}`, "Show only this group", () => acts.only(ids)),
    ),
  );
}

function titleOf(run) {
  const ran = run.started ? duration((run.ended ?? Date.now()) - run.started) : "";
  const step = run.last_step === null ? "" : `step ${number(run.last_step)}`;
  return [
    run.name,
    [run.state, step, ran, run.started && ago(run.started)].filter(Boolean).join(", "),
    run.tags?.join(", "),
  ]
    .filter(Boolean)
    .join("\n");
}
