import assert from "node:assert/strict";
import test from "node:test";

import {
  halfLifeAt,
  longest,
  lowerBound,
  placeOf,
  smoothed,
  smoothedPiece,
} from "../../../space/otel_trackio_space/ui/smooth.js";

const steps = (amount, every = 1) => Array.from({ length: amount }, (_, index) => index * every);
const near = (one, other, far) => assert.ok(Math.abs(one - other) <= far, `${one} is not near ${other}`);

test("without a half-life a curve is left as it is", () => {
  assert.deepEqual(smoothed([0, 1, 2], [3, null, 5], 0), [3, null, 5]);
});

test("a constant stays what it is from the first value on: the start is not pulled to 0", () => {
  for (const value of smoothed(steps(50), Array(50).fill(7), 10)) near(value, 7, 1e-12);
});

test("after one half-life a step of the curve is half done", () => {
  const x = steps(2000);
  const y = x.map((each) => (each < 1000 ? 0 : 1));
  near(smoothed(x, y, 100)[1099], 0.5, 1e-3);
  near(smoothed(x, y, 100)[1199], 0.75, 1e-3);
});

test("every tenth step gives the curve that all steps give", () => {
  const f = (x) => Math.sin(x / 300);
  const all = steps(3000);
  const tenth = steps(300, 10);
  const fine = smoothed(all, all.map(f), 200);
  const coarse = smoothed(tenth, tenth.map(f), 200);
  for (const index of [50, 150, 299]) near(coarse[index], fine[index * 10], 0.02);
});

test("sampling that becomes ten times as dense on the way changes nothing", () => {
  const f = (x) => Math.cos(x / 400);
  const x = [...steps(100, 10), ...steps(1000).map((each) => 1000 + each)];
  const all = steps(2000);
  const mixed = smoothed(x, x.map(f), 150);
  const fine = smoothed(all, all.map(f), 150);
  near(mixed[x.indexOf(1500)], fine[1500], 0.01);
});

test("what is missing or not finite takes no part", () => {
  const found = smoothed([0, 1, 2, 3], [1, NaN, null, 1], 5);
  assert.deepEqual([found[0], found[3]], [1, 1]);
  assert.ok(Number.isNaN(found[1]) && found[2] === null);
});

test("a zoomed piece is smoothed as if what is before it were there", () => {
  const x = steps(1000);
  const y = x.map((each) => Math.exp(-each / 200));
  const whole = smoothed(x, y, 50);
  const piece = { x: x.slice(500), y: y.slice(500) };
  const found = smoothedPiece(piece, { x, y }, 50);
  assert.equal(found.length, 500);
  near(found[0], whole[500], 1e-12);
  assert.notEqual(smoothed(piece.x, piece.y, 50)[0], found[0]);
});

test("the slider's places and half-lives belong together", () => {
  const most = longest(20_000);
  assert.equal(halfLifeAt(0, most), 0);
  assert.equal(placeOf(0, most), 0);
  assert.equal(halfLifeAt(100, most), 5000);
  for (let place = 1; place <= 100; place++) near(placeOf(halfLifeAt(place, most), most), place, 1);
});

test("the lower bound is the first that is not below", () => {
  assert.deepEqual(
    [0, 1, 1.5, 9].map((value) => lowerBound([1, 2, 3], value)),
    [0, 0, 1, 3],
  );
});
