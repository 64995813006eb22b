/** What is nested in a config or a summary, as a list of paths and values. Knows no DOM. */

/** @typedef {{path: string, value: unknown}} Entry A leaf; `path` joins its keys by dots. */

/**
 * The leaves of a config, in its order. Lists and what is empty count as leaves.
 * @param {Record<string, unknown>} values
 * @returns {Entry[]}
 */
export function leaves(values, before = "") {
  return Object.entries(values ?? {}).flatMap(([key, value]) => {
    const path = before ? `${before}.${key}` : key;
    return isBranch(value) ? leaves(value, path) : [{ path, value }];
  });
}

/**
 * Whether a value holds others under names of their own.
 * @param {unknown} value
 */
export function isBranch(value) {
  return isObject(value) && Object.keys(value).length > 0;
}

/**
 * What of a config a search leaves: the leaves whose path or value has every word, in their places.
 * @param {Record<string, unknown>} values
 * @param {string} text
 */
export function searched(values, text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length ? pruned(values, words, "") : values;
}

function pruned(values, words, before) {
  const kept = Object.entries(values).flatMap(([key, value]) => {
    const path = before ? `${before}.${key}` : key;
    if (isBranch(value)) {
      const inner = pruned(value, words, path);
      return Object.keys(inner).length ? [[key, inner]] : [];
    }
    const shown = `${path} ${plain(value)}`.toLowerCase();
    return words.every((word) => shown.includes(word)) ? [[key, value]] : [];
  });
  return Object.fromEntries(kept);
}

/**
 * A value as one line of text: text as it is, all else as JSON.
 * @param {unknown} value
 */
export function plain(value) {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
