/**
 * Curves as /api/series gives them: merging what is new, means of groups, values at an x.
 * Knows no DOM. A curve is {run, rank, x, y, min?, max?, n?, nan, inf, ninf}; x is where a bucket
 * begins, y its mean or null.
 */

import { lowerBound } from "./smooth.js";

/** What names a curve: a run, or a rank of it. */
export function curveId(curve) {
  return `${curve.run} ${curve.rank}`;
}

/**
 * A curve whose part from `from` on is replaced by what `tail` has.
 * @param {object|undefined} curve
 * @param {object} tail buckets of the same width
 * @param {number} from where a bucket begins
 */
export function withTail(curve, tail, from) {
  if (!curve) return tail;
  const cut = lowerBound(curve.x, from);
  const banded = Boolean(curve.min || tail.min);
  const column = (name, fallback) => [
    ...(curve[name] ?? fallback(curve)).slice(0, cut),
    ...(tail[name] ?? fallback(tail)),
  ];
  const marks = (name) => [...curve[name].filter((x) => x < from), ...tail[name]];
  return {
    run: curve.run,
    rank: curve.rank,
    x: [...curve.x.slice(0, cut), ...tail.x],
    y: [...curve.y.slice(0, cut), ...tail.y],
    ...(banded && {
      min: column("min", (each) => each.y),
      max: column("max", (each) => each.y),
      n: column("n", (each) => each.x.map(() => 1)),
    }),
    nan: marks("nan"),
    inf: marks("inf"),
    ninf: marks("ninf"),
  };
}

/**
 * All x of several columns on one axis, ascending, and each column's values there: undefined where
 * it has no such x, null where it has no value.
 * @param {{x: number[], y: any[]}[]} columns
 */
export function aligned(columns) {
  const shared = columns.length > 0 && columns.every(({ x }) => sameNumbers(x, columns[0].x));
  if (shared) return { x: columns[0].x, ys: columns.map(({ y }) => y) };
  const all = new Set();
  for (const { x } of columns) for (const value of x) all.add(value);
  const x = [...all].sort((a, b) => a - b);
  const place = new Map(x.map((value, index) => [value, index]));
  const ys = columns.map((column) => {
    const y = new Array(x.length).fill(undefined);
    for (let index = 0; index < column.x.length; index++) y[place.get(column.x[index])] = column.y[index];
    return y;
  });
  return { x, ys };
}

function sameNumbers(one, other) {
  if (one === other) return true;
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}

/**
 * The mean of a group, bucket by bucket: each run counts the same, whatever the number of its points.
 * The band is the least and greatest of the runs' means ("minmax"), or the mean less and plus their
 * standard deviation ("std", over n - 1; no band where one run has a value).
 * @param {object[]} curves aligned by the width of their buckets
 * @param {"minmax"|"std"} band
 * @returns {{x: number[], y: (number|null)[], min: (number|null)[], max: (number|null)[], n: number[]}}
 */
export function meanOf(curves, band) {
  const { x, ys } = aligned(curves);
  const result = { x, y: [], min: [], max: [], n: [] };
  for (let index = 0; index < x.length; index++) {
    const values = [];
    for (const y of ys) if (Number.isFinite(y[index])) values.push(y[index]);
    const [mean, low, high] = values.length ? spread(values, band) : [null, null, null];
    result.y.push(mean);
    result.min.push(low);
    result.max.push(high);
    result.n.push(values.length);
  }
  return result;
}

function spread(values, band) {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  if (band === "minmax") return [mean, Math.min(...values), Math.max(...values)];
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  const deviation = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
  return [mean, mean - deviation, mean + deviation];
}

/**
 * The index of the bucket of `x`: the last that begins at or before it, or the next one where that
 * is nearer; -1 where both are farther away than `reach`.
 * @param {number[]} xs
 */
export function nearestIndex(xs, x, reach = Infinity) {
  if (!xs.length) return -1;
  const after = Math.min(lowerBound(xs, x), xs.length - 1);
  const before = Math.max(0, xs[after] === x ? after : after - 1);
  const index = Math.abs(xs[after] - x) < Math.abs(x - xs[before]) ? after : before;
  return Math.abs(xs[index] - x) <= reach ? index : -1;
}

/** The value of a line at x, between its points by a straight line; null outside of them. */
export function valueAt(xs, ys, x) {
  const after = lowerBound(xs, x);
  if (after < xs.length && xs[after] === x) return ys[after] ?? null;
  if (after === 0 || after === xs.length) return null;
  const [low, high] = [ys[after - 1], ys[after]];
  if (!Number.isFinite(low) || !Number.isFinite(high)) return null;
  return low + ((high - low) * (x - xs[after - 1])) / (xs[after] - xs[after - 1]);
}

/** The last value of a column that is a number; null if none is. */
export function lastOf(ys) {
  for (let index = ys.length - 1; index >= 0; index--) if (Number.isFinite(ys[index])) return ys[index];
  return null;
}

/** The part of a curve from lo to hi, with the bucket that holds lo. */
export function within(curve, lo, hi) {
  const start = Math.max(0, lowerBound(curve.x, lo) - (curve.x[lowerBound(curve.x, lo)] === lo ? 0 : 1));
  const end = lowerBound(curve.x, hi + Number.EPSILON * Math.abs(hi) + Number.MIN_VALUE);
  return [start, end];
}
