/** What a chart says at an x: each line's value there, sorted, and which is nearest. Knows no DOM. */

import { lastOf, nearestIndex, valueAt } from "./curves.js";

/** Lines that a tooltip names, around the nearest where there are more. */
const MOST = 14;

/**
 * @typedef {object} Row
 * @property {import("./lines.js").Line} line
 * @property {number|null} value what is drawn; null where only something not finite was recorded
 * @property {number|null} raw before smoothing
 * @property {[number, number]|null} range of the bucket
 * @property {number|null} n
 * @property {string} odd "NaN", "∞", "−∞" or several, where the bucket holds such values
 * @property {number|null} delta to the baseline
 */

/**
 * Rows by value, greatest first; lines that have nothing near x are left out.
 * @param {import("./lines.js").Line[]} lines
 * @param {number} x
 * @param {number} reach how far a value may lie from x
 * @returns {Row[]}
 */
export function rowsAt(lines, x, reach) {
  const base = lines.find((line) => line.base) ?? null;
  const level = base && valueAt(base.x, base.y, x);
  const rows = [];
  for (const line of lines) {
    const index = nearestIndex(line.x, x, Math.max(reach, line.width));
    if (index >= 0) rows.push(rowOf(line, index, line.base ? null : level));
  }
  const shown = rows.filter(({ value, odd }) => value !== null || odd);
  return shown.sort((a, b) => (b.value ?? Infinity) - (a.value ?? Infinity));
}

function rowOf(line, index, level) {
  const value = finite(line.y[index]);
  const [low, high] = [finite(line.min?.[index]), finite(line.max?.[index])];
  const x = line.x[index];
  const odd = [
    line.marks.nan.includes(x) && "NaN",
    line.marks.inf.includes(x) && "∞",
    line.marks.ninf.includes(x) && "−∞",
  ].filter(Boolean);
  return {
    line,
    x,
    value,
    raw: line.raw ? finite(line.raw[index]) : null,
    range: low !== null && high !== null && (low !== high || line.group) ? [low, high] : null,
    n: line.n?.[index] ?? null,
    odd: odd.join(" "),
    delta: value !== null && Number.isFinite(level) ? value - level : null,
  };
}

/** Each line's last value, and how far that is from the baseline's last. */
export function lastRows(lines) {
  const base = lines.find((line) => line.base);
  const level = base ? lastOf(base.y) : null;
  return lines.map((line) => {
    const value = lastOf(line.y);
    const delta = line.base || value === null || level === null ? null : value - level;
    return { line, value, delta };
  });
}

/**
 * The rows that fit: all, or those around the nearest, and how many are above and below.
 * @param {Row[]} rows
 * @param {number} nearest index, or -1
 */
export function fitting(rows, nearest, most = MOST) {
  if (rows.length <= most) return { rows, above: 0, below: 0 };
  const middle = Math.max(0, nearest) - Math.floor(most / 2);
  const start = Math.max(0, Math.min(rows.length - most, middle));
  return { rows: rows.slice(start, start + most), above: start, below: rows.length - start - most };
}

function finite(value) {
  return Number.isFinite(value) ? value : null;
}
