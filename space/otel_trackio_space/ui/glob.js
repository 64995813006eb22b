/** Which metric keys a rule's pattern means, as the server decides it too. Knows no DOM. */

/**
 * The keys that a glob matches: `*` is any text, `?` one character, `[ab]` or `[!ab]` one of a set.
 * @param {string[]} keys
 * @param {string} pattern
 */
export function matching(keys, pattern) {
  const wanted = expression(pattern);
  return wanted ? keys.filter((key) => wanted.test(key)) : [];
}

/** A set that cannot be, such as `[z-a]`, matches nothing. */
function expression(pattern) {
  try {
    return new RegExp(`^(?:${source(pattern)})$`, "su");
  } catch {
    return null;
  }
}

function source(pattern) {
  let out = "";
  for (let at = 0; at < pattern.length; at++) {
    const letter = pattern[at];
    const end = letter === "[" ? pattern.indexOf("]", at + (pattern[at + 1] === "!" ? 3 : 2)) : -1;
    if (letter === "*") out += ".*";
    else if (letter === "?") out += ".";
    else if (end > 0) {
      out += set(pattern.slice(at + 1, end));
      at = end;
    } else out += escaped(letter);
  }
  return out;
}

function set(inside) {
  const not = inside.startsWith("!");
  const letters = (not ? inside.slice(1) : inside).replace(/[\\\]^[]/g, "\\$&");
  return `[${not ? "^" : ""}${letters}]`;
}

function escaped(letter) {
  return letter.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
