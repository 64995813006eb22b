/** A number of a config or a table: integers in full, since their digits tell them apart. Knows no DOM. */

import { count, number } from "./format.js";

/** Integers from here on are too long to be read. */
const LONGEST = 1e12;

/**
 * A number as text; one that is no integer, or a huge one, with so many significant digits.
 * @param {number} value
 * @param {number} [digits]
 */
export function figure(value, digits = 6) {
  return Number.isInteger(value) && Math.abs(value) < LONGEST ? count(value) : number(value, digits);
}
