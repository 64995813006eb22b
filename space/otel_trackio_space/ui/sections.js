/** Which charts there are, in which sections. Knows no DOM. */

import { pattern } from "./choice.js";

/** The name of the section of metrics without a prefix, and of pinned charts. */
const PLAIN = "";
const PINNED = "pinned";

/** What the recorder counts of values that were not finite, which charts mark where they were. */
const COUNTED = /^training\.nonfinite(\{|$)/;

/** Sections that people look at first. */
const FIRST = [PLAIN, "train", "training", "eval", "val", "valid", "validation", "test"];

/**
 * Metrics that match, in sections by what stands before the first "/".
 * @param {object[]} metrics as /api/runs has them
 * @param {{metrics: string, pin: string[]}} view
 * @returns {{error: string, amount: number, sections: {id: string, title: string, metrics: object[]}[]}}
 */
export function sectionsOf(metrics, view) {
  const regex = pattern(view.metrics);
  const drawn = metrics.filter((metric) => isCurve(metric) && regex.test(metric.key));
  const byKey = new Map(drawn.map((metric) => [metric.key, metric]));
  const pinned = view.pin.map((key) => byKey.get(key)).filter(Boolean);
  const named = new Map();
  for (const metric of drawn) {
    if (pinned.includes(metric)) continue;
    const name = prefixOf(metric.key);
    if (!named.has(name)) named.set(name, []);
    named.get(name).push(metric);
  }
  const sections = [...named]
    .sort(([a], [b]) => rank(a) - rank(b) || a.localeCompare(b, "en", { numeric: true }))
    .map(([name, found]) => ({ id: `s:${name}`, title: name || "Metrics", prefix: name, metrics: sorted(found) }));
  if (pinned.length) sections.unshift({ id: PINNED, title: "Pinned", prefix: null, metrics: pinned });
  return { error: regex.error, amount: drawn.length, sections };
}

/** Whether a metric is one of training, and can be drawn as a curve. */
export function isCurve({ key, kind, system }) {
  return !system && kind !== "histogram" && !COUNTED.test(key);
}

/** Attributes in braces, which may hold a "/", are no part of the name. */
function prefixOf(key) {
  const slash = key.split("{", 1)[0].indexOf("/");
  return slash < 0 ? PLAIN : key.slice(0, slash);
}

function rank(name) {
  const place = FIRST.indexOf(name);
  return place < 0 ? FIRST.length : place;
}

function sorted(metrics) {
  return [...metrics].sort((a, b) => a.key.localeCompare(b.key, "en", { numeric: true }));
}

/** What a chart is called within its section. */
export function titleIn(section, key) {
  return section.prefix ? key.slice(section.prefix.length + 1) : key;
}
