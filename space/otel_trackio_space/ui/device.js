/** What a series of the hardware measures, and on what device: `hw.power{hw.id=0}`. Knows no DOM. */

import { commonOf, parsed } from "./attributes.js";
import { COLOURS, inkOf } from "./colour.js";

/** @typedef {import("./attributes.js").Series} Series */

/** Attributes that identify the device; the others say what of it is measured. */
const DEVICE = ["hw.id", "gpu.index", "hw.name", "system.device", "network.interface.name"];

/** The same, in the order in which people would rather read them. */
const CALLED = ["gpu.index", ...DEVICE];

/** What is told by the name of the device already. */
const TOLD = new Set([...DEVICE, "hw.type"]);

const FIRST = ["hw.gpu.utilization", "hw.gpu.memory.usage", "hw.power", "hw.temperature"];

/** Letters of a device's id that are shown. */
const ID_LENGTH = 12;

/**
 * One chart a measure: series of one name, whichever device they are of.
 * @param {object[]} metrics As /api/runs tells of them.
 * @returns {{name: string, unit: string, description: string, series: Series[]}[]}
 */
export function measures(metrics) {
  const found = new Map();
  for (const metric of metrics) {
    const series = parsed(metric.key);
    const { unit, description } = metric;
    if (!found.has(series.name)) found.set(series.name, { name: series.name, unit, description, series: [] });
    found.get(series.name).series.push(series);
  }
  return [...found.values()].sort((one, other) => place(one) - place(other) || compare(one, other));
}

/** What people look at first, then what else GPUs, the hardware and the host say; limits last. */
function place({ name }) {
  const first = FIRST.indexOf(name);
  if (first >= 0) return first;
  const kind = name.startsWith("hw.gpu.") ? 0 : name.startsWith("hw.") ? 1 : 2;
  return FIRST.length + kind + (name.endsWith(".limit") ? 3 : 0);
}

function compare(one, other) {
  return one.name < other.name ? -1 : 1;
}

/**
 * What tells a series from the others of its chart: "GPU 0", "GPU 1 memory", "eth0 receive".
 * @param {Series} series
 * @param {{series: Series[]}} measure The one that it belongs to.
 */
export function label(series, measure) {
  const device = valueOf(series, CALLED);
  const gpu = series.name.startsWith("hw.gpu.") || valueOf(series, ["hw.type"]) === "gpu";
  const common = commonOf(measure.series);
  const telling = series.attributes.filter(([name, value]) => common.get(name) !== value);
  const beside = besides({ attributes: telling });
  return [device === undefined ? "" : called(device, gpu), beside].filter(Boolean).join(" ");
}

function called(device, gpu) {
  const short = device.length > ID_LENGTH ? `${device.slice(0, ID_LENGTH - 1)}…` : device;
  return gpu && !/^gpu\b/i.test(short) ? `GPU ${short}` : short;
}

/**
 * The devices of all measures, in the order of their numbers.
 * @param {{series: Series[]}[]} found
 */
export function devices(found) {
  return distinct(found.flatMap(({ series }) => series.map(deviceOf)).filter((id) => id !== undefined));
}

/**
 * The device that a series is of; nothing for one of the whole host.
 * @param {Series} series
 */
export function deviceOf(series) {
  return valueOf(series, DEVICE);
}

function valueOf(series, names) {
  const told = new Map(series.attributes);
  return names.map((name) => told.get(name)).find((value) => value !== undefined);
}

/**
 * How the curves of one chart are called and look. Of one run: a colour a device and rank, if there
 * are several, dashes for what else of a device is measured. Of several: its colour, dashes a device.
 * @param {{curve: {run: string, rank: number}, key: string}[]} found
 * @param {Map<string, {name: string, order: number}>} runs Those that are shown, by id.
 * @param {boolean} dark
 * @returns {{id: string, name: string, colour: string, dash: number[]}[]}
 */
export function inksOf(found, runs, dark) {
  const all = found.map(({ curve, key }) => ({ curve, series: parsed(key) }));
  const measure = { series: all.map(({ series }) => series) };
  const several = new Set(found.map(({ curve }) => curve.run)).size > 1;
  const ranked = new Set(found.map(({ curve }) => curve.rank)).size > 1;
  const sides = distinct(measure.series.map(besides));
  const spots = distinct(all.map(spotOf));
  return all.map((each) => {
    const { curve, series } = each;
    const run = runs.get(curve.run);
    const spot = spots.indexOf(spotOf(each));
    const side = deviceOf(series) === undefined ? 0 : sides.indexOf(besides(series));
    const names = [runs.size > 1 && run?.name, label(series, measure), ranked && `rank ${curve.rank}`];
    return {
      id: `${curve.run} ${curve.rank} ${deviceOf(series) ?? ""}`,
      name: names.filter(Boolean).join(" · ") || series.name,
      colour: inkOf(several || spots.length === 1 ? (run?.order ?? 0) : spot, dark).colour,
      dash: inkOf((several ? spot : side) * COLOURS, dark).dash,
    };
  });
}

/** What has a colour of its own on a chart of one run: a device of a rank, or a part of the host. */
function spotOf({ curve, series }) {
  return `${curve.rank} ${deviceOf(series) ?? besides(series)}`;
}

function distinct(texts) {
  return [...new Set(texts)].sort(new Intl.Collator("en", { numeric: true }).compare);
}

/** What of its device a series measures, as one word. */
function besides(series) {
  return series.attributes
    .filter(([name]) => !TOLD.has(name))
    .map(([, value]) => value)
    .join(" ");
}
