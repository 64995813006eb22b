/** An axis of the scatter plot: linear, logarithmic, of times, or of words. Knows no DOM. */

import { duration, logTexts, tickTexts } from "./format.js";
import { durationTicks, linearTicks, logTicks, momentTexts, momentTicks, placeIn, rangeOf } from "./scale.js";
import { asNumber } from "./table.js";

/**
 * @typedef {object} Axis
 * @property {(value: unknown) => number|undefined} place Where on the axis a value is, 0 to 1;
 *   undefined where it is nowhere: missing, not finite, or not above 0 on a logarithmic one.
 * @property {{place: number, text: string}[]} ticks
 */

/** Words that have ticks. */
const WORDS = 24;

const LINEAR = { ticks: linearTicks, texts: tickTexts };
const LOG = { ticks: logTicks, texts: logTexts };
const TIMES = {
  time: { ticks: momentTicks, texts: momentTexts },
  duration: { ticks: durationTicks, texts: (ticks) => ticks.map(duration) },
};

/**
 * The axis on which all values have a place.
 * @param {unknown[]} values
 * @param {{log?: boolean, shows?: string, wanted?: number}} [options] `shows` as in columns.js,
 *   `wanted` about how many ticks.
 * @returns {Axis}
 */
export function axisOf(values, { log = false, shows = "number", wanted = 6 } = {}) {
  const present = values.filter((value) => value !== undefined && value !== null);
  const numbers = present.map(asNumber);
  if (numbers.includes(undefined)) return ofWords(present);
  const usable = (value) => Number.isFinite(value) && (!log || value > 0);
  const range = rangeOf(numbers.filter(usable), { log });
  if (!range) return { place: () => undefined, ticks: [] };
  const { ticks, texts } = log ? LOG : (TIMES[shows] ?? LINEAR);
  const found = ticks(...range, wanted);
  const written = texts(found);
  return {
    place: (value) => (usable(asNumber(value)) ? placeIn(asNumber(value), range, log) : undefined),
    ticks: found.map((value, index) => ({ place: placeIn(value, range, log), text: written[index] })),
  };
}

function ofWords(values) {
  const words = [...new Set(values.map(wordOf))].sort(new Intl.Collator("en", { numeric: true }).compare);
  const at = new Map(words.map((word, index) => [word, (index + 0.5) / words.length]));
  const every = Math.ceil(words.length / WORDS);
  return {
    place: (value) => (value === undefined || value === null ? undefined : at.get(wordOf(value))),
    ticks: words
      .filter((_, index) => index % every === 0)
      .map((word) => ({ place: at.get(word), text: word })),
  };
}

function wordOf(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}
