/** Records of one name by the step that they belong to. Knows no DOM. */

import { count, moment } from "./format.js";

/**
 * @typedef {{id: string, step: number|null, time: number, records: object[]}} Group
 * What was logged under one name at one step, or, where there are no steps, at one time.
 */

/**
 * The groups of records of one name, by step; those without one come last, by time. Of tables, texts
 * and traces of one step, of a run that was resumed say, the last one counts; images are all shown.
 * @param {object[]} records in the order recorded
 * @param {boolean} all whether all of a step count
 * @returns {Group[]}
 */
export function groupsOf(records, all) {
  const groups = new Map();
  for (const record of records) {
    const stepless = record.step === null || record.step === undefined;
    const id = stepless ? `time ${record.id}` : `step ${record.step}`;
    const known = groups.get(id);
    const before = all && known ? known.records : [];
    groups.set(id, { id, step: stepless ? null : record.step, time: record.time, records: [...before, record] });
  }
  return [...groups.values()].sort((one, other) => place(one) - place(other) || one.time - other.time);
}

function place({ step }) {
  return step === null ? Infinity : step;
}

/** What people call a group. @param {Group} group */
export function whenOf({ step, time }) {
  return step === null ? moment(time) : `step ${count(step)}`;
}

/**
 * Where to go when the groups have changed: along with the last one, else to the same one, or what
 * has come nearest to its place.
 * @param {Group[]} before @param {number} at @param {Group[]} after
 */
export function followed(before, at, after) {
  if (at >= before.length - 1) return after.length - 1;
  const same = after.findIndex(({ id }) => id === before[at].id);
  return same >= 0 ? same : Math.min(at, after.length - 1);
}
