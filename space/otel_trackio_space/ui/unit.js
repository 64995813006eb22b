/** Units of OpenTelemetry as people read them: "By" as GB, a share as percent. Knows no DOM. */

/** @typedef {{factor: number, text: string}} Shown What values are multiplied by, and their unit then. */

const THOUSANDS = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** Units that take a prefix. */
const PREFIXED = { By: "B", Hz: "Hz", J: "J", W: "W", "By/s": "B/s" };

const NAMED = { Cel: "°C", s: "s", ms: "ms", "%": "%" };

/** Shares, whose unit is "1", by how their names end. */
const SHARE = /(utilization|ratio|occupancy)$/;

/**
 * How values of a unit up to a size are shown.
 * @param {string} unit
 * @param {string} name of the metric
 * @param {number} size the greatest value, without its sign
 * @returns {Shown}
 */
export function shownUnit(unit, name, size) {
  if (unit === "1" && SHARE.test(name)) return { factor: 100, text: "%" };
  if (unit in PREFIXED) {
    const [factor, prefix] = THOUSANDS.find(([each]) => size >= each) ?? [1, ""];
    return { factor: 1 / factor, text: prefix + PREFIXED[unit] };
  }
  return { factor: 1, text: NAMED[unit] ?? unit.replace(/^1$|[{}]/g, "") };
}

/**
 * The greatest value of some columns, without its sign; 0 where there is none.
 * @param {(number|null)[][]} columns
 */
export function sizeOf(columns) {
  let size = 0;
  for (const column of columns) {
    for (const value of column ?? [])
      if (Number.isFinite(value) && Math.abs(value) > size) size = Math.abs(value);
  }
  return size;
}

/**
 * A column in other units.
 * @param {(number|null)[]|null} column
 * @param {number} factor
 */
export function scaled(column, factor) {
  return column && factor !== 1 ? column.map((value) => (value === null ? null : value * factor)) : column;
}
