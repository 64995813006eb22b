/** The columns that a table of runs may have, and what a run has in each. Knows no DOM. */

import { aboutsOf, parsed } from "./attributes.js";
import { leaves } from "./nested.js";

/**
 * @typedef {object} Column
 * @property {string} id What the URL calls it: "run:state", "config:lr", "last:train/loss".
 * @property {string} title
 * @property {string} part "run", "config", "summary", "last", "min" or "max".
 * @property {string} key The fact, path or metric.
 * @property {"text"|"number"|"time"|"duration"|"tags"|"state"|"name"} shows How to write it.
 * @property {string} [name] The title without attributes.
 * @property {string} [about] What tells a metric from others of its name.
 * @property {boolean} numeric Whether it stands to the right, and can be an axis.
 */

/** What of a metric a column may show. */
export const OF_METRIC = ["last", "min", "max"];

/** Configs, and metrics, that are columns without anybody's asking. */
const MOST_CHOSEN = 5;

const FACTS = [
  ["name", "Run", "name"],
  ["state", "State", "state"],
  ["started", "Started", "time"],
  ["duration", "Duration", "duration"],
  ["step", "Step", "number"],
  ["points", "Points", "number"],
  ["group", "Group", "text"],
  ["tags", "Tags", "tags"],
  ["attempt", "Attempt", "number"],
  ["ranks", "Ranks", "number"],
  ["notes", "Notes", "text"],
  ["id", "Id", "text"],
];

const NUMERIC = new Set(["number", "time", "duration"]);

/**
 * Every column that these runs could fill: facts, config, summary, then metrics.
 * @returns {Column[]}
 */
export function possible(runs, metrics) {
  const drawn = metrics.filter((metric) => metric.kind !== "histogram");
  const abouts = aboutsOf(drawn.map(({ key }) => key));
  return [
    ...FACTS.map(([key, title, shows]) => column("run", key, title, shows)),
    ...nestedColumns("config", runs),
    ...nestedColumns("summary", runs),
    ...drawn.flatMap(({ key }) =>
      OF_METRIC.map((of) => ({
        ...column(of, key, `${key} ${of}`, "number"),
        name: `${parsed(key).name} ${of}`,
        about: abouts.get(key)?.brief ?? "",
      })),
    ),
  ];
}

function nestedColumns(part, runs) {
  const seen = new Map();
  for (const run of runs) {
    for (const { path, value } of leaves(run[part])) {
      seen.set(path, (seen.get(path) ?? true) && (value === null || isNumber(value)));
    }
  }
  return [...seen].map(([path, numbers]) => column(part, path, path, numbers ? "number" : "text"));
}

function column(part, key, title, shows) {
  return { id: `${part}:${key}`, title, part, key, shows, numeric: NUMERIC.has(shows) };
}

/**
 * The columns of somebody who chose none: what tells these runs apart, and how they did.
 * @returns {string[]} ids
 */
export function usual(runs, metrics) {
  const facts = ["name", "state", "started", "duration", "step"];
  if (runs.some((run) => run.group)) facts.push("group");
  if (runs.some((run) => run.tags.length)) facts.push("tags");
  if (runs.some((run) => run.attempt > 1)) facts.push("attempt");
  const told = metrics.filter((metric) => !metric.system && metric.kind !== "histogram");
  const common = told.toSorted((one, other) => other.runs - one.runs || isResult(other) - isResult(one));
  return [
    ...facts.map((key) => `run:${key}`),
    ...varying(runs)
      .slice(0, MOST_CHOSEN)
      .map((path) => `config:${path}`),
    ...common.slice(0, MOST_CHOSEN).map(({ key }) => `last:${key}`),
  ];
}

/**
 * Whether a metric says how well a run did, as far as its name tells.
 * @param {{key: string}} metric
 */
export function isResult({ key }) {
  return /loss|acc|reward|score|error|perplexity|f1|auc|bleu|rouge/i.test(key);
}

/** Paths of the config in which runs differ; all of them where there is one run. */
function varying(runs) {
  const seen = new Map();
  for (const run of runs) {
    for (const { path, value } of leaves(run.config)) {
      if (!seen.has(path)) seen.set(path, { texts: new Set(), holders: 0 });
      seen.get(path).texts.add(JSON.stringify(value));
      seen.get(path).holders += 1;
    }
  }
  const differs = ({ texts, holders }) => texts.size > 1 || holders < runs.length;
  return [...seen].filter(([, found]) => runs.length < 2 || differs(found)).map(([path]) => path);
}

/**
 * The keys of the metrics that columns need values of.
 * @param {Column[]} columns
 */
export function metricKeys(columns) {
  const asked = columns.filter((each) => OF_METRIC.includes(each.part));
  return [...new Set(asked.map((each) => each.key))];
}

/**
 * What a run has in each column, by column id; nothing where it has nothing.
 * @param {object} run As /api/runs tells of it.
 * @param {Column[]} columns
 * @param {Record<string, object>} values As /api/values tells of this run, by key.
 * @param {number} now Milliseconds; a run that goes on lasts until then.
 * @returns {Record<string, unknown>}
 */
export function cells(run, columns, values, now) {
  const nested = {
    config: Object.fromEntries(leaves(run.config).map(({ path, value }) => [path, value])),
    summary: Object.fromEntries(leaves(run.summary).map(({ path, value }) => [path, value])),
  };
  const read = ({ part, key }) => {
    if (part === "run") return fact(run, key, now);
    if (part in nested) return nested[part][key];
    return values?.[key]?.[part];
  };
  return Object.fromEntries(columns.map((each) => [each.id, read(each) ?? undefined]));
}

function fact(run, key, now) {
  if (key === "duration") return duration(run, now);
  if (key === "step") return run.last_step ?? undefined;
  if (key === "ranks") return Array.isArray(run.ranks) ? run.ranks.length : run.ranks;
  if (key === "tags") return run.tags.length ? run.tags : undefined;
  return run[key] === "" ? undefined : run[key];
}

/**
 * How long a run took, or has been going on, in milliseconds.
 * @param {object} run
 * @param {number} now
 */
export function duration(run, now) {
  const end = run.state === "running" ? now : run.ended;
  return run.started && end ? Math.max(0, end - run.started) : undefined;
}

function isNumber(value) {
  return typeof value === "number";
}
