/** The rows of a recorded table, in whichever of the usual forms it came. Knows no DOM. */

/** Rows that are shown of one table. */
export const MOST = 10_000;

/**
 * @param {object} data `{columns, data}` or `{columns, rows}`, where a row is a list or an object.
 * @returns {{columns: string[], rows: {id: string, values: unknown[]}[], cut: number}} `cut` rows are left out.
 */
export function rowsOf(data) {
  const given = list(data?.data ?? data?.rows);
  const columns = list(data?.columns).map(String);
  const named = columns.length ? columns : keysOf(given);
  const rows = given.slice(0, MOST).map((row, at) => ({ id: String(at), values: valuesOf(row, named) }));
  return { columns: named, rows, cut: given.length - rows.length };
}

function keysOf(rows) {
  return [...new Set(rows.filter(isPlain).flatMap(Object.keys))];
}

function valuesOf(row, columns) {
  if (Array.isArray(row)) return columns.map((_, at) => row[at] ?? null);
  return columns.map((name) => (isPlain(row) ? (row[name] ?? null) : null));
}

function list(value) {
  return Array.isArray(value) ? value : [];
}

function isPlain(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
