import assert from "node:assert/strict";
import test from "node:test";

import {
  ago,
  count,
  delta,
  duration,
  durationTexts,
  logTexts,
  number,
  plural,
  shortened,
  steady,
  tickTexts,
} from "../../../space/otel_trackio_space/ui/format.js";

test("a number that is not 0 never reads as 0", () => {
  for (const value of [1e-5, -1e-5, 1e-300, 0.00012, 4e-9]) {
    assert.notEqual(Number(number(value).replace("−", "-").replace("e−", "e-")), 0);
  }
  assert.equal(number(1e-5), "1e−5");
});

test("numbers read as people write them", () => {
  assert.deepEqual(
    [0, 0.5, -0.5, 12345, 1234567, 0.123456, 1999.5, NaN, Infinity, -Infinity, null].map((each) => number(each)),
    ["0", "0.5", "−0.5", "12,345", "1.235e6", "0.1235", "2,000", "NaN", "∞", "−∞", ""],
  );
});

test("ticks have as many digits as tell them apart", () => {
  assert.deepEqual(tickTexts([0, 0.25, 0.5]), ["0", "0.25", "0.50"]);
  assert.deepEqual(tickTexts([0, 1e-5, 2e-5]), ["0", "1e−5", "2e−5"]);
  assert.deepEqual(tickTexts([0, 10_000, 20_000]), ["0", "10k", "20k"]);
  assert.deepEqual(tickTexts([0.999998, 1, 1.000002]), ["0.999998", "1.000000", "1.000002"]);
});

test("any two ticks read differently", () => {
  for (const power of [-12, -7, -4, -2, 0, 3, 6, 11, 14, 20]) {
    for (const start of [0, 3]) {
      const ticks = [0, 1, 2, 3, 4].map((each) => (start + each) * 10 ** power);
      assert.equal(new Set(tickTexts(ticks)).size, ticks.length);
    }
  }
});

test("logarithmic ticks read each by itself", () => {
  assert.deepEqual(logTexts([1e-5, 0.001, 0.5, 1, 20_000, 1e6]), ["1e−5", "0.001", "0.5", "1", "20k", "1M"]);
});

test("differences have signs", () => {
  assert.deepEqual(
    [0.25, -0.25, 0].map((each) => delta(each)),
    ["+0.25", "−0.25", "±0"],
  );
});

test("ticks of durations are told apart", () => {
  assert.deepEqual(durationTexts([0, 60_000, 90_000]), ["0 s", "1 m", "1 m 30 s"]);
  assert.deepEqual(durationTexts([1910, 1920, 1930]), ["1.91 s", "1.92 s", "1.93 s"]);
});

test("durations and ages read in one or two units", () => {
  assert.deepEqual([0, 350, 12_500, 200_000, 7_500_000, 273_600_000].map(duration), [
    "0 s",
    "350 ms",
    "12.5 s",
    "3 m 20 s",
    "2 h 5 m",
    "3 d 4 h",
  ]);
  assert.deepEqual(
    [2000, 30_000, 300_000, 7_200_000, 172_800_000].map((each) => ago(0, each)),
    ["now", "30 s ago", "5 min ago", "2 h ago", "2 d ago"],
  );
});

test("counts", () => {
  assert.deepEqual([count(1234567), plural(1, "run"), plural(2000, "run")], ["1,234,567", "1 run", "2,000 runs"]);
});

test("numbers of a column keep their digits, so that they stand below each other", () => {
  assert.deepEqual([0.505, 0.51234, 4.18, 24.6, -0.5].map((value) => steady(value)), [
    "0.5050",
    "0.5123",
    "4.180",
    "24.60",
    "−0.5000",
  ]);
  assert.deepEqual([7, 0, 12345, 1e-7, 2.5e9, NaN, Infinity, null].map((value) => steady(value)), [
    ...["7", "0", "12,345", "1e−7", "2.5e9", "NaN", "∞", ""],
  ]);
  assert.equal(steady(1234.56), "1,235");
});

test("a long name keeps its end, where names differ", () => {
  assert.equal(shortened("short", 10), "short");
  assert.equal(shortened("experiment-with-a-long-name-seed3", 12), "experi…seed3");
  assert.equal([...shortened("\u{1f680}".repeat(50), 9)].length, 9);
});
