import assert from "node:assert/strict";
import test from "node:test";

import { axisOf } from "../../../space/otel_trackio_space/ui/axes.js";
import { chosen } from "../../../space/otel_trackio_space/ui/choice.js";
import { COLOURS, inkOf } from "../../../space/otel_trackio_space/ui/colour.js";
import { extentOf, leftOut, linesOf, shownValues, summaryOf } from "../../../space/otel_trackio_space/ui/lines.js";
import { fitting, lastRows, rowsAt } from "../../../space/otel_trackio_space/ui/reading.js";
import { DEFAULTS } from "../../../space/otel_trackio_space/ui/state.js";

const RUNS = ["a", "b", "c"].map((id, order) => ({
  id,
  name: id,
  order,
  group: order < 2 ? "g" : "h",
  config: {},
  ranks: [0],
  last_step: 9,
}));
const curve = (run, y, more = {}) => ({
  run,
  rank: 0,
  axis: "step",
  x: y.map((_, index) => index),
  y,
  nan: [],
  inf: [],
  ninf: [],
  ...more,
});

function lines(curves, patch = {}, overview = null, width = 1) {
  const view = { ...DEFAULTS, ...patch };
  const how = { view, byId: new Map(RUNS.map((run) => [run.id, run])), choice: chosen(RUNS, view), dark: false };
  return linesOf({ width, curves }, overview, how);
}

test("every run has a colour of its own, in both themes, and it does not depend on who is shown", () => {
  for (const dark of [false, true]) {
    const colours = Array.from({ length: COLOURS }, (_, order) => inkOf(order, dark).colour);
    assert.ok(new Set(colours).size === COLOURS && COLOURS >= 20);
  }
  assert.notDeepEqual(inkOf(0, false), inkOf(COLOURS, false));
  const [all] = lines([curve("c", [1])]);
  const [one] = lines([curve("c", [1])], { hide: ["a", "b"] });
  assert.equal(all.colour, one.colour);
});

test("hidden runs are not drawn, the baseline is, and on top", () => {
  const curves = [curve("a", [1]), curve("b", [2]), curve("c", [3])];
  assert.deepEqual(
    lines(curves, { hide: ["b", "a"], baseline: "a" }).map(({ id, base }) => [id, base]),
    [
      ["c", false],
      ["a", true],
    ],
  );
});

test("a smoothed line keeps its raw values beside it", () => {
  const [line] = lines([curve("a", [0, 1, 0, 1])], { smooth: 2 });
  assert.deepEqual(line.raw, [0, 1, 0, 1]);
  assert.ok(line.y[1] > 0 && line.y[1] < 1);
});

test("a half-life in steps smooths alike on an axis of time", () => {
  const y = [0, 5, 1, 4, 2, 3, 9, 1, 0, 7];
  const [byStep] = lines([curve("a", y)], { smooth: 3 });
  const [byTime] = lines([curve("a", y, { axis: "relative", x: y.map((_, index) => index * 250) })], { smooth: 3 });
  byStep.y.forEach((value, index) => assert.ok(Math.abs(value - byTime.y[index]) < 1e-12));
});

test("groups are one line each, with a band", () => {
  const found = lines([curve("a", [1, 1]), curve("b", [3, 3]), curve("c", [5, 5])], {
    group: "group",
    lines: "minmax",
  });
  assert.deepEqual(
    found.map(({ name, y, min, max }) => [name, y, min, max]),
    [
      ["g (2)", [2, 2], [1, 1], [3, 3]],
      ["h (1)", [5, 5], [5, 5], [5, 5]],
    ],
  );
});

test("a baseline beside groups is no member of a group where it is hidden", () => {
  const found = lines([curve("a", [1]), curve("b", [3])], {
    group: "group",
    lines: "minmax",
    hide: ["a", "c"],
    baseline: "a",
  });
  assert.deepEqual(
    found.map(({ name, y }) => [name, y]),
    [
      ["g (1)", [3]],
      ["a", [1]],
    ],
  );
});

test("the range of y is that of what is in view, envelope and all", () => {
  const [line] = lines([curve("a", [1, 2, 50], { min: [0, 1, 40], max: [2, 9, 60] })]);
  assert.equal(Math.max(...shownValues([line], [0, 1], { envelope: true })), 9);
  assert.equal(Math.max(...shownValues([line], [0, 1], { envelope: false })), 2);
});

test("what a logarithmic axis cannot show is counted", () => {
  const found = lines([curve("a", [0, -1, 5, null])]);
  assert.deepEqual(leftOut(found, { logx: false, logy: true }), { x: 0, y: 2 });
  assert.deepEqual(leftOut(found, { logx: true, logy: true }), { x: 1, y: 1 });
  assert.deepEqual(extentOf(found, true), [1, 3]);
});

test("a reading has all lines by value, with raw value, range, and distance from the baseline", () => {
  const curves = [curve("a", [1, 1]), curve("b", [4, 2], { min: [3, 1], max: [5, 3], n: [2, 2] })];
  const rows = rowsAt(lines(curves, { baseline: "a" }), 1, 0);
  assert.deepEqual(
    rows.map(({ line, value, range, delta }) => [line.id, value, range, delta]),
    [
      ["b", 2, [1, 3], 1],
      ["a", 1, null, null],
    ],
  );
});

test("a value that is not finite is said at its step", () => {
  const [row] = rowsAt(lines([curve("a", [1, null], { nan: [1], inf: [1] })]), 1, 0);
  assert.deepEqual([row.value, row.odd], [null, "NaN ∞"]);
});

test("a run that ended before has no value there", () => {
  const rows = rowsAt(lines([curve("a", [1]), curve("b", [1, 2, 3, 4])]), 3, 1);
  assert.deepEqual(
    rows.map(({ line }) => line.id),
    ["b"],
  );
});

test("of many rows those around the nearest are named, and the others counted", () => {
  const rows = Array.from({ length: 40 }, (_, index) => ({ index }));
  const { rows: shown, above, below } = fitting(rows, 20, 10);
  assert.ok(shown.some(({ index }) => index === 20));
  assert.equal(above + shown.length + below, 40);
  assert.equal(fitting(rows, 0, 10).above, 0);
  assert.equal(fitting(rows, 39, 10).below, 0);
});

test("the legend has last values and their distance from the baseline's", () => {
  const found = lastRows(lines([curve("a", [1, 2]), curve("b", [1, 5, null])], { baseline: "a" }));
  assert.deepEqual(
    found.map(({ line, value, delta }) => [line.id, value, delta]),
    [
      ["b", 5, 3],
      ["a", 2, null],
    ],
  );
});

test("a chart in words has its lines, its range, its extremes and what is not finite", () => {
  const axis = axisOf("step", false);
  const text = summaryOf("loss", lines([curve("a", [3, 1]), curve("b", [3, 2], { nan: [1] })]), {
    x: (x) => axis.text(x, 1),
    y: String,
  });
  assert.equal(
    text,
    "loss: 2 lines, step 0 to step 1. Last values from 1 (a) to 2 (b). Values that are not finite: b.",
  );
});

test("a bucket is named with its last step", () => {
  assert.equal(axisOf("step", false).text(1024, 64), "step 1,024–1,087");
});
