/** Numbers, times and durations as people read them. Knows no DOM. */

const MINUS = "\u2212";

/**
 * A number with so many significant digits; "NaN", "∞". A number that is not 0 never reads as 0.
 * @param {number|null|undefined} value
 * @param {number} [digits]
 */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : `${MINUS}∞`;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return signed(grouped(value.toFixed(0)));
  if (size < 1e-4 || size >= 1e6) return signed(exponent(value, digits));
  const text = Number(value.toPrecision(digits));
  if (Math.abs(text) >= 1e6) return signed(exponent(value, digits));
  return signed(grouped(plain(text)));
}

/**
 * The same with all its digits, zeros at its end too, so that numbers of a column stand below each
 * other: "0.5050". Whole numbers stay as they are.
 */
export function steady(value, digits = 4) {
  const text = number(value, digits);
  const size = Math.abs(value);
  if (!Number.isFinite(value) || Number.isInteger(value) || text.includes("e") || size >= 1e6) return text;
  const exact = size.toPrecision(digits);
  return exact.includes("e") ? text : signed(`${value < 0 ? "-" : ""}${grouped(exact)}`);
}

/** A name of at most so many letters: of a longer one the start and the end, where names differ. */
export function shortened(name, most) {
  const letters = [...name];
  if (letters.length <= most) return name;
  const end = Math.floor((most - 1) / 2);
  return `${letters.slice(0, most - 1 - end).join("")}…${letters.slice(-end).join("")}`;
}

/** 1234567 as "1,234,567". */
export function count(value) {
  return signed(grouped(String(Math.round(value))));
}

function plain(value) {
  const text = String(value);
  return text.includes("e") ? value.toFixed(12).replace(/0+$/, "") : text;
}

function exponent(value, digits) {
  const [mantissa, power] = value.toExponential(digits - 1).split("e");
  return `${Number(mantissa)}e${Number(power)}`;
}

function grouped(text) {
  const [whole, rest] = text.split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return rest === undefined ? spaced : `${spaced}.${rest}`;
}

function signed(text) {
  return text.replace("-", MINUS).replace(/e-/, `e${MINUS}`);
}

/** A difference with its sign: "+0.1", "−0.1", "±0". */
export function delta(value, digits = 3) {
  if (value === 0) return "±0";
  return value > 0 ? `+${number(value, digits)}` : number(value, digits);
}

const SCALES = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/**
 * Texts of the ticks of an axis: as many digits as tell them apart, never a false 0.
 * @param {number[]} ticks
 * @returns {string[]}
 */
export function tickTexts(ticks) {
  const finite = ticks.filter(Number.isFinite);
  const size = Math.max(...finite.map(Math.abs), 0);
  if (size === 0) return ticks.map(String);
  const gap = smallestGap(finite) || size;
  if (size < 1e-3 || size >= 1e15) return exponents(ticks, gap);
  const [unit, suffix] = SCALES.find(([each]) => size >= each && size >= 1e4) ?? [1, ""];
  const places = decimals(gap / unit);
  const scaled = (tick) => signed(grouped((tick / unit).toFixed(places)));
  return ticks.map((tick) => (tick === 0 ? "0" : scaled(tick) + suffix));
}

/** Texts of ticks on a logarithmic axis: each by itself, "0.001", "1e−5", "20k". */
export function logTexts(ticks) {
  return ticks.map((tick) => (tick === null ? "" : tickTexts([tick])[0]));
}

function exponents(ticks, gap) {
  return ticks.map((tick) => {
    if (tick === 0) return "0";
    const power = Math.floor(Math.log10(Math.abs(tick)) + 1e-9);
    const places = Math.max(0, Math.min(15, power - Math.floor(Math.log10(gap) + 1e-9)));
    const [mantissa, shown] = tick.toExponential(places).split("e");
    return signed(`${Number(mantissa)}e${Number(shown)}`);
  });
}

function smallestGap(values) {
  const sorted = [...values].sort((a, b) => a - b);
  let gap = Infinity;
  for (let index = 1; index < sorted.length; index++) {
    const each = sorted[index] - sorted[index - 1];
    if (each > 0 && each < gap) gap = each;
  }
  return Number.isFinite(gap) ? gap : 0;
}

/** Places after the point that show a gap such as 0.25 in full: 6 at most, but for a smaller one. */
function decimals(gap) {
  const most = gap < 1e-6 ? 15 : 6;
  for (let places = 0; places < most; places++) {
    const scaled = gap * 10 ** places;
    if (Math.abs(scaled - Math.round(scaled)) < 1e-6 * Math.max(1, scaled) && Math.round(scaled) > 0) return places;
  }
  return most;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A duration in ms: "350 ms", "12.5 s", "3 m 20 s", "2 h 5 m", "3 d 4 h". */
export function duration(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "";
  if (ms < 0) return `${MINUS}${duration(-ms)}`;
  if (ms === 0) return "0 s";
  if (ms < SECOND) return `${Number(ms.toPrecision(3))} ms`;
  if (ms < MINUTE) return `${Number((ms / SECOND).toFixed(1))} s`;
  if (ms < HOUR) return both(ms, MINUTE, "m", SECOND, "s");
  if (ms < DAY) return both(ms, HOUR, "h", MINUTE, "m");
  return both(ms, DAY, "d", HOUR, "h");
}

/** Texts of the ticks of an axis of durations in ms; "1.92 s" where fewer digits would be alike. */
export function durationTexts(ticks) {
  const texts = ticks.map(duration);
  if (new Set(texts).size === texts.length) return texts;
  return tickTexts(ticks.map((ms) => ms / SECOND)).map((text) => `${text} s`);
}

function both(ms, large, name, small, rest) {
  const units = Math.round(ms / small);
  const per = large / small;
  const left = units % per;
  return left ? `${Math.floor(units / per)} ${name} ${left} ${rest}` : `${units / per} ${name}`;
}

/** How long ago a moment was, in words of one size: "now", "5 min ago", "3 d ago". */
export function ago(moment, now = Date.now()) {
  const ms = now - moment;
  if (ms < 10 * SECOND) return "now";
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s ago`;
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min ago`;
  if (ms < DAY) return `${Math.floor(ms / HOUR)} h ago`;
  return `${Math.floor(ms / DAY)} d ago`;
}

/** A moment in this machine's time zone: "2026-03-01 14:05:09". */
export function moment(ms) {
  if (ms === null || ms === undefined) return "";
  const date = new Date(ms);
  const two = (value) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** "1 run", "3 runs". */
export function plural(amount, one, many = `${one}s`) {
  return `${count(amount)} ${amount === 1 ? one : many}`;
}
