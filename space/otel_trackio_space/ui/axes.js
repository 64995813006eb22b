/** The x axis that a person chose: its ticks and texts. Knows no DOM. */

import { duration, durationTexts, logTexts, moment, number, count, tickTexts } from "./format.js";
import { durationTicks, linearTicks, logTicks, momentTexts, momentTicks, wholeTicks } from "./scale.js";

/**
 * @typedef {object} XAxis
 * @property {string} title
 * @property {(low: number, high: number, wanted: number) => number[]} ticks
 * @property {(ticks: number[]) => string[]} texts
 * @property {(x: number, width: number) => string} text of a bucket that begins at x
 */

const STEP = {
  title: "step",
  ticks: wholeTicks,
  texts: tickTexts,
  text: (x, width) => (width > 1 ? `step ${count(x)}–${count(x + width - 1)}` : `step ${number(x)}`),
};

const RELATIVE = {
  title: "time since the start",
  ticks: durationTicks,
  texts: durationTexts,
  text: (x) => duration(x),
};

const TIME = {
  title: "time",
  ticks: momentTicks,
  texts: momentTexts,
  text: (x) => moment(x),
};

const along = (key) => ({
  title: key,
  ticks: linearTicks,
  texts: tickTexts,
  text: (x) => `${key} ${number(x)}`,
});

/**
 * The axis of an answer of /api/series.
 * @param {string|{metric: string}} x
 * @param {boolean} log
 * @returns {XAxis}
 */
export function axisOf(x, log) {
  const axis = typeof x === "object" ? along(x.metric) : ({ step: STEP, relative: RELATIVE, time: TIME }[x] ?? STEP);
  if (!log || axis === TIME) return axis;
  return { ...axis, ticks: logTicks, texts: axis === RELATIVE ? axis.texts : logTexts };
}

/** Whether an axis can be logarithmic: moments cannot. */
export function canBeLog(x) {
  return x !== "time";
}
