import assert from "node:assert/strict";
import test from "node:test";

import {
  durationTicks,
  linearTicks,
  logTicks,
  momentTexts,
  momentTicks,
  moved,
  placeIn,
  rangeOf,
  wholeTicks,
} from "../../../space/otel_trackio_space/ui/scale.js";

test("a range shows all values and a margin", () => {
  assert.deepEqual(rangeOf([0, 10]), [-0.5, 10.5]);
  assert.equal(rangeOf([]), null);
});

test("one value has room around it", () => {
  assert.deepEqual(rangeOf([5]), [4.5, 5.5]);
  assert.deepEqual(rangeOf([0]), [-1, 1]);
});

test("outliers beyond the 1st and 99th percentile are clipped", () => {
  const values = Array.from({ length: 1001 }, (_, index) => index / 1000);
  const [low, high] = rangeOf([...values, 1e6], { clip: true });
  assert.ok(low > -0.1 && high < 1.1);
});

test("a logarithmic range leaves out what is not above 0", () => {
  const [low, high] = rangeOf([-1, 0, 0.01, 100], { log: true });
  assert.ok(low > 0.005 && low < 0.01 && high > 100 && high < 200);
  assert.equal(rangeOf([-1, 0], { log: true }), null);
});

test("ticks are multiples of 1, 2 or 5", () => {
  assert.deepEqual(linearTicks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(linearTicks(0, 3e-5, 3), [0, 1e-5, 2e-5, 3e-5]);
});

test("steps have no ticks between whole numbers", () => {
  assert.deepEqual(wholeTicks(0, 2, 8), [0, 1, 2]);
});

test("a logarithmic axis has ticks at decades", () => {
  assert.deepEqual(logTicks(0.0005, 20, 8), [0.001, 0.01, 0.1, 1, 10]);
  assert.ok(logTicks(1e-30, 1e30, 6).length <= 7);
});

test("where there are few decades ticks lie between them", () => {
  assert.deepEqual(logTicks(0.9, 11, 6), [1, 2, 5, 10]);
  assert.ok(logTicks(0.31, 0.39, 5).length >= 3);
});

test("durations have ticks that people count in", () => {
  assert.deepEqual(durationTicks(0, 3_600_000, 4), [0, 900_000, 1_800_000, 2_700_000, 3_600_000]);
});

test("moments have ticks at full hours, and say the day where it changes", () => {
  const start = new Date(2026, 2, 1, 21, 10).getTime();
  const ticks = momentTicks(start, start + 6 * 3_600_000, 6);
  for (const tick of ticks) assert.equal(new Date(tick).getMinutes(), 0);
  assert.ok(momentTexts(ticks).some((text) => text.includes("2 Mar")));
});

test("a range is moved and made smaller around a place, also a logarithmic one", () => {
  assert.deepEqual(moved([0, 10], { by: 0.5 }), [5, 15]);
  assert.deepEqual(moved([0, 10], { factor: 0.5, around: 0.5 }), [2.5, 7.5]);
  const [low, high] = moved([1, 100], { factor: 2, around: 0.5, log: true });
  assert.ok(Math.abs(low - 0.1) < 1e-9 && Math.abs(high - 1000) < 1e-6);
  assert.equal(placeIn(10, [1, 100], true), 0.5);
});
