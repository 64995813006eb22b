/** Which runs are shown, and in which groups: a pure function of the runs and the view. */

/** Runs beyond these, newest first, are shown only where a person asks for them. */
export const MOST = 100;

/**
 * A regular expression that a person typed, without regard to case.
 * @param {string} typed
 * @returns {{test: (text: string) => boolean, error: string}} all match where it is empty or wrong
 */
export function pattern(typed) {
  if (!typed) return { test: () => true, error: "" };
  try {
    const expression = new RegExp(typed, "iu");
    return { test: (text) => expression.test(text), error: "" };
  } catch (error) {
    return { test: () => true, error: said(error.message) };
  }
}

function said(message) {
  return message.replace(/^Invalid regular expression: (\/.*\/\w*: )?/, "not a regular expression: ");
}

/**
 * What group a run is in.
 * @param {string} by "" | "group" | "config.<key>"
 */
export function groupOf(run, by) {
  if (!by) return "";
  const value = by === "group" ? run.group : at(run.config ?? {}, by.slice("config.".length));
  if (value === undefined || value === null || value === "") return "(none)";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A value of a config by its key, or by keys joined with dots for a nested one. */
export function at(config, key) {
  if (Object.hasOwn(config, key)) return config[key];
  for (let dot = key.indexOf("."); dot > 0; dot = key.indexOf(".", dot + 1)) {
    const inner = config[key.slice(0, dot)];
    const rest = key.slice(dot + 1);
    if (inner && typeof inner === "object") {
      const found = at(inner, rest);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The keys of all configs that group runs: those whose values are plain. */
export function groupKeys(runs) {
  const keys = new Set();
  for (const run of runs) collect(run.config ?? {}, "", keys);
  return [...keys].sort();
}

function collect(config, prefix, keys) {
  for (const [key, value] of Object.entries(config)) {
    if (value && typeof value === "object" && !Array.isArray(value)) collect(value, `${prefix}${key}.`, keys);
    else keys.add(prefix + key);
  }
}

/**
 * The runs that match, newest first, in their groups, and which of them are shown.
 * @param {object[]} runs oldest first
 * @param {object} view
 */
export function chosen(runs, view) {
  const regex = pattern(view.filter);
  const matching = runs.filter((run) => regex.test(run.name)).reverse();
  const listed = view.latest ? latest(matching, view.group) : matching;
  const shows = chooser(listed, view);
  const shown = listed.filter(shows);
  return {
    error: regex.error,
    all: runs.length,
    matching: listed,
    groups: grouped(listed, view.group),
    shown,
    ids: new Set(shown.map((run) => run.id)),
    cut: cut(listed, view),
  };
}

/** The newest run of each group, or of all. */
function latest(newestFirst, by) {
  const seen = new Set();
  return newestFirst.filter((run) => {
    const group = groupOf(run, by);
    return !seen.has(group) && seen.add(group);
  });
}

function chooser(listed, view) {
  if (view.none) return () => false;
  if (view.only.length) {
    const only = new Set(view.only);
    return (run) => only.has(run.id);
  }
  const hidden = new Set(view.hide);
  if (view.all) return (run) => !hidden.has(run.id);
  const near = new Set(listed.filter((run) => !hidden.has(run.id)).slice(0, MOST));
  return (run) => near.has(run);
}

/** How many runs are not shown only because there are too many. */
function cut(listed, view) {
  if (view.none || view.only.length || view.all) return 0;
  const hidden = new Set(view.hide);
  return Math.max(0, listed.filter((run) => !hidden.has(run.id)).length - MOST);
}

function grouped(listed, by) {
  const groups = new Map();
  for (const run of listed) {
    const name = groupOf(run, by);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(run);
  }
  const sorted = [...groups].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
  return sorted.map(([name, members], order) => ({ name, order, runs: members }));
}

const RESET = Object.freeze({ hide: [], only: [], none: false, all: false });

/** The patch of the view that shows these runs alone. */
export function onlyThese(ids) {
  return { ...RESET, only: [...ids] };
}

/**
 * The patch of the view that shows more runs, or fewer. What is chosen of runs that the filter leaves
 * out stays as it is, and so does whether runs that come later are shown.
 * @param {ReturnType<typeof chosen>} choice
 * @param {object} view
 * @param {string[]} ids
 * @param {boolean} on
 */
export function toggled(choice, view, ids, on) {
  const picked = view.none || view.only.length > 0;
  const beyond = on && !picked && ids.some((id) => !view.hide.includes(id));
  if (picked || beyond) {
    const before = picked ? view.only : choice.shown.map((run) => run.id);
    const only = joined(before, ids, on);
    return { ...RESET, only, none: only.length === 0 };
  }
  const hide = joined(view.hide, ids, !on);
  return { ...RESET, hide, all: view.all };
}

/** The patch that shows all runs that the filter leaves, or none of them. */
export function allOrNone(choice, view, on) {
  const { matching, all } = choice;
  const ids = matching.map((run) => run.id);
  if (matching.length === all) return on ? { ...RESET, all: all > MOST } : { ...RESET, none: true };
  if (view.none || view.only.length) return toggled(choice, view, ids, on);
  return { ...RESET, hide: joined(view.hide, ids, !on), all: view.all || (on && matching.length > MOST) };
}

function joined(before, ids, on) {
  const rest = before.filter((id) => !ids.includes(id));
  return on ? [...rest, ...ids] : rest;
}
