/**
 * Charts below each other on one clock: their crosshairs and zooms go together. For pages Run and
 * System, which show few runs and what of them has no steps.
 *
 * @typedef {object} Card
 * @property {string} id
 * @property {string} title
 * @property {string} unit
 * @property {string} description
 * @property {import("./attributes.js").About} [about] what tells it from its like
 * @property {string[]} keys the metrics whose curves it shows
 * @property {(found: {curve: object, key: string}[]) => Ink[]} inks how its curves are called and look
 *
 * @typedef {{id: string, name: string, colour: string, dash: number[]}} Ink
 */

import { add, el, fill, oncePerFrame } from "./dom.js";
import { Highlight } from "./highlight.js";
import { Series } from "./series.js";
import { Tile } from "./tile.js";
import { Tooltip } from "./tooltip.js";
import { scaled, shownUnit, sizeOf } from "./unit.js";

/** Charts this near to what shows are drawn. */
const NEAR = "300px";

export class Wall {
  #tiles = new Map();
  #near = new Set();
  #seen = "";
  #asked = "";

  /** @param {object} context see main.js */
  constructor(context) {
    this.context = context;
    this.element = el("div", { class: "wall" });
    /** What Series reads of a view: here it has a clock of its own. */
    this.now = { x: "relative", rank: "all", lo: null, hi: null, full: "", baseline: "" };
    this.ids = new Set();
    this.events = [];
    this.highlight = new Highlight();
    this.tooltip = new Tooltip(this.element);
    this.series = new Series(
      {
        client: context.client,
        catalog: context.catalog,
        choice: () => ({ ids: this.ids }),
        view: { now: this.now },
      },
      (error) => context.toast(`The curves did not come: ${error.message}`, "bad"),
    );
    this.series.on((keys) => this.#came(keys));
    this.soon = oncePerFrame(() => this.#drawAll());
    this.watcher = new IntersectionObserver((entries) => this.#moved(entries), { rootMargin: NEAR });
    this.sizes = new ResizeObserver(this.soon);
    this.stops = [
      context.view.on(() => this.#zoom(), "from", "to"),
      context.theme.on(() => this.soon()),
      context.catalog.on("change", ({ runs, gap }) => this.series.grown(runs, gap)),
      this.highlight.on((id) => this.#tiles.forEach((tile) => tile.emphasise(id))),
    ];
  }

  close() {
    for (const stop of this.stops) stop();
    this.soon.cancel();
    this.watcher.disconnect();
    this.sizes.disconnect();
    this.series.close();
    for (const tile of this.#tiles.values()) tile.close();
  }

  /**
   * @param {{title: string, cards: Card[]}[]} groups
   * @param {{ids: Set<string>, x: "relative"|"time", rank: string, events?: object[]}} how
   */
  show(groups, { ids, x, rank, events = [] }) {
    const { from, to } = this.context.view.now;
    this.ids = ids;
    this.events = events;
    const asked = `${x} ${rank}`;
    const other = this.#asked !== asked;
    this.#asked = asked;
    Object.assign(this.now, { x, rank: rank || "all", lo: from, hi: to });
    this.#arrange(groups);
    if (other) this.series.clear();
    this.#want();
    this.soon();
  }

  /** Makes the tiles that are new, and lets go of those that are no more. */
  #arrange(groups) {
    const cards = groups.flatMap((group) => group.cards);
    for (const card of cards) this.#tiles.get(card.id)?.become(card);
    const seen = JSON.stringify(groups.map(({ title, cards: own }) => [title, own.map(({ id }) => id)]));
    if (seen === this.#seen) return;
    this.#seen = seen;
    const wanted = new Set(cards.map(({ id }) => id));
    for (const [id, tile] of this.#tiles) if (!wanted.has(id)) this.#drop(id, tile);
    const tileOf = (card) => this.#tiles.get(card.id) ?? this.#make(card);
    const section = ({ title, cards: own }) =>
      own.length > 0 &&
      el(
        "section",
        { class: "wall-group", "aria-label": title || "Charts" },
        el("h2", { class: title ? null : "unseen" }, title || "Charts"),
        el(
          "div",
          { class: "wall-grid" },
          own.map((card) => tileOf(card).element),
        ),
      );
    fill(this.element, groups.map(section));
    add(this.element, this.tooltip.box);
  }

  #make(card) {
    const tile = new Tile(this, card);
    this.#tiles.set(card.id, tile);
    tile.element.dataset.card = card.id;
    this.watcher.observe(tile.element);
    this.sizes.observe(tile.host);
    return tile;
  }

  #drop(id, tile) {
    this.watcher.unobserve(tile.element);
    this.sizes.unobserve(tile.host);
    this.#near.delete(id);
    this.#tiles.delete(id);
    tile.close();
  }

  #moved(entries) {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) this.#near.add(target.dataset.card);
      else this.#near.delete(target.dataset.card);
    }
    this.#want();
    this.soon();
  }

  #want() {
    const tiles = [...this.#near].map((id) => this.#tiles.get(id)).filter(Boolean);
    this.series.want(tiles.flatMap((tile) => tile.card.keys));
  }

  #came(keys) {
    const came = new Set(keys);
    for (const id of this.#near) {
      const tile = this.#tiles.get(id);
      if (tile?.card.keys.some((key) => came.has(key))) tile.due = true;
    }
    this.soon();
  }

  #drawAll() {
    for (const id of this.#near) this.#tiles.get(id)?.draw();
  }

  #zoom() {
    const { from, to } = this.context.view.now;
    Object.assign(this.now, { lo: from, hi: to });
    this.series.soon();
    this.soon();
  }

  /**
   * The curves of a card as lines, by their names from the last, which is drawn first; and their unit.
   * @param {Card} card
   */
  linesOf(card) {
    const found = card.keys.flatMap((key) => {
      const { whole, part } = this.series.of(key);
      const data = part ?? whole;
      const own = (data?.curves ?? []).filter((curve) => this.ids.has(curve.run));
      return own.map((curve) => ({ curve, key, width: data.width }));
    });
    const size = sizeOf(found.map(({ curve }) => curve.max ?? curve.y));
    const { factor, text } = shownUnit(card.unit, card.id, size);
    const inks = card.inks(found);
    const lines = found.map((each, index) => lineOf(each, inks[index], factor));
    const { compare } = new Intl.Collator("en", { numeric: true });
    return { unit: text, lines: lines.sort((one, other) => compare(other.name, one.name)) };
  }

  /** Whether all that a card could show has come. */
  isHere(card) {
    return card.keys.every((key) => this.series.of(key).whole);
  }
}

function lineOf({ curve, width }, ink, factor) {
  const { x, n = null } = curve;
  const [y, min, max] = [curve.y, curve.min ?? null, curve.max ?? null].map((column) =>
    scaled(column, factor),
  );
  return { ...ink, base: false, x, y, raw: null, min, max, n, width, marks: curve };
}
