import assert from "node:assert/strict";
import test from "node:test";

import {
  DEFAULTS,
  FIELDS,
  changed,
  fromQuery,
  mergedQuery,
  same,
  toQuery,
  withProject,
} from "../../../space/otel_trackio_space/ui/state.js";

const HOSTILE = ["a,b", "%2C", "100%", "<img src=x onerror=alert(1)>", "é&=?#+ /", "日本語"];

test("the defaults are an empty query, and the other way round", () => {
  assert.equal(toQuery(DEFAULTS), "");
  assert.deepEqual(fromQuery(""), DEFAULTS);
});

test("every field comes back from the URL as it was", () => {
  const values = [12.5, true, false, ["a", "b,c"], "std", "dark", "time", "x"];
  for (const [name, field] of Object.entries(FIELDS)) {
    const standard = field.standard ?? 0;
    const alike = (value) => typeof value === typeof standard && Array.isArray(value) === Array.isArray(standard);
    const other = values.find(
      (value) => alike(value) && value !== standard && same(field.read(field.write(value)), value),
    );
    assert.notEqual(other, undefined, name);
    const view = { ...DEFAULTS, [name]: other };
    assert.deepEqual(fromQuery(toQuery(view)), view, name);
  }
});

test("names with any characters come back, alone and in lists", () => {
  const view = { ...DEFAULTS, project: HOSTILE[3], hide: HOSTILE, pin: HOSTILE.toReversed() };
  assert.deepEqual(fromQuery(`?${toQuery(view)}`), view);
});

test("what a URL says wrongly is the default", () => {
  const view = fromQuery("?smooth=-3&lo=abc&hi=&lines=nonsense&logy=yes&columns=NaN&hide=%25E0%25A4");
  assert.deepEqual({ ...view, hide: [] }, { ...DEFAULTS, hide: [] });
});

test("parameters of others stay beside ours", () => {
  const query = mergedQuery("?__theme=dark&smooth=5&logy=1", { ...DEFAULTS, smooth: 9 });
  assert.equal(query, "smooth=9&__theme=dark");
});

test("only fields that differ are named", () => {
  assert.deepEqual(changed(DEFAULTS, { ...DEFAULTS, hide: [], lo: 3 }), ["lo"]);
});

test("another project keeps how curves are drawn, and forgets the runs", () => {
  const view = withProject({ ...DEFAULTS, smooth: 8, hide: ["a"], lo: 1, x: "metric:epoch", logy: true }, "other");
  assert.deepEqual([view.project, view.smooth, view.logy], ["other", 8, true]);
  assert.deepEqual([view.hide, view.lo, view.x], [[], null, "step"]);
});
