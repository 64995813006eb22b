import assert from "node:assert/strict";
import test from "node:test";

import {
  MOST,
  at,
  chosen,
  allOrNone,
  groupKeys,
  groupOf,
  onlyThese,
  pattern,
  toggled,
} from "../../../space/otel_trackio_space/ui/choice.js";
import { choiceRows } from "../../../space/otel_trackio_space/ui/rows.js";
import { sectionsOf, titleIn } from "../../../space/otel_trackio_space/ui/sections.js";
import { DEFAULTS } from "../../../space/otel_trackio_space/ui/state.js";

const run = (id, more = {}) => ({ id, name: `run-${id}`, group: "", config: {}, ...more });
const many = (amount) => Array.from({ length: amount }, (_, index) => run(`r${index}`));
const ids = (runs) => runs.map(({ id }) => id);
const view = (patch) => ({ ...DEFAULTS, ...patch });

test("runs are listed newest first, and all are shown", () => {
  const choice = chosen([run("a"), run("b")], view());
  assert.deepEqual(ids(choice.shown), ["b", "a"]);
});

test("a filter is a regular expression without regard to case", () => {
  assert.deepEqual(ids(chosen([run("a"), run("b")], view({ filter: "RUN-[a]" })).shown), ["a"]);
});

test("a filter that is no regular expression says so, and filters nothing", () => {
  const choice = chosen([run("a")], view({ filter: "(" }));
  assert.ok(choice.error.startsWith("not a regular expression"));
  assert.equal(choice.shown.length, 1);
  assert.equal(pattern("").error, "");
});

/** What is shown after clicks: [ids, on] each. */
function after(runs, clicks, patch = {}) {
  let now = view(patch);
  for (const [clicked, on] of clicks) now = { ...now, ...toggled(chosen(runs, now), now, clicked, on) };
  return now;
}

test("runs are hidden and shown again one by one", () => {
  const runs = many(4);
  assert.deepEqual(ids(chosen(runs, after(runs, [[["r1"], false]])).shown), ["r3", "r2", "r0"]);
  assert.deepEqual(
    after(runs, [
      [["r1", "r2"], false],
      [["r1", "r2"], true],
    ]),
    view(),
  );
  const last = after(runs, [
    [ids(runs), false],
    [["r2"], true],
  ]);
  assert.deepEqual(ids(chosen(runs, last).shown), ["r2"]);
});

test("one run alone, more beside it, and none", () => {
  const runs = many(4);
  const one = onlyThese(["r1"]);
  assert.deepEqual(ids(chosen(runs, view(one)).shown), ["r1"]);
  assert.deepEqual(ids(chosen(runs, after(runs, [[["r3"], true]], one)).shown), ["r3", "r1"]);
  assert.equal(chosen(runs, after(runs, [[["r1"], false]], one)).shown.length, 0);
});

test("runs that come later are shown beside all, and not beside those that were picked", () => {
  const before = many(3);
  const hidden = after(before, [[["r2"], false]]);
  assert.deepEqual(ids(chosen(many(4), hidden).shown), ["r3", "r1", "r0"]);
  assert.deepEqual(ids(chosen(many(4), view(onlyThese(["r0"]))).shown), ["r0"]);
});

test("what the filter leaves out stays as it was chosen", () => {
  const runs = many(4);
  const hidden = after(runs, [[["r0"], false]]);
  const filtered = { ...hidden, filter: "r1$" };
  const both = after(runs, [[["r1"], false]], filtered);
  assert.deepEqual(ids(chosen(runs, { ...both, filter: "" }).shown), ["r3", "r2"]);
  const none = { ...filtered, ...allOrNone(chosen(runs, filtered), filtered, false), filter: "" };
  assert.deepEqual(ids(chosen(runs, none).shown), ["r3", "r2"]);
});

test("all or none of the runs", () => {
  const runs = many(4);
  const none = view(allOrNone(chosen(runs, view()), view(), false));
  assert.equal(chosen(runs, none).shown.length, 0);
  assert.deepEqual({ ...none, ...allOrNone(chosen(runs, none), none, true) }, view());
});

test("of very many runs the newest are shown, unless a person asks for all", () => {
  const runs = many(MOST + 50);
  const choice = chosen(runs, view());
  assert.deepEqual([choice.shown.length, choice.cut], [MOST, 50]);
  const all = chosen(runs, view(allOrNone(choice, view(), true)));
  assert.deepEqual([all.shown.length, all.cut], [MOST + 50, 0]);
  const more = chosen(runs, after(runs, [[["r0"], true]]));
  assert.deepEqual([more.shown.length, more.ids.has("r0")], [MOST + 1, true]);
});

test("latest only is the newest run, or that of each group", () => {
  const runs = [run("a", { group: "x" }), run("b", { group: "y" }), run("c", { group: "x" })];
  assert.deepEqual(ids(chosen(runs, view({ latest: true })).shown), ["c"]);
  assert.deepEqual(ids(chosen(runs, view({ latest: true, group: "group" })).shown), ["c", "b"]);
});

test("groups are by any key of a config, nested too, in the order of their names", () => {
  const runs = [10, 9, undefined].map((layers, index) =>
    run(`r${index}`, { config: layers ? { model: { layers } } : {} }),
  );
  assert.deepEqual(groupKeys(runs), ["model.layers"]);
  assert.equal(at({ "a.b": 1 }, "a.b"), 1);
  assert.equal(groupOf(runs[0], "config.model.layers"), "10");
  const { groups } = chosen(runs, view({ group: "config.model.layers" }));
  assert.deepEqual(
    groups.map(({ name }) => name),
    ["(none)", "9", "10"],
  );
});

test("the list has groups with their runs, but for those that are folded", () => {
  const runs = [run("a", { group: "x" }), run("b", { group: "y" })];
  const now = view({ group: "group", folded: ["x"], hide: ["b"] });
  const rows = choiceRows(chosen(runs, now), now);
  assert.deepEqual(
    rows.map((row) => row.run?.id ?? row.group.name),
    ["x", "y", "b"],
  );
  assert.deepEqual([rows[0].on, rows[1].on, rows[2].shown], [true, false, false]);
});

const metric = (key, more = {}) => ({ key, kind: "gauge", system: false, ...more });

test("charts are in sections by prefix, training first, pinned ones above all", () => {
  const metrics = ["loss", "zeta/a", "train/b/10", "train/b/9", "alpha/x"].map((key) => metric(key));
  const { sections, amount } = sectionsOf(metrics, { metrics: "", pin: ["zeta/a", "gone"] });
  assert.deepEqual(
    sections.map(({ title }) => title),
    ["Pinned", "Metrics", "train", "alpha"],
  );
  assert.deepEqual(
    sections[2].metrics.map(({ key }) => titleIn(sections[2], key)),
    ["b/9", "b/10"],
  );
  assert.equal(amount, 5);
});

test("series of machines and histograms are not among the curves", () => {
  const metrics = [metric("hw.power", { system: true }), metric("h", { kind: "histogram" }), metric("loss")];
  assert.equal(sectionsOf(metrics, { metrics: "", pin: [] }).amount, 1);
});

test("a filter of metrics that is no regular expression says so", () => {
  const { error, amount } = sectionsOf([metric("loss")], { metrics: "[", pin: [] });
  assert.ok(error && amount === 1);
});
