/** Where alerts stand on an axis, and on which part of it to look at one. Knows no DOM. */

/** Part of a run that is shown on each side of an alert. */
const BESIDE = 0.05;

/** The least that is shown on each side, in steps, and in ms. */
const STEPS = 10;
const MS = 30_000;

/**
 * The marks of alerts on a chart.
 * @param {object[]} alerts As /api/alerts tells of them.
 * @param {string|{metric: string}} x "step", "time" or "relative"; along a metric there are none.
 * @param {Map<string, object>} runs By id; only alerts of these are marked.
 * @returns {{x: number, level: string, title: string, name: string}[]} By x; `name` is the run's.
 */
export function marksOf(alerts, x, runs) {
  const marks = alerts.flatMap((alert) => {
    const run = runs.get(alert.run);
    const at = run && placeOf(alert, x, run);
    return at === undefined || at === null
      ? []
      : [{ x: at, level: alert.level, title: alert.title, name: run.name }];
  });
  return marks.sort((one, other) => one.x - other.x);
}

/**
 * Marks on a chart whose curves end at `last`: along time those that came later, as of silence, stand
 * at its end.
 */
export function until(marks, x, last) {
  return x === "step" ? marks : marks.map((mark) => (mark.x > last ? { ...mark, x: last } : mark));
}

function placeOf(alert, x, run) {
  if (x === "step") return alert.step;
  if (x === "time") return alert.time;
  return x === "relative" && run.started !== null ? alert.time - run.started : undefined;
}

/**
 * The view of page Metrics that shows an alert: its run alone, near its step, or near its time if it
 * has none.
 * @param {object} alert
 * @param {object|undefined} run
 */
export function placeToLook(alert, run) {
  const found = {
    page: "metrics",
    only: [alert.run],
    hide: [],
    none: false,
    filter: "",
    latest: false,
    full: "",
  };
  const [at, x, least, length] =
    alert.step === null || alert.step === undefined
      ? [alert.time, "time", MS, (run?.ended ?? alert.time) - (run?.started ?? alert.time)]
      : [alert.step, "step", STEPS, run?.last_step ?? 0];
  const beside = Math.max(least, Math.round(length * BESIDE));
  return { ...found, x, lo: at - beside, hi: at + beside };
}

/**
 * The alerts that a filter leaves, newest first.
 * @param {object[]} alerts
 * @param {{level: string, text: string}} wanted
 * @param {Map<string, object>} runs By id, for their names.
 */
export function filtered(alerts, { level, text }, runs) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const told = (alert) =>
    [alert.title, alert.text, alert.source, runs.get(alert.run)?.name ?? alert.run].join("\n").toLowerCase();
  const kept = alerts.filter(
    (alert) => (!level || alert.level === level) && words.every((word) => told(alert).includes(word)),
  );
  return kept.sort((one, other) => other.time - one.time);
}
