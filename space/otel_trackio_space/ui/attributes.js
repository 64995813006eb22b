/** What tells metrics of one name apart: the attributes of their keys. Knows no DOM. */

/** @typedef {{key: string, name: string, attributes: [string, string][]}} Series */

/**
 * @typedef {object} About
 * @property {string} full all attributes, those first in which metrics of the name differ
 * @property {string} brief those alone, or all where none is, without what their names begin with
 */

/**
 * A key taken apart. A key without attributes is a name alone.
 * @param {string} key
 * @returns {Series}
 */
export function parsed(key) {
  const found = /^([^{]+)\{(.*)\}$/s.exec(key);
  if (!found) return { key, name: key, attributes: [] };
  const attributes = found[2].split(/,(?=[^,={}]+=)/).map((each) => {
    const at = each.indexOf("=");
    return [each.slice(0, at), each.slice(at + 1)];
  });
  return { key, name: found[1], attributes };
}

/**
 * Of each key that has attributes.
 * @param {string[]} keys all that stand together
 * @returns {Map<string, About>}
 */
export function aboutsOf(keys) {
  const families = new Map();
  for (const series of keys.map(parsed)) {
    if (!families.has(series.name)) families.set(series.name, []);
    families.get(series.name).push(series);
  }
  const found = new Map();
  for (const family of families.values()) {
    const common = commonOf(family);
    for (const { key, attributes } of family) {
      if (!attributes.length) continue;
      const isCommon = ([name, value]) => common.get(name) === value;
      const telling = attributes.filter((each) => !isCommon(each));
      const full = [...telling, ...attributes.filter(isCommon)];
      const brief = (telling.length ? telling : full).map(([name, value]) => [name.split(".").pop(), value]);
      found.set(key, { full: written(full), brief: written(brief) });
    }
  }
  return found;
}

/** The attributes that all of a family have, and with one value. */
export function commonOf(family) {
  const common = new Map(family[0]?.attributes ?? []);
  for (const { attributes } of family) {
    const own = new Map(attributes);
    for (const [name, value] of common) if (own.get(name) !== value) common.delete(name);
  }
  return common;
}

function written(attributes) {
  return attributes.map((each) => each.join("=")).join(", ");
}
