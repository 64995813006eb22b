/**
 * A distribution over steps or time as a picture: where its columns and rows lie, and what each says.
 * Knows no DOM.
 *
 * @typedef {object} Heat
 * @property {"step"|"relative"|"time"} axis
 * @property {number} width of the columns as they were measured
 * @property {number[]} x where each begins
 * @property {[number, number][]} spans where each is drawn: up to the next, unless that is far
 * @property {[number, number]} range of all spans
 * @property {(number|null)[]} edges of the rows
 * @property {boolean} even whether rows with known ends are of one height in values, else they are buckets
 * @property {number[][]} shares of the count, by column and row, 0 to 1
 * @property {number} most the greatest share that colours tell
 * @property {boolean} beyond whether some are greater
 * @property {{count: number[], mean: number[], min: number[], max: number[], nonfinite: number[]}} told
 */

import { axisOf } from "../axes.js";
import { count, number, plural, tickTexts } from "../format.js";
import { linearTicks } from "../scale.js";

/** Of the columns' greatest shares, those above this part are all drawn as the most. */
const TYPICAL = 0.95;

/** Columns that are farther apart than so many times as usual are not drawn up to each other. */
const WIDEST = 2;

/** Of a column that stands alone, so many times its width is free on each side. */
const BESIDE = 1.5;

/** Significant digits of the edges of buckets. */
const DIGITS = 3;

/** Ms on each side of a moment that stands alone. */
const MOMENT = 500;

/**
 * @param {object} answer of the API
 * @param {{clock: "relative"|"time", started: number|null, factor: number}} how `factor` is of its unit
 * @returns {Heat}
 */
export function heatOf(answer, { clock, started, factor }) {
  const timed = answer.axis === "time";
  const axis = timed ? (clock === "time" || started === null ? "time" : "relative") : "step";
  const x = axis === "relative" ? answer.x.map((each) => each - started) : answer.x;
  const spans = spansOf(x, answer.width, timed);
  const shares = answer.cells.map((column, at) => column.map((cell) => cell / (answer.count[at] || 1)));
  const sized = (column) => column.map((value) => (value === null ? null : value * factor));
  return {
    axis,
    width: answer.width,
    x,
    spans,
    range: rangeOf(spans),
    edges: sized(answer.edges),
    even: answer.even,
    shares,
    ...mostOf(shares),
    told: {
      count: answer.count,
      nonfinite: answer.nonfinite,
      mean: sized(answer.mean),
      min: sized(answer.min),
      max: sized(answer.max),
    },
  };
}

/**
 * Where columns are drawn: each up to the middle between it and the next. Where that is farther than
 * usual nothing was recorded, and nothing is drawn.
 * @param {number[]} x @param {number} width @param {boolean} timed
 * @returns {[number, number][]}
 */
export function spansOf(x, width, timed) {
  if (x.length === 1 && timed) {
    const half = Math.max(width, 2 * MOMENT) / 2;
    return [[x[0] + width / 2 - half, x[0] + width / 2 + half]];
  }
  const own = x.map((each) => (timed ? [each, each + width] : [each - 0.5, each + width - 0.5]));
  const gaps = own.slice(1).map(([left], at) => left - own[at][1]);
  const usual = [...gaps].sort((one, other) => one - other)[Math.floor(gaps.length / 2)] ?? 0;
  const half = (gap) => (gap > WIDEST * usual + width ? usual : gap) / 2;
  return own.map(([left, right], at) => [left - half(gaps[at - 1] ?? usual), right + half(gaps[at] ?? usual)]);
}

/** All of them; one that stands alone has room on both sides. */
function rangeOf(spans) {
  if (!spans.length) return [0, 1];
  const [low, high] = [spans[0][0], spans[spans.length - 1][1]];
  const beside = spans.length === 1 ? (high - low) * BESIDE : 0;
  return [low - beside, high + beside];
}

function mostOf(shares) {
  const peaks = shares.map((column) => Math.max(...column)).filter((peak) => peak > 0);
  peaks.sort((one, other) => one - other);
  const most = Math.min(1, peaks[Math.ceil(TYPICAL * peaks.length) - 1] ?? 1);
  return { most, beyond: peaks.length > 0 && peaks[peaks.length - 1] > most * 1.0001 };
}

/** The column and row at a place of the picture, 0 to 1 from the left and from below; or null. */
export function cellAt(heat, right, up) {
  const [low, high] = heat.range;
  const x = low + right * (high - low);
  const column = heat.spans.findIndex(([left, end]) => left <= x && x <= end);
  if (column < 0 || !(up >= 0 && up <= 1)) return null;
  const rows = heat.edges.length - 1;
  return { column, row: Math.min(rows - 1, Math.floor(up * rows)) };
}

/** Where a value of x lies, 0 to 1. */
export function placeOf(heat, x) {
  const [low, high] = heat.range;
  return (x - low) / (high - low);
}

/** Ticks below the picture. @param {Heat} heat @param {number} wanted about how many */
export function ticksOfX(heat, wanted) {
  const axis = axisOf(heat.axis, false);
  const [first, last] = [heat.x[0], heat.x[heat.x.length - 1]];
  const found = axis.ticks(...heat.range, wanted).filter((tick) => first <= tick && tick <= last + heat.width);
  const ticks = first < last && found.length > 1 ? found : [...new Set([first, last])];
  const texts = axis.texts(ticks);
  return ticks.map((x, at) => ({ place: placeOf(heat, x), text: texts[at].split("\n")[0] }));
}

/** Ticks beside it: round values, or edges of buckets. */
export function ticksOfY({ edges, even }, wanted) {
  const rows = edges.length - 1;
  const first = edges.findIndex((edge) => edge !== null);
  const last = edges.findLastIndex((edge) => edge !== null);
  if (even && first < last) {
    const [low, high] = [edges[first], edges[last]];
    const ticks = linearTicks(low, high, wanted).filter((tick) => tick >= low && tick <= high);
    const texts = tickTexts(ticks);
    const placed = (tick) => (first + ((tick - low) / (high - low)) * (last - first)) / rows;
    return ticks.map((tick, at) => ({ place: placed(tick), text: texts[at] }));
  }
  const every = Math.max(1, Math.ceil(rows / wanted));
  return edges
    .map((edge, at) => ({ edge, place: at / rows, at }))
    .filter(({ edge, at }) => edge !== null && at % every === 0)
    .map(({ edge, place }) => ({ place, text: number(edge, DIGITS) }));
}

/** The values of a row: "0.5 to 1", "up to 5", "above 10,000". */
export function valuesOf({ edges }, row) {
  const [low, high] = [edges[row], edges[row + 1]];
  if (low === null && high === null) return "any value";
  if (low === null) return `up to ${number(high)}`;
  return high === null ? `above ${number(low)}` : `${number(low)} to ${number(high)}`;
}

/** A share as percent: what is not nothing never reads as 0 %. */
export function percent(share) {
  return share > 0 && share < 0.0001 ? "< 0.01 %" : `${number(100 * share, 3)} %`;
}

/**
 * What a column says, and one of its rows.
 * @returns {{title: string, facts: [string, string][], row: string, share: string}}
 */
export function readingOf(heat, { column, row }) {
  const { told } = heat;
  const known = ["mean", "min", "max"].map((name) => [name, number(told[name][column])]);
  const odd = told.nonfinite[column];
  return {
    title: axisOf(heat.axis, false).text(heat.x[column], heat.width),
    facts: [
      ["count", count(told.count[column])],
      ...known.filter(([, text]) => text),
      ...(odd ? [["not finite", count(odd)]] : []),
    ],
    row: valuesOf(heat, row),
    share: percent(heat.shares[column][row]),
  };
}

/** One sentence for those who do not see it. @param {string} title @param {Heat} heat */
export function summaryOf(title, heat) {
  const last = heat.x.length - 1;
  if (last < 0) return `${title}: no distributions.`;
  const { text } = axisOf(heat.axis, false);
  const { facts } = readingOf(heat, { column: last, row: 0 });
  const ends = [...new Set([heat.x[0], heat.x[last]])].map((x) => text(x, 1));
  return [
    `${title}: ${plural(last + 1, "distribution")}, ${ends.join(" to ")}.`,
    `The last: ${facts.map((fact) => fact.join(" ")).join(", ")}.`,
  ].join(" ");
}
