/** The attempts of a run, and the ranks of each: how they ended, when, and how far they came. */

import { duration as durationOf } from "./columns.js";
import { el, fill } from "./dom.js";
import { ago, count, duration, moment } from "./format.js";
import { stateOf } from "./runcell.js";

export class Attempts {
  constructor() {
    this.title = el("h2");
    this.table = el("table", { class: "plain-table attempts" });
    this.box = el("div", { class: "scrolls", tabindex: 0, role: "region" }, this.table);
    this.element = el("section", { class: "card panel first" }, el("header", {}, this.title), this.box);
  }

  /** Nothing stands there for a run of one attempt and one rank. @param {object[]} attempts Of /api/runs/{id}. */
  show(attempts) {
    this.element.hidden = attempts.length < 2;
    if (this.element.hidden) return;
    const numbers = distinct(attempts, "attempt").reverse();
    const ranked = distinct(attempts, "rank").length > 1;
    const title = !ranked ? "Attempts" : numbers.length > 1 ? "Attempts and ranks" : "Ranks";
    this.title.textContent = title;
    this.element.setAttribute("aria-label", title);
    this.box.setAttribute("aria-label", `All ${title.toLowerCase()}`);
    const heads = [ranked ? "Rank" : "No.", "State", "Started", "Took", "Step"];
    const parts = numbers.map((number) => {
      const own = attempts.filter(({ attempt }) => attempt === number);
      const head = ranked && numbers.length > 1 && headOf(number, heads.length);
      return el("tbody", {}, head, own.map((each) => lineOf(each, ranked ? each.rank : number)));
    });
    fill(this.table, el("thead", {}, el("tr", {}, heads.map((text) => el("th", { scope: "col" }, text)))), parts);
  }
}

function headOf(number, columns) {
  return el("tr", {}, el("th", { scope: "colgroup", colspan: columns, class: "attempt" }, `Attempt ${number}`));
}

function lineOf(each, name) {
  const { started, last_step: step } = each;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, String(name)),
    el("td", {}, stateOf(each)),
    el("td", { title: moment(started) }, ago(started)),
    el("td", { title: each.ended === null ? null : `until ${moment(each.ended)}` }, duration(durationOf(each, Date.now()))),
    el("td", {}, step === null ? "–" : count(step)),
  );
}

function distinct(attempts, field) {
  return [...new Set(attempts.map((each) => each[field]))];
}
