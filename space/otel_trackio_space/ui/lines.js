/**
 * What a chart draws: its curves as lines, smoothed, averaged and coloured. Knows no DOM.
 *
 * @typedef {object} Line
 * @property {string} id what is emphasised together on all charts: a run's or a group's
 * @property {string} name
 * @property {string} colour
 * @property {number[]} dash
 * @property {boolean} base whether it is the baseline
 * @property {number[]} x
 * @property {(number|null)[]} y what is drawn: smoothed, if so
 * @property {(number|null)[]|null} raw what was smoothed
 * @property {(number|null)[]|null} min
 * @property {(number|null)[]|null} max
 * @property {number[]|null} n points of the bucket, or runs of the group
 * @property {number} width of the buckets
 * @property {{nan: number[], inf: number[], ninf: number[]}} marks where values were not finite
 */

import { groupOf } from "./choice.js";
import { COLOURS, inkOf } from "./colour.js";
import { curveId, meanOf } from "./curves.js";
import { smoothedPiece } from "./smooth.js";

const NO_MARKS = Object.freeze({ nan: [], inf: [], ninf: [] });

/**
 * @param {{width: number, curves: object[]}} data of the range that is shown
 * @param {{curves: object[]}|null} overview of everything, where `data` is a part
 * @param {object} how
 * @param {object} how.view
 * @param {Map<string, object>} how.byId runs
 * @param {{groups: {name: string, order: number}[], ids: Set<string>}} how.choice
 * @param {boolean} how.dark
 * @returns {Line[]} the baseline last, so that it lies on top
 */
export function linesOf(data, overview, { view, byId, choice, dark }) {
  const shown = (curve) => byId.has(curve.run) && (choice.ids.has(curve.run) || curve.run === view.baseline);
  const curves = data.curves.filter(shown);
  const whole = overview && new Map(overview.curves.filter(shown).map((curve) => [curveId(curve), curve]));
  const lines =
    view.lines === "runs"
      ? curves.map((curve) => lineOfRun(curve, whole, data.width, view, byId, dark))
      : linesOfGroups(curves, whole, data.width, view, byId, choice, dark);
  return lines.sort((a, b) => a.base - b.base || a.order - b.order);
}

function lineOfRun(curve, whole, width, view, byId, dark) {
  const run = byId.get(curve.run);
  const id = curveId(curve);
  const overview = whole?.get(id) ?? null;
  const ranked = run.ranks?.length > 1 && view.rank === "all";
  return {
    id: run.id,
    name: ranked ? `${run.name} · rank ${curve.rank}` : run.name,
    order: run.order,
    ...inkOf(run.order, dark),
    ...(ranked && { dash: inkOf(run.ranks.indexOf(curve.rank) * COLOURS, dark).dash }),
    base: run.id === view.baseline,
    ...drawn(curve, overview, stepsIn(overview ?? curve, run) * view.smooth),
    min: curve.min ?? null,
    max: curve.max ?? null,
    n: curve.n ?? null,
    width,
    marks: curve,
  };
}

function linesOfGroups(curves, whole, width, view, byId, choice, dark) {
  const orders = new Map(choice.groups.map(({ name, order }) => [name, order]));
  const groupOfCurve = (curve) => groupOf(byId.get(curve.run), view.group);
  const names = [...new Set(curves.filter((each) => choice.ids.has(each.run)).map(groupOfCurve))];
  const lines = names.map((name) => {
    const members = curves.filter((each) => choice.ids.has(each.run) && groupOfCurve(each) === name);
    const before =
      whole && [...whole.values()].filter((each) => choice.ids.has(each.run) && groupOfCurve(each) === name);
    const mean = meanOf(members, view.lines);
    const overview = before && meanOf(before, view.lines);
    const halfLife = stepsIn(before?.[0] ?? members[0], byId.get(members[0].run)) * view.smooth;
    const smooth = (column) =>
      column && drawn({ x: mean.x, y: mean[column] }, overview && { x: overview.x, y: overview[column] }, halfLife).y;
    const order = orders.get(name) ?? 0;
    return {
      id: `group ${name}`,
      name: `${name || "all runs"} (${members.length})`,
      order,
      ...inkOf(order, dark),
      base: false,
      ...drawn(mean, overview, halfLife),
      min: smooth("min"),
      max: smooth("max"),
      n: mean.n,
      group: true,
      width,
      marks: NO_MARKS,
    };
  });
  const base = curves.filter((each) => each.run === view.baseline);
  return [...lines, ...base.map((curve) => lineOfRun(curve, whole, width, view, byId, dark))];
}

function drawn(curve, overview, halfLife) {
  const { x, y } = curve;
  if (!(halfLife > 0)) return { x, y, raw: null };
  return { x, y: smoothedPiece(curve, overview, halfLife), raw: y };
}

/**
 * How much of the x axis a step of the run takes on average: 1 where x is the step. So a half-life in
 * steps smooths alike on every axis.
 */
function stepsIn(curve, run) {
  if (curve.axis === "step" || curve.x.length < 2) return 1;
  const span = curve.x[curve.x.length - 1] - curve.x[0];
  const points = curve.n?.reduce((sum, each) => sum + each, 0) ?? curve.x.length;
  return span / Math.max(1, run?.last_step ?? points);
}

/** What a line shows of the range from lo to hi, for the range of the y axis. */
export function shownValues(lines, [lo, hi], { envelope }) {
  const values = [];
  for (const line of lines) {
    const bands = envelope || line.group ? [line.min, line.max] : [];
    const columns = [line.y, line.raw, ...bands].filter(Boolean);
    for (let index = 0; index < line.x.length; index++) {
      if (line.x[index] + line.width <= lo || line.x[index] > hi) continue;
      for (const column of columns) if (Number.isFinite(column[index])) values.push(column[index]);
    }
  }
  return values;
}

/** The least and greatest x of all lines, above 0 if so asked; null where there is none. */
export function extentOf(lines, positive) {
  let low = Infinity;
  let high = -Infinity;
  for (const { x } of lines) {
    for (const value of x) {
      if (positive && !(value > 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low <= high ? [low, high] : null;
}

/** How many values a logarithmic axis cannot show: those at or below 0. */
export function leftOut(lines, { logx, logy }) {
  let x = 0;
  let y = 0;
  for (const line of lines) {
    for (let index = 0; index < line.x.length; index++) {
      if (logx && !(line.x[index] > 0)) x += 1;
      else if (logy && line.y[index] <= 0 && line.y[index] !== null) y += 1;
    }
  }
  return { x, y };
}

/** One sentence on what a chart shows, for those who do not see it. */
export function summaryOf(title, lines, say) {
  if (!lines.length) return `${title}: no data.`;
  const ends = lines
    .map((line) => ({ name: line.name, value: line.y.findLast((each) => Number.isFinite(each)) }))
    .filter(({ value }) => value !== undefined)
    .sort((a, b) => a.value - b.value);
  const extent = extentOf(lines, false);
  const range = extent ? `, ${say.x(extent[0])} to ${say.x(extent[1])}` : "";
  const odd = lines.filter(({ marks }) => marks.nan.length || marks.inf.length || marks.ninf.length);
  const low = ends[0];
  const high = ends[ends.length - 1];
  return [
    `${title}: ${lines.length} ${lines.length === 1 ? "line" : "lines"}${range}.`,
    low &&
      `Last values from ${say.y(low.value)} (${low.name})${high === low ? "" : ` to ${say.y(high.value)} (${high.name})`}.`,
    odd.length && `Values that are not finite: ${odd.map(({ name }) => name).join(", ")}.`,
  ]
    .filter(Boolean)
    .join(" ");
}
