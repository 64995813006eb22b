import assert from "node:assert/strict";
import test from "node:test";

import {
  aligned,
  lastOf,
  meanOf,
  nearestIndex,
  valueAt,
  withTail,
} from "../../../space/otel_trackio_space/ui/curves.js";

const curve = (x, y, more = {}) => ({ run: "a", rank: 0, x, y, nan: [], inf: [], ninf: [], ...more });

test("a tail replaces what begins at or after its start", () => {
  const found = withTail(curve([0, 4, 8], [1, 2, 3], { nan: [0, 8] }), curve([8, 12], [9, 10], { nan: [12] }), 8);
  assert.deepEqual(
    [found.x, found.y, found.nan],
    [
      [0, 4, 8, 12],
      [1, 2, 9, 10],
      [0, 12],
    ],
  );
  assert.equal(found.min, undefined);
});

test("a tail with an envelope gives one to the part before, which had single values", () => {
  const tail = curve([2], [5], { min: [4], max: [6], n: [2] });
  const found = withTail(curve([0, 1], [1, 2]), tail, 2);
  assert.deepEqual(
    [found.min, found.max, found.n],
    [
      [1, 2, 4],
      [1, 2, 6],
      [1, 1, 2],
    ],
  );
});

test("a run without a curve yet takes the tail", () => {
  const tail = curve([3], [1]);
  assert.equal(withTail(undefined, tail, 3), tail);
});

test("columns on one axis tell what is missing from what has no value", () => {
  const { x, ys } = aligned([
    { x: [0, 2], y: [1, null] },
    { x: [1, 2], y: [5, 6] },
  ]);
  assert.deepEqual(x, [0, 1, 2]);
  assert.deepEqual(ys, [
    [1, undefined, null],
    [undefined, 5, 6],
  ]);
});

test("columns with the same x are not copied", () => {
  const y = [1, 2];
  assert.equal(
    aligned([
      { x: [0, 1], y },
      { x: [0, 1], y: [3, 4] },
    ]).ys[0],
    y,
  );
});

test("each run of a group counts the same, and bands are of the runs' means", () => {
  const runs = [curve([0, 1], [1, 2]), curve([0, 1], [3, null]), curve([0, 2], [8, 4])];
  const band = meanOf(runs, "minmax");
  assert.deepEqual(
    [band.x, band.y],
    [
      [0, 1, 2],
      [4, 2, 4],
    ],
  );
  assert.deepEqual(
    [band.min, band.max, band.n],
    [
      [1, 2, 4],
      [8, 2, 4],
      [3, 1, 1],
    ],
  );
  const std = meanOf(runs, "std");
  const deviation = Math.sqrt((9 + 1 + 16) / 2);
  assert.deepEqual(
    [std.min, std.max],
    [
      [4 - deviation, 2, 4],
      [4 + deviation, 2, 4],
    ],
  );
});

test("the nearest point is found within reach", () => {
  assert.deepEqual(
    [0, 4, 6, 99].map((x) => nearestIndex([0, 10, 20], x, 5)),
    [0, 0, 1, -1],
  );
});

test("values between points lie on a straight line, outside there are none", () => {
  assert.deepEqual(
    [0, 5, 10, 11, -1].map((x) => valueAt([0, 10], [0, 4], x)),
    [0, 2, 4, null, null],
  );
  assert.equal(valueAt([0, 10], [null, 4], 5), null);
});

test("the last value is the last that is a number", () => {
  assert.deepEqual([lastOf([1, 2, null]), lastOf([null]), lastOf([])], [2, null, null]);
});
