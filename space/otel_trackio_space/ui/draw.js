/** What lies under and over a chart's lines: bands, raw values, and marks of what is not finite. */

import { faint } from "./colour.js";

/** How much is seen of what a line was made of, and of lines beside an emphasised one. */
const BAND = 0.16;
const RAW = 0.3;
export const BESIDE = 0.18;

/** Envelopes of more runs than this would hide each other. */
const MOST_BANDS = 30;

/** Half the size of a mark, in pixels of the page. */
const MARK = 4;

/**
 * Bands and raw values, under the lines.
 * @param {object} u uPlot
 * @param {import("./lines.js").Line[]} lines
 * @param {{envelope: boolean, emphasis: string|null}} how
 */
export function drawUnder(u, lines, { envelope, emphasis }) {
  const place = placer(u);
  clipped(u, (context) => {
    for (const line of lines) {
      context.globalAlpha = emphasis && line.id !== emphasis ? BESIDE : 1;
      const banded = line.group || (envelope && lines.length <= MOST_BANDS);
      if (line.min && line.max && banded) drawBand(context, line, place);
      if (line.raw) drawRaw(context, line, place, devicePixelRatio);
    }
  });
}

/** Marks at the edge where values were not finite, over the lines. */
export function drawOver(u, lines, { emphasis }) {
  const place = placer(u);
  const size = MARK * devicePixelRatio;
  const { top, height } = u.bbox;
  clipped(u, (context) => {
    for (const line of lines) {
      context.globalAlpha = emphasis && line.id !== emphasis ? BESIDE : 1;
      context.strokeStyle = context.fillStyle = line.colour;
      context.lineWidth = 1.6 * devicePixelRatio;
      for (const x of line.marks.nan) cross(context, place.x(x), top + height - 2 * size, size);
      for (const x of line.marks.inf) triangle(context, place.x(x), top + size, size, 1);
      for (const x of line.marks.ninf) triangle(context, place.x(x), top + height - size, size, -1);
    }
  });
}

/** Vertical lines where something was reported. */
export function drawEvents(u, events, colours) {
  const place = placer(u);
  const { top, height } = u.bbox;
  clipped(u, (context) => {
    for (const event of events) {
      const x = place.x(event.x);
      context.strokeStyle = context.fillStyle = colours[event.level] ?? colours.info;
      context.lineWidth = devicePixelRatio;
      context.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, top + height);
      context.stroke();
      context.setLineDash([]);
      flag(context, x, top, 7 * devicePixelRatio);
    }
  });
}

function placer(u) {
  const logx = u.scales.x.distr === 3;
  const logy = u.scales.y.distr === 3;
  return {
    x: (value) => (logx && !(value > 0) ? NaN : u.valToPos(value, "x", true)),
    y: (value) => u.valToPos(logy && !(value > 0) ? u.scales.y.min : value, "y", true),
    shows: (value) => Number.isFinite(value) && (!logy || value > 0),
  };
}

function clipped(u, draw) {
  const { ctx: context, bbox } = u;
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  draw(context);
  context.restore();
}

function drawBand(context, line, place) {
  context.fillStyle = faint(line.colour, BAND);
  let start = 0;
  while (start < line.x.length) {
    while (start < line.x.length && !Number.isFinite(line.max[start])) start += 1;
    let end = start;
    while (end < line.x.length && Number.isFinite(line.max[end])) end += 1;
    if (end - start > 1) fillBetween(context, line, start, end, place);
    start = end;
  }
}

function fillBetween(context, line, start, end, place) {
  context.beginPath();
  for (let index = start; index < end; index++) point(context, place.x(line.x[index]), place.y(line.max[index]));
  for (let index = end - 1; index >= start; index--) point(context, place.x(line.x[index]), place.y(line.min[index]));
  context.fill();
}

function point(context, x, y) {
  if (!Number.isNaN(x)) context.lineTo(x, y);
}

function drawRaw(context, line, place, ratio) {
  context.strokeStyle = faint(line.colour, RAW);
  context.lineWidth = ratio;
  context.beginPath();
  let drawing = false;
  for (let index = 0; index < line.x.length; index++) {
    const value = line.raw[index];
    const x = place.x(line.x[index]);
    if (!place.shows(value) || Number.isNaN(x)) drawing = false;
    else if (drawing) context.lineTo(x, place.y(value));
    else {
      context.moveTo(x, place.y(value));
      drawing = true;
    }
  }
  context.stroke();
}

function cross(context, x, y, size) {
  context.beginPath();
  context.moveTo(x - size, y - size);
  context.lineTo(x + size, y + size);
  context.moveTo(x - size, y + size);
  context.lineTo(x + size, y - size);
  context.stroke();
}

function triangle(context, x, y, size, up) {
  context.beginPath();
  context.moveTo(x, y - size * up);
  context.lineTo(x + size, y + size * up);
  context.lineTo(x - size, y + size * up);
  context.closePath();
  context.fill();
}

function flag(context, x, y, size) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + size, y + size / 2);
  context.lineTo(x, y + size);
  context.closePath();
  context.fill();
}
