/** Rows of a table: in order, filtered, as CSV, and which of them are near what shows. Knows no DOM. */

/** @typedef {{column: string, down: boolean}} Order */
/** @typedef {{run: object, cells: Record<string, unknown>}} Row */

/**
 * The rows in the order of one column: numbers as numbers, NaN after them, then text, and what is
 * missing last, whichever way it goes. Equal ones stay as they were.
 * @param {Row[]} rows
 * @param {Order|null} order
 * @returns {Row[]}
 */
export function sorted(rows, order) {
  if (!order) return rows;
  const sign = order.down ? -1 : 1;
  const keyed = rows.map((row) => ({ row, ...sortKey(row.cells[order.column]) }));
  keyed.sort((one, other) => {
    if (one.place !== other.place) return one.place - other.place;
    return one.place === NUMBER || one.place === TEXT ? sign * compare(one.key, other.key) : 0;
  });
  return keyed.map(({ row }) => row);
}

const NUMBER = 0;
const NOT_A_NUMBER = 1;
const TEXT = 2;
const MISSING = 3;

function sortKey(value) {
  if (value === undefined || value === null) return { place: MISSING };
  const number = asNumber(value);
  if (number === undefined) return { place: TEXT, key: textOf(value) };
  return Number.isNaN(number) ? { place: NOT_A_NUMBER } : { place: NUMBER, key: number };
}

const collator = new Intl.Collator(undefined, { numeric: true });

function compare(one, other) {
  if (typeof one === "string") return collator.compare(one, other);
  return one === other ? 0 : one < other ? -1 : 1;
}

/**
 * A value as a number, if it is one. The API gives what JSON cannot hold as text.
 * @param {unknown} value
 * @returns {number|undefined}
 */
export function asNumber(value) {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return undefined;
  if (value === "NaN") return NaN;
  return /^[-+]?(Infinity|inf|(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)$/i.test(value)
    ? Number(value.replace(/inf(inity)?$/i, "Infinity"))
    : undefined;
}

/**
 * Whether a row has every word of a filter: in its name, id, group, tags, notes and config, or, as
 * in `lr>0.01` or `state=failed`, in the one column that a word names.
 * @param {Row} row
 * @param {string} text
 * @param {{id: string, key: string}[]} columns
 */
export function matches(row, text, columns) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const all = words.length ? told(row.run) : "";
  return words.every((word) => all.includes(word) || compares(row, word, columns));
}

function told(run) {
  const { name, id, group, tags, notes, state, config } = run;
  return [name, id, group, ...tags, notes, state, JSON.stringify(config)].join("\n").toLowerCase();
}

const COMPARISONS = {
  "=": (one, other) => one === other,
  "!=": (one, other) => one !== other,
  "<": (one, other) => one < other,
  "<=": (one, other) => one <= other,
  ">": (one, other) => one > other,
  ">=": (one, other) => one >= other,
};

function compares(row, word, columns) {
  const parts = /^([^<>=!]+)(!=|<=|>=|=|<|>)(.+)$/.exec(word);
  if (!parts) return false;
  const [, named, sign, wanted] = parts;
  const is = ({ id, key }) => key.toLowerCase() === named || id.toLowerCase() === named;
  const column = columns.find(is);
  const value = column && row.cells[column.id];
  if (value === undefined || value === null) return false;
  const [one, other] = [asNumber(value), asNumber(wanted)];
  if (one !== undefined && other !== undefined) return COMPARISONS[sign](one, other);
  return COMPARISONS[sign](textOf(value).toLowerCase(), wanted);
}

/**
 * The table as CSV (RFC 4180): times as ISO 8601, durations in seconds. Text that a spreadsheet would
 * run as a formula gets a `'` before it.
 * @param {{id: string, title: string, shows: string}[]} columns
 * @param {Row[]} rows
 */
export function csv(columns, rows) {
  const lines = [
    columns.map(({ title, shows }) => field(shows === "duration" ? `${title} (s)` : title)),
    ...rows.map((row) => columns.map(({ id, shows }) => field(written(row.cells[id], shows)))),
  ];
  return lines.map((line) => line.join(",") + "\r\n").join("");
}

function written(value, shows) {
  if (typeof value !== "number") return value;
  if (shows === "time") return new Date(value).toISOString();
  return shows === "duration" ? value / 1000 : value;
}

function field(value) {
  if (value === undefined || value === null) return "";
  if (asNumber(value) !== undefined) return String(value);
  const text = textOf(value);
  const inert = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

function textOf(value) {
  if (Array.isArray(value)) return value.map(textOf).join(" ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * The rows to draw of a list that is scrolled: those seen, and some on each side.
 * @param {number} count Rows in all.
 * @param {number} height Pixels of one row.
 * @param {number} top How far the list is scrolled, in pixels.
 * @param {number} seen Pixels of it that show.
 * @returns {{first: number, last: number}} `last` is the one after.
 */
export function near(count, height, top, seen) {
  const first = Math.floor(top / height) - BESIDE;
  const last = Math.ceil((top + seen) / height) + BESIDE;
  const most = Math.max(0, Math.min(count, last));
  return { first: Math.max(0, Math.min(first, most)), last: most };
}

const BESIDE = 8;
