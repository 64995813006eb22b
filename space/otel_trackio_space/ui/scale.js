/** Ranges and ticks of the axes of a chart. Knows no DOM. */

/** Part of the range that stays free above and below. */
const MARGIN = 0.05;

/** Of the values shown, those from the 1st to the 99th percentile count where outliers are clipped. */
const CLIPPED = [0.01, 0.99];

/**
 * The range of an axis that shows all values, or all but outliers; null where there is none.
 * @param {number[]} values finite ones; sorted in place where outliers are clipped
 * @param {{log?: boolean, clip?: boolean}} [options]
 * @returns {[number, number]|null}
 */
export function rangeOf(values, { log = false, clip = false } = {}) {
  const usable = log ? values.filter((value) => value > 0) : values;
  if (!usable.length) return null;
  const [low, high] = clip ? quantiles(usable) : extremes(usable);
  return log ? logMargin(low, high) : linearMargin(low, high);
}

function extremes(values) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function quantiles(values) {
  values.sort((a, b) => a - b);
  return CLIPPED.map((part) => {
    const place = part * (values.length - 1);
    const low = Math.floor(place);
    const next = Math.min(low + 1, values.length - 1);
    return values[low] + (values[next] - values[low]) * (place - low);
  });
}

function linearMargin(low, high) {
  if (low === high) {
    const half = low === 0 ? 1 : Math.abs(low) * 0.1;
    return [low - half, high + half];
  }
  const margin = (high - low) * MARGIN;
  return [low - margin, high + margin];
}

function logMargin(low, high) {
  if (low === high) return [low / 2, high * 2];
  const factor = 10 ** ((Math.log10(high) - Math.log10(low)) * MARGIN);
  return [low / factor || low, Math.min(high * factor, Number.MAX_VALUE)];
}

/** Multiples of 1, 2 or 5 of a power of ten, about `wanted` of them within the range. */
export function linearTicks(low, high, wanted) {
  return multiples(low, high, niceStep((high - low) / Math.max(1, wanted)));
}

/** The same for whole numbers such as steps: no tick lies between two. */
export function wholeTicks(low, high, wanted) {
  return multiples(low, high, Math.max(1, niceStep((high - low) / Math.max(1, wanted))));
}

/** Rather somewhat more ticks than wanted than half of them. */
const DENSER = 0.72;

function niceStep(rough) {
  if (!(rough > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((each) => each * power >= rough * DENSER) ?? 10;
  return factor * power;
}

function multiples(low, high, step) {
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const ticks = [];
  for (let index = first; index <= last && ticks.length < 100; index++) {
    // Rounded, as 3 * 0.1 is not 0.3.
    ticks.push(Number((index * step).toPrecision(14)));
  }
  return ticks;
}

/**
 * Ticks of a logarithmic axis: decades, or every second or third one where they are many; between
 * few decades also the multiples by 2 and 5, and within one what a linear axis would have.
 */
export function logTicks(low, high, wanted) {
  const from = Math.ceil(Math.log10(low) - 1e-9);
  const to = Math.floor(Math.log10(high) + 1e-9);
  const decades = to - from + 1;
  if (decades >= 3 || decades > wanted) {
    const every = Math.max(1, Math.ceil(decades / Math.max(2, wanted)));
    return decadesBetween(from, to)
      .filter((power) => power % every === 0)
      .map(powerOfTen);
  }
  const finer = [];
  for (let power = from - 1; power <= to; power++) {
    for (const factor of [1, 2, 5]) finer.push(Number((factor * powerOfTen(power)).toPrecision(12)));
  }
  const within = finer.filter((tick) => tick >= low && tick <= high);
  return within.length >= 3 ? within : linearTicks(low, high, wanted).filter((tick) => tick > 0);
}

function decadesBetween(from, to) {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

function powerOfTen(power) {
  return Number(`1e${power}`);
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Distances between ticks of time that people count in. */
const TIMES = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((each) => each * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((each) => each * MINUTE),
  ...[1, 2, 3, 6, 12].map((each) => each * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map((each) => each * DAY),
];

function timeStep(low, high, wanted) {
  const rough = (high - low) / Math.max(1, wanted);
  return TIMES.find((each) => each >= rough * 0.999) ?? niceStep(rough / DAY) * DAY;
}

/** Ticks of a duration in ms. */
export function durationTicks(low, high, wanted) {
  return multiples(low, high, timeStep(low, high, wanted));
}

/** Ticks of moments in ms since the epoch, at round times of this machine's zone. */
export function momentTicks(low, high, wanted) {
  const shift = new Date(low).getTimezoneOffset() * MINUTE;
  const step = timeStep(low, high, wanted);
  return multiples(low - shift, high - shift, step).map((tick) => tick + shift);
}

/** Texts of the ticks of moments: the time of day, and the date where the day is another. */
export function momentTexts(ticks) {
  const gap = ticks.length > 1 ? ticks[1] - ticks[0] : MINUTE;
  let day = "";
  return ticks.map((tick) => {
    const date = new Date(tick);
    const before = day;
    day = `${date.getDate()} ${date.toLocaleString("en", { month: "short" })}`;
    if (gap >= DAY) return day;
    const time = clock(date, gap);
    return day === before || before === "" ? time : `${time}\n${day}`;
  });
}

function clock(date, gap) {
  const two = (value) => String(value).padStart(2, "0");
  const minutes = `${two(date.getHours())}:${two(date.getMinutes())}`;
  if (gap >= MINUTE) return minutes;
  const seconds = `${minutes}:${two(date.getSeconds())}`;
  return gap >= SECOND ? seconds : `${seconds}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Where a value lies in a range, 0 to 1. */
export function placeIn(value, [low, high], log) {
  if (!log) return (value - low) / (high - low);
  return (Math.log(value) - Math.log(low)) / (Math.log(high) - Math.log(low));
}

/** The value at a place in a range. */
export function valueAtPlace(place, [low, high], log) {
  return log ? low * (high / low) ** place : low + (high - low) * place;
}

/** A range moved by a part of itself, and made larger or smaller by a factor around a place. */
export function moved(range, { by = 0, factor = 1, around = 0.5, log = false }) {
  const start = around - around * factor + by;
  return [valueAtPlace(start, range, log), valueAtPlace(start + factor, range, log)];
}
