/** One chart: lines on a canvas by uPlot, with crosshair, zoom, pan, and marks. */

import uPlot from "./vendor/uPlot.esm.js";
import { axisOf, canBeLog } from "./axes.js";
import { aligned } from "./curves.js";
import { BESIDE, drawEvents, drawOver, drawUnder } from "./draw.js";
import { logTexts, tickTexts } from "./format.js";
import { extentOf, shownValues } from "./lines.js";
import { linearTicks, logTicks, moved, placeIn, rangeOf } from "./scale.js";

/** Pixels between ticks, and of a drag that is a zoom. */
const TICK_X = 72;
const TICK_Y = 30;
const DRAGGED = 5;

/** How near the crosshair a value counts as being there, in pixels. */
export const REACH = 12;

/** With more lines no dots follow the crosshair. */
const MOST_DOTS = 40;

const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

export class Chart {
  #plot = null;
  #shape = "";
  #emphasis = null;
  #hovered = false;

  /**
   * @param {HTMLElement} host
   * @param {object} hooks
   * @param {(lo: number, hi: number, how?: string) => void} hooks.onZoom
   * @param {() => void} hooks.onReset
   * @param {(at: {x: number, left: number, top: number}|null) => void} hooks.onCursor for the chart
   *   that the pointer or the keyboard is on
   * @param {string} sync charts of one name share their crosshair
   */
  constructor(host, hooks, sync) {
    this.host = host;
    this.hooks = hooks;
    this.sync = sync;
    this.lines = [];
  }

  /**
   * Draws.
   * @param {object} state
   * @param {import("./lines.js").Line[]} state.lines
   * @param {string|{metric: string}} state.x
   * @param {object} state.view logx, logy, clip, envelope
   * @param {[number|null, number|null]} state.zoom
   * @param {(name: string) => string} state.token colours of the theme
   * @param {boolean} state.dark
   * @param {object[]} [state.events]
   * @param {{width: number, height: number}} state.size
   */
  show(state) {
    this.state = state;
    this.lines = state.lines;
    this.logx = state.view.logx && canBeLog(state.x);
    this.logy = state.view.logy;
    this.axis = axisOf(state.x, this.logx);
    this.#scale();
    const data = this.#data();
    const shape = this.#shapeOf(state);
    if (this.#plot && shape === this.#shape) {
      this.#resize();
      this.#plot.batch(() => {
        this.#plot.setData(data, false);
        this.#plot.setScale("x", { min: this.range[0], max: this.range[1] });
      });
    } else {
      this.#plot?.destroy();
      this.#shape = shape;
      this.#emphasis = null;
      this.#plot = new uPlot(this.#options(), data, this.host);
      this.#listen();
    }
  }

  /** Everything of which another value needs another plot. */
  #shapeOf({ dark, x, events }) {
    const lines = this.lines.map(({ id, colour, dash, base }) => `${id}${colour}${dash}${base}`);
    return [lines.join("|"), this.logx, this.logy, dark, JSON.stringify(x), Boolean(events?.length)].join(" ");
  }

  /** Ranges of both axes: what the page is zoomed to, or all there is. */
  #scale() {
    const { zoom, view } = this.state;
    const extent = extentOf(this.lines, this.logx) ?? (this.logx ? [1, 10] : [0, 1]);
    const [lo, hi] = [zoom[0] ?? extent[0], zoom[1] ?? extent[1]];
    const usable = lo < hi && (!this.logx || lo > 0);
    this.range = usable ? [lo, hi] : spread(extent, this.logx);
    const values = shownValues(this.lines, this.range, view);
    this.yRange = rangeOf(values, { log: this.logy, clip: view.clip }) ?? (this.logy ? [0.1, 10] : [0, 1]);
  }

  #data() {
    const columns = this.lines.map(({ x, y }) => ({ x, y: this.logy ? y.map(positive) : y }));
    const { x, ys } = aligned(columns);
    if (!this.logx || !(x[0] <= 0)) return [x, ...ys];
    const first = x.findIndex((value) => value > 0);
    return [x, ...ys].map((column) => (first < 0 ? [] : column.slice(first)));
  }

  #options() {
    return {
      ...this.state.size,
      ms: 1,
      legend: { show: false },
      padding: [8, 12, 0, 0],
      scales: {
        x: { time: false, distr: this.logx ? 3 : 1, range: () => this.range },
        y: { distr: this.logy ? 3 : 1, range: () => this.yRange },
      },
      series: [{}, ...this.lines.map((line) => seriesOf(line))],
      axes: [this.#xAxis(), this.#yAxis()],
      cursor: this.#cursor(),
      hooks: {
        drawAxes: [(u) => this.#under(u)],
        draw: [(u) => drawOver(u, this.lines, this.#emphasis)],
        setCursor: [(u) => this.#moved(u)],
        setSelect: [(u) => this.#selected(u)],
      },
    };
  }

  #under(u) {
    const { view, events, token } = this.state;
    drawUnder(u, this.lines, { envelope: view.envelope, emphasis: this.#emphasis });
    if (!events?.length) return;
    drawEvents(u, events, { info: token("--soft"), warn: token("--warn"), error: token("--bad") });
  }

  #axisStyle() {
    const { token } = this.state;
    return {
      stroke: token("--soft"),
      font: FONT,
      grid: { stroke: token("--grid"), width: 1 },
      ticks: { show: false },
    };
  }

  #xAxis() {
    const wanted = (u) => Math.max(2, Math.floor(u.bbox.width / devicePixelRatio / TICK_X));
    return {
      ...this.#axisStyle(),
      size: 26,
      gap: 4,
      splits: (u, _, low, high) => this.axis.ticks(low, high, wanted(u)),
      filter: (_, ticks) => ticks,
      values: (_, ticks) => this.axis.texts(ticks),
    };
  }

  #yAxis() {
    const ticks = this.logy ? logTicks : linearTicks;
    const wanted = (u) => Math.max(2, Math.floor(u.bbox.height / devicePixelRatio / TICK_Y));
    return {
      ...this.#axisStyle(),
      gap: 6,
      size: (_, texts) => Math.max(36, 14 + 6.4 * Math.max(0, ...(texts ?? []).map((text) => text.length))),
      splits: (u, _, low, high) => ticks(low, high, wanted(u)),
      filter: (_, found) => found,
      values: (_, found) => (this.logy ? logTexts(found) : tickTexts(found)),
    };
  }

  #cursor() {
    return {
      y: false,
      sync: {
        key: this.sync,
        scales: ["x", null],
        setSeries: false,
        filters: { pub: (type) => type === "mousemove" || type === "mouseleave" },
      },
      drag: { x: true, y: false, setScale: false, dist: DRAGGED },
      hover: { prox: REACH, skip: [undefined, null] },
      points: this.lines.length <= MOST_DOTS ? { size: 7, width: 1.5 } : { show: false },
      bind: {
        dblclick: () => () => {
          this.hooks.onReset();
          return null;
        },
        mousedown: (u, _, handler) => (event) => (event.shiftKey ? this.#pan(u, event) : handler(event)),
      },
    };
  }

  #listen() {
    const { over } = this.#plot;
    over.addEventListener("mouseenter", () => (this.#hovered = true));
    over.addEventListener("mouseleave", () => this.leave());
    over.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    over.addEventListener("pointermove", (event) => this.#touch(event));
    over.addEventListener("pointerdown", (event) => this.#touch(event));
  }

  /** A finger that moves sideways moves the crosshair; up and down it scrolls the page. */
  #touch(event) {
    if (event.pointerType !== "touch") return;
    this.#hovered = true;
    const { left } = this.#plot.over.getBoundingClientRect();
    this.#plot.setCursor({ left: event.clientX - left, top: event.offsetY });
  }

  #moved(u) {
    if (!this.#hovered) return;
    const { idx, left, top } = u.cursor;
    if (idx === null || idx === undefined || left < 0) return this.hooks.onCursor(null);
    this.hooks.onCursor({ x: u.data[0][idx], left, top });
  }

  /** The pointer or the keyboard is elsewhere now. */
  leave() {
    if (!this.#hovered) return;
    this.#hovered = false;
    this.hooks.onCursor(null);
  }

  #selected(u) {
    const { left, width } = u.select;
    if (width < DRAGGED) return;
    const [lo, hi] = [u.posToVal(left, "x"), u.posToVal(left + width, "x")];
    u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.hooks.onZoom(lo, hi);
  }

  #pan(u, event) {
    const start = event.clientX;
    const { width } = u.over.getBoundingClientRect();
    const range = this.range;
    const move = ({ clientX }) => {
      const by = (start - clientX) / width;
      this.hooks.onZoom(...moved(range, { by, log: this.logx }), "gradual");
    };
    const stop = () => {
      document.removeEventListener("mousemove", move);
      document.removeEventListener("mouseup", stop);
    };
    document.addEventListener("mousemove", move);
    document.addEventListener("mouseup", stop);
    return null;
  }

  /** With Ctrl or ⌘ the wheel zooms; else it scrolls the page, as everywhere. */
  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const { left, width } = this.#plot.over.getBoundingClientRect();
    this.zoomBy(event.deltaY > 0 ? 1.25 : 0.8, (event.clientX - left) / width);
  }

  /** Shows more or less of the x axis around a place, 0 to 1. */
  zoomBy(factor, around = this.#place()) {
    this.hooks.onZoom(...moved(this.range, { factor, around, log: this.logx }), "gradual");
  }

  #place() {
    const x = this.at?.x;
    return x === undefined ? 0.5 : placeIn(x, this.range, this.logx);
  }

  /**
   * Moves the crosshair by so many points, or to the "first" or "last"; for the keyboard.
   * @param {number|"first"|"last"} by
   */
  step(by) {
    const xs = this.#plot.data[0];
    const inside = [xs.findIndex((x) => x >= this.range[0]), xs.findLastIndex((x) => x <= this.range[1])];
    if (inside[0] < 0 || inside[1] < inside[0]) return;
    const now = this.#plot.cursor.idx ?? (by > 0 ? inside[0] - 1 : inside[1] + 1);
    const wanted = by === "first" ? inside[0] : by === "last" ? inside[1] : now + by;
    const index = Math.min(inside[1], Math.max(inside[0], wanted));
    this.#hovered = true;
    const left = this.#plot.valToPos(xs[index], "x");
    this.#plot.setCursor({ left, top: this.#plot.over.clientHeight / 2 }, true, true);
  }

  /** Takes the crosshair away, from all charts. */
  hideCursor() {
    this.#plot?.setCursor({ left: -10, top: -10 }, true, true);
    this.leave();
  }

  /** Lets one line stand out of the others; null lets all. */
  emphasise(id) {
    const known = id !== null && this.lines.some((line) => line.id === id) ? id : null;
    if (known === this.#emphasis || !this.#plot) return;
    this.#emphasis = known;
    this.lines.forEach((line, index) => {
      this.#plot.series[index + 1].alpha = known && line.id !== known ? BESIDE : 1;
    });
    this.#plot.redraw(false, false);
  }

  /** How far above or below the pointer a value lies, in pixels. */
  distance(value, top) {
    if (!Number.isFinite(value) || (this.logy && value <= 0)) return Infinity;
    return Math.abs(this.#plot.valToPos(value, "y") - top);
  }

  /** So much of the x axis is a pixel wide. */
  get pixel() {
    const width = this.#plot.over.clientWidth || 1;
    return (this.range[1] - this.range[0]) / width;
  }

  get over() {
    return this.#plot.over;
  }

  get canvas() {
    return this.#plot.ctx.canvas;
  }

  #resize() {
    const { width, height } = this.state.size;
    if (this.#plot.width !== width || this.#plot.height !== height) this.#plot.setSize({ width, height });
  }

  /** Fits the chart into another size. */
  resize(size) {
    if (!this.#plot) return;
    this.state = { ...this.state, size };
    this.#resize();
  }

  destroy() {
    this.leave();
    this.#plot?.destroy();
    this.#plot = null;
  }
}

function seriesOf(line) {
  return {
    label: line.name,
    stroke: line.colour,
    width: line.base ? 2.6 : line.group ? 2 : 1.5,
    dash: line.dash.length ? line.dash : undefined,
    pxAlign: 0, // Else a smooth line is made of steps.
    points: { size: 4.5, stroke: line.colour, fill: line.colour },
  };
}

function positive(value) {
  return value > 0 || value === undefined ? value : null;
}

/** A range around a single x. */
function spread([low, high], log) {
  if (low < high) return [low, high];
  return log ? [low / 2, low * 2] : [low - 1, low + 1];
}
