/**
 * Smoothing that does not depend on how densely a curve was sampled. Knows no DOM.
 *
 * A debiased, time-weighted exponential moving average with a half-life of h on the x axis:
 *
 *   d_i = 2^(-(x_i - x_{i-1}) / h)               how much of the past is left at x_i
 *   S_i = d_i S_{i-1} + (1 - d_i) y_i            S before the first is 0
 *   D_i = d_i D_{i-1} + (1 - d_i)                the weights that have come in
 *   smoothed_i = S_i / D_i                       so that the start is not pulled to 0
 *
 * The first value stands for as long a time as that up to the second. A value's weight is the time
 * that it stands for: means of buckets, every tenth step, or a curve whose sampling changes on the
 * way give the curve that all points would have given, but for what happens within a bucket. Values
 * that are missing or not finite take no part; the curve has none there either.
 */

/**
 * @param {ArrayLike<number>} x ascending
 * @param {ArrayLike<number|null|undefined>} y
 * @param {number} halfLife on the x axis; 0 gives y itself
 * @returns {(number|null|undefined)[]}
 */
export function smoothed(x, y, halfLife) {
  const result = Array.from(y);
  if (!(halfLife > 0)) return result;
  let sum = 0;
  let weight = 0;
  let before = null;
  const first = firstGap(x, y);
  for (let index = 0; index < result.length; index++) {
    const value = result[index];
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    const gap = before === null ? first : x[index] - before;
    before = x[index];
    const left = 2 ** (-gap / halfLife);
    sum = sum * left + value * (1 - left);
    weight = weight * left + (1 - left);
    if (weight > 0) result[index] = sum / weight;
  }
  return result;
}

function firstGap(x, y) {
  let before = null;
  for (let index = 0; index < y.length; index++) {
    if (!Number.isFinite(y[index])) continue;
    if (before !== null && x[index] > before) return x[index] - before;
    before ??= x[index];
  }
  return 1;
}

/**
 * Smooths a zoomed piece as if all before it had been there: what an overview of the whole curve
 * has before the piece goes first.
 * @param {{x: number[], y: (number|null)[]}} piece
 * @param {{x: number[], y: (number|null)[]}|null} overview
 */
export function smoothedPiece(piece, overview, halfLife) {
  if (!(halfLife > 0) || !overview || !piece.x.length) return smoothed(piece.x, piece.y, halfLife);
  const cut = lowerBound(overview.x, piece.x[0]);
  const x = [...overview.x.slice(0, cut), ...piece.x];
  const y = [...overview.y.slice(0, cut), ...piece.y];
  return smoothed(x, y, halfLife).slice(cut);
}

/** The first index whose value is not below `value`; the length if all are. */
export function lowerBound(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The most of a half-life that a slider offers for so many steps: a quarter of them. */
export function longest(lastStep) {
  return Math.max(10, lastStep / 4);
}

/** A slider's place, 0 to 100, to a half-life in steps: 0, then from 1 on by equal factors. */
export function halfLifeAt(place, most) {
  if (place <= 0) return 0;
  const value = most ** ((place - 1) / 99);
  return value < 10 ? Number(value.toFixed(1)) : Number(value.toPrecision(2));
}

/** The slider's place of a half-life. */
export function placeOf(halfLife, most) {
  if (halfLife <= 0) return 0;
  const place = 1 + (99 * Math.log(Math.max(1, halfLife))) / Math.log(most);
  return Math.min(100, Math.max(1, Math.round(place)));
}
