/**
 * The curves that charts show, fetched in few requests: for all charts that come into view one, for
 * all that grew one a width of buckets, and then only what is new.
 *
 * Of each metric there is an overview of all x, and, where the page is zoomed in, a finer detail.
 */

import { curveId, withTail } from "./curves.js";

/** Buckets a curve has where few runs are shown; fewer where many are, so that charts stay quick. */
const POINTS = 300;
const FEWEST_POINTS = 100;
const VALUES = 6000;

/** Keys that one request may ask for, and curves that an answer may hold. */
const KEYS = 50;
const CURVES = 5000;

/** Metrics whose curves are kept while no chart shows them. */
const KEPT = 80;

/** Live data is asked for at most so often, in ms; of runs that never had the metric less often. */
const PACE = 400;
const RARELY = 5000;

/** How many buckets a curve may have grown to, of those asked for, until it is fetched anew. */
const GROWN = 2;

export class Series {
  #entries = new Map();
  #wanted = new Set();
  #listeners = new Set();
  #due = 0;
  #timer = 0;
  #busy = false;
  #epoch = 0;
  #abort = new AbortController();

  /**
   * @param {object} context see main.js
   * @param {(error: Error) => void} onError
   */
  constructor(context, onError) {
    this.context = context;
    this.onError = onError;
    this.loading = 0;
  }

  /** Calls `listener(keys)` when curves of these metrics came. Returns what stops it. */
  on(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Lets go of everything. */
  close() {
    this.#abort.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#due);
    this.#listeners.clear();
  }

  /** What is there of a metric: `{whole, part}`, each `{x, width, curves}` or null. */
  of(key) {
    const entry = this.#entries.get(key);
    return { whole: entry?.whole ?? null, part: entry?.part ?? null };
  }

  /** These metrics are to be shown, and all before no more. */
  want(keys) {
    this.#wanted = new Set(keys);
    this.soon();
  }

  /** Looks in a moment whether something is missing, once however often it is called. */
  soon() {
    this.#due ||= setTimeout(() => {
      this.#due = 0;
      this.#complete();
    });
  }

  /** Forgets all curves, as after another x axis. */
  clear() {
    this.#epoch += 1;
    this.#abort.abort();
    this.#abort = new AbortController();
    this.#entries.clear();
    this.loading = 0;
    this.soon();
  }

  /** Data of runs changed. All did, perhaps, after a gap. */
  grown(runs, gap) {
    for (const entry of this.#entries.values()) {
      if (gap) for (const id of entry.ids) entry.stale.add(id);
      else for (const id of runs) if (entry.ids.has(id)) entry.stale.add(id);
    }
    this.#timer ||= setTimeout(() => {
      this.#timer = 0;
      this.#freshen();
    }, PACE);
  }

  /** The ids of all runs that are to be there. */
  #ids() {
    const { ids } = this.context.choice();
    const { baseline } = this.context.view.now;
    return baseline && this.context.catalog.byId.has(baseline) ? new Set([...ids, baseline]) : ids;
  }

  #points(amount) {
    const few = Math.max(FEWEST_POINTS, Math.min(POINTS, Math.round(VALUES / Math.max(1, amount))));
    return this.context.view.now.full ? Math.min(1200, few * 3) : few;
  }

  #axis() {
    const { x } = this.context.view.now;
    return x.startsWith("metric:") ? { metric: x.slice("metric:".length) } : x;
  }

  /** The part that the page is zoomed to, as a word that tells parts apart; "" for all. */
  #part() {
    const { lo, hi, full } = this.context.view.now;
    return lo === null && hi === null && !full ? "" : `${lo} ${hi} ${full}`;
  }

  /** Fetches what charts in view lack: metrics, runs of them, and the part zoomed to. */
  #complete() {
    const ids = this.#ids();
    if (!ids.size || !this.context.catalog.runs) return;
    const fresh = [];
    const lacking = new Map();
    for (const key of this.#wanted) {
      const entry = this.#entry(key);
      const missing = [...ids].filter((id) => !entry.ids.has(id));
      if (!entry.whole && !entry.asked) fresh.push(key);
      else if (missing.length) {
        const word = missing.join();
        if (!lacking.has(word)) lacking.set(word, []);
        lacking.get(word).push(key);
      }
    }
    for (const keys of pieces(fresh, most(ids.size))) this.#load(keys, [...ids]);
    for (const [word, keys] of lacking) {
      const missing = word.split(",");
      for (const each of this.#byWidth(keys, missing.length)) this.#load(each, missing, true);
    }
    this.#detail(ids);
    this.#forget();
  }

  #entry(key) {
    if (!this.#entries.has(key)) {
      const kept = { whole: null, part: null, of: "" };
      const state = { ids: new Set(), stale: new Set(), asked: false, rare: -Infinity };
      this.#entries.set(key, { ...kept, ...state });
    }
    return this.#entries.get(key);
  }

  /** Metrics in groups that one request can be about: those whose buckets are as wide. */
  #byWidth(keys, runs) {
    const groups = new Map();
    for (const key of keys) {
      const width = this.#entry(key).whole?.width ?? 0;
      if (!groups.has(width)) groups.set(width, []);
      groups.get(width).push(key);
    }
    return [...groups.values()].flatMap((each) => pieces(each, most(runs)));
  }

  async #load(keys, runs, beside = false) {
    for (const key of keys) {
      const entry = this.#entry(key);
      entry.asked = true;
      for (const id of runs) entry.ids.add(id);
    }
    const width = beside ? (this.#entry(keys[0]).whole?.width ?? null) : null;
    const answer = await this.#ask({ keys, runs, width, points: this.#points(this.#ids().size) });
    if (!answer) {
      for (const key of keys) Object.assign(this.#entry(key), { ids: new Set(), asked: false });
      return;
    }
    for (const key of keys) {
      const entry = this.#entry(key);
      const chart = answer[key] ?? { x: this.#axis(), width: 1, curves: [] };
      if (beside && entry.whole) entry.whole = { ...entry.whole, curves: [...entry.whole.curves, ...chart.curves] };
      else entry.whole = chart;
    }
    this.#tell(keys);
  }

  /** The finer part, for charts on the page's own axis. */
  async #detail(ids) {
    const part = this.#part();
    const word = part && `${part} ${[...ids].join()}`;
    const keys = [...this.#wanted].filter((key) => this.#entry(key).of !== word);
    for (const key of keys) {
      const entry = this.#entry(key);
      entry.of = word;
      if (!part) entry.part = null;
    }
    if (!keys.length) return;
    if (!part) return this.#tell(keys); // They may have been drawn meanwhile, with the part.
    const { lo, hi } = this.context.view.now;
    const points = this.#points(ids.size);
    for (const some of pieces(keys, most(ids.size))) {
      const answer = await this.#ask({ keys: some, runs: [...ids], lo, hi, points });
      if (!answer) continue;
      for (const key of some) if (this.#entry(key).of === word) this.#entry(key).part = answer[key] ?? null;
      this.#tell(some);
    }
  }

  /** Fetches what is new of runs that grew, for charts in view. */
  async #freshen() {
    if (this.#busy) return this.grown([], false);
    const keys = [...this.#wanted].filter((key) => this.#entry(key).stale.size && this.#entry(key).whole);
    if (!keys.length) return;
    this.#busy = true;
    try {
      for (const each of this.#tails(keys)) await this.#tail(each);
    } finally {
      this.#busy = false;
    }
    if (this.#part() && this.#zoomedToTheEnd()) this.#renewPart();
  }

  /** Requests for tails: by width, and by whether the run has a curve that only needs its end. */
  #tails(keys) {
    const asked = new Map();
    const now = performance.now();
    for (const key of keys) {
      const entry = this.#entry(key);
      const { x, curves, width } = entry.whole;
      const whole = x !== this.#axis(); // Another metric's values, or of one without steps.
      const ends = new Map(curves.map((curve) => [curve.run, curve.x[curve.x.length - 1]]));
      const stale = [...entry.stale];
      const known = whole ? [] : stale.filter((id) => ends.has(id));
      const unknown = stale.filter((id) => !known.includes(id));
      entry.stale.clear();
      if (known.length) put(asked, key, known, Math.min(...known.map((id) => ends.get(id))), width);
      if (!unknown.length) continue;
      if (now - entry.rare < RARELY) for (const id of unknown) entry.stale.add(id);
      else {
        entry.rare = now;
        put(asked, key, unknown, null, whole ? null : width);
      }
    }
    return asked.values();
  }

  async #tail({ keys, runs, from, width }) {
    const ids = [...runs];
    const answer = await this.#ask({ keys, runs: ids, lo: from, width, points: 2000 });
    if (!answer) {
      for (const key of keys) for (const id of ids) this.#entry(key).stale.add(id);
      return;
    }
    const outgrown = [];
    const limit = GROWN * this.#points(this.#ids().size);
    for (const key of keys) {
      const entry = this.#entry(key);
      const chart = answer[key];
      if (!entry.whole || !chart) continue;
      if (chart.curves.length && width !== null && chart.width !== entry.whole.width) outgrown.push(key);
      else {
        entry.whole = merged(entry.whole, chart, from);
        if (entry.whole.curves.some((curve) => curve.x.length > limit)) outgrown.push(key);
      }
    }
    this.#tell(keys);
    const all = [...this.#ids()];
    for (const some of pieces(outgrown, most(all.length))) await this.#load(some, all);
  }

  #zoomedToTheEnd() {
    const { hi } = this.context.view.now;
    if (hi === null) return true;
    const ends = [...this.#wanted].flatMap((key) => this.of(key).whole?.curves ?? []);
    return ends.some((curve) => curve.x.length && curve.x[curve.x.length - 1] <= hi);
  }

  #renewPart() {
    for (const key of this.#wanted) this.#entry(key).of = "";
    this.soon();
  }

  async #ask(question) {
    const epoch = this.#epoch;
    const { project } = this.context.catalog;
    const { rank } = this.context.view.now;
    const chosen = rank === "all" ? "all" : /^\d+$/.test(rank) ? Number(rank) : null;
    const body = { project, x: this.#axis(), lo: null, hi: null, width: null, rank: chosen, ...question };
    this.loading += 1;
    try {
      const { charts } = await this.context.client.post("series", body, this.#abort.signal);
      if (epoch !== this.#epoch) return null;
      for (const chart of Object.values(charts)) for (const curve of chart.curves) curve.axis = chart.x;
      return charts;
    } catch (error) {
      if (error.name !== "AbortError") this.onError(error);
      return null;
    } finally {
      if (epoch === this.#epoch) this.loading -= 1;
    }
  }

  #forget() {
    const idle = [...this.#entries.keys()].filter((key) => !this.#wanted.has(key));
    for (const key of idle.slice(0, Math.max(0, idle.length - KEPT))) this.#entries.delete(key);
  }

  #tell(keys) {
    for (const listener of [...this.#listeners]) listener(keys);
  }
}

function put(asked, key, runs, from, width) {
  const word = `${width} ${from === null}`;
  if (!asked.has(word)) asked.set(word, { keys: [], runs: new Set(), from, width });
  const request = asked.get(word);
  request.keys.push(key);
  for (const id of runs) request.runs.add(id);
  if (from !== null) request.from = Math.min(request.from, from);
}

function merged(whole, tail, from) {
  const curves = new Map(whole.curves.map((curve) => [curveId(curve), curve]));
  for (const each of tail.curves) {
    const id = curveId(each);
    curves.set(id, from === null ? each : withTail(curves.get(id), each, from));
  }
  return { ...whole, curves: [...curves.values()] };
}

/** Metrics of so many runs that fit into one answer. */
function most(runs) {
  return Math.max(1, Math.min(KEYS, Math.floor(CURVES / Math.max(1, runs))));
}

function pieces(items, size) {
  const result = [];
  for (let start = 0; start < items.length; start += size) result.push(items.slice(start, start + size));
  return result;
}
