/**
 * What the page shows, as one plain value, and its form in the URL. Knows no DOM.
 *
 * Every control's state is a field here. A field at its default is left out of the URL, so that
 * links are short and defaults can improve. What a URL says wrongly is taken as the default.
 */

const text = (standard = "") => ({
  standard,
  read: (raw) => raw,
  write: (value) => value,
});

const flag = (standard = false) => ({
  standard,
  read: (raw) => (raw === "1" ? true : raw === "0" ? false : standard),
  write: (value) => (value ? "1" : "0"),
});

const number = (standard = null, least = -Infinity) => ({
  standard,
  read: (raw) => {
    const value = Number(raw);
    return raw.trim() !== "" && Number.isFinite(value) && value >= least ? value : standard;
  },
  write: String,
});

const oneOf = (...allowed) => ({
  standard: allowed[0],
  read: (raw) => (allowed.includes(raw) ? raw : allowed[0]),
  write: (value) => value,
});

const axis = () => ({
  standard: "step",
  read: (raw) => (/^(step|relative|time|metric:.*)$/s.test(raw) ? raw : "step"),
  write: (value) => value,
});

/** Names in a list may hold commas, so each is escaped by itself. */
const list = () => ({
  standard: Object.freeze([]),
  read: (raw) => raw.split(",").filter(Boolean).map(unescaped),
  write: (value) => value.map((each) => each.replace(/[%,]/g, encodeURIComponent)).join(","),
});

function unescaped(raw) {
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw;
  }
}

/** All fields of the view, by their names in the URL. */
export const FIELDS = Object.freeze({
  page: text("metrics"),
  project: text(),
  run: text(), // The run that page Run shows.
  // Which runs: all that match but `hide`, or else `only`.
  filter: text(),
  hide: list(),
  only: list(),
  none: flag(), // Not one run; `only` cannot say it.
  all: flag(), // However many there are.
  latest: flag(),
  group: text(), // "" | "group" | "config.<key>"
  folded: list(), // Groups whose runs the list does not show.
  baseline: text(),
  // Which charts, and where.
  metrics: text(),
  closed: list(), // Sections.
  pin: list(),
  full: text(), // The chart that fills the screen.
  columns: number(0, 0), // 0: as many as fit.
  // How they are drawn.
  x: axis(), // "step" | "relative" | "time" | "metric:<key>"
  logx: flag(),
  logy: flag(),
  smooth: number(0, 0), // Half-life in steps.
  lines: oneOf("runs", "minmax", "std"), // Each run, or its group's mean with a band.
  envelope: flag(true),
  clip: flag(),
  legend: flag(),
  marks: flag(true), // Alerts.
  lo: number(),
  hi: number(),
  // The frame.
  sidebar: flag(true),
  theme: oneOf("auto", "light", "dark"),
  embed: flag(),
  // Pages Runs and System.
  sort: text(),
  cols: list(),
  find: text(),
  diff: flag(),
  scatter: list(),
  rank: text(),
  device: text(),
  tab: text(),
  picked: list(), // Rows of the table.
  state: text(), // Runs in this state only.
  level: text(), // Alerts of this level only.
  from: number(), // The part of the clock that pages Run and System show.
  to: number(),
  clock: oneOf("relative", "time"),
});

/** What is shown where a URL says nothing. */
export const DEFAULTS = Object.freeze(
  Object.fromEntries(Object.entries(FIELDS).map(([name, field]) => [name, field.standard])),
);

/**
 * The view that a query string asks for.
 * @param {string} query with or without "?"
 * @returns {typeof DEFAULTS}
 */
export function fromQuery(query) {
  const given = new URLSearchParams(query);
  const read = ([name, field]) => [name, given.has(name) ? field.read(given.get(name)) : field.standard];
  return Object.freeze(Object.fromEntries(Object.entries(FIELDS).map(read)));
}

/**
 * The query string of a view, without "?"; "" for the defaults.
 * @param {Partial<typeof DEFAULTS>} view
 */
export function toQuery(view) {
  const query = new URLSearchParams();
  for (const [name, field] of Object.entries(FIELDS)) {
    if (name in view && !same(view[name], field.standard)) query.set(name, field.write(view[name]));
  }
  // Commas, colons and slashes are allowed in a query, and read better than their escapes.
  return query.toString().replace(/%2C/g, ",").replace(/%3A/g, ":").replace(/%2F/g, "/");
}

/**
 * The query of a view beside what others put into the URL, such as a Space's `__theme`.
 * @param {string} query what the URL has now
 */
export function mergedQuery(query, view) {
  const foreign = new URLSearchParams(query);
  for (const name of Object.keys(FIELDS)) foreign.delete(name);
  return [toQuery(view), foreign.toString()].filter(Boolean).join("&");
}

/** Whether two values of a field are the same. */
export function same(one, other) {
  if (!Array.isArray(one) || !Array.isArray(other)) return Object.is(one, other);
  return one.length === other.length && one.every((each, index) => Object.is(each, other[index]));
}

/** The names of the fields in which two views differ. */
export function changed(before, after) {
  return Object.keys(FIELDS).filter((name) => !same(before[name], after[name]));
}

/**
 * The view of another project: how it is drawn stays, what belongs to the old one's runs goes.
 */
export function withProject(view, project) {
  const dropped = [
    "run",
    "hide",
    "only",
    "none",
    "all",
    "folded",
    "baseline",
    "full",
    "lo",
    "hi",
    "pin",
    "closed",
    "sort",
    "cols",
    "find",
    "diff",
    "scatter",
    "rank",
    "device",
    "picked",
    "state",
    "level",
    "from",
    "to",
  ];
  const kept = Object.fromEntries(dropped.map((name) => [name, DEFAULTS[name]]));
  const x = view.x.startsWith("metric:") ? DEFAULTS.x : view.x;
  return Object.freeze({ ...view, ...kept, x, project });
}
